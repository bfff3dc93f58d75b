"""A small site, built row by row, and a Lab that looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from math import isclose
from pathlib import Path
from typing import Any

import pytest

from omnisight_lab.analytics.engines.spark import LAUNCH
from omnisight_lab.analytics.mirror import Mirror
from omnisight_lab.clock import Clock, FakeClock
from omnisight_lab.db.lab_models import CameraPeriod, Gap, Verdict, Zone
from omnisight_lab.db.models import Base, Camera, DetectedObject, Event, Recording, RetentionPolicy, Segment
from omnisight_lab.db.session import Database
from omnisight_lab.lab import Lab
from omnisight_lab.settings import Paths
from tests.analytics.mirrors import Follows, following
from tests.conftest import DatabaseMaker


def at(text: str) -> datetime:
    """ISO text as aware UTC; without an offset it is UTC."""
    time = datetime.fromisoformat(text)
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


class Site:
    """Writes rows of the ten tables straight into the database; ids are counted."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._count = 0

    def _id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}-{self._count:05}"

    def add(self, *rows: Base) -> None:
        from sqlalchemy.orm import Session

        with Session(self.database.engine) as session, session.begin():
            session.add_all(rows)

    def camera(self, name: str, zone: str | None = None) -> str:
        """A camera's id; it is its name too."""
        settings = {"timezone": zone} if zone else None
        self.add(Camera(id=name, name=name, rtsp_url="", settings=settings, updated_at=at("2026-01-01")))
        self.add(Recording(id=f"recording-{name}", camera_id=name, start_time=at("2026-01-01")))
        return name

    def footage(
        self, camera: str, start: str, end: str, seconds: float = 3600, size: int = 1000, codec: str | None = "h264"
    ) -> list[str]:
        """Segments from start to end, each so many seconds long; their ids."""
        rows, begin, stop = [], at(start), at(end)
        while begin < stop:
            until = min(begin + timedelta(seconds=seconds), stop)
            rows.append(
                Segment(
                    id=self._id("segment"),
                    recording_id=f"recording-{camera}",
                    start_time=begin,
                    end_time=until,
                    duration=round((until - begin).total_seconds()),
                    file_path="segments/x.mp4",
                    file_size=size,
                    meta={"codec": codec} if codec else None,
                )
            )
            begin = until
        ids = [row.id for row in rows]
        self.add(*rows)
        return ids

    def event(
        self,
        camera: str | None,
        time: str | datetime,
        label: str = "car",
        kind: str = "object_detected",
        confidence: float | None = 0.5,
        tracks: tuple[str | None, ...] = (),
        **more: Any,
    ) -> str:
        """An event, and a box for each of `tracks`."""
        start = at(time) if isinstance(time, str) else time
        id = self._id("event")
        meta = {"label": label, **more.pop("meta", {})}
        self.add(
            Event(id=id, camera_id=camera, timestamp=start, event_type=kind, confidence=confidence, meta=meta, **more)
        )
        self.add(*(self._box(id, label, confidence or 0.5, track) for track in tracks))
        return id

    def _box(self, event: str, label: str, confidence: float, track: str | None) -> DetectedObject:
        return DetectedObject(
            id=self._id("object"),
            event_id=event,
            object_type=label,
            confidence=confidence,
            bounding_box={"x": 1, "y": 2.5, "width": 30, "height": 40},
            meta={"trackId": track, "offsetMs": 500, "best": True} if track else None,
        )

    def path(
        self,
        camera: str | None,
        time: str,
        *points: tuple[float, float, float],
        label: str = "person",
        track: str | None = "1",
        event: str | None = None,
        **more: Any,
    ) -> str:
        """An event (or boxes of that `event`) of an object whose foot stood at (x, y) so many seconds after its start.

        `points`: (seconds, x, y), x and y in fractions of a frame of 1000 x 500 pixels; `confidence` of each box.
        """
        confidence = more.pop("confidence", 0.5)
        meta = {"frame": {"width": 1000, "height": 500}}
        id = event or self.event(camera, time, label, confidence=confidence, meta=meta, **more)
        self.add(
            *(
                DetectedObject(
                    id=self._id("object"),
                    event_id=id,
                    object_type=label,
                    confidence=confidence,
                    bounding_box={"x": x * 1000 - 10, "y": y * 500 - 40, "width": 20, "height": 40},
                    meta={"trackId": track, "offsetMs": round(seconds * 1000)} if track else None,
                )
                for seconds, x, y in points
            )
        )
        return id

    def zone(self, camera: str, name: str, *points: tuple[float, float], **more: Any) -> None:
        """What was drawn: corners or, with kind="line", points; `retired_at`: it was replaced."""
        kind = more.pop("kind", "zone")
        version = more.pop("version", 1)
        self.add(
            Zone(camera_id=camera, name=name, kind=kind, version=version, points=[list(p) for p in points], **more)
        )

    def events(self, camera: str, start: str, end: str, every: int) -> None:
        """One event every so many seconds, written by the database itself."""
        self.run(
            f"""INSERT INTO "Event" (id, "cameraId", "timestamp", "eventType", confidence, metadata, "updatedAt")
                SELECT gen_random_uuid(), '{camera}', time, 'object_detected', 0.5, '{{"label": "car"}}', now()
                FROM generate_series(timestamp '{at(start):%F %T}', timestamp '{at(end):%F %T}' - interval '1 ms',
                                     interval '{every} s') AS time"""
        )

    def expect(self, camera: str, start: str, end: str | None = None) -> None:
        self.add(CameraPeriod(camera_id=camera, start=at(start), end=at(end) if end else None))

    def gap(self, camera: str, start: str, end: str | None, cause: str) -> None:
        last = at(end or start)
        self.add(Gap(camera_id=camera, start=at(start), end=at(end) if end else None, last_seen=last, cause=cause))

    def verdict(self, event: str, verdict: str, **more: Any) -> str:
        """What somebody said of the event; the row's id. `label`: the right one; `undoes`: the row it takes back."""
        id = self._id("verdict")
        self.add(Verdict(id=id, event_id=event, verdict=verdict, **more))
        return id

    def policy(self, days: int, camera: str | None = None, priority: int = 0, active: bool = True) -> str:
        """A retention policy's id; without a camera it is for all."""
        id = self._id("policy")
        self.add(
            RetentionPolicy(id=id, name=id, camera_id=camera, retention_days=days, priority=priority, is_active=active)
        )
        return id

    def run(self, sql: str) -> None:
        """A statement by somebody who knows nothing of us."""
        from sqlalchemy import text

        with self.database.engine.begin() as connection:
            connection.execute(text(sql))


