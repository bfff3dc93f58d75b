"""Zones and lines that people have drawn make events where footage is analysed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from omnisight_lab.db import reads, writes
from omnisight_lab.db.models import Camera, Event
from omnisight_lab.db.session import Database
from omnisight_lab.ingest.areas import Areas, areas_of
from omnisight_lab.ingest.importer import examine, import_files
from omnisight_lab.ingest.worker import Worker
from omnisight_lab.settings import Paths
from omnisight_lab.vision.zones import Line, Zone
from tests.ingest.conftest import eventually, running

START = datetime(2026, 3, 29, 12, tzinfo=UTC)
MIDDLE, RIGHT = 0.5, 1.0
HALF = ((MIDDLE, 0.0), (RIGHT, 0.0), (RIGHT, 1.0), (MIDDLE, 1.0))


def test_the_current_ones_of_a_camera(database: Database) -> None:
    lot, yard = (writes.add_camera(database, name=name, rtsp_url="").id for name in ("lot", "yard"))
    writes.add_zone(database, lot, "half", "zone", ((0, 0), (1, 0), (1, 1)))
    writes.add_zone(database, lot, "half", "zone", HALF)
    writes.add_zone(database, lot, "bend", "line", ((0, 0), (0.5, 0.5), (1, 0)))
    writes.add_zone(database, lot, "gone", "line", ((0, 0), (1, 0)))
    writes.retire_zone(database, lot, "gone")
    with database.session() as session:
        rows = reads.zones(session)
    bend = (Line("bend", (0.0, 0.0), (0.5, 0.5)), Line("bend", (0.5, 0.5), (1.0, 0.0)))
    assert areas_of(rows, lot) == Areas((Zone("half", HALF),), bend)
    assert areas_of(rows, yard) == Areas()


def test_who_enters_and_crosses_is_an_event_of_an_import(database: Database, paths: Paths, park: Path) -> None:
    camera = writes.add_camera(database, name="lot", rtsp_url="")
    writes.add_zone(database, camera.id, "right half", "zone", HALF)
    writes.add_zone(database, camera.id, "middle", "line", ((MIDDLE, 0.0), (MIDDLE, 1.0)))
    import_files(database, paths, examine([park], [START]), "lot")
    with database.session() as session:
        events = list(session.scalars(select(Event).order_by(Event.timestamp)))
    assert {event.event_type: (event.meta or {}).get("zones") for event in events} == {
        "object_detected": ["right half"],
        "zone_entered": ["right half"],
        "line_crossed": ["middle"],
    }


@pytest.mark.usefixtures("quick")
def test_a_zone_that_is_drawn_reaches_a_camera_that_is_recorded(
    database: Database, camera: Camera, paths: Paths
) -> None:
    def areas(worker: Worker) -> list[Areas]:
        return [child.camera.areas for child in worker.children.values() if child.stop_until is None]

    with running(Worker(database, paths)) as worker:
        eventually(lambda: areas(worker) == [Areas()])
        writes.add_zone(database, camera.id, "half", "zone", HALF)
        eventually(lambda: areas(worker) == [Areas((Zone("half", HALF),))])
