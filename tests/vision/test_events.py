from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest

from omnisight_lab.types import Box, EventDraft, EventType, FrameSize, Image, Track, TrackPoint
from omnisight_lab.vision.events import EventBuilder, EventUpdate
from omnisight_lab.vision.motion import GRID, Motion
from omnisight_lab.vision.zones import Line, Zone
from tests.vision.conftest import at

SIZE = FrameSize(1280, 720)
STILL = Motion()
MOVING = Motion(((100, 100, 200, 200),), np.full((GRID, GRID), 9, np.uint8))
MODEL = {"name": "m", "version": "1", "sha256": "0"}


def frame() -> Image:
    return np.zeros((SIZE.height, SIZE.width, 3), np.uint8)


def seen(second: float, x: float, *, number: int = 1, confidence: float = 0.5, moving: bool = True) -> Track:
    return Track(number, "person", (TrackPoint(at(second), Box(x, 200, 50, 120), confidence),), moving)


class Log:
    """The drafts by id, in order of their first appearance, and every update."""

    def __init__(self) -> None:
        self.updates: list[EventUpdate] = []

    def add(self, updates: Iterable[EventUpdate]) -> None:
        self.updates += updates

    def events(self, kind: EventType) -> list[EventDraft]:
        last = {update.draft.id: update.draft for update in self.updates}
        return [draft for draft in last.values() if draft.event_type is kind]


def steps(start: float, end: float, rate: float = 5) -> list[float]:
    return [round(float(value), 3) for value in np.arange(start, end, 1 / rate)]


def test_a_visit_is_one_event_with_its_path_and_best_picture() -> None:
    builder, log = EventBuilder("cam", SIZE, MODEL), Log()
    for second in steps(0, 20):
        tracks = []
        if 2 <= second < 8:
            tracks = [seen(second, 100 + 100 * (second - 2), confidence=0.9 if second == 5 else 0.5)]
        log.add(builder.update(at(second), MOVING if tracks else STILL, tracks, frame, "rec"))
    (event,) = log.events(EventType.OBJECT_DETECTED)
    assert (event.start, event.end) == (at(2), at(7.8))
    assert (event.peak, event.confidence, event.track_id) == (at(5), 0.9, 1)
    assert (event.camera_id, event.recording_id, event.model, event.frame) == ("cam", "rec", MODEL, SIZE)
    best = [item for item in event.objects if item.best]
    assert [(item.time, item.confidence, item.box.x) for item in best] == [(at(5), 0.9, 400)]
    path = sorted(item.time for item in event.objects if not item.best)
    assert len(path) <= 12
    assert all((b - a).total_seconds() >= 0.5 for a, b in pairwise(path))
    assert path[-1] == at(7.8), "the path ends where the object was seen last"
    assert len({item.id for item in event.objects}) == len(event.objects)
    assert not log.events(EventType.MOTION), "the motion is explained"
    pictures = [update.picture for update in log.updates if update.picture]
    assert pictures[-1].box == Box(200, 100, 25, 60), "the best one, in pixels of the small picture"
    assert pictures[-1].image.shape == (360, 640, 3)


def test_an_event_is_written_when_it_opens_as_it_grows_and_when_it_closes() -> None:
    builder, log = EventBuilder("cam", SIZE), Log()
    for second in steps(0, 60):
        log.add(builder.update(at(second), MOVING, [seen(second, 10 + 20 * second)], frame))
    log.add(builder.finish())
    drafts = [update.draft for update in log.updates]
    assert len({draft.id for draft in drafts}) == 1
    assert [draft.end for draft in drafts[:-1]] == [None] * (len(drafts) - 1)
    assert drafts[-1].end == at(59.8)
    assert 10 <= len(drafts) <= 25
    ids = [[item.id for item in draft.objects] for draft in drafts]
    assert all(set(before) <= set(after) for before, after in pairwise(ids))


def test_a_parked_car_raises_nothing_and_its_leaving_one_event() -> None:
    builder, log = EventBuilder("cam", SIZE), Log()
    for second in steps(0, 320):
        x, moving = (500, False) if second < 300 else (500 + 60 * (second - 300), second > 301)
        tracks = [seen(second, x, moving=moving)] if second < 310 else []
        log.add(builder.update(at(second), MOVING if moving else STILL, tracks, frame))
        assert not log.updates or second > 300
    (event,) = log.events(EventType.OBJECT_DETECTED)
    assert at(298) <= event.start <= at(301)
    assert event.end == at(309.8)


