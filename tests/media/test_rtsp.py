"""RtspSource against the simulated camera."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path

import pytest

from omnisight_lab.clock import SystemClock
from omnisight_lab.errors import SourceError
from omnisight_lab.media.source import Packet, RtspSource, decode, group
from omnisight_lab.sim.camera import SimulatedCamera
from omnisight_lab.types import FrameSize, GapCause
from tests.media.conftest import PASSWORD
from tests.media.footage import SIZE, encode, number_of

TIMEOUT = 1.0


def source_of(camera: SimulatedCamera, **options: float) -> RtspSource:
    return RtspSource(camera.url, "operator", PASSWORD, timeout=TIMEOUT, **options)  # type: ignore[arg-type]


def error_of(source: RtspSource, packets: int = 10_000) -> SourceError:
    with pytest.raises(SourceError) as caught, source:
        for _ in islice(source.packets(), packets):
            pass
    assert PASSWORD not in str(caught.value)
    assert "p%40ss" not in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


def steps(packets: list[Packet]) -> list[float]:
    return [(later.time - earlier.time).total_seconds() for earlier, later in pairwise(packets)]


def test_live_pictures_start_at_a_keyframe_and_can_be_decoded(camera: SimulatedCamera) -> None:
    with source_of(camera) as source:
        packets = list(islice(source.packets(), 26))
        frames = [frame for gop in group(source.info, packets) for frame in decode(gop)]
    assert packets[0].keyframe
    assert (source.info.codec, source.info.size) == ("h264", FrameSize(*SIZE))
    assert len(frames) == 26
    numbers = [number_of(frame.image) for frame in frames]
    assert [(later - earlier) % 50 for earlier, later in pairwise(numbers)] == [1] * 25


def test_wall_clock_is_the_cameras_to_a_few_milliseconds(camera: SimulatedCamera) -> None:
    with source_of(camera) as source:
        packets = list(islice(source.packets(), 26))
        frames = [frame for gop in group(source.info, packets) for frame in decode(gop)]
    for frame in frames:
        # A picture is shown for 50 ms; where in them the stamp lies must be the same for all, at the beginning.
        seconds_in = camera.position(frame.time.timestamp() + 0.005)
        assert int(seconds_in * 20) % 50 == number_of(frame.image)
        assert (seconds_in * 20) % 1 < 0.2


def test_without_reports_the_clock_is_right_to_a_picture(camera: SimulatedCamera) -> None:
    camera.fault("no_reports")
    with source_of(camera) as source:
        packets = list(islice(source.packets(), 30))
        last = list(decode(next(iter(list(group(source.info, packets))[-1:]))))[-1]
    behind = (int(camera.position(last.time.timestamp()) * 20) - number_of(last.image)) % 50
    assert behind <= 2
    assert last.time <= datetime.now(UTC)


def test_b_frames_come_with_the_time_at_which_they_are_shown(tmp_path: Path) -> None:
    path = encode(tmp_path / "b.mp4", frames=80, rate=20, b_frames=2)
    with SimulatedCamera(path) as camera, RtspSource(camera.url, timeout=TIMEOUT) as source:
        packets = list(islice(source.packets(), 26))
        frames = [frame for gop in group(source.info, packets) for frame in decode(gop)]
    assert all(b.data.dts > a.data.dts for a, b in pairwise(packets))  # type: ignore[operator]
    assert [frame.time for frame in frames] == sorted(frame.time for frame in frames)
    numbers = [number_of(frame.image) for frame in frames[:20]]
    assert [(later - earlier) % 50 for earlier, later in pairwise(numbers)] == [1] * 19


def silent_port() -> Iterator[str]:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        yield f"rtsp://127.0.0.1:{listener.getsockname()[1]}/stream"


@pytest.mark.parametrize(
    ("url", "cause", "message"),
    [
        ("{camera}-elsewhere", GapCause.STREAM_NOT_FOUND, "has no such stream"),
        ("rtsp://no-such-host.invalid/stream", GapCause.CAMERA_UNREACHABLE, "can't be reached"),
        ("http://127.0.0.1/stream", GapCause.CAMERA_UNREACHABLE, "is no RTSP address"),
    ],
)
def test_wrong_address(camera: SimulatedCamera, url: str, cause: GapCause, message: str) -> None:
    source = RtspSource(url.format(camera=camera.url), "operator", PASSWORD, timeout=TIMEOUT)
    error = error_of(source)
    assert error.cause is cause
    assert message in str(error)


def test_nobody_listens() -> None:
    for url in silent_port():
        error = error_of(RtspSource(url, "operator", PASSWORD, timeout=TIMEOUT))
        assert error.cause is GapCause.CAMERA_UNREACHABLE
        assert "refuses the connection" in str(error)


@pytest.mark.parametrize("login", [("operator", "wrong-" + PASSWORD), ("nobody", PASSWORD), (None, None)])
def test_wrong_credentials(camera: SimulatedCamera, login: tuple[str | None, str | None]) -> None:
    error = error_of(RtspSource(camera.url, *login, timeout=TIMEOUT))
    assert error.cause is GapCause.WRONG_CREDENTIALS
    assert "refuses the user name or password" in str(error)


def test_credentials_in_the_address_stay_out_of_messages(camera: SimulatedCamera) -> None:
    url = camera.url.replace("rtsp://", "rtsp://operator:hunter2@")
    error = error_of(RtspSource(url, timeout=TIMEOUT))
    assert error.cause is GapCause.WRONG_CREDENTIALS
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(
    ("fault", "cause", "message"),
    [
        ("mute", GapCause.CAMERA_UNREACHABLE, "does not answer within 1 s"),
        ("stall", GapCause.STALLED, "answers, but sends no pictures"),
        ("kill", GapCause.CAMERA_UNREACHABLE, "refuses the connection"),
        ("no_keyframe", GapCause.NO_KEYFRAME, "has sent no keyframe for 2 s"),
    ],
)
def test_fault_from_the_start(camera: SimulatedCamera, fault: str, cause: GapCause, message: str) -> None:
    camera.fault(fault)
    error = error_of(source_of(camera))
    assert error.cause is cause
    assert message in str(error)


@pytest.mark.parametrize(
    ("fault", "cause", "message"),
    [
        ("stall", GapCause.STALLED, "has sent nothing for 1 s"),
        ("kill", GapCause.CAMERA_UNREACHABLE, "closed the connection"),
        ("no_keyframe", GapCause.NO_KEYFRAME, "has sent no keyframe for 1.5 s"),
    ],
)
def test_fault_while_it_plays(camera: SimulatedCamera, fault: str, cause: GapCause, message: str) -> None:
    with pytest.raises(SourceError, match=message) as caught, source_of(camera, keyframe_timeout=1.5) as source:
        for number, _ in enumerate(source.packets()):
            if number == 10:
                camera.fault(fault)
    assert caught.value.cause is cause


def test_jumps_of_the_cameras_clock_leave_no_mark(camera: SimulatedCamera) -> None:
    packets = []
    with source_of(camera) as source:
        for packet in islice(source.packets(), 50):
            packets.append(packet)
            if len(packets) in (25, 35):
                camera.fault("clock_jump", on=len(packets) == 25, seconds=3600)
    assert max(steps(packets)) < 0.1
    assert min(steps(packets)) > 0
    assert abs((packets[-1].time - datetime.now(UTC)).total_seconds()) < 0.5


@pytest.mark.parametrize("fault", ["frozen_stamps", "bad_stamps"])
def test_stamps_that_lie_are_replaced_by_arrival(camera: SimulatedCamera, fault: str) -> None:
    camera.fault(fault)
    with source_of(camera) as source:
        packets = list(islice(source.packets(), 45))
    assert min(steps(packets)) > 0
    assert abs((packets[-1].time - datetime.now(UTC)).total_seconds()) < 0.6


def test_client_that_joins_in_the_middle_of_a_group_waits_for_its_keyframe(camera: SimulatedCamera) -> None:
    camera.fault("mid_gop")
    with source_of(camera) as source:
        first = next(source.packets())
    assert first.keyframe
    assert first.number >= 1


class SetClock(SystemClock):
    """The machine's clock, which somebody sets."""

    offset = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.offset


def test_a_correction_of_this_machines_clock_ends_the_connection(camera: SimulatedCamera) -> None:
    clock = SetClock()
    source = RtspSource(camera.url, "operator", PASSWORD, TIMEOUT, clock)
    with pytest.raises(SourceError, match=r"clock was set by -3600 s") as caught, source:
        for number, _ in enumerate(source.packets()):
            if number == 3:
                clock.offset = timedelta(hours=-1)
    assert caught.value.cause is GapCause.WORKER_DOWN
