"""Changed rows bring a day up to date; where they don't do, the day is read whole. Either way both sides are equal."""

from __future__ import annotations

import pytest

from omnisight_lab.analytics import hot
from omnisight_lab.analytics.manifest import Part
from omnisight_lab.analytics.mirror import Mirror
from omnisight_lab.db.session import Database
from tests.analytics.conftest import Site, at
from tests.analytics.mirrors import Follows, contents, in_postgres

DAY = "2099-10-01"
"""A day that has not passed."""
EVENTS = 50


@pytest.fixture
def busy(site: Site, mirror: Mirror, database: Database) -> Site:
    """A day with 50 events of two boxes each, mirrored; one row of each table is newer than the others by an hour.

    That one is read at every refresh that finds something new, because it stands within the overlap.
    """
    camera = site.camera("yard", "Europe/Berlin")
    site.footage(camera, f"{DAY}T11:00", f"{DAY}T12:00", seconds=600)
    for number in range(EVENTS):
        site.event(camera, f"{DAY}T12:{number:02}", tracks=("1", None))
    for table in ("Event", "DetectedObject", "Segment"):
        site.run(f"""UPDATE "{table}" SET "updatedAt" = '{DAY} 12:00'""")
        site.run(f"""UPDATE "{table}" SET "updatedAt" = '{DAY} 13:00' WHERE id = (SELECT max(id) FROM "{table}")""")
    mirror.refresh(database)
    return site


def part(mirror: Mirror, table: str = "detected_events") -> Part:
    manifest = mirror.manifest()
    assert manifest
    return manifest.tables[table][DAY]


def new_event(id: str, updated: str) -> str:
    return f"""INSERT INTO "Event" (id, "cameraId", "timestamp", "eventType", "updatedAt")
        VALUES ('{id}', 'yard', '{DAY} 14:00', 'motion', '{DAY} {updated}')"""


def new_box(id: str, event: str, updated: str) -> str:
    return f"""INSERT INTO "DetectedObject" (id, "eventId", "objectType", confidence, "boundingBox", "updatedAt")
        VALUES ('{id}', '{event}', 'car', 0.5, '{{"x": 1, "y": 2, "width": 3, "height": 4}}', '{DAY} {updated}')"""


def refreshed(mirror: Mirror, database: Database) -> tuple[int, int]:
    """Rows read and parts written by a refresh after which both sides are equal."""
    done = mirror.refresh(database)
    assert contents(mirror) == in_postgres(database)
    return done.rows, done.parts


def test_new_rows_are_one_small_file(busy: Site, mirror: Mirror, database: Database) -> None:
    before = part(mirror)
    busy.run(new_event("new", "14:00"))
    busy.run(new_box("box", "new", "14:00"))
    assert refreshed(mirror, database) == (1 + 1 + 1 + 1, 2)
    after = part(mirror)
    assert (after.files[0], after.files[1].rows, after.deltas) == (before.files[0], 1, 1)
    assert part(mirror, "detected_objects").deltas == 1


def test_new_footage_is_a_delta_too(busy: Site, mirror: Mirror, database: Database) -> None:
    busy.footage("yard", f"{DAY}T12:00", f"{DAY}T12:10", seconds=600)
    busy.run(f"""UPDATE "Segment" SET "updatedAt" = '{DAY} 14:00' WHERE "startTime" = '{DAY} 12:00'""")
    assert refreshed(mirror, database) == (1 + 1, 2), "recorded seconds are read anew for the day"
    assert part(mirror, "segments").deltas == 1


def test_a_changed_event_takes_its_boxes_along(busy: Site, mirror: Mirror, database: Database) -> None:
    busy.camera("gate")
    mirror.refresh(database)
    id = '(SELECT min(id) FROM "Event")'
    busy.run(f"""UPDATE "Event" SET "cameraId" = 'gate', "updatedAt" = '{DAY} 14:00' WHERE id = {id}""")
    assert refreshed(mirror, database) == (1 + 1 + 2 + 1, 2), "the event, and its two boxes whose camera it says"
    assert (len(part(mirror).files), part(mirror).deltas) == (1, 0)


