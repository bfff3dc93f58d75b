"""Lab: the one object that notebooks, reports and dashboards open.

import omnisight_lab as ol
lab = ol.connect()
lab.activity("2026-03-29", "2026-03-30")
"""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import ibis.expr.types as ir
import pandas as pd

from omnisight_lab import settings
from omnisight_lab.access import accounts, rights, roles, sessions
from omnisight_lab.access.roles import Action
from omnisight_lab.analytics.catalogue import Queries
from omnisight_lab.analytics.dictionary import TableList
from omnisight_lab.analytics.engines import ENGINES, DuckDBEngine, Engine, PostgresEngine, SparkEngine, compiled
from omnisight_lab.analytics.frames import About, Asked, Result, Written
from omnisight_lab.analytics.guard import one_select
from omnisight_lab.analytics.media import Clip, Picture
from omnisight_lab.analytics.mirror import Mirror, MirrorStatus, Progress, Refreshed
from omnisight_lab.analytics.queries import QUERIES, Column, Query, Scope
from omnisight_lab.analytics.queries.spans import expected
from omnisight_lab.analytics.spelling import refuse_typos
from omnisight_lab.analytics.tables import TABLES, Tables, visible
from omnisight_lab.analytics.window import Moment, whole_quarters, window, zone_of
from omnisight_lab.clock import Clock, SystemClock
from omnisight_lab.db import migrate, reads
from omnisight_lab.db.models import User
from omnisight_lab.db.session import Database, open_database
from omnisight_lab.errors import AccessDenied, MediaError, StorageError, UnknownName, UsageError
from omnisight_lab.ops import ledger as ledgers
from omnisight_lab.ops.ledger import Ledger
from omnisight_lab.review import verdicts
from omnisight_lab.review.verdicts import Verdict
from omnisight_lab.review.zones import Zones
from omnisight_lab.settings import Paths, SiteSettings
from omnisight_lab.types import Box, FrameSize, TimeRange, Track, TrackPoint

_log = logging.getLogger(__name__)

__all__ = ["Action", "CameraState", "EventDetail", "Lab", "SeenObject", "User", "Verdict", "connect", "site"]

SETTLES_IN = timedelta(seconds=30)
"""From the end of a segment until it stands in the mirror."""

FIRST_LOOK_SECONDS = 2.0
"""Longest that the first question waits while older days are looked at for changes."""

SQL_SECONDS = 60.0
SQL_MEMORY = "2GB"
MEDIA_SUFFIXES = frozenset({".mp4", ".mkv", ".mov", ".ts", ".webm", ".jpg", ".jpeg", ".png", ".webp"})

Files = TypeVar("Files", DuckDBEngine, SparkEngine)
"""An engine over the mirror's files."""


@dataclass(frozen=True, slots=True)
class CameraState:
    """A camera as it stands now: `enabled`: the worker is to record it; `gap`: why it is not recorded just now."""

    id: str
    name: str
    location: str | None
    model: str | None
    status: str
    enabled: bool
    timezone: str
    last_recorded: datetime | None
    gap: str | None
    gap_since: datetime | None


@dataclass(frozen=True, slots=True)
class SeenObject:
    """One stored box of an event: box in pixels of the frame, `offset` after the event's start."""

    id: str
    label: str
    confidence: float
    box: Box | None
    track_id: str | None
    offset: timedelta | None
    best: bool


@dataclass(frozen=True, slots=True)
class EventDetail:
    """An event with its boxes; times are aware UTC, `timezone` is the camera's."""

    id: str
    camera_id: str | None
    camera: str
    timezone: str
    start: datetime
    end: datetime | None
    event_type: str
    label: str | None
    confidence: float | None
    recording_id: str | None
    thumbnail_path: str | None
    model: str | None
    frame: FrameSize | None
    zones: str | None
    objects: tuple[SeenObject, ...]
    verdict: str | None = None
    detected_label: str | None = None


@dataclass(frozen=True, slots=True)
class FootageSegment:
    """One stored segment: its file is `media_file("segment", id)`."""

    id: str
    span: TimeRange


