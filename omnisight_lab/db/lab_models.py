"""The tables of schema `lab`: all that is ours. Keys to OmniSight's ten tables only ever point from here to there."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from omnisight_lab.db.columns import Json, UtcTime, new_id, now
from omnisight_lab.db.models import Base

SCHEMA = "lab"


def _id() -> Mapped[str]:
    return mapped_column(Text, primary_key=True, default=new_id, doc="uuid4 as text")


def _key(target: str, on_delete: str, *, nullable: bool = False) -> Mapped[Any]:
    key = ForeignKey(f"{target}.id", ondelete=on_delete)
    return mapped_column(Text, key, nullable=nullable, doc=f"id of the {target}")


class Installation(Base):
    """One row: what the migrations found when they first ran."""

    __tablename__ = "installation"
    __table_args__ = (CheckConstraint("one", name="installation_one_row"), {"schema": SCHEMA})

    one: Mapped[bool] = mapped_column(Boolean, primary_key=True, default=True, doc="always true: there is one row")
    table_schema: Mapped[str] = mapped_column(Text, doc="schema of the ten tables; keys and views point there")
    own_tables: Mapped[bool] = mapped_column(Boolean, doc="true: our migration made the ten tables; false: adopted")
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now, doc="first migration, UTC")


class CameraLease(Base):
    """Which worker records a camera; whoever finds it expired may take it."""

    __tablename__ = "camera_lease"
    __table_args__ = ({"schema": SCHEMA},)

    camera_id: Mapped[str] = mapped_column(
        Text, ForeignKey("Camera.id", ondelete="CASCADE"), primary_key=True, doc="id of the Camera"
    )
    worker: Mapped[str] = mapped_column(Text, doc="name of the holder, unique per process")
    expires_at: Mapped[datetime] = mapped_column(UtcTime, doc="end of the lease by the database's clock, UTC")


class CameraPeriod(Base):
    """A span in which recording was expected: enabled and not paused, or the span of an import."""

    __tablename__ = "camera_period"
    __table_args__ = (
        CheckConstraint("end_time >= start_time", name="camera_period_order"),
        Index("camera_period_camera", "camera_id", "start_time"),
        {"schema": SCHEMA},
    )

    id: Mapped[str] = _id()
    camera_id: Mapped[str] = _key("Camera", "CASCADE")
    start: Mapped[datetime] = mapped_column("start_time", UtcTime, doc="first moment, UTC")
    end: Mapped[datetime | None] = mapped_column("end_time", UtcTime, doc="first moment after it; null: goes on")


class Gap(Base):
    """Seconds `[start, end)` that were expected and not recorded."""

    __tablename__ = "gap"
    __table_args__ = (
        CheckConstraint("end_time >= start_time", name="gap_order"),
        Index("gap_camera", "camera_id", "start_time"),
        {"schema": SCHEMA},
    )

    id: Mapped[str] = _id()
    camera_id: Mapped[str] = _key("Camera", "CASCADE")
    start: Mapped[datetime] = mapped_column("start_time", UtcTime, doc="end of the last frame before it, UTC")
    end: Mapped[datetime | None] = mapped_column("end_time", UtcTime, doc="first frame after it; null: still open")
    last_seen: Mapped[datetime] = mapped_column(UtcTime, doc="when the worker last found it open, UTC")
    cause: Mapped[str] = mapped_column(Text, doc="see types.GapCause")


class Session(Base):
    """A login of the dashboards; only the hash of its token is kept."""

    __tablename__ = "session"
    __table_args__ = (Index("session_user", "user_id"), {"schema": SCHEMA})

    token_sha256: Mapped[str] = mapped_column(Text, primary_key=True, doc="hex SHA-256 of the cookie's token")
    user_id: Mapped[str] = _key("User", "CASCADE")
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now, doc="login, UTC")
    expires_at: Mapped[datetime] = mapped_column(UtcTime, doc="end, UTC")
    address: Mapped[str] = mapped_column(Text, doc="network address of the browser")


class Verdict(Base):
    """What a person found an event to be. Rows are only ever added (the database refuses to change or delete one, see
    `db.views`): an undo is one more row, and the newest row that is no undo and that none takes back is what counts."""

    __tablename__ = "verdict"
    __table_args__ = (
        Index("verdict_event", "event_id", "number", unique=True),
        Index("verdict_undoes", "undoes", unique=True),
        UniqueConstraint("event_id", "id", name="verdict_event_id_id_key"),
        # Of the same event: a verdict that one of another event takes back could not go with its own
        ForeignKeyConstraint(
            ["event_id", "undoes"], ["lab.verdict.event_id", "lab.verdict.id"], name="verdict_undoes_fkey"
        ),
        {"schema": SCHEMA},
    )

    id: Mapped[str] = _id()
    event_id: Mapped[str] = _key("Event", "CASCADE")
    user_id: Mapped[str | None] = _key("User", "SET NULL", nullable=True)
    verdict: Mapped[str] = mapped_column(Text, doc="confirm, false, unsure, relabel or undo")
    label: Mapped[str | None] = mapped_column(Text, doc="right label of a relabel")
    note: Mapped[str | None] = mapped_column(Text, doc="remark of the reviewer")
    model_version: Mapped[str | None] = mapped_column(Text, doc="detector that was judged")
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now, doc="when it was given, UTC")
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), doc="order in which verdicts were given")
    undoes: Mapped[str | None] = mapped_column(Text, doc="id of the verdict on the same event that an undo takes back")


class Zone(Base):
    """One version of a named area of a camera's picture, or of a line in it; a change is a new row."""

    __tablename__ = "zone"
    __table_args__ = (
        CheckConstraint("kind IN ('zone', 'line')", name="zone_kind"),
        Index("zone_version", "camera_id", "name", "version", unique=True),
        Index("zone_current", "camera_id", "name", unique=True, postgresql_where=text("retired_at IS NULL")),
        {"schema": SCHEMA},
    )

    id: Mapped[str] = _id()
    camera_id: Mapped[str] = _key("Camera", "CASCADE")
    name: Mapped[str] = mapped_column(Text, doc="what people call it; unique at its camera among the current ones")
    kind: Mapped[str] = mapped_column(Text, doc="zone (closed) or line (open)")
    version: Mapped[int] = mapped_column(Integer, doc="from 1; the newest that is not retired counts")
    points: Mapped[list[list[float]]] = mapped_column(Json, nullable=False, doc="[[x, y], …] in fractions of the frame")
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now, doc="drawn, UTC")
    created_by: Mapped[str | None] = _key("User", "SET NULL", nullable=True)
    retired_at: Mapped[datetime | None] = mapped_column(UtcTime, doc="replaced or removed, UTC; null: current")


