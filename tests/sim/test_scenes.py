"""The drawn scenes: repeatable, true to their boxes, and seen by the default detector."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from omnisight_lab.errors import UnknownName
from omnisight_lab.sim.scenes import SCENES, Scene
from omnisight_lab.types import Box, Boxes
from omnisight_lab.vision.detector import Detector, load


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load()


@pytest.fixture(scope="module")
def scenes() -> dict[str, Scene]:
    return {name: Scene(name) for name in SCENES}


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    shared = max(0.0, width) * max(0.0, height)
    return shared / (a.width * a.height + b.width * b.height - shared)


def score(found: Boxes, label: str, box: Box) -> float:
    """Confidence of the detection that fits `box` best; 0 without one."""
    fits = [i for i, name in enumerate(found.labels) if name == label and overlap(found.box(i), box) > 0.6]
    return max((float(found.confidence[i]) for i in fits), default=0.0)


@pytest.mark.parametrize(
    ("scene", "id", "at", "least"),
    [
        ("yard", 1, (3.0, 7.0), 0.4),
        ("yard", 2, (10.0, 15.0), 0.4),
        ("car_park", 2, (3.0, 4.5), 0.5),
        ("car_park", 3, (10.0, 30.0), 0.5),
        ("car_park", 5, (34.0, 36.0), 0.5),
        ("car_park", 1, (40.0, 47.0), 0.5),
    ],
)
def test_the_default_detector_sees_it(
    scenes: dict[str, Scene], detector: Detector, scene: str, id: int, at: tuple[float, float], least: float
) -> None:
    scores = []
    for second in np.linspace(*at, 8):
        box = next(truth.box for truth in scenes[scene].truth(float(second)) if truth.id == id)
        label = next(actor.label for actor in scenes[scene].actors if actor.id == id)
        scores.append(score(detector.detect(scenes[scene].picture(float(second))), label, box))
    assert np.median(scores) >= least, scores


@pytest.mark.parametrize("scene", list(SCENES))
@pytest.mark.parametrize("second", [4.0, 12.0, 25.0])
def test_boxes_hold_all_that_is_drawn(scenes: dict[str, Scene], scene: str, second: float) -> None:
    """Outside the true boxes, and the shadows beside them, nothing differs from the empty place."""
    place = scenes[scene]
    moved = cv2.absdiff(place.picture(second), place.picture(place.seconds - 1)).max(axis=2) > 40
    actors = [truth.box for truth in place.truth(second) if truth.id not in {still.id for still in place.truth(47.0)}]
    inside = np.zeros_like(moved)
    for box in actors:
        left, top = max(0, int(box.x) - 3), max(0, int(box.y) - 3)
        patch = moved[int(box.y) : int(box.y + box.height), int(box.x) : int(box.x + box.width)]
        rows, columns = patch.any(axis=1).nonzero()[0], patch.any(axis=0).nonzero()[0]
        assert np.ptp(rows) > 0.9 * box.height - 4 and np.ptp(columns) > 0.9 * box.width - 4  # the box is tight
        inside[top : int(box.y + box.height) + 8, left : int(box.x + box.width * 2) + 3] = True
    assert actors
    assert (moved & ~inside).mean() < 0.0005


@pytest.mark.parametrize("scene", list(SCENES))
def test_the_loop_begins_and_ends_with_nobody(scenes: dict[str, Scene], scene: str) -> None:
    place = scenes[scene]
    still = place.truth(0.0)
    assert {truth.id for truth in still} == {actor.id for actor in place.actors if actor.parked}
    assert [place.truth(second) for second in np.arange(39.0, 48.5)] == [still] * 10


def test_equal_seeds_give_equal_pictures(small_yard: Scene) -> None:
    again = Scene("yard", width=320, height=180, seconds=3)
    other = Scene("yard", width=320, height=180, seconds=3, seed=1)
    assert np.array_equal(small_yard.picture(2.0), again.picture(2.0))
    assert not np.array_equal(small_yard.picture(2.0), other.picture(2.0))
    assert small_yard.truth(2.0) == other.truth(2.0)


def test_a_rendered_loop_is_kept(small_yard: Scene, tmp_path: Path) -> None:
    path = small_yard.cached(tmp_path / "scenes")
    assert small_yard.render(tmp_path / "again.mp4").read_bytes() == path.read_bytes()
    written = path.stat().st_mtime_ns
    assert small_yard.cached(tmp_path / "scenes").stat().st_mtime_ns == written
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert [frame.key_frame for frame in frames] == [number % 12 == 0 for number in range(36)]
    assert np.abs(frames[20].to_ndarray(format="bgr24").astype(int) - small_yard.picture(20 / 12)).mean() < 6


def test_by_night_all_is_grey_and_darker(small_yard: Scene) -> None:
    night = Scene("yard", night=True, width=320, height=180, seconds=3).picture(2.0)
    assert np.array_equal(night[..., 0], night[..., 2])
    assert night.mean() < small_yard.picture(2.0).mean() * 0.8


def test_an_unknown_scene() -> None:
    with pytest.raises(UnknownName, match="did you mean 'yard'"):
        Scene("yrad")