def connect(url: str | None = None, home: str | Path | None = None, user: str | None = None) -> Lab:
    """The lab of a data folder (default: OMNISIGHT_HOME) and a database (default: DATABASE_URL, else the embedded).

    `user` says who asks (default: OMNISIGHT_USER, else the operating system's user); AccessDenied where there is no
    such user, or one that is not active.

    >>> with ol.connect(user="vera") as lab:
    ...     print(lab.labels())
    ['car', 'person']
    """
    lab = site(url, home)
    try:
        return lab.as_user(accounts.who_asks(lab.database, user or settings.user_name()))
    except BaseException:
        lab.close()
        raise


def site(url: str | None = None, home: str | Path | None = None) -> Lab:
    """The same lab as the site itself sees it, for services: nobody asks, so every camera is shown and none judges."""
    paths = settings.paths(Path(home).expanduser() if home else None)
    if url is None:
        return Lab(open_database(paths), paths)
    database = Database(url)
    migrate.require_current(database)
    return Lab(database, paths)


class Lab:
    """Everything there is to ask and to look at, for `user` (None: for the site itself). Safe to use from several
    threads."""

    def __init__(self, database: Database, paths: Paths, clock: Clock | None = None, user: User | None = None) -> None:
        self.database, self.paths, self.user = database, paths, user
        self.mirror = Mirror(paths.mirror_at or paths.mirror, paths.mirror)
        # Attributes and no properties: completion in notebooks looks into them
        self.queries = Queries(self.query)
        """The catalogue: `lab.queries.paths(…)` asks, `lab.queries["paths"]` describes."""
        self.tables = TableList()
        """The tables and columns that `lab.sql` sees, with what they mean."""
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._engine: DuckDBEngine | None = None
        self._spark: SparkEngine | None = None
        self._analyst: DuckDBEngine | None = None
        self._looked = False
        self._again: datetime | None = None
        self._shared: Lab | None = None
        """The lab whose engines and connections this one uses."""

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Lab({self.database.safe_url!r}, home={str(self.paths.home)!r})"

    def close(self) -> None:
        """Lets go of the database's connections and of the mirror.

        >>> ol.connect(user="vera").close()
        """
        self.database.close()
        self._engine = self._spark = self._analyst = None

    def as_user(self, user: User) -> Lab:
        """This lab for one who may see less, or judge; cheap, because both share database, mirror and engines.

        >>> lab.as_user(lab.user).labels() == lab.labels()
        True
        """
        theirs = copy.copy(self)
        theirs.user, theirs._analyst, theirs._shared = user, None, self._shared or self
        theirs.queries = Queries(theirs.query)
        return theirs

    @property
    def sees(self) -> tuple[str, ...] | None:
        """Ids of the cameras that the user may see, as it stands now; None: every one.

        AccessDenied for a user who is gone meanwhile, whose rights went along, or is not active any more.
        """
        if self.user is None:
            return None
        user = self._asker
        with self.database.session() as session:
            return rights.visible_cameras(session, user)

    def activity(
        self,
        from_: Moment = None,
        to: Moment = None,
        cameras: str | Iterable[str] | None = None,
        tz: str | None = None,
        engine: str = "duckdb",
        *,
        by: Iterable[str] | str | None = None,
        where: Mapping[str, Any] | str | None = None,
        gap: float | None = None,
        labels: Iterable[str] | str | None = None,
        event_types: Iterable[str] | str | None = None,
        min_confidence: float | None = None,
        include_rejected: bool | None = None,
    ) -> Result:
        """Events over the hours recorded, with the rate per recorded camera-hour and its interval.

        `by`: camera, hour, day, week, month, weekday, hour_of_day, label, zone. `gap`: seconds within which events of a
        camera and label are one independent event. `where`: only some of these groups, as {"weekday": [6, 7]}.

        >>> for row in lab.activity("2026-10-20", "2026-10-21", by="label"):
        ...     print(row["label"], row["events"], row["recorded_hours"], row["rate"])
        car 2 2.0 1.0
        person 1 2.0 0.5
        """
        return self.query(
            "activity",
            from_,
            to,
            cameras,
            tz,
            engine,
            by=by,
            where=where,
            gap=gap,
            labels=labels,
            event_types=event_types,
            min_confidence=min_confidence,
            include_rejected=include_rejected,
        )

    def detections(
        self,
        from_: Moment = None,
        to: Moment = None,
        cameras: str | Iterable[str] | None = None,
        tz: str | None = None,
        engine: str = "duckdb",
        *,
        by: Iterable[str] | str | None = None,
        where: Mapping[str, Any] | str | None = None,
        labels: Iterable[str] | str | None = None,
        event_types: Iterable[str] | str | None = None,
        min_confidence: float | None = None,
        include_rejected: bool | None = None,
    ) -> Result:
        """Distinct objects, and boxes beside them, by camera, class and local hour.

        >>> for row in lab.detections("2026-10-20", "2026-10-21", by="label"):
        ...     print(row["label"], row["objects"], row["boxes"])
        car 1 2
        """
        return self.query(
            "detections",
            from_,
            to,
            cameras,
            tz,
            engine,
            by=by,
            where=where,
            labels=labels,
            event_types=event_types,
            min_confidence=min_confidence,
            include_rejected=include_rejected,
        )

    def events(
        self,
        from_: Moment = None,
        to: Moment = None,
        cameras: str | Iterable[str] | None = None,
        tz: str | None = None,
        engine: str = "duckdb",
        *,
        labels: Iterable[str] | str | None = None,
        event_types: Iterable[str] | str | None = None,
        min_confidence: float | None = None,
        include_rejected: bool | None = None,
    ) -> Result:
        """The events themselves, newest first; `page()` reads a part.

        >>> [row["label"] for row in lab.events("2026-10-20", "2026-10-21")]
        ['person', 'car', 'car']
        """
        return self.query(
            "events",
            from_,
            to,
            cameras,
            tz,
            engine,
            labels=labels,
            event_types=event_types,
            min_confidence=min_confidence,
            include_rejected=include_rejected,
        )

    def coverage(
        self,
        from_: Moment = None,
        to: Moment = None,
        cameras: str | Iterable[str] | None = None,
        tz: str | None = None,
        engine: str = "duckdb",
        *,
        min_gap: float | None = None,
    ) -> Result:
        """Expected, recorded and missing time per camera.

        >>> [(row["camera"], row["share"]) for row in lab.coverage("2026-10-20", "2026-10-21")]
        [('Yard', 0.8)]
        """
        return self.query("coverage", from_, to, cameras, tz, engine, min_gap=min_gap)

    def gaps(
        self,
        from_: Moment = None,
        to: Moment = None,
        cameras: str | Iterable[str] | None = None,
        tz: str | None = None,
        engine: str = "duckdb",
        *,
        min_gap: float | None = None,
    ) -> Result:
        """Every `[start, end)` that was expected and not recorded, with its cause.

        >>> [(row["seconds"], row["cause"]) for row in lab.gaps("2026-10-20", "2026-10-21")]
        [(1800.0, 'stalled')]
        """
        return self.query("gaps", from_, to, cameras, tz, engine, min_gap=min_gap)

    def storage(
        self,
        from_: Moment = None,
        to: Moment = None,
        cameras: str | Iterable[str] | None = None,
        tz: str | None = None,
        engine: str = "duckdb",
    ) -> Result:
        """Bytes per camera, local day and codec.

        >>> lab.storage("2026-10-20", "2026-10-21").by("camera").df()["bytes"].tolist()
        [3000]
        """
        return self.query("storage", from_, to, cameras, tz, engine)

    def query(
        self,
        name: str,
        from_: Moment = None,
        to: Moment = None,
        cameras: str | Iterable[str] | None = None,
        tz: str | None = None,
        engine: str | Engine = "duckdb",
        **parameters: Any,
    ) -> Result:
        """The named query of the catalogue.

        `from_` and `to`: aware times, or dates for their midnight in the cameras' zone (the site's where theirs
        differ); by default the last seven days there.
        `cameras`: names or ids. `tz`: a zone for every camera, in place of its own. `engine`: duckdb (the mirror) or
        postgres (live), or what `engine()` gave: several answers are then of one moment.

        >>> lab.query("weekly_profile", "2026-10-20", "2026-10-21", by="weekday").rows()[0]["events"]
        3
        """
        query = QUERIES[name]
        typed = query.typed({key: value for key, value in parameters.items() if value is not None})
        chosen = self.engine(engine) if isinstance(engine, str) else engine
        scope, zone = self._scope(query, chosen, from_, to, cameras, tz)
        refuse_typos(chosen, self._tables, typed)
        asked = Asked(query, self._tables, scope, chosen, typed)
        about = About(name, zone, chosen.name, chosen.snapshot, scope.window, query.method, typed)
        return Result(asked, about, asked.columns, self._companions(asked, about), _draw, self)

    def sql(self, statement: str) -> Result:
        """One SELECT of DuckDB's SQL over the mirror's tables: cameras, recordings, segments, events, objects, gaps, …

        Times there are naive UTC. Other statements, files and addresses are refused; it may take a minute and 2 GB.

        >>> lab.sql("SELECT label, count(*) AS n FROM events GROUP BY label ORDER BY n DESC").rows()
        [{'label': 'car', 'n': 2}, {'label': 'person', 'n': 1}]
        """
        text = one_select(statement)
        engine = self._analysts_engine()
        written = Written(text, engine, SQL_SECONDS)
        written.page(0, 0)  # names that don't exist are said here, and not when the result is looked at
        return Result(written, About("sql", "UTC", "duckdb", engine.snapshot), draw=_draw)

    def engine(self, name: str = "duckdb") -> Engine:
        """duckdb or spark over a mirror no older than the setting `mirror.refresh_seconds`, or postgres, live.

        >>> live = lab.engine("postgres")
        >>> lab.query("events", "2026-10-20", "2026-10-21", engine=live).count()
        3
        """
        if name not in ENGINES:
            raise UnknownName("engine", name, ENGINES)
        if self._shared:
            return self._shared.engine(name)
        if name == "postgres":
            return PostgresEngine(self.database, self._clock.now())
        self._freshen()
        with self._lock:
            if name == "spark":
                self._spark = self._current(SparkEngine, self._spark)
                return self._spark
            self._engine = self._current(DuckDBEngine, self._engine)
            return self._engine

    def _current(self, kind: type[Files], engine: Files | None, cameras: tuple[str, ...] | None = None) -> Files:
        """`engine` where its files are still those of the manifest, else a new one; results keep the one they have."""
        manifest = self.mirror.manifest()
        if manifest is None:
            manifest = self.mirror.refresh(self.database).manifest
        if engine is not None and (engine.generation, engine.cameras) == (manifest.generation, cameras):
            engine.snapshot = manifest.snapshot
            return engine
        return kind(self.mirror.store, manifest, cameras)

    def _analysts_engine(self) -> DuckDBEngine:
        self._freshen()
        sees = self.sees
        with self._lock:
            engine = self._current(DuckDBEngine, self._analyst, sees)
            if engine is not self._analyst:
                engine.lock_down(SQL_MEMORY, threads=2)
            self._analyst = engine
            return engine

    def _freshen(self) -> None:
        """A mirror younger than the setting; every day is looked at the first time, if that is quick, else in turn.

        Where it can't be written (a home that is read-only or full) it answers as it stands; its age is shown.
        """
        if self._shared:
            self._shared._freshen()
            return
        limit = float(self.settings["mirror.refresh_seconds"])
        manifest = self.mirror.manifest()
        now = self._clock.now()
        if manifest and (self.mirror.young(manifest, now, limit) or (self._again and now < self._again)):
            return
        try:
            recent = self._looked or bool(manifest and manifest.look_seconds > FIRST_LOOK_SECONDS)
            self.mirror.refresh(self.database, recent=recent, max_age=limit)
            self._looked = True
        except StorageError as error:
            if manifest is None:
                raise
            self._again = now + timedelta(seconds=limit)
            _say_stale(str(error))

    @property
    def _tables(self) -> Tables:
        """The logical tables with the rows that this lab's user may see."""
        return visible(TABLES, self.sees)

    def _scope(
        self,
        query: Query,
        engine: Engine,
        from_: Moment,
        to: Moment,
        cameras: str | Iterable[str] | None,
        tz: str | None,
    ) -> tuple[Scope, str]:
        """What the query is asked for, and its zone in words."""
        now, values = self._clock.now(), self.settings
        site = str(values["site.timezone"])
        if tz is not None:
            zone_of(tz)
        known = engine.fetch(self._tables.cameras.select("id", "name", "own_timezone")).to_pylist()
        ids = _camera_ids(known, cameras)
        own = {camera["own_timezone"] or site for camera in known if ids is None or camera["id"] in ids}
        zones = {tz} if tz else own
        span = window(from_, to, next(iter(zones)) if len(zones) == 1 else site, now)
        if query.quarters:
            span = whole_quarters(span)
        settled = now - timedelta(seconds=values["recording.segment_seconds"]) - SETTLES_IN
        return Scope(span, settled, ids, tz, site, self._corners(query, engine)), _zone_words(zones, site)

    def _corners(self, query: Query, engine: Engine) -> int:
        """Corners of the largest zone, where the query may ask for zones."""
        if not query.zones:
            return 0
        found = engine.fetch(TABLES.zone_edges.agg(edges=(TABLES.zone_edges.edge.max() + 1).coalesce(0)))
        return int(found["edges"][0].as_py())

    def _companions(self, asked: Asked, about: About) -> dict[str, Result]:
        """What the chart of coverage draws beside the figures: gaps and expected spans."""
        if asked.query.name != "coverage":
            return {}
        beside = {"gaps": QUERIES["gaps"], "expected": _EXPECTED}
        answers = {name: replace(asked, query=query) for name, query in beside.items()}
        return {name: Result(answer, about, answer.columns) for name, answer in answers.items()}

    def refresh(self, *, rebuild: bool = False, progress: Progress | None = None) -> Refreshed:
        """Brings the mirror to the database's state; `rebuild` reads everything anew.

        >>> lab.refresh().manifest.snapshot == lab.mirror_status().snapshot
        True
        """
        return self.mirror.refresh(self.database, rebuild=rebuild, progress=progress)

    def ledger(self, progress: ledgers.Progress | None = None) -> Ledger:
        """What rows name against what lies on the disk of the media root, and what else takes its space.

        Parts add up to the whole disk; cameras are those that this lab's user may see. Looks at every file.

        >>> ledger = lab.ledger()
        >>> ledger.total == ledger.accounted
        True
        """
        floor = int(self.settings["recording.free_space_floor_mb"])
        found = ledgers.ledger(self.database, self.paths, self._clock.now(), floor, progress)
        seen = self.sees
        if seen is None:
            return found
        return replace(found, cameras=tuple(camera for camera in found.cameras if camera.camera_id in seen))

    def mirror_status(self) -> MirrorStatus:
        """Age, rows, bytes, days.

        >>> lab.mirror_status().rows["segments"]
        3
        """
        return self.mirror.status(self._clock.now())

    @property
    def settings(self) -> SiteSettings:
        with self.database.session() as session:
            return reads.site_settings(session)

    @property
    def timezone(self) -> str:
        """The site's zone; a camera may have its own."""
        return str(self.settings["site.timezone"])

    def cameras(self) -> list[CameraState]:
        """The cameras by name, as they are now.

        >>> [(camera.name, camera.timezone) for camera in lab.cameras()]
        [('Yard', 'Europe/Berlin')]
        """
        site = self.timezone
        zones = {row["id"]: row["own_timezone"] or site for row in self._live(self._tables.cameras)}
        with self.database.session() as session:
            found = reads.camera_states(session)
        return [_camera_state(now, zones[now.camera.id]) for now in found if now.camera.id in zones]

    def _camera_id(self, camera: str) -> str:
        """The id of the camera of this name or id; UnknownName where there is none, or none for this user."""
        found = _camera_ids(self._live(self._tables.cameras), [camera])
        assert found is not None  # one was asked for
        return found[0]

    def _require_seen(self, kind: str, id: str, camera_id: str | None) -> None:
        """UnknownName where the camera is none that the user may see, as if it were not there."""
        sees = self.sees
        if sees is not None and camera_id not in sees:
            raise UnknownName(kind, id)

    def event(self, event: Any) -> EventDetail:
        """The event with its boxes, as it is now; takes an id, or a row of `events()`.

        >>> lab.event(event).label
        'car'
        """
        wanted = _event_id(event)
        events = self._tables.events
        rows = self._live(events.filter(events.id == wanted))
        if not rows:
            raise UnknownName("event", wanted)
        cameras = {row["id"]: row for row in self._live(TABLES.cameras)}
        boxes = TABLES.objects.filter(TABLES.objects.event_id == wanted).order_by("offset_ms", "id")
        return _detail(rows[0], cameras, self._live(boxes), self.timezone)

    def _live(self, expression: ir.Table) -> list[dict[str, Any]]:
        """A few rows as they are now, over the pool: a connection of its own for each question costs 40 ms."""
        with self.database.session() as session:
            # Without parameters: a % in an id or name is no placeholder
            plain = session.connection(execution_options={"no_parameters": True})
            found = plain.exec_driver_sql(compiled(expression, "postgres"))
            return [dict(row) for row in found.mappings()]

    def labels(self) -> list[str]:
        """The labels that events have, by name; from the mirror.

        >>> lab.labels()
        ['car', 'person']
        """
        events = self._tables.events
        found = self.engine().fetch(events.filter(events.label.notnull()).select("label").distinct())
        return sorted(found["label"].to_pylist())

    def media_file(self, kind: str, id: str) -> Path:
        """The file of a segment, or the thumbnail of a segment or an event (`segment`, `segment_thumbnail`,
        `event_thumbnail`); MediaError where there is none, or it lies where no media may lie.

        >>> lab.media_file("event_thumbnail", event).name
        'car.jpg'
        """
        with self.database.session() as session:
            path, camera_id = reads.media_path(session, kind, id)
        self._require_seen(kind.replace("_", " "), id, camera_id)
        if not path:
            raise MediaError(f"there is no {kind.replace('_', ' ')} for {id}")
        return self._stored(path)

    def _stored(self, path: str) -> Path:
        """A stored path as a file: relative ones below the media root; absolute ones of other services, media only."""
        root = self.paths.media.resolve()
        target = (root / path).resolve()
        outside = not Path(path).is_absolute() and not target.is_relative_to(root)
        if outside or target.suffix.lower() not in MEDIA_SUFFIXES:
            raise MediaError("the database names a file that is no media file of this site")
        if not target.is_file():
            raise MediaError(f"the file {Path(path).name} is not there any more")
        return target

    def footage(self, camera_id: str, span: TimeRange) -> list[FootageSegment]:
        """The stored segments of the camera that overlap the span, in order of time.

        >>> len(lab.footage("yard", lab.events("2026-10-20", "2026-10-21").window))
        3
        """
        self._require_seen("camera", camera_id, camera_id)
        with self.database.session() as session:
            found = reads.segments_between(session, camera_id, span)
        return [FootageSegment(row.id, TimeRange(row.start_time, row.end_time)) for row in found if row.end_time]

    def thumbnail(self, event: Any) -> Picture:
        """The event's picture; shows itself in a notebook.

        >>> lab.thumbnail(event).path.name
        'car.jpg'
        """
        return Picture(self.media_file("event_thumbnail", _event_id(event)))

    def latest_picture(self, camera: str) -> Path | None:
        """The newest picture of the camera (name or id), or None.

        >>> lab.latest_picture("Yard").name
        'car.jpg'
        """
        wanted = self._camera_id(camera)
        segments = TABLES.segments
        newest = (
            segments.filter(segments.camera_id == wanted, segments.thumbnail_path.notnull())
            .order_by(segments.start_time.desc())
            .limit(1)
        )
        found = self._live(newest)
        try:
            return self._stored(found[0]["thumbnail_path"]) if found else None
        except MediaError:
            return None

    def clip(self, event: Any, boxes: bool = False, before: float = 2.0, after: float = 2.0) -> Clip:
        """The event's footage as MP4, with `before` and `after` seconds around it; `boxes` draws what was detected.

        >>> lab.clip(event, boxes=True).save("clip.mp4")
        PosixPath('clip.mp4')
        """
        from omnisight_lab.media import clips

        detail = self.event(event)
        tracks = _tracks(detail)
        last = max((point.time for track in tracks for point in track.points), default=detail.start)
        span = TimeRange(detail.start - timedelta(seconds=before), (detail.end or last) + timedelta(seconds=after))
        with self.database.session() as session:
            found = reads.segments_between(session, detail.camera_id or "", span)
        if not found:
            raise MediaError(f"there is no footage of event {detail.id} any more")
        files = [(segment.start_time, str(self._stored(segment.file_path))) for segment in found]
        return Clip(clips.clip(self.paths.media, files, span, tracks if boxes else None, detail.frame))

    def judge(self, event: Any, verdict: str, label: str | None = None, note: str | None = None) -> list[Verdict]:
        """The user's verdict on an event (its id, a row of `events()`, or what `event()` gave), or on several of them,
        as a list, a result or a table.

        confirm, false (it leaves every count), unsure, relabel with its `label`, or undo, which takes back the newest
        verdict. All are written, or none; figures follow at the mirror's next refresh.

        >>> lab.judge(event, "false", note="a shadow")[0].verdict
        'false'
        >>> lab.judge(event, "undo")[0].verdict
        'undo'
        """
        return verdicts.judge(self.database, self._asker, _event_ids(event), verdict, label, note)

    def verdicts(self, event: Any) -> list[Verdict]:
        """Every verdict on the event, oldest first.

        >>> lab.judge(event, "unsure")[0].user
        'vera'
        >>> lab.verdicts(event)[-1].verdict
        'unsure'
        """
        wanted = self.event(event).id
        return verdicts.history(self.database, wanted)

    @property
    def zones(self) -> Zones:
        """Zones and lines of the cameras: `add`, `list`, `remove`; shows itself as a table."""
        return Zones(self.database, self._camera_id, lambda: self._asker, lambda: self.sees)

    @property
    def _asker(self) -> User:
        """Who asks, with today's role; AccessDenied where nobody does."""
        if self.user is None:
            raise AccessDenied("nobody asks here: open the lab by ol.connect(), which knows who you are")
        return accounts.who_asks(self.database, self.user.username)

    def login(self, username: str, password: str, address: str) -> tuple[str, User]:
        """A new session's token and its user; AccessDenied otherwise.

        >>> token, user = lab.login("vera", password, "127.0.0.1")
        >>> user.username
        'vera'
        """
        return sessions.login(self.database, username, password, address)

    def user_of(self, token: str) -> User | None:
        """Who has logged in with this token; None where it has ended.

        >>> lab.user_of("no such token") is None
        True
        """
        return sessions.user_of(self.database, token)

    def logout(self, token: str) -> None:
        """Ends the session.

        >>> token, _ = lab.login("vera", password, "127.0.0.1")
        >>> lab.logout(token)
        >>> lab.user_of(token) is None
        True
        """
        sessions.logout(self.database, token)

    def require(self, user: User, action: Action) -> None:
        """AccessDenied where the user's role does not allow it.

        >>> from omnisight_lab.lab import Action
        >>> lab.require(lab.user, Action.SETTINGS)
        Traceback (most recent call last):
        omnisight_lab.errors.AccessDenied: ...
        """
        roles.require(user, action)


