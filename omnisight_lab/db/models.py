"""The ten tables and four enums of OmniSight's published Prisma schema.

Their DDL is byte-identical with Prisma's (tests/db/test_dump.py): column order, names of keys and indexes, defaults.
Times are UTC. `updatedAt` has no default in the database: every writer sets it, here by `onupdate`. The tables carry
no schema of their own: they live where the connection's search_path points (`public`, or `?schema=` of the address).
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import Boolean, Double, ForeignKey, Index, Integer, MetaData, Text, text
from sqlalchemy.dialects.postgresql import ENUM
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from omnisight_lab.db.columns import Json, UtcTime, new_id, now


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={"pk": "%(table_name)s_pkey", "fk": "%(table_name)s_%(column_0_N_name)s_fkey"}
    )


class UserRole(Enum):
    """What a user may do: everything; work, but not settings, cameras, users, policies; look only."""

    ADMIN = "ADMIN"
    USER = "USER"
    VIEWER = "VIEWER"


class CameraStatus(Enum):
    """Whether the camera gives pictures now; ERROR: it answers, but not with usable video."""

    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    ERROR = "ERROR"


class StreamStatus(Enum):
    """One connection to a camera: open, closed, or broken off."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    ERROR = "ERROR"


class RecordingStatus(Enum):
    """One run of a camera: still growing, closed, or broken off."""

    RECORDING = "RECORDING"
    COMPLETED = "COMPLETED"
    ERROR = "ERROR"


def _enum(kind: type[Enum]) -> ENUM:
    return ENUM(kind, name=kind.__name__, metadata=Base.metadata)


def _id() -> Mapped[str]:
    return mapped_column("id", Text, primary_key=True, default=new_id, doc="uuid4 as text, made by the writer")


def _key(name: str, target: str, on_delete: str, *, nullable: bool = False) -> Mapped[Any]:
    key = ForeignKey(f"{target}.id", ondelete=on_delete, onupdate="CASCADE")
    return mapped_column(name, Text, key, nullable=nullable, doc=f"id of the {target}")


def _created() -> Mapped[datetime]:
    return mapped_column(
        "createdAt",
        UtcTime,
        default=now,
        server_default=text("CURRENT_TIMESTAMP"),
        doc="when the row was made, UTC",
    )


def _updated() -> Mapped[datetime]:
    return mapped_column("updatedAt", UtcTime, default=now, onupdate=now, doc="last change, UTC; writers set it")


def _metadata() -> Mapped[dict[str, Any] | None]:
    return mapped_column("metadata", Json, doc="what the columns don't say; null is SQL NULL")


class User(Base):
    """Somebody who logs in, here or at another OmniSight service."""

    __tablename__ = "User"
    __table_args__ = (
        Index("User_username_key", "username", unique=True),
        Index("User_email_key", "email", unique=True),
    )

    id: Mapped[str] = _id()
    username: Mapped[str] = mapped_column(Text, doc="login name, unique")
    email: Mapped[str] = mapped_column(Text, doc="address, unique")
    password: Mapped[str] = mapped_column(Text, doc="bcrypt hash, $2b$; never leaves the database")
    role: Mapped[UserRole] = mapped_column(_enum(UserRole), default=UserRole.USER, server_default="USER", doc="rights")
    is_active: Mapped[bool] = mapped_column(
        "isActive", Boolean, default=True, server_default=text("true"), doc="false: every login is refused"
    )
    last_login: Mapped[datetime | None] = mapped_column("lastLogin", UtcTime, doc="last successful login, UTC")
    settings: Mapped[dict[str, Any] | None] = mapped_column(Json, doc="preferences of the user")
    created_at: Mapped[datetime] = _created()
    updated_at: Mapped[datetime] = _updated()


