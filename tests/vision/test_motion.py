"""Motion in drawn pictures: what moves is found, what only shines is not."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from omnisight_lab.types import FrameSize
from omnisight_lab.vision.motion import Activity, Motion, MotionDetector, PacketGate
from tests.vision.conftest import at

SIZE = FrameSize(640, 360)
Gray = npt.NDArray[np.uint8]


def place(seed: int = 3) -> npt.NDArray[np.float32]:
    random = np.random.default_rng(seed)
    coarse = random.uniform(60, 160, (23, 40)).astype(np.float32)
    return cv2.resize(coarse, (SIZE.width, SIZE.height), interpolation=cv2.INTER_CUBIC)


def watch(
    picture: Callable[[float], npt.NDArray[np.float32]], seconds: float, rate: float = 5, noise: float = 2
) -> list[tuple[float, Motion]]:
    """Motion of each picture of a camera with sensor noise."""
    random = np.random.default_rng(5)
    detector = MotionDetector(SIZE)
    seen = []
    for second in np.arange(0, seconds, 1 / rate):
        image = picture(second) + random.normal(0, noise, (SIZE.height, SIZE.width))
        seen.append((float(second), detector.update(np.clip(image, 0, 255).astype(np.uint8), at(second))))
    return seen


def walker(second: float, dark: float = 0.6) -> npt.NDArray[np.float32]:
    """Somebody in dark clothes, 30x80 pixels, who comes after 6 s and walks 60 pixels a second."""
    image = place()
    x = int(-30 + 60 * (second - 6))
    if second >= 6:
        image[200:280, max(x, 0) : max(x + 30, 0)] *= dark
    return image


@pytest.mark.parametrize(("rate", "noise"), [(2, 2), (5, 2), (5, 12), (15, 4)])
def test_a_walker_is_found_and_nothing_before(rate: float, noise: float) -> None:
    seen = watch(walker, 14, rate, noise)
    assert not [second for second, motion in seen if motion.moving and second < 6]
    walking = [(second, motion) for second, motion in seen if 7.5 <= second <= 14]
    assert all(motion.moving for _, motion in walking)
    for second, motion in walking:
        x1, y1, x2, y2 = motion.regions[0]
        middle = -15 + 60 * (second - 6)
        assert x1 - 8 <= middle <= x2 + 8
        assert y1 < 240 < y2
        assert motion.share((middle - 15, 200, middle + 15, 280)) > 0.4
        assert motion.grid[:, int(np.clip(middle, 0, 639)) * 16 // 640].max() > 0
        assert motion.grid[:8].max() == 0


@pytest.mark.parametrize(
    "light",
    [
        lambda second: 1.0 if second < 8 else 1.35,
        lambda second: 1.0 if second < 8 else 0.6,
        lambda second: 1 + 0.25 * np.clip((second - 8) / 2, 0, 1),
        lambda second: 1 + 0.15 * np.sin(second),
    ],
    ids=["jump up", "jump down", "drift", "swing"],
)
def test_light_is_not_motion(light: Callable[[float], float]) -> None:
    seen = watch(lambda second: place() * np.float32(light(second)), 16)
    assert [second for second, motion in seen if motion.moving] == []


def test_another_scene_is_learned_anew() -> None:
    seen = watch(lambda second: place(3) if second < 8 else 255 - place(9), 20)
    assert any(motion.relight for second, motion in seen if 8 <= second < 9)
    assert [second for second, motion in seen if motion.moving and second > 10] == []


def test_a_walker_is_found_while_the_light_swings() -> None:
    seen = watch(lambda second: walker(second) * np.float32(1 + 0.1 * np.sin(second)), 14)
    assert all(motion.moving for second, motion in seen if second >= 7.5)


def test_what_has_stopped_does_not_move_nor_leave_a_ghost() -> None:
    def visitor(second: float) -> npt.NDArray[np.float32]:
        """Walks in for 3 s, stands for 30 s, walks back."""
        return walker(6 + np.clip(second - 6, 0, 3) - np.clip(second - 39, 0, 4))

    moving = [second for second, motion in watch(visitor, 50) if motion.moving]
    assert min(moving) < 7.5
    assert not [second for second in moving if 11 < second < 39]
    assert [second for second in moving if 39.5 < second < 42]
    assert not [second for second in moving if second > 44]


def groups(sizes: list[int], count: int, spread: float, seed: int = 1) -> list[list[int]]:
    random = np.random.default_rng(seed)
    return [[40_000, *(int(size * level) for size in sizes)] for level in np.exp(random.normal(0, spread, count))]


def taught(quiet: list[list[int]]) -> PacketGate:
    gate = PacketGate()
    for sizes in quiet:
        assert gate.judge(sizes) is Activity.UNKNOWN or len(quiet) > gate.WARM_UP
        gate.learn(sizes, moving=False)
    return gate


QUIET = [120] * 11


def test_the_gate_knows_quiet_from_busy_after_warming_up() -> None:
    gate = taught(groups(QUIET, 8, 0.05))
    answers = [gate.judge(sizes) for sizes in groups(QUIET, 40, 0.05, seed=2)]
    assert answers.count(Activity.QUIET) >= 32
    assert Activity.UNKNOWN in answers, "once in a while a quiet group is decoded"
    assert all(gate.judge(sizes) is Activity.BUSY for sizes in groups([900] * 11, 20, 0.2))


def test_a_short_burst_makes_a_group_busy() -> None:
    gate = taught(groups([120] * 60, 8, 0.05))
    assert gate.judge([40_000, *[120] * 40, *[500] * 5, *[120] * 15]) is Activity.BUSY


@pytest.mark.parametrize(
    "quiet",
    [
        groups([6_000] * 11, 30, 0.02),
        groups([300] * 11, 30, 1.5),
        groups(QUIET, 5, 0.05),
        [[40_000]] * 30,
    ],
    ids=["constant bit rate", "noisy", "too few", "keyframes only"],
)
def test_the_gate_fails_open(quiet: list[list[int]]) -> None:
    gate = taught(quiet)
    assert {gate.judge(sizes) for sizes in quiet} == {Activity.UNKNOWN}


def test_motion_at_quiet_sizes_takes_the_trust_away() -> None:
    gate = taught(groups(QUIET, 8, 0.05))
    for _ in range(3):
        gate.learn([40_000, *QUIET], moving=True)
    assert gate.judge([40_000, *QUIET]) is Activity.BUSY