def _expected_spans(tables: Tables, scope: Scope, **_: Any) -> ir.Table:
    return expected(tables, scope).join(scope.named(tables), "camera_id").select("camera_id", "camera", "start", "end")


_EXPECTED = Query(
    "expected",
    _expected_spans,
    (
        Column("camera_id", "text", "id of the camera"),
        Column("camera", "text", "name of the camera"),
        Column("start", "utc", "first instant"),
        Column("end", "utc", "first instant after it"),
    ),
    ("camera", "camera_id", "start"),
    "Spans in which recording was expected.",
)


@cache
def _say_stale(why: str) -> None:
    """Logs once that figures come from a mirror that grows old."""
    _log.warning("%s; figures are those of the mirror as it stands", why)


def _draw(result: Result, backend: str | None) -> Any:
    from omnisight_lab.plots.charts import draw

    return draw(
        result.about.name,
        result.df(),
        zone=result.zone,
        columns=result.columns,
        backend=backend,
        **{name: other.df() for name, other in result.companions.items()},
    )


def _camera_ids(known: list[dict[str, Any]], wanted: str | Iterable[str] | None) -> tuple[str, ...] | None:
    """Ids of the cameras of these names or ids; None for all."""
    try:
        names = [wanted] if isinstance(wanted, str) else [str(name) for name in wanted or ()]
    except TypeError as error:
        raise UsageError(f"cameras are asked for by name or id, one or a list of them, not by {wanted!r}") from error
    if not names:
        return None
    found: list[str] = []
    for name in names:
        ids = [camera["id"] for camera in known if name in (camera["name"], camera["id"])]
        if not ids:
            raise UnknownName("camera", name, [camera["name"] for camera in known])
        found += ids
    return tuple(dict.fromkeys(found))