class Camera(Base):
    """A camera, or the name under which files are imported."""

    __tablename__ = "Camera"

    id: Mapped[str] = _id()
    name: Mapped[str] = mapped_column(Text, doc="what people call it; unique by our writer, not by the schema")
    rtsp_url: Mapped[str] = mapped_column("rtspUrl", Text, doc="address without credentials; empty: import only")
    username: Mapped[str | None] = mapped_column(Text, doc="login at the camera")
    password: Mapped[str | None] = mapped_column(Text, doc="password at the camera, in the clear; never shown")
    status: Mapped[CameraStatus] = mapped_column(
        _enum(CameraStatus), default=CameraStatus.OFFLINE, server_default="OFFLINE", doc="kept true by the worker"
    )
    ip_address: Mapped[str | None] = mapped_column("ipAddress", Text, doc="host of the address")
    model: Mapped[str | None] = mapped_column(Text, doc="make and model")
    location: Mapped[str | None] = mapped_column(Text, doc="where it hangs")
    settings: Mapped[dict[str, Any] | None] = mapped_column(
        Json, doc="ours: `timezone` (IANA), `enabled` (false: paused)"
    )
    created_at: Mapped[datetime] = _created()
    updated_at: Mapped[datetime] = _updated()

    streams: Mapped[list[Stream]] = relationship(back_populates="camera", passive_deletes="all")
    recordings: Mapped[list[Recording]] = relationship(back_populates="camera", passive_deletes="all")

    @property
    def own_settings(self) -> dict[str, Any]:
        """Its settings by name; other services may have put another kind of JSON there, which says nothing to us."""
        return self.settings if isinstance(self.settings, dict) else {}

    @property
    def paused(self) -> bool:
        return self.own_settings.get("enabled") is False

    @property
    def enabled(self) -> bool:
        """Whether the worker records it: it has an address and is not paused."""
        return bool(self.rtsp_url) and not self.paused


class Stream(Base):
    """One connection to a camera."""

    __tablename__ = "Stream"

    id: Mapped[str] = _id()
    camera_id: Mapped[str] = _key("cameraId", "Camera", "RESTRICT")
    status: Mapped[StreamStatus] = mapped_column(
        _enum(StreamStatus), default=StreamStatus.INACTIVE, server_default="INACTIVE", doc="open, closed or broken off"
    )
    started_at: Mapped[datetime | None] = mapped_column("startedAt", UtcTime, doc="first packet, UTC")
    ended_at: Mapped[datetime | None] = mapped_column("endedAt", UtcTime, doc="last packet, UTC; null while open")
    meta: Mapped[dict[str, Any] | None] = _metadata()
    created_at: Mapped[datetime] = _created()
    updated_at: Mapped[datetime] = _updated()

    camera: Mapped[Camera] = relationship(back_populates="streams")


class Recording(Base):
    """One uninterrupted run of a camera, cut at 24 h."""

    __tablename__ = "Recording"

    id: Mapped[str] = _id()
    camera_id: Mapped[str] = _key("cameraId", "Camera", "RESTRICT")
    stream_id: Mapped[str | None] = mapped_column("streamId", Text, doc="id of the Stream; no key, may dangle")
    start_time: Mapped[datetime] = mapped_column("startTime", UtcTime, doc="first frame, UTC")
    end_time: Mapped[datetime | None] = mapped_column("endTime", UtcTime, doc="end of the last segment; null: growing")
    duration: Mapped[int | None] = mapped_column(Integer, doc="whole seconds from start to end; null: growing")
    status: Mapped[RecordingStatus] = mapped_column(
        _enum(RecordingStatus),
        default=RecordingStatus.RECORDING,
        server_default="RECORDING",
        doc="growing, closed or broken off",
    )
    meta: Mapped[dict[str, Any] | None] = _metadata()
    created_at: Mapped[datetime] = _created()
    updated_at: Mapped[datetime] = _updated()

    camera: Mapped[Camera] = relationship(back_populates="recordings")
    segments: Mapped[list[Segment]] = relationship(back_populates="recording", passive_deletes="all")
    events: Mapped[list[Event]] = relationship(back_populates="recording", passive_deletes="all")


class Segment(Base):
    """A closed video file of a recording."""

    __tablename__ = "Segment"

    id: Mapped[str] = _id()
    recording_id: Mapped[str] = _key("recordingId", "Recording", "RESTRICT")
    start_time: Mapped[datetime] = mapped_column("startTime", UtcTime, doc="first frame, UTC; a keyframe")
    end_time: Mapped[datetime] = mapped_column("endTime", UtcTime, doc="end of the last frame, UTC")
    duration: Mapped[int] = mapped_column(Integer, doc="whole seconds, rounded")
    file_path: Mapped[str] = mapped_column("filePath", Text, doc="relative to the media root; others' may be absolute")
    file_size: Mapped[int] = mapped_column("fileSize", Integer, doc="bytes; 32 bits, so below 2 GiB")
    thumbnail_path: Mapped[str | None] = mapped_column("thumbnailPath", Text, doc="JPEG, relative to the media root")
    meta: Mapped[dict[str, Any] | None] = _metadata()
    created_at: Mapped[datetime] = _created()
    updated_at: Mapped[datetime] = _updated()

    recording: Mapped[Recording] = relationship(back_populates="segments")


