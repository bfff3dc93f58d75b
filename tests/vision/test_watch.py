"""The whole eye on a drawn place with known truth."""

from __future__ import annotations

from collections import defaultdict
from functools import partial

import cv2
import numpy as np
import pytest

from omnisight_lab.sim.scenes import Scene
from omnisight_lab.types import EventDraft, EventType, FrameSize, TrackPoint
from omnisight_lab.vision import detector
from omnisight_lab.vision.boxes import iou
from omnisight_lab.vision.watch import Watch
from tests.vision.conftest import at

SIZE = FrameSize(768, 432)


class Run:
    """A scene from `start` to `end`, at 5 pictures a second."""

    def __init__(self, scene: Scene, start: float, end: float) -> None:
        self.points: dict[int, list[TrackPoint]] = defaultdict(list)
        self.labels: dict[int, str] = {}
        self.calls: list[tuple[float, int]] = []
        drafts: dict[str, EventDraft] = {}
        self.detector = detector.load()
        watch = Watch("cam", SIZE, self.detector)
        updates = []
        for second in np.arange(start, end, 0.2).round(3):
            before = self.detector.calls
            image = scene.picture(float(second))
            gray = cv2.cvtColor(cv2.resize(image, (320, 180), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
            seen = watch.see(at(float(second)), gray, partial(np.copy, image), "rec")
            self.calls.append((float(second), self.detector.calls - before))
            updates += seen.updates
            for track in seen.tracks:
                self.points[track.id] += track.points
                self.labels[track.id] = track.label
        for update in [*updates, *watch.finish()]:
            drafts[update.draft.id] = update.draft
        self.events = list(drafts.values())

    def coverage(self, scene: Scene, actor: int) -> dict[int, float]:
        """The share of the actor's pictures that each track covers with an overlap of at least a half."""
        times = [second for second, _ in self.calls]
        hits: dict[int, int] = defaultdict(int)
        present = 0
        for second in times:
            box = next((truth.box for truth in scene.truth(second) if truth.id == actor), None)
            if box is None:
                continue
            present += 1
            for number, points in self.points.items():
                for point in points:
                    if abs((point.time - at(second)).total_seconds()) < 1e-3 and overlap(point.box, box) >= 0.5:
                        hits[number] += 1
        return {number: count / present for number, count in hits.items() if count / present > 0.1}


def overlap(first, second) -> float:  # noqa: ANN001
    rows = [np.array([[b.x, b.y, b.x + b.width, b.y + b.height]], np.float32) for b in (first, second)]
    return float(iou(*rows)[0, 0])


@pytest.fixture(scope="module")
def car_park() -> tuple[Scene, Run]:
    """A parked car; another drives past from 1 to 6.5 s."""
    scene = Scene("car_park")
    return scene, Run(scene, 0, 8)


def test_a_car_that_passes_is_one_track_and_one_event(car_park: tuple[Scene, Run]) -> None:
    scene, run = car_park
    (share,) = run.coverage(scene, 2).values()
    assert share > 0.8
    (event,) = [event for event in run.events if event.event_type is EventType.OBJECT_DETECTED]
    assert event.objects[0].label == "vehicle"
    assert event.objects[0].best
    assert at(1) <= event.start < at(3)
    assert at(5) < event.end <= at(6.6)


def test_the_parked_car_is_tracked_and_no_event(car_park: tuple[Scene, Run]) -> None:
    scene, run = car_park
    ((number, share),) = run.coverage(scene, 1).items()
    assert share > 0.95
    assert number not in {event.track_id for event in run.events}


def test_people_at_night_are_one_track_and_one_event_each() -> None:
    scene = Scene("yard", night=True)
    run = Run(scene, 20, 31)
    shares = [run.coverage(scene, actor) for actor in (3, 4)]
    assert all(max(share.values()) > 0.7 for share in shares)
    assert len({max(share, key=lambda number: share[number]) for share in shares}) == 2
    kinds = [event.event_type for event in run.events]
    assert kinds.count(EventType.OBJECT_DETECTED) == 2
    assert EventType.MOTION not in kinds


def test_an_empty_place_costs_a_single_look() -> None:
    run = Run(Scene("yard"), 36, 44)
    assert sum(calls for _, calls in run.calls) == 1
    assert run.events == []
    assert not run.points
