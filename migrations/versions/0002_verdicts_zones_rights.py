"""Verdicts in a strict order that can be taken back, zones and lines, and the cameras that a user may see."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBER_BY_TIME = """
UPDATE lab.verdict v SET number = o.number
FROM (SELECT id, row_number() OVER (ORDER BY created_at, id) AS number FROM lab.verdict) o WHERE o.id = v.id
"""
GO_ON_COUNTING = """
SELECT setval(pg_get_serial_sequence('lab.verdict', 'number'), (SELECT max(number) FROM lab.verdict))
WHERE EXISTS (SELECT FROM lab.verdict)
"""


def upgrade() -> None:
    op.execute("DROP FUNCTION IF EXISTS lab.read_events(), lab.read_objects()")  # of views of the first version
    upgrade_verdicts()
    op.create_table(
        "zone",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("camera_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("points", JSONB, nullable=False),
        sa.Column("created_at", TIMESTAMP(precision=3), nullable=False),
        sa.Column("created_by", sa.Text, nullable=True),
        sa.Column("retired_at", TIMESTAMP(precision=3), nullable=True),
        sa.ForeignKeyConstraint(["camera_id"], ["Camera.id"], "zone_camera_id_fkey", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["created_by"], ["User.id"], "zone_created_by_fkey", ondelete="SET NULL"),
        sa.CheckConstraint("kind IN ('zone', 'line')", name="zone_kind"),
        sa.PrimaryKeyConstraint("id", name="zone_pkey"),
        schema="lab",
    )
    current = sa.text("retired_at IS NULL")
    op.create_index("zone_version", "zone", ["camera_id", "name", "version"], unique=True, schema="lab")
    op.create_index("zone_current", "zone", ["camera_id", "name"], unique=True, schema="lab", postgresql_where=current)
    op.create_table(
        "camera_right",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("camera_id", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["User.id"], "camera_right_user_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "camera_id", name="camera_right_pkey"),
        schema="lab",
    )


def upgrade_verdicts() -> None:
    op.add_column("verdict", sa.Column("number", sa.BigInteger, nullable=True), schema="lab")
    op.execute(NUMBER_BY_TIME)
    op.alter_column("verdict", "number", nullable=False, schema="lab")
    op.execute("ALTER TABLE lab.verdict ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY")
    op.execute(GO_ON_COUNTING)
    op.add_column("verdict", sa.Column("undoes", sa.Text, nullable=True), schema="lab")
    op.create_unique_constraint("verdict_event_id_id_key", "verdict", ["event_id", "id"], schema="lab")
    op.create_foreign_key(
        "verdict_undoes_fkey",
        "verdict",
        "verdict",
        ["event_id", "undoes"],
        ["event_id", "id"],
        source_schema="lab",
        referent_schema="lab",
    )
    link_undone()
    op.drop_index("verdict_event", "verdict", schema="lab")
    op.create_index("verdict_event", "verdict", ["event_id", "number"], unique=True, schema="lab")
    op.create_index("verdict_undoes", "verdict", ["undoes"], unique=True, schema="lab")


def link_undone() -> None:
    """An undo of the first version named no row: it took back the newest that stood."""
    connection = op.get_bind()
    standing: dict[str, list[str]] = {}
    for id_, event, verdict in connection.exec_driver_sql(
        "SELECT id, event_id, verdict FROM lab.verdict ORDER BY number"
    ):
        rows = standing.setdefault(event, [])
        if verdict != "undo":
            rows.append(id_)
        elif rows:
            link = sa.text("UPDATE lab.verdict SET undoes = :undone WHERE id = :id")
            connection.execute(link, {"undone": rows.pop(), "id": id_})


def downgrade() -> None:
    op.drop_table("camera_right", schema="lab")
    op.drop_table("zone", schema="lab")
    op.drop_index("verdict_undoes", "verdict", schema="lab")
    op.drop_index("verdict_event", "verdict", schema="lab")
    op.drop_constraint("verdict_undoes_fkey", "verdict", schema="lab")
    op.drop_constraint("verdict_event_id_id_key", "verdict", schema="lab")
    op.drop_column("verdict", "undoes", schema="lab")
    op.drop_column("verdict", "number", schema="lab")
    op.create_index("verdict_event", "verdict", ["event_id", "created_at"], schema="lab")
