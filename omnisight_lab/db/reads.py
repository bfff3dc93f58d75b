"""Small questions to the database; each takes an open session and gives rows or plain values."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, aliased

from omnisight_lab.db.columns import among
from omnisight_lab.db.lab_models import CameraLease, CameraPeriod, Gap, ReportRun
from omnisight_lab.db.models import Camera, Event, Recording, Segment, SystemSetting, User
from omnisight_lab.errors import UnknownName
from omnisight_lab.settings import SETTINGS, SiteSettings
from omnisight_lab.types import TimeRange

_Row = TypeVar("_Row")


def site_settings(session: Session) -> SiteSettings:
    """The typed settings of the site; keys of other services are left out."""
    rows = session.execute(select(SystemSetting.key, SystemSetting.value).where(SystemSetting.key.in_(SETTINGS)))
    return SiteSettings({key: value for key, value in rows})


def cameras(session: Session) -> list[Camera]:
    """All cameras by name; `enabled` says which the worker records."""
    return list(session.scalars(select(Camera).order_by(Camera.name, Camera.id)))


def camera_states(session: Session) -> list[tuple[Camera, datetime | None, Gap | None]]:
    """All cameras by name, each with the end of its newest segment, and the oldest gap that nobody has closed."""
    newest = select(Recording.camera_id, func.max(Segment.end_time).label("end")).join(Segment)
    last = newest.group_by(Recording.camera_id).subquery()
    oldest = select(Gap).where(Gap.end.is_(None)).order_by(Gap.camera_id, Gap.start).ext(distinct_on(Gap.camera_id))
    gap = aliased(Gap, oldest.subquery())
    statement = (
        select(Camera, last.c.end, gap)
        .outerjoin(last, last.c.camera_id == Camera.id)
        .outerjoin(gap, gap.camera_id == Camera.id)
        .order_by(Camera.name, Camera.id)
    )
    return [(camera, end, its) for camera, end, its in session.execute(statement)]


def camera_by_name(session: Session, name: str) -> Camera:
    """The camera of this name, or of this id; UnknownName suggests another."""
    found = session.scalars(select(Camera).where((Camera.name == name) | (Camera.id == name)).limit(1)).first()
    return _known("camera", name, found, session, Camera.name)


def users(session: Session) -> list[User]:
    return list(session.scalars(select(User).order_by(User.username)))


def user_by_name(session: Session, username: str) -> User:
    """The user of this login name; UnknownName suggests another."""
    found = session.scalars(select(User).where(User.username == username)).first()
    return _known("user", username, found, session, User.username)


def _known(kind: str, name: str, found: _Row | None, session: Session, column: object) -> _Row:
    if found is None:
        raise UnknownName(kind, name, session.scalars(select(column)))  # type: ignore[call-overload]
    return found


def event(session: Session, event_id: str) -> Event:
    """The event of this id, else UnknownName."""
    found = session.get(Event, event_id)
    if found is None:
        raise UnknownName("event", event_id)
    return found


def segments_between(session: Session, camera_id: str, span: TimeRange) -> list[Segment]:
    """Segments of the camera that overlap the span, in order of time."""
    return list(
        session.scalars(
            select(Segment)
            .join(Recording)
            .where(
                Recording.camera_id == camera_id,
                Segment.start_time < span.end,
                Segment.end_time > span.start,
            )
            .order_by(Segment.start_time, Segment.id)
        )
    )


MEDIA = {
    "segment": Segment.file_path,
    "segment_thumbnail": Segment.thumbnail_path,
    "event_thumbnail": Event.thumbnail_path,
}


def media_path(session: Session, kind: str, id: str) -> str | None:
    """The stored path of a segment's video or picture, or of an event's picture; UnknownName where there is no row."""
    if kind not in MEDIA:
        raise UnknownName("kind of media", kind, MEDIA)
    column = MEDIA[kind]
    found = session.execute(select(column).where(column.class_.id == id)).first()
    if found is None:
        raise UnknownName(kind.replace("_", " "), id)
    return found[0]


def known_paths(session: Session, paths: list[str]) -> set[str]:
    """Which of these files (relative to the media root) have a Segment row."""
    return set(session.scalars(select(Segment.file_path).where(among(Segment.file_path, paths))))


def last_recorded(session: Session, camera_id: str) -> datetime | None:
    """End of the camera's newest segment."""
    statement = select(func.max(Segment.end_time)).join(Recording).where(Recording.camera_id == camera_id)
    return session.scalar(statement)


def open_gaps(session: Session, camera_id: str) -> list[Gap]:
    """Gaps of the camera that nobody has closed, oldest first."""
    return list(session.scalars(select(Gap).where(Gap.camera_id == camera_id, Gap.end.is_(None)).order_by(Gap.start)))


def lease(session: Session, camera_id: str) -> CameraLease | None:
    """Who records the camera now; None where nobody does, or the lease has expired."""
    alive = CameraLease.expires_at > func.localtimestamp()
    return session.scalars(select(CameraLease).where(CameraLease.camera_id == camera_id, alive)).first()


def periods(session: Session, camera_id: str) -> list[CameraPeriod]:
    """Spans in which recording of the camera was expected, oldest first."""
    return list(
        session.scalars(select(CameraPeriod).where(CameraPeriod.camera_id == camera_id).order_by(CameraPeriod.start))
    )


def report_runs(session: Session, name: str | None = None, limit: int = 100) -> list[ReportRun]:
    """The newest runs first, of the report `name` or of all."""
    chosen = select(ReportRun) if name is None else select(ReportRun).where(ReportRun.name == name)
    return list(session.scalars(chosen.order_by(ReportRun.started_at.desc(), ReportRun.id).limit(limit)))
