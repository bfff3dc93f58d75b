from __future__ import annotations

import random
from itertools import pairwise

import pytest

from omnisight_lab.media.timing import MediaTimeline, WallClock, seconds

START = 1_800_000_000.0


def play(stamps: list[float | None], arrivals: list[float]) -> list[float]:
    timeline = MediaTimeline(0.1)
    return [timeline.advance(stamp, arrival) for stamp, arrival in zip(stamps, arrivals, strict=True)]


def steps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


def test_steady_stamps_are_kept() -> None:
    stamps = [5 + number / 10 for number in range(50)]
    assert play(stamps, [number / 10 for number in range(50)]) == pytest.approx([n / 10 for n in range(50)])


def test_first_packet_without_stamp_lies_one_interval_before_the_second() -> None:
    assert play([None, 7.0, 7.1], [0, 0.1, 0.2]) == pytest.approx([0, 0.1, 0.2])


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 60.0, -0.5])
def test_jump_of_the_camera_clock_is_bridged_by_one_interval(jump: float) -> None:
    stamps = [number / 10 + (jump if number >= 20 else 0) for number in range(40)]
    assert play(stamps, [number / 10 for number in range(40)]) == pytest.approx([n / 10 for n in range(40)])


def test_jump_during_a_pause_takes_the_length_of_the_pause() -> None:
    media = play([0.0, 0.1, 900.0, 900.1], [0.0, 0.1, 8.1, 8.2])
    assert media == pytest.approx([0.0, 0.1, 8.1, 8.2])


def test_pause_that_the_stamps_know_of_is_kept() -> None:
    assert play([0.0, 0.1, 8.1, 8.2], [0.0, 0.1, 8.1, 8.2]) == pytest.approx([0.0, 0.1, 8.1, 8.2])


def test_burst_after_a_stalled_network_keeps_its_stamps() -> None:
    stamps = [number / 10 for number in range(60)]
    arrivals = [number / 10 if number < 10 else max(5.0, number / 10) for number in range(60)]
    assert play(stamps, arrivals) == pytest.approx(stamps)


def test_stamps_that_stand_still_are_paced_by_arrival() -> None:
    arrivals = [number * 0.04 for number in range(200)]
    assert play([3.0] * 200, arrivals)[-1] == pytest.approx(arrivals[-1], abs=0.3)


def test_jittering_stamps_rise_and_keep_pace() -> None:
    noise = random.Random(1)
    arrivals = [number / 10 for number in range(300)]
    media = play([arrival + noise.uniform(-0.5, 0.5) for arrival in arrivals], arrivals)
    assert min(steps(media)) > 0
    assert media[-1] == pytest.approx(arrivals[-1], abs=2)


def test_file_stamps_may_leap_but_rise() -> None:
    timeline = MediaTimeline(0.1)
    media = [timeline.advance(stamp) for stamp in (0.0, 0.1, 600.0, 600.1, 599.0, 599.1)]
    assert media == pytest.approx([0.0, 0.1, 600.0, 600.1, 600.2, 600.3])


def clock_after(
    count: int, *, late: float = 0.0, reported: float | None = None, drift: float = 0.0
) -> tuple[WallClock, float]:
    """A clock after `count` pictures at 10 a second, each up to 50 ms late, and the last one's media second."""
    clock, noise = WallClock(), random.Random(2)
    media = 0.0
    for number in range(count):
        media = number / 10
        taken = START + media * (1 + drift)
        burst = max(0.0, 1.0 - media)  # the handshake holds the first second back
        arrival = taken + max(burst, noise.uniform(0.0, 0.05)) + late
        clock.see(media, arrival, None if reported is None else taken + reported)
    return clock, media


def test_base_is_the_least_delay_once_the_first_burst_is_over() -> None:
    clock, media = clock_after(40)
    assert clock.settled
    assert seconds(clock.time(media)) == pytest.approx(START + media, abs=0.005)


def test_not_settled_within_the_first_second() -> None:
    clock = WallClock()
    for number in range(10):
        clock.see(number / 10, START + number / 10)
    assert not clock.settled


@pytest.mark.parametrize(
    ("reported", "believed"), [(0.0, True), (-0.5, True), (0.1, True), (-3600.0, False), (5.0, False)]
)
def test_the_cameras_own_clock_is_believed_where_it_agrees_with_arrival(reported: float, believed: bool) -> None:
    clock, media = clock_after(40, late=0.3, reported=reported)
    expected = reported if believed else 0.3
    assert seconds(clock.time(media)) == pytest.approx(START + media + expected, abs=0.005)


@pytest.mark.parametrize("drift", [1e-4, -1e-4])
def test_a_camera_whose_crystal_runs_wrong_is_followed(drift: float) -> None:
    clock, media = clock_after(36_000, drift=drift)  # an hour, over which it errs by 0.36 s
    assert seconds(clock.time(media)) == pytest.approx(START + media * (1 + drift), abs=0.015)


def test_times_rise_while_the_base_slides() -> None:
    clock = WallClock()
    times = []
    for number in range(400):
        media = number / 10
        delay = 0.8 if number < 100 else 0.0
        clock.see(media, START + media + delay)
        times.append(seconds(clock.time(media)))
    assert min(steps(times)) > 0
    assert times[-1] == pytest.approx(START + 39.9, abs=0.005)