class CameraRight(Base):
    """A camera that a user may see. Who has no row sees every camera, and so does an ADMIN.

    A row outlives its camera: who was shown this one alone then sees none, and not every other.
    """

    __tablename__ = "camera_right"
    __table_args__ = ({"schema": SCHEMA},)

    user_id: Mapped[str] = mapped_column(
        Text, ForeignKey("User.id", ondelete="CASCADE"), primary_key=True, doc="id of the User"
    )
    camera_id: Mapped[str] = mapped_column(Text, primary_key=True, doc="id of the Camera; no key, may dangle")


class ReportRun(Base):
    """One run of a report."""

    __tablename__ = "report_run"
    __table_args__ = (Index("report_run_name", "name", "started_at"), {"schema": SCHEMA})

    id: Mapped[str] = _id()
    name: Mapped[str] = mapped_column(Text, doc="name in the catalogue")
    parameters: Mapped[dict[str, Any] | None] = mapped_column(Json, doc="parameters of the run")
    window_start: Mapped[datetime | None] = mapped_column(UtcTime, doc="start of the data, UTC")
    window_end: Mapped[datetime | None] = mapped_column(UtcTime, doc="end of the data, UTC")
    status: Mapped[str] = mapped_column(Text, doc="running, done or failed")
    started_at: Mapped[datetime] = mapped_column(UtcTime, default=now, doc="UTC")
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime, doc="UTC; null while running")
    output: Mapped[str | None] = mapped_column(Text, doc="page, relative to the reports folder")
    error: Mapped[str | None] = mapped_column(Text, doc="one line where it failed")
    version: Mapped[str] = mapped_column(Text, doc="version of the package")


class AuditLog(Base):
    """Who changed what; rows are only ever added."""

    __tablename__ = "audit_log"
    __table_args__ = (Index("audit_log_at", "at"), {"schema": SCHEMA})

    id: Mapped[str] = _id()
    at: Mapped[datetime] = mapped_column(UtcTime, default=now, doc="UTC")
    user_id: Mapped[str | None] = _key("User", "SET NULL", nullable=True)
    action: Mapped[str] = mapped_column(Text, doc="verb, as camera.add")
    subject: Mapped[str] = mapped_column(Text, doc="kind and id of what it was done to")
    detail: Mapped[dict[str, Any] | None] = mapped_column(Json, doc="what changed; never a secret")