def test_boxes_that_their_event_no_longer_has_go(busy: Site, mirror: Mirror, database: Database) -> None:
    """As the worker does when it thins the path of a track that goes on."""
    busy.run(f"""UPDATE "Event" SET "updatedAt" = '{DAY} 14:00' WHERE id = (SELECT min(id) FROM "Event")""")
    busy.run("""DELETE FROM "DetectedObject" WHERE id = (SELECT min(id) FROM "DetectedObject")""")
    assert refreshed(mirror, database) == (1 + 1 + 1 + 1, 2)


def test_a_row_that_changes_again_leaves_the_large_file_alone(busy: Site, mirror: Mirror, database: Database) -> None:
    large = part(mirror).files[0]
    busy.run(new_event("new", "14:00"))
    refreshed(mirror, database)
    busy.run(f"""UPDATE "Event" SET confidence = 0.9, "updatedAt" = '{DAY} 14:00:05' WHERE id = 'new'""")
    assert refreshed(mirror, database)[0] == 1 + 1
    after = part(mirror)
    assert (after.files[0], after.files[1].rows, after.deltas) == (large, 1, 1)


@pytest.mark.parametrize("updated", ["13:00", "12:59"], ids=["the same millisecond", "committed a minute late"])
def test_rows_within_the_overlap_are_seen(busy: Site, mirror: Mirror, database: Database, updated: str) -> None:
    busy.run(new_event("late", updated))
    rows, parts = refreshed(mirror, database)
    assert (rows, parts, part(mirror).deltas) == (1 + 1 + 1, 1, 1)


WHOLE = {
    "committed very late": [new_event("late", "10:00")],
    "deleted": ["""DELETE FROM "DetectedObject" WHERE id = (SELECT min(id) FROM "DetectedObject")"""],
    "deleted, and a new one": [
        """DELETE FROM "DetectedObject" WHERE id = (SELECT min(id) FROM "DetectedObject")""",
        new_event("new", "14:00"),
    ],
    "set back": [f"""UPDATE "Event" SET "updatedAt" = '{DAY} 09:00'"""],
}


@pytest.mark.parametrize("change", WHOLE)
def test_what_changed_rows_do_not_show_is_read_whole(
    busy: Site, mirror: Mirror, database: Database, change: str
) -> None:
    for statement in WHOLE[change]:
        busy.run(statement)
    rows, parts = refreshed(mirror, database)
    assert rows >= 3 * EVENTS - 1
    assert parts == 2
    assert (len(part(mirror).files), part(mirror).deltas) == (1, 0)


def test_many_deltas_become_one_file(
    busy: Site, mirror: Mirror, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hot, "MAX_DELTAS", 3)
    deltas = []
    for number in range(5):
        busy.run(new_event(f"new-{number}", f"14:0{number}:00"))
        refreshed(mirror, database)
        deltas.append((len(part(mirror).files), part(mirror).deltas))
    assert deltas == [(2, 1), (3, 2), (4, 3), (1, 0), (2, 1)]
    assert mirror.status(at(DAY)).deltas == 1


def test_the_deltas_of_a_day_that_has_passed_become_one_file(
    three_days: Site, follows: Follows, mirror: Mirror
) -> None:
    follows()
    three_days.run("""INSERT INTO "Event" (id, "cameraId", "timestamp", "eventType", "updatedAt")
        VALUES ('new', 'yard', '2026-10-02', 'motion', now())""")
    follows()
    assert mirror.status(at(DAY)).deltas == 1
    assert follows() == 1
    assert mirror.status(at(DAY)).deltas == 0
    assert follows() == 0


def test_boxes_of_an_event_that_did_not_change_give_it_its_label(
    busy: Site, mirror: Mirror, database: Database
) -> None:
    """As another service writes: first an event that says no label, in a later transaction what was found in it."""
    busy.run(new_event("new", "14:00"))
    refreshed(mirror, database)
    busy.run(new_box("box", "new", "14:00:01"))
    refreshed(mirror, database)