def test_a_car_that_parks_closes_its_event_once_and_opens_one_when_it_leaves() -> None:
    builder, log = EventBuilder("cam", SIZE), Log()
    for second in steps(0, 400):
        moving = second < 10 or second > 350
        log.add(builder.update(at(second), STILL, [seen(second, 500, moving=moving)], frame))
    log.add(builder.finish())
    arrival, departure = log.events(EventType.OBJECT_DETECTED)
    assert arrival.end == at(9.8)
    assert departure.start >= at(348)
    assert arrival.track_id == departure.track_id == 1


def test_a_short_absence_does_not_cut_an_event() -> None:
    builder, log = EventBuilder("cam", SIZE, close_seconds=4), Log()
    for second in steps(0, 20):
        tracks = [] if 5 <= second < 8 or second >= 12 else [seen(second, 50 * second)]
        log.add(builder.update(at(second), STILL, tracks, frame))
    assert len(log.events(EventType.OBJECT_DETECTED)) == 1


def test_motion_without_an_object_is_one_event_for_all_that_is_close_in_time() -> None:
    builder, log = EventBuilder("cam", SIZE), Log()
    for second in steps(0, 40):
        moves = 3 <= second < 8 or 10 <= second < 13 or 30 <= second < 31
        log.add(builder.update(at(second), MOVING if moves else STILL, [], frame))
    long, short = log.events(EventType.MOTION)
    assert (long.start, long.end) == (at(3), at(12.8))
    assert (short.start, short.end) == (at(30), at(30.8))
    assert long.objects == ()
    first = {update.draft.id: update for update in reversed(log.updates)}
    assert all(update.picture and update.picture.box is None for update in first.values())


def test_a_flicker_is_no_event() -> None:
    builder, log = EventBuilder("cam", SIZE), Log()
    for second in steps(0, 20):
        log.add(builder.update(at(second), MOVING if second == 5 else STILL, [], frame))
    assert log.updates == []


def test_motion_that_an_object_explains_a_moment_later_is_no_event() -> None:
    builder, log = EventBuilder("cam", SIZE), Log()
    for second in steps(0, 20):
        tracks = [seen(second, 50 * second)] if 4 <= second < 9 else []
        log.add(builder.update(at(second), MOVING if 2.6 <= second < 10 else STILL, tracks, frame))
    assert log.events(EventType.MOTION) == []
    assert len(log.events(EventType.OBJECT_DETECTED)) == 1


def test_nothing_asks_for_a_picture_while_nothing_happens() -> None:
    def picture() -> Image:
        pytest.fail("a frame was converted for nothing")

    builder = EventBuilder("cam", SIZE)
    for second in steps(0, 10):
        assert builder.update(at(second), STILL, [seen(second, 500, moving=False)], picture) == []


def test_zones_and_lines_add_events_once_a_crossing() -> None:
    zone = Zone("door", ((0.4, 0.0), (0.6, 0.0), (0.6, 1.0), (0.4, 1.0)))
    gate = Line("gate", (0.8, 1.0), (0.8, 0.0))
    builder, log = EventBuilder("cam", SIZE, zones=[zone], lines=[gate]), Log()
    for second in steps(0, 12):
        tremble = 3 * (-1) ** round(second * 5)
        log.add(builder.update(at(second), MOVING, [seen(second, 100 * second + tremble)], frame, "rec"))
    (entered,) = log.events(EventType.ZONE_ENTERED)
    assert entered.zones == ("door",)
    assert entered.start == entered.end
    assert 4.9 <= (entered.start - at(0)).total_seconds() <= 5.4
    (crossed,) = log.events(EventType.LINE_CROSSED)
    assert crossed.extra["direction"] == "to_right"
    (visit,) = log.events(EventType.OBJECT_DETECTED)
    assert visit.zones == ("door",)
    assert entered.extra["objectEventId"] == visit.id
    assert [item.track_id for item in entered.objects] == [1]


def test_who_trembles_on_a_line_crosses_it_once() -> None:
    gate = Line("gate", (0.5, 1.0), (0.5, 0.0))
    builder, log = EventBuilder("cam", SIZE, lines=[gate]), Log()
    for second, x in enumerate((500, 640, 560, 640, 560, 660, 700, 720, 560, 720)):
        log.add(builder.update(at(second), MOVING, [seen(second, x)], frame, "rec"))
    (crossed,) = log.events(EventType.LINE_CROSSED)
    assert crossed.extra["direction"] == "to_right"
    assert crossed.start == at(6), "at the second point over there"