FOR_LITTLE_DATA = {
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.shuffle.partitions": "1",
}
"""Compiling a plan takes Spark longer than to run it over some hundred rows."""


@pytest.fixture(scope="session", autouse=True)
def spark_for_little_data() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in FOR_LITTLE_DATA.items():
            patch.setitem(LAUNCH, name, value)
        yield


@pytest.fixture
def site(database: Database) -> Site:
    return Site(database)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "home", tmp_path / "media")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(at("2026-11-01T12:34:56"))


@pytest.fixture
def lab(database: Database, paths: Paths, clock: FakeClock) -> Iterator[Lab]:
    with Lab(database, paths, clock) as lab:
        yield lab


@contextmanager
def lab_of_a_module(maker: DatabaseMaker, folders: pytest.TempPathFactory, clock: Clock | None = None) -> Iterator[Lab]:
    """A Lab over a database and folders of its own, for tests of a module that all look at the same rows."""
    url, folder = maker.new("omnisight"), folders.mktemp("lab")
    with Lab(Database(url), Paths(folder / "home", folder / "media"), clock) as lab:
        yield lab
    maker.drop(url)


@pytest.fixture
def three_days(site: Site) -> Site:
    """A camera with footage over three days, an event with two boxes on each, a gap."""
    camera = site.camera("yard", "Europe/Berlin")
    site.expect(camera, "2026-10-01T00:00")
    for day in (1, 2, 3):
        site.footage(camera, f"2026-10-0{day}T12:00", f"2026-10-0{day}T13:00", seconds=600)
        site.event(camera, f"2026-10-0{day}T12:30", tracks=("1", None))
    site.gap(camera, "2026-10-01T13:00", "2026-10-01T14:00", "stalled")
    return site


@pytest.fixture
def mirror(paths: Paths) -> Mirror:
    return Mirror(paths.mirror)


@pytest.fixture
def follows(mirror: Mirror, database: Database) -> Follows:
    """Refreshes, checks that the mirror holds what PostgreSQL holds, and gives the number of parts written."""
    return following(mirror, database)


def ask(lab: Lab, name: str, *asked: Any, **more: Any) -> list[dict[str, Any]]:
    """The rows of a query, which are the same from the mirror and from PostgreSQL, save the last digit of a float."""
    rows = lab.query(name, *asked, **more).rows()
    live = lab.query(name, *asked, engine="postgres", **more).rows()
    different = [pair for pair in zip_longest(rows, live) if not _alike(*pair)]
    assert different == []
    return rows


def table(rows: list[dict[str, Any]], *columns: str) -> list[tuple[Any, ...]]:
    """These columns of the rows."""
    return [tuple(row[column] for column in columns) for row in rows]


def _alike(one: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
    if one is None or other is None or one.keys() != other.keys():
        return False
    return all(
        isclose(value, other[name], rel_tol=1e-9, abs_tol=1e-9)
        if isinstance(value, float) and isinstance(other[name], float)
        else value == other[name]
        for name, value in one.items()
    )