class Event(Base):
    """Something that happened before a camera, or to it."""

    __tablename__ = "Event"

    id: Mapped[str] = _id()
    recording_id: Mapped[str | None] = _key("recordingId", "Recording", "SET NULL", nullable=True)
    camera_id: Mapped[str | None] = mapped_column("cameraId", Text, doc="id of the Camera; no key; ours always set it")
    timestamp: Mapped[datetime] = mapped_column(UtcTime, doc="start of the event, UTC")
    event_type: Mapped[str] = mapped_column("eventType", Text, doc="see types.EventType; others may write more")
    confidence: Mapped[float | None] = mapped_column(Double, doc="0 to 1: the best box; null where nothing was scored")
    thumbnail_path: Mapped[str | None] = mapped_column("thumbnailPath", Text, doc="JPEG, relative to the media root")
    meta: Mapped[dict[str, Any] | None] = _metadata()
    created_at: Mapped[datetime] = _created()
    updated_at: Mapped[datetime] = _updated()

    recording: Mapped[Recording | None] = relationship(back_populates="events")
    detected_objects: Mapped[list[DetectedObject]] = relationship(back_populates="event", passive_deletes="all")


class DetectedObject(Base):
    """A box around an object: the best one of a track, or a sample of its path."""

    __tablename__ = "DetectedObject"

    id: Mapped[str] = _id()
    event_id: Mapped[str] = _key("eventId", "Event", "RESTRICT")
    object_type: Mapped[str] = mapped_column("objectType", Text, doc="label of the detector, as person")
    confidence: Mapped[float] = mapped_column(Double, doc="0 to 1")
    bounding_box: Mapped[dict[str, float]] = mapped_column(
        "boundingBox", Json, doc="{x, y, width, height} in pixels of the frame, origin top left"
    )
    meta: Mapped[dict[str, Any] | None] = _metadata()
    created_at: Mapped[datetime] = _created()
    updated_at: Mapped[datetime] = _updated()

    event: Mapped[Event] = relationship(back_populates="detected_objects")


class Notification(Base):
    """A message to a user about an event."""

    __tablename__ = "Notification"

    id: Mapped[str] = _id()
    user_id: Mapped[str | None] = _key("userId", "User", "SET NULL", nullable=True)
    event_id: Mapped[str | None] = mapped_column("eventId", Text, doc="id of the Event; no key, may dangle")
    title: Mapped[str] = mapped_column(Text, doc="one line")
    message: Mapped[str] = mapped_column(Text, doc="what happened")
    type: Mapped[str] = mapped_column(Text, doc="in-app, email, push or webhook")
    status: Mapped[str] = mapped_column(Text, doc="pending, sent, read or failed")
    sent_at: Mapped[datetime | None] = mapped_column("sentAt", UtcTime, doc="when it went out, UTC")
    read_at: Mapped[datetime | None] = mapped_column("readAt", UtcTime, doc="when it was read, UTC")
    meta: Mapped[dict[str, Any] | None] = _metadata()
    created_at: Mapped[datetime] = _created()
    updated_at: Mapped[datetime] = _updated()


class RetentionPolicy(Base):
    """How long footage is kept."""

    __tablename__ = "RetentionPolicy"

    id: Mapped[str] = _id()
    name: Mapped[str] = mapped_column(Text, doc="what people call it")
    description: Mapped[str | None] = mapped_column(Text, doc="why it exists")
    camera_id: Mapped[str | None] = mapped_column("cameraId", Text, doc="id of the Camera; no key; null: all cameras")
    retention_days: Mapped[int] = mapped_column("retentionDays", Integer, doc="age in days at which footage goes")
    priority: Mapped[int] = mapped_column(Integer, doc="the highest of those that apply decides")
    is_active: Mapped[bool] = mapped_column(
        "isActive", Boolean, default=True, server_default=text("true"), doc="false: it decides nothing"
    )
    created_at: Mapped[datetime] = _created()
    updated_at: Mapped[datetime] = _updated()


class SystemSetting(Base):
    """A site setting as text; `omnisight_lab.settings` knows its type."""

    __tablename__ = "SystemSettings"
    __table_args__ = (Index("SystemSettings_settingKey_key", "settingKey", unique=True),)

    id: Mapped[str] = _id()
    key: Mapped[str] = mapped_column("settingKey", Text, doc="as site.timezone; unique")
    value: Mapped[str] = mapped_column("settingValue", Text, doc="text that settings.parse reads")
    category: Mapped[str] = mapped_column(Text, doc="what stands before the first dot of the key")
    description: Mapped[str | None] = mapped_column(Text, doc="help for people")
    updated_by: Mapped[str | None] = mapped_column("updatedBy", Text, doc="id of the User; no key, may dangle")
    updated_at: Mapped[datetime] = _updated()


PUBLIC_TABLES = tuple(Base.metadata.tables.values())
"""The ten tables, before `lab_models` adds those of schema lab to the same metadata."""
