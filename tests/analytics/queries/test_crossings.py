"""Crossings and visits out of stored boxes, worked out by hand, on both engines, and beside the live counts."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from omnisight_lab.db import writes
from omnisight_lab.db.session import Database
from omnisight_lab.lab import Lab
from omnisight_lab.types import Box, EventDraft, EventType, FrameSize, Track, TrackPoint
from omnisight_lab.vision.events import EventBuilder
from omnisight_lab.vision.motion import GRID, Motion
from omnisight_lab.vision.zones import Line, Zone
from tests.analytics.conftest import Site, ask, at, table

DAY = ("2026-10-20", "2026-10-21")
LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def walk(site: Site, time: str, *xs: float, **more: Any) -> str:
    """Who goes along the middle of the picture, a point a second."""
    points = ((second, x, 0.5) for second, x in enumerate(xs))
    return site.path("yard", f"2026-10-20T{time}", *points, **more)


@pytest.fixture
def gate(site: Site) -> Site:
    """A line up the middle of the yard's picture, two hours of footage; another camera, without a line."""
    site.camera("yard", "Europe/Berlin")
    site.footage("yard", "2026-10-20T08:00", "2026-10-20T10:00")
    site.footage(site.camera("door"), "2026-10-20T00:00", "2026-10-20T12:00")
    site.zone("yard", "gate", (0.5, 0.8), (0.5, 0.2), kind="line")
    return site


def test_each_way_over_a_line(gate: Site, lab: Lab) -> None:
    walk(gate, "08:00", 0.2, 0.4, 0.6, 0.8)
    walk(gate, "08:10", 0.8, 0.6, 0.4, 0.2, label="car")
    walk(gate, "09:00", 0.4, 0.45, 0.55, 0.6, 0.4, 0.3, 0.6, 0.7)
    lab.refresh()
    rows = ask(lab, "line_crossings", *DAY)
    assert table(rows, "camera", "line", "direction", "crossings", "objects", "recorded_hours", "rate") == [
        ("yard", "gate", "to_left", 2, 2, 2.0, 1.0),
        ("yard", "gate", "to_right", 3, 2, 2.0, 1.5),
    ]
    rows = ask(lab, "line_crossings", *DAY, by="label,hour_of_day")
    assert table(rows, "hour_of_day", "label", "direction", "crossings", "recorded_hours") == [
        (10, "car", "to_left", 1, 1.0),
        (10, "person", "to_right", 1, 1.0),
        (11, "person", "to_left", 1, 1.0),
        (11, "person", "to_right", 2, 1.0),
    ]
    assert table(lab.query("line_crossings", *DAY).where(direction="to_left").rows(), "crossings") == [(2,)]


TREMBLES = [
    ((0.4, 0.6), []),  # a single point over there
    ((0.4, 0.6, 0.4, 0.4), []),
    ((0.4, 0.6, 0.4, 0.6, 0.4, 0.6, 0.6), ["to_right"]),
    ((0.4, 0.6, 0.6), ["to_right"]),
    ((0.6, 0.4, 0.6, 0.6), []),
    ((0.4, 0.5, 0.6, 0.6, 0.5, 0.5), ["to_left", "to_right"]),  # on the line is left of it
]
"""A way, and what it crosses."""


def test_who_trembles_on_a_line_crosses_once(gate: Site, lab: Lab) -> None:
    for hour, (xs, _) in enumerate(TREMBLES):
        walk(gate, f"{hour:02}:00", *xs)
    lab.refresh()
    rows = ask(lab, "line_crossings", *DAY, by="hour_of_day", tz="UTC")
    for hour, (_, crossed) in enumerate(TREMBLES):
        assert [row["direction"] for row in rows if row["hour_of_day"] == hour] == crossed
    assert {row["crossings"] for row in rows} == {1}


def test_only_between_its_ends_is_a_line_crossed(gate: Site, lab: Lab) -> None:
    """Past its end and back over it is one crossing."""
    above, below = 0.1, 0.5
    points = ((0.4, above), (0.45, above), (0.55, above), (0.6, below), (0.4, below), (0.3, below))
    gate.path("yard", "2026-10-20T08:00", *((n, x, y) for n, (x, y) in enumerate(points)))
    lab.refresh()
    assert table(ask(lab, "line_crossings", *DAY), "direction", "crossings") == [("to_left", 1)]


