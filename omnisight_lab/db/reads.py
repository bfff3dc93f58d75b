"""Small questions to the database; each takes an open session and gives rows or plain values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, aliased, defer

from omnisight_lab.db.columns import among
from omnisight_lab.db.lab_models import CameraLease, CameraPeriod, CameraRight, Gap, ReportRun, Verdict, Zone
from omnisight_lab.db.models import Camera, Event, Recording, Segment, User, UserRole
from omnisight_lab.errors import UnknownName
from omnisight_lab.settings import SiteSettings
from omnisight_lab.types import TimeRange

_Row = TypeVar("_Row")


def site_settings(session: Session) -> SiteSettings:
    """The typed settings of the site; keys of other services are left out."""
    return SiteSettings({key: value for key, value in session.execute(text("SELECT key, value FROM lab.settings"))})


def cameras(session: Session) -> list[Camera]:
    """All cameras by name; `enabled` says which the worker records."""
    return list(session.scalars(select(Camera).order_by(Camera.name, Camera.id)))


def camera_names(session: Session) -> dict[str, str]:
    """Names of all cameras by id; an analyst's role, too, may read them."""
    return {id: name for id, name in session.execute(select(Camera.id, Camera.name))}


@dataclass(frozen=True, slots=True)
class CameraNow:
    """A camera, whose credentials and address are not read; `enabled`: the worker is to record it; the end of its
    newest segment, and the oldest gap that nobody has closed."""

    camera: Camera
    enabled: bool
    last_recorded: datetime | None
    gap: Gap | None


def camera_states(session: Session) -> list[CameraNow]:
    """All cameras by name, as they are now."""
    newest = select(Recording.camera_id, func.max(Segment.end_time).label("end")).join(Segment)
    last = newest.group_by(Recording.camera_id).subquery()
    oldest = select(Gap).where(Gap.end.is_(None)).order_by(Gap.camera_id, Gap.start).ext(distinct_on(Gap.camera_id))
    gap = aliased(Gap, oldest.subquery())
    statement = (
        select(Camera, last.c.end, gap)
        .options(*(defer(column, raiseload=True) for column in (Camera.rtsp_url, Camera.username, Camera.password)))
        .outerjoin(last, last.c.camera_id == Camera.id)
        .outerjoin(gap, gap.camera_id == Camera.id)
        .order_by(Camera.name, Camera.id)
    )
    addressed = set(session.scalars(text("SELECT camera_id FROM lab.addressed")))
    return [
        CameraNow(camera, camera.id in addressed and not camera.paused, end, its)
        for camera, end, its in session.execute(statement)
    ]


def camera_by_name(session: Session, name: str) -> Camera:
    """The camera of this name, or of this id; UnknownName suggests another."""
    found = session.scalars(select(Camera).where((Camera.name == name) | (Camera.id == name)).limit(1)).first()
    return _known("camera", name, found, session, Camera.name)


def users(session: Session) -> list[User]:
    return list(session.scalars(select(User).order_by(User.username)))


def user_by_name(session: Session, username: str) -> User:
    """The user of this login name, without the password's hash; UnknownName suggests another."""
    unread = (defer(column, raiseload=True) for column in (User.password, User.settings))
    statement = select(User).options(*unread).where(User.username == username)
    return _known("user", username, session.scalars(statement).first(), session, User.username)


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


def media_path(session: Session, kind: str, id: str) -> tuple[str | None, str | None]:
    """The stored path of a segment's video or picture, or of an event's picture, and the id of its camera; UnknownName
    where there is no row."""
    if kind not in MEDIA:
        raise UnknownName("kind of media", kind, MEDIA)
    column = MEDIA[kind]
    table = column.class_
    camera = Recording.camera_id if table is Segment else func.coalesce(Event.camera_id, Recording.camera_id)
    statement = select(column, camera).outerjoin(Recording, Recording.id == table.recording_id).where(table.id == id)
    found = session.execute(statement).first()
    if found is None:
        raise UnknownName(kind.replace("_", " "), id)
    return found[0], found[1]


def known_paths(session: Session, paths: list[str]) -> set[str]:
    """Which of these files (relative to the media root) have a Segment row."""
    return set(session.scalars(select(Segment.file_path).where(among(Segment.file_path, paths))))


def segment_files(session: Session) -> Iterator[tuple[str, str, int]]:
    """Camera's id, path and size of every segment, in batches: there may be millions."""
    statement = select(Recording.camera_id, Segment.file_path, Segment.file_size).join(Segment)
    yield from session.execute(statement, execution_options={"yield_per": 10_000})


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


def rights(session: Session, user_id: str) -> tuple[str, ...]:
    """Ids of the cameras that the user is restricted to, in order; () for one who is not restricted, as no ADMIN is."""
    restricted = (CameraRight.user_id == user_id) & (User.role != UserRole.ADMIN)
    cameras = select(CameraRight.camera_id).join(User, User.id == CameraRight.user_id).where(restricted)
    return tuple(session.scalars(cameras.order_by(CameraRight.camera_id)))


def judged(session: Session, event_ids: list[str]) -> dict[str, tuple[str | None, str | None]]:
    """Of each event that there is: its camera's id, and the version of the detector that found it."""
    camera = func.coalesce(Event.camera_id, Recording.camera_id)
    version = Event.meta["model"]["version"].astext
    found = select(Event.id, camera, version).outerjoin(Recording, Recording.id == Event.recording_id)
    return {id: (its, model) for id, its, model in session.execute(found.where(among(Event.id, event_ids)))}


def verdicts(session: Session, event_id: str) -> list[tuple[Verdict, str | None]]:
    """All verdicts on the event, oldest first, each with the login name of who gave it."""
    statement = select(Verdict, User.username).outerjoin(User, User.id == Verdict.user_id)
    found = session.execute(statement.where(Verdict.event_id == event_id).order_by(Verdict.number))
    return [(verdict, name) for verdict, name in found]


def zones(session: Session, camera_id: str | None = None, *, retired: bool = False) -> list[Zone]:
    """Zones and lines of the camera, or of all, by camera, name and version: the current ones, or the `retired` too."""
    statement = select(Zone).order_by(Zone.camera_id, Zone.name, Zone.version)
    if camera_id is not None:
        statement = statement.where(Zone.camera_id == camera_id)
    return list(session.scalars(statement if retired else statement.where(Zone.retired_at.is_(None))))


def report_runs(session: Session, name: str | None = None, limit: int = 100) -> list[ReportRun]:
    """The newest runs first, of the report `name` or of all."""
    chosen = select(ReportRun) if name is None else select(ReportRun).where(ReportRun.name == name)
    return list(session.scalars(chosen.order_by(ReportRun.started_at.desc(), ReportRun.id).limit(limit)))
