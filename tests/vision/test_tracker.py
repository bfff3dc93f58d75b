"""The tracker on trajectories whose truth is known: who is who is counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest

from omnisight_lab.types import Boxes, FrameSize, TrackPoint
from omnisight_lab.vision.boxes import Corners
from omnisight_lab.vision.tracker import Tracker
from tests.vision.conftest import at

SIZE = FrameSize(1280, 720)
Way = Callable[[float], tuple[float, float] | None]


@dataclass
class Result:
    """Which ids covered which person, and how good the boxes were."""

    ids: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    errors: list[float] = field(default_factory=list)
    points: dict[int, list[TrackPoint]] = field(default_factory=lambda: defaultdict(list))

    @property
    def switches(self) -> int:
        return sum(a != b for ids in self.ids.values() for a, b in pairwise(ids))


def line(start: tuple[float, float], speed: tuple[float, float], begin: float = 0, end: float = 99) -> Way:
    def way(second: float) -> tuple[float, float] | None:
        if not begin <= second <= end:
            return None
        return start[0] + speed[0] * (second - begin), start[1] + speed[1] * (second - begin)

    return way


def follow(
    ways: Mapping[str, Way],
    times: Iterable[float],
    *,
    score: Callable[[np.random.Generator], float] = lambda random: 0.6,
    hidden: Callable[[str, float], bool] = lambda name, second: False,
    size: tuple[float, float] = (40, 110),
    jitter: float = 0.04,
) -> Result:
    """Runs a tracker over people of that size who walk on `ways`, seen with `score` where not `hidden`."""
    random, tracker, result = np.random.default_rng(7), Tracker(size=SIZE), Result()
    truth: dict[tuple[str, float], tuple[float, float]] = {}
    for second in times:
        rows = []
        for name, way in ways.items():
            place = way(second)
            if place is None or not (0 <= place[0] <= 1280 - size[0] and 0 <= place[1] <= 720 - size[1]):
                continue
            truth[name, second] = place
            confidence = score(random)
            if confidence >= 0.2 and not hidden(name, second):
                noise = random.normal(0, jitter, 4) * [*size, *size]
                x, y = place
                rows.append([*(np.array([x, y, x + size[0], y + size[1]]) + noise), confidence])
        table = np.array(rows, np.float32).reshape(-1, 5)
        found = Boxes(table[:, :4], table[:, 4], ("person",) * len(table))
        for track in tracker.update(at(second), found):
            result.points[track.id] += track.points
    for (name, second), (x, y) in truth.items():
        near = [
            (abs(point.box.x - x) + abs(point.box.y - y), number)
            for number, points in result.points.items()
            for point in points
            if abs((point.time - at(second)).total_seconds()) < 1e-3
        ]
        if near and min(near)[0] < 0.6 * size[0]:
            result.ids[name].append(min(near)[1])
            result.errors.append(min(near)[0])
    return result


def steps(rate: float, seconds: float) -> list[float]:
    return [round(float(value), 3) for value in np.arange(0, seconds, 1 / rate)]


@pytest.mark.parametrize("rate", [2, 5, 10, 30])
def test_one_walker_is_one_track_from_the_first_box_on(rate: float) -> None:
    result = follow({"a": line((50, 200), (80, 10))}, steps(rate, 10))
    assert len(result.points) == 1
    assert len(result.ids["a"]) >= 0.97 * 10 * rate, "what was seen before the confirmation is handed in later"
    assert np.mean(result.errors) < 6


@pytest.mark.parametrize("rate", [4, 10])
def test_people_who_cross_keep_their_ids(rate: float) -> None:
    ways = {"a": line((100, 200), (90, 0)), "b": line((1000, 230), (-90, 0)), "c": line((500, 20), (5, 60))}
    result = follow(ways, steps(rate, 9))
    assert result.switches == 0
    assert len(result.points) == 3


def test_a_walker_hidden_for_a_second_and_a_half_keeps_the_id_and_the_path() -> None:
    result = follow({"a": line((100, 200), (80, 0))}, steps(5, 10), hidden=lambda name, second: 4 < second < 5.5)
    assert len(result.points) == 1
    assert len(result.ids["a"]) >= 48, "the way behind the tree is filled in"


def test_jumpy_scores_break_no_track() -> None:
    """Scores as the default detector gives them to drawn people: around the threshold, now and then nothing."""
    result = follow({"a": line((100, 200), (70, 0))}, steps(5, 12), score=lambda random: random.uniform(0.1, 0.55))
    assert len(result.points) == 1
    assert len(result.ids["a"]) >= 54


def test_irregular_intervals_and_a_stutter() -> None:
    random = np.random.default_rng(3)
    times = list(np.cumsum(random.choice([0.04, 0.1, 0.2, 0.4, 1.0], 60)).round(3))
    result = follow({"a": line((100, 200), (40, 5)), "b": line((900, 250), (-40, 5))}, times)
    assert len(result.points) == 2
    assert result.switches == 0


def test_a_crowd_has_few_switches() -> None:
    random = np.random.default_rng(11)
    ways = {
        str(n): line((random.uniform(0, 1200), random.uniform(50, 550)), tuple(random.uniform(-70, 70, 2)))
        for n in range(10)
    }
    result = follow(ways, steps(5, 12), score=lambda random: random.uniform(0.3, 0.7))
    assert result.switches <= 2
    assert len(result.points) <= 13


def test_flicker_is_never_a_track_and_uses_up_no_id() -> None:
    tracker = Tracker(size=SIZE)
    random = np.random.default_rng(1)
    ghost = Counter()
    for second in steps(5, 20):
        x, y = random.uniform(0, 1100), random.uniform(0, 500)
        rows = np.array([[x, y, x + 40, y + 100]], np.float32)
        for track in tracker.update(at(second), Boxes(rows, np.array([0.9], np.float32), ("person",))):
            ghost[track.id] += 1
    assert not ghost
    numbers = follow({"a": line((50, 200), (80, 0), 0, 3), "b": line((50, 200), (80, 0), 8, 11)}, steps(5, 12)).points
    assert list(numbers) == [1, 2], "ids rise, and none is used twice"


def test_the_label_is_the_vote_of_all_boxes() -> None:
    tracker, labels = Tracker(), []
    for number, second in enumerate(steps(5, 4)):
        row = np.array([[100 + 10 * second, 100, 200 + 10 * second, 160]], np.float32)
        label = "person" if number % 5 == 1 else "vehicle"
        for track in tracker.update(at(second), Boxes(row, np.array([0.6], np.float32), (label,))):
            labels.append((track.id, track.label))
    assert labels[-1] == (1, "vehicle")
    assert {number for number, _ in labels} == {1}


def test_who_leaves_the_frame_has_left_and_the_next_one_is_somebody_else() -> None:
    result = follow({"a": line((300, 200), (-120, 0), 0, 2.8), "b": line((-30, 205), (120, 0), 3.8, 8)}, steps(5, 8))
    assert len(result.points) == 2


CAR = (400.0, 300.0, 560.0, 400.0)


def car(confidence: float = 0.6, shift: float = 0.0) -> Boxes:
    rows = np.array([CAR], np.float32) + np.float32([shift, 0, shift, 0])
    return Boxes(rows, np.array([confidence], np.float32), ("vehicle",))


def nothing_moves(corners: Corners) -> float:
    return 0.0


def test_a_parked_car_is_held_with_few_looks_and_never_moves() -> None:
    tracker, looks, held = Tracker(), 0, 0
    for second in steps(5, 120):
        doubtful = tracker.places_in_doubt(at(second), nothing_moves)
        boxes = car() if second == 0 or doubtful else None
        looks += boxes is not None
        for track in tracker.update(at(second), boxes, nothing_moves):
            assert track.id == 1
            assert not track.moving
            held += len(track.points)
    assert held == 600, "it is there in every frame"
    assert looks <= 16


def test_a_car_that_stands_and_drives_on_keeps_its_track() -> None:
    tracker, seen = Tracker(size=SIZE), []
    for second in steps(5, 40):
        drives = second < 3 or second > 30
        shift = 60 * min(second, 3) + 60 * max(second - 30, 0) - 180
        still = 0.0 if not drives else 0.5
        look = drives or tracker.places_in_doubt(at(second), nothing_moves)
        tracks = tracker.update(at(second), car(shift=shift) if look else None, lambda corners, s=still: s)
        seen += [(second, track.id, track.moving) for track in tracks]
    assert {number for _, number, _ in seen} == {1}
    assert not any(moving for second, _, moving in seen if 6 < second < 30)
    assert all(moving for second, _, moving in seen if 32 < second < 38)


def test_what_is_gone_without_a_move_is_given_up_after_looks_in_vain() -> None:
    tracker, last = Tracker(), 0.0
    for second in steps(5, 60):
        look = second < 2 or tracker.places_in_doubt(at(second), nothing_moves)
        boxes = (car() if second < 20 else Boxes.none()) if look else None
        if tracker.update(at(second), boxes, nothing_moves):
            last = second
    assert 20 <= last < 40
    assert not tracker.places_in_doubt(at(60), nothing_moves)


def test_somebody_who_walks_past_a_parked_car_takes_neither_its_id_nor_its_place() -> None:
    tracker, labels = Tracker(size=SIZE), defaultdict(set)
    for second in steps(5, 20):
        x = 100 + 50 * second
        covers = 380 < x + 20 < 580
        rows = [[*CAR, 0.6]] if not covers else []
        rows.append([x, 300, x + 45, 420, 0.6])
        table = np.array(rows, np.float32)
        names = ("vehicle", "person")[-len(rows) :]
        found = Boxes(table[:, :4], table[:, 4], names)
        for track in tracker.update(
            at(second), found, lambda corners, x=x: 0.3 if corners[0] < x + 45 and corners[2] > x else 0.0
        ):
            labels[track.id].add(track.label)
    assert sorted(map(sorted, labels.values())) == [["person"], ["vehicle"]]


def test_a_patch_of_the_background_that_passes_the_threshold_once_is_nobody() -> None:
    tracker = Tracker(size=SIZE)
    box = np.array([[300, 200, 360, 340]], np.float32)
    for number, score in enumerate([0.41, 0.37, 0.28, 0.3, 0.29, 0.3, 0.27] * 3):
        strength = min(score, 0.39) if number else score
        boxes = Boxes(box, np.array([strength], np.float32), ("person",))
        assert tracker.update(at(number / 5), boxes, moving=lambda corners: 0.0) == []