def test_the_lines_of_today_count(gate: Site, lab: Lab) -> None:
    walk(gate, "08:00", 0.1, 0.2, 0.3, 0.4)
    gate.run("UPDATE lab.zone SET retired_at = now()")
    gate.zone("yard", "gate", (0.25, 1.0), (0.25, 0.3), (0.35, 0.2), version=2, kind="line")
    lab.refresh()
    # One piece of it is crossed, the other is passed by
    assert table(ask(lab, "line_crossings", *DAY), "line", "crossings") == [("gate", 1)]
    gate.run("UPDATE lab.zone SET retired_at = now()")
    lab.refresh()
    assert ask(lab, "line_crossings", *DAY) == []


def test_a_crossing_counts_when_it_happens(gate: Site, lab: Lab) -> None:
    """The event begins before the window, or in another hour than the crossing."""
    gate.path("yard", "2026-10-20T08:50", (0, 0.2, 0.5), (1000, 0.4, 0.5), (1100, 0.6, 0.5), (1200, 0.8, 0.5))
    lab.refresh()
    rows = ask(lab, "line_crossings", *DAY, by="hour")
    assert table(rows, "hour", "crossings") == [(at("2026-10-20T09:00"), 1)]
    assert ask(lab, "line_crossings", "2026-10-20T08:45Z", "2026-10-20T09:00Z") == []
    assert len(ask(lab, "line_crossings", "2026-10-20T09:00Z", "2026-10-20T10:00Z")) == 1


def test_the_best_box_rejected_events_and_boxes_without_track(gate: Site, lab: Lab) -> None:
    """The best box, a copy of a point, is no second point."""
    event = walk(gate, "08:00", 0.4, 0.6)
    gate.path("yard", "", (1, 0.6, 0.5), event=event)
    gate.verdict(walk(gate, "08:10", 0.4, 0.6, 0.6), "false")
    walk(gate, "08:20", 0.4, 0.6, 0.6, track=None)
    lab.refresh()
    assert ask(lab, "line_crossings", *DAY) == []
    assert table(ask(lab, "line_crossings", *DAY, include_rejected=True), "crossings") == [(1,)]


@pytest.fixture
def court(site: Site) -> Site:
    """The left half of the yard is a zone; two hours of footage. The door has none."""
    site.camera("yard", "Europe/Berlin")
    site.footage("yard", "2026-10-20T08:00", "2026-10-20T10:00")
    site.footage(site.camera("door"), "2026-10-20T00:00", "2026-10-20T12:00")
    site.zone("yard", "court", *LEFT)
    return site


COUNTS = ("objects", "entries", "dwell_seconds", "mean_dwell_seconds", "longest_dwell_seconds", "peak")


STAYS = [
    ((0.2, 0.3), 1, 1.0),  # it appears inside
    ((0.8, 0.4, 0.3, 0.8, 0.8), 1, 1.0),
    ((0.8, 0.4, 0.8, 0.4, 0.8), 0, 0.0),  # it trembles at the edge
    ((0.8, 0.4, 0.4, 0.8, 0.4, 0.4), 1, 2.0),
    ((0.8, 0.4, 0.4, 0.8, 0.8, 0.4, 0.8, 0.4, 0.3), 2, 2.0),
    ((0.2,), 0, 0.0),
]
"""A way, how often it enters, and how long it stays."""


def test_a_zone_is_entered_by_two_points(court: Site, lab: Lab) -> None:
    for hour, (xs, *_) in enumerate(STAYS):
        walk(court, f"{hour:02}:00", *xs)
    lab.refresh()
    rows = ask(lab, "zone_counts", *DAY, by="zone,hour_of_day", tz="UTC")
    assert table(rows, *COUNTS) == [(1, entries, stay, stay, stay, 1) for _, entries, stay in STAYS]


def test_zones_over_the_hours_of_cameras_with_zones(court: Site, lab: Lab) -> None:
    """Two are inside at once at 8:00:02, a third comes later; a car passes on the right."""
    walk(court, "08:00:00", 0.2, 0.2, 0.2, 0.2, 0.8)
    walk(court, "08:00:02", 0.2, 0.3, track="2")
    walk(court, "09:00:00", 0.3, 0.4, 0.45, 0.48, 0.49, 0.49, 0.49, label="car")
    walk(court, "09:30:00", 0.7, 0.8, label="car")
    court.verdict(walk(court, "08:00:02", 0.2, 0.3, track="3"), "false")
    lab.refresh()
    rows = ask(lab, "zone_counts", *DAY)
    hours = ("recorded_hours", "rate")
    assert table(rows, "camera", "zone", *COUNTS, *hours) == [("yard", "court", 3, 3, 10.0, 10 / 3, 6.0, 2, 2.0, 1.5)]
    rows = ask(lab, "zone_counts", *DAY, by="zone,label")
    assert table(rows, "label", *COUNTS) == [("car", 1, 1, 6.0, 6.0, 6.0, 1), ("person", 2, 2, 4.0, 2.0, 3.0, 2)]
    rows = ask(lab, "zone_counts", *DAY, by="hour_of_day")
    assert table(rows, "hour_of_day", "objects", "peak", "recorded_hours") == [(10, 2, 2, 1.0), (11, 1, 1, 1.0)]
    assert table(ask(lab, "zone_counts", *DAY, by=(), labels="dog"), "objects", "peak") == [(0, 0)]