def _zone_words(zones: set[str], site: str) -> str:
    if len(zones) <= 1:
        return next(iter(zones), site)
    return f"each camera's own zone ({', '.join(sorted(zones))})"


def _camera_state(now: reads.CameraNow, timezone: str) -> CameraState:
    camera, gap = now.camera, now.gap
    return CameraState(
        camera.id,
        camera.name,
        camera.location,
        camera.model,
        camera.status.value,
        now.enabled,
        timezone,
        now.last_recorded,
        gap.cause if gap else None,
        gap.start if gap else None,
    )


def _event_id(event: Any) -> str:
    """The id of an event, given by itself, by a row, or by its detail."""
    if isinstance(event, str):
        return event
    if isinstance(event, EventDetail):
        return event.id
    try:
        return str(event["id"])
    except (KeyError, TypeError, IndexError) as error:
        raise UsageError("an event is asked for by its id, or by a row of lab.events()") from error


def _event_ids(events: Any) -> list[str]:
    """The ids of one event or of several, each given as `_event_id` takes it; of a table by its rows."""
    if isinstance(events, pd.DataFrame):
        return [_event_id(row) for row in events.to_dict("records")]
    several = isinstance(events, Iterable) and not isinstance(events, (str, Mapping, pd.Series))
    return [_event_id(one) for one in (events if several else [events])]


