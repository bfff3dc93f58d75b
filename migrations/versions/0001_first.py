"""The ten tables as Prisma makes them, where there are none yet, and schema lab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PUBLIC = {
    "tables": (
        *("DetectedObject", "Event", "Segment", "Recording", "Stream", "Notification"),
        *("Camera", "User", "RetentionPolicy", "SystemSettings"),
    ),
    "enums": ("UserRole", "CameraStatus", "StreamStatus", "RecordingStatus"),
}
LAB = ("verdict", "session", "gap", "camera_period", "camera_lease", "audit_log", "report_run", "installation")


def text(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=null)


def time(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, TIMESTAMP(precision=3), nullable=null)


def json(name: str) -> sa.Column[Any]:
    return sa.Column(name, JSONB, nullable=True)


def table(name: str, *parts: Any, key: str = "id", keys: dict[str, tuple[str, str]] | None = None) -> None:
    """Makes lab.`name`; `keys`: column -> (one of the ten tables, ON DELETE)."""
    references = [
        sa.ForeignKeyConstraint([column], [f"{target}.id"], f"{name}_{column}_fkey", ondelete=on_delete)
        for column, (target, on_delete) in (keys or {}).items()
    ]
    op.create_table(name, *parts, *references, sa.PrimaryKeyConstraint(key, name=f"{name}_pkey"), schema="lab")


def upgrade() -> None:
    connection = op.get_bind()
    own = not sa.inspect(connection).has_table("Camera")
    if own:
        connection.exec_driver_sql((Path(__file__).parents[1] / "prisma.sql").read_text())
    upgrade_lab()
    connection.execute(
        sa.text("INSERT INTO lab.installation VALUES (true, current_schema(), :own, now() AT TIME ZONE 'UTC')"),
        {"own": own},
    )


def upgrade_lab() -> None:
    table(
        "installation",
        sa.Column("one", sa.Boolean, nullable=False),
        text("table_schema"),
        sa.Column("own_tables", sa.Boolean, nullable=False),
        time("created_at"),
        sa.CheckConstraint("one", name="installation_one_row"),
        key="one",
    )
    table(
        "camera_lease",
        *(text("camera_id"), text("worker"), time("expires_at")),
        key="camera_id",
        keys={"camera_id": ("Camera", "CASCADE")},
    )
    table(
        "camera_period",
        *(text("id"), text("camera_id"), time("start_time"), time("end_time", null=True)),
        sa.CheckConstraint("end_time >= start_time", name="camera_period_order"),
        keys={"camera_id": ("Camera", "CASCADE")},
    )
    op.create_index("camera_period_camera", "camera_period", ["camera_id", "start_time"], schema="lab")
    table(
        "gap",
        *(text("id"), text("camera_id"), time("start_time"), time("end_time", null=True)),
        *(time("last_seen"), text("cause")),
        sa.CheckConstraint("end_time >= start_time", name="gap_order"),
        keys={"camera_id": ("Camera", "CASCADE")},
    )
    op.create_index("gap_camera", "gap", ["camera_id", "start_time"], schema="lab")
    upgrade_people()


def upgrade_people() -> None:
    table(
        "session",
        *(text("token_sha256"), text("user_id"), time("created_at"), time("expires_at"), text("address")),
        key="token_sha256",
        keys={"user_id": ("User", "CASCADE")},
    )
    op.create_index("session_user", "session", ["user_id"], schema="lab")
    table(
        "verdict",
        *(text("id"), text("event_id"), text("user_id", null=True), text("verdict"), text("label", null=True)),
        *(text("note", null=True), text("model_version", null=True), time("created_at")),
        keys={"event_id": ("Event", "CASCADE"), "user_id": ("User", "SET NULL")},
    )
    op.create_index("verdict_event", "verdict", ["event_id", "created_at"], schema="lab")
    table(
        "report_run",
        *(text("id"), text("name"), json("parameters")),
        *(time("window_start", null=True), time("window_end", null=True), text("status")),
        *(time("started_at"), time("ended_at", null=True)),
        *(text("output", null=True), text("error", null=True), text("version")),
    )
    op.create_index("report_run_name", "report_run", ["name", "started_at"], schema="lab")
    table(
        "audit_log",
        *(text("id"), time("at"), text("user_id", null=True), text("action"), text("subject"), json("detail")),
        keys={"user_id": ("User", "SET NULL")},
    )
    op.create_index("audit_log_at", "audit_log", ["at"], schema="lab")


def downgrade() -> None:
    connection = op.get_bind()
    own = connection.scalar(sa.text("SELECT own_tables FROM lab.installation"))
    for name in LAB:
        op.drop_table(name, schema="lab")
    if own:
        for name in PUBLIC["tables"]:
            op.drop_table(name)
        for name in PUBLIC["enums"]:
            op.execute(f'DROP TYPE "{name}"')