def test_an_object_counts_when_it_first_stands_in_the_zone_and_the_peak_knows_who_was_there(
    court: Site, lab: Lab
) -> None:
    court.path("yard", "2026-10-20T08:10", (0, 0.8, 0.5), (600, 0.3, 0.5), (3000, 0.3, 0.5))
    walk(court, "08:31", 0.2, 0.2, track="2")
    lab.refresh()
    # The window begins at 8:30: the first came before it, and is there still
    (row,) = ask(lab, "zone_counts", "2026-10-20T08:30Z", "2026-10-20T09:30Z")
    assert table([row], *COUNTS) == [(1, 1, 1.0, 1.0, 1.0, 2)]
    (row,) = ask(lab, "zone_counts", "2026-10-20T08:15Z", "2026-10-20T08:30Z")
    assert table([row], *COUNTS) == [(1, 1, 2400.0, 2400.0, 2400.0, 1)]


def test_a_box_without_track_is_an_object_that_stays_no_time(court: Site, lab: Lab) -> None:
    walk(court, "08:00", 0.2, 0.3, 0.8, track=None)
    lab.refresh()
    assert table(ask(lab, "zone_counts", *DAY), *COUNTS) == [(2, 0, 0.0, 0.0, 0.0, 2)]


SIZE = FrameSize(1000, 500)
MOVING = Motion(((100, 100, 200, 200),), np.full((GRID, GRID), 9, np.uint8))
ZONES = (Zone("court", LEFT), Zone("kite", ((0.3, 0.2), (0.7, 0.4), (0.6, 0.9), (0.45, 0.5))))
LINES = (Line("gate", (0.5, 0.9), (0.5, 0.1)), Line("bar", (0.2, 0.3), (0.8, 0.6)), Line("bar", (0.8, 0.6), (0.9, 0.9)))


def wandering(camera: str, walkers: int) -> list[EventDraft]:
    """What is written of walkers who tremble about zones and lines, a point each half second and more."""
    chance = np.random.default_rng(11)
    builder = EventBuilder(camera, SIZE, zones=ZONES, lines=LINES)
    drafts: dict[str, EventDraft] = {}
    time = at("2026-10-20T08:00")
    for number in range(walkers):
        place = chance.uniform((300, 150), (700, 400))
        for _ in range(chance.integers(2, 40)):
            time += timedelta(milliseconds=int(chance.integers(500, 1500)))
            place = np.clip(place + chance.normal(0, 50, 2), (20, 45), (980, 495))
            box = Box(float(place[0]) - 10, float(place[1]) - 40, 20, 40)
            points = (TrackPoint(time, box, float(chance.uniform(0.4, 0.9))),)
            track = Track(number, "person", points, moving=True)
            updates = builder.update(time, MOVING, [track], lambda: np.zeros((500, 1000, 3), np.uint8), None)
            drafts |= {update.draft.id: update.draft for update in updates}
        time += timedelta(seconds=30)
    drafts |= {update.draft.id: update.draft for update in builder.finish()}
    return list(drafts.values())


def test_stored_boxes_give_what_was_counted_live(site: Site, database: Database, lab: Lab) -> None:
    site.camera("yard")
    drafts = wandering("yard", 60)
    writes.save_events(database, drafts)
    for zone in ZONES:
        site.zone("yard", zone.name, *zone.polygon)
    site.zone("yard", "gate", LINES[0].start, LINES[0].end, kind="line")
    site.zone("yard", "bar", LINES[1].start, LINES[1].end, LINES[2].end, kind="line")
    lab.refresh()
    crossed = Counter(
        (draft.zones[0], draft.extra["direction"]) for draft in drafts if draft.event_type is EventType.LINE_CROSSED
    )
    assert min(crossed.values()) > 10
    rows = ask(lab, "line_crossings", *DAY)
    assert {(row["line"], row["direction"]): row["crossings"] for row in rows} == crossed
    entered = Counter(draft.zones[0] for draft in drafts if draft.event_type is EventType.ZONE_ENTERED)
    assert min(entered.values()) > 20
    assert {row["zone"]: row["entries"] for row in ask(lab, "zone_counts", *DAY)} == entered