def _detail(
    row: dict[str, Any], cameras: dict[str, dict[str, Any]], boxes: list[dict[str, Any]], site: str
) -> EventDetail:
    camera = cameras.get(row["camera_id"], {})
    sized = row["frame_width"] and row["frame_height"]
    model = " ".join(part for part in (row["model_name"], row["model_version"]) if part)
    return EventDetail(
        row["id"],
        row["camera_id"],
        camera.get("name") or row["camera_id"] or "unknown",
        camera.get("own_timezone") or site,
        row["start_time"].replace(tzinfo=UTC),
        row["end_time"].replace(tzinfo=UTC) if row["end_time"] else None,
        row["event_type"],
        row["label"],
        row["confidence"],
        row["recording_id"],
        row["thumbnail_path"],
        model or None,
        FrameSize(row["frame_width"], row["frame_height"]) if sized else None,
        row["zones"],
        tuple(_seen(box) for box in boxes),
        row["verdict"],
        row["detected_label"],
    )


def _tracks(detail: EventDetail) -> list[Track]:
    """The boxes of an event as tracks over wall-clock time; a box without track is a track of its own."""
    points: dict[str, list[SeenObject]] = {}
    for seen in detail.objects:
        if seen.box is not None:
            points.setdefault(seen.track_id or seen.id, []).append(seen)
    return [
        Track(
            number,
            group[0].label,
            tuple(
                TrackPoint(detail.start + (seen.offset or timedelta()), seen.box, seen.confidence)
                for seen in group
                if seen.box is not None
            ),
        )
        for number, group in enumerate(points.values(), start=1)
    ]


def _seen(row: dict[str, Any]) -> SeenObject:
    sides = (row["x"], row["y"], row["width"], row["height"])
    return SeenObject(
        row["id"],
        row["label"],
        row["confidence"],
        Box(*sides) if all(side is not None for side in sides) else None,
        row["track_id"],
        timedelta(milliseconds=row["offset_ms"]) if row["offset_ms"] is not None else None,
        row["best"],
    )
