"""The simulated camera as real clients see it."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import av
import cv2
import pytest
from av.container import InputContainer

from omnisight_lab.errors import UnknownName
from omnisight_lab.sim.camera import SimulatedCamera
from tests.sim.conftest import PASSWORD, USERNAME, connect


def address(camera: SimulatedCamera, username: str | None = USERNAME, password: str = PASSWORD) -> str:
    login = f"{quote(username, safe='')}:{quote(password, safe='')}@" if username else ""
    return camera.url.replace("//", f"//{login}")


def packets(container: InputContainer) -> Iterator[av.Packet]:
    """Packets with stamps: the first one comes without, because of how FFmpeg aligns the streams."""
    return (packet for packet in container.demux(video=0) if packet.pts is not None and packet.size)


def take(container: InputContainer, count: int) -> list[av.Packet]:
    return list(itertools.islice(packets(container), count))


def seconds(packet: av.Packet) -> float:
    assert packet.pts is not None and packet.time_base is not None
    return float(packet.pts * packet.time_base)


def wall_clock(packet: av.Packet) -> float | None:
    """Seconds since 1970 of the packet's `prft` side data (microseconds, first field), None without."""
    for data in packet.iter_sidedata():
        if data.data_type == "prft":
            return int.from_bytes(bytes(data)[:8], "little") / 1e6
    return None


@pytest.mark.parametrize(
    ("username", "password", "path", "error"),
    [
        (USERNAME, "wrong", "", av.error.HTTPUnauthorizedError),
        ("nobody", PASSWORD, "", av.error.HTTPUnauthorizedError),
        (None, "", "", av.error.HTTPUnauthorizedError),
        (USERNAME, PASSWORD, "2", av.error.HTTPNotFoundError),
    ],
)
def test_refusals(
    camera: SimulatedCamera, username: str | None, password: str, path: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        connect(address(camera, username, password) + path)


def test_without_a_username_anybody_may_look(clip: Path) -> None:
    with SimulatedCamera(clip) as camera, connect(camera.url) as client:
        assert camera.credentials == (None, None)
        assert len(take(client, 5)) == 5


def test_the_loop_goes_on_without_a_seam(camera: SimulatedCamera) -> None:
    with connect(address(camera)) as client:
        assert client.streams.video[0].codec_context.name == "h264"
        seen = take(client, 80)
    shown = sorted(seconds(packet) for packet in seen)
    steps = [b - a for a, b in itertools.pairwise(shown)][3:-3]  # the ends of the span are cut between B-frames
    assert min(steps) == pytest.approx(1 / 24, abs=1e-3)
    assert max(steps) == pytest.approx(1 / 24, abs=1e-3)


def test_every_picture_of_every_turn_is_decoded(camera: SimulatedCamera) -> None:
    with connect(address(camera)) as client:
        means = [
            float(frame.to_ndarray(format="gray").mean()) for frame in itertools.islice(client.decode(video=0), 78)
        ]
    turns = [index for index, (a, b) in enumerate(itertools.pairwise(means), 1) if b < a]
    assert turns == [36, 72]
    assert means[36:72] == pytest.approx(means[:36], abs=0.5)


def test_it_plays_in_real_time(camera: SimulatedCamera) -> None:
    with connect(address(camera)) as client:
        stream = packets(client)
        first, start = next(stream), time.monotonic()
        last = next(packet for packet in stream if seconds(packet) - seconds(first) >= 2)
        assert 1.0 < time.monotonic() - start < 3.5  # the beginning comes late, in a burst, from FFmpeg's probing
        assert last.size


def test_sender_reports_tell_the_wall_clock(camera: SimulatedCamera) -> None:
    before = time.time()
    with connect(address(camera)) as client:
        clocks = [(seconds(packet), wall_clock(packet)) for packet in take(client, 20)]
    first = clocks[0][1]
    assert first is not None and before < first < before + 2
    assert all(
        clock is not None and clock - media == pytest.approx(first - clocks[0][0], abs=0.002) for media, clock in clocks
    )


def test_position_tells_which_picture_was_live(camera: SimulatedCamera) -> None:
    with connect(address(camera)) as client:
        for packet in take(client, 30):
            for frame in packet.decode():
                clock, level = wall_clock(packet), float(frame.to_ndarray(format="gray").mean())
    assert clock is not None
    number = camera.position(clock - (seconds(packet) - float(frame.pts * frame.time_base))) * 24
    assert level == pytest.approx(20 + number * 5, abs=3)


def test_several_clients_see_the_same(camera: SimulatedCamera) -> None:
    with connect(address(camera)) as one, connect(address(camera)) as two:
        assert camera.clients == 2
        clocks = [
            {round(clock, 2) for packet in take(client, 30) if (clock := wall_clock(packet))} for client in (one, two)
        ]
    assert len(clocks[0] & clocks[1]) > 10


def test_opencv_reads_it(camera: SimulatedCamera) -> None:
    capture = cv2.VideoCapture(address(camera), cv2.CAP_FFMPEG)
    try:
        shapes = {capture.read()[1].shape for _ in range(5)}
    finally:
        capture.release()
    assert shapes == {(96, 160, 3)}


def test_a_client_that_asks_for_udp_first_comes_to_tcp(camera: SimulatedCamera) -> None:
    with av.open(address(camera), options={"analyzeduration": "100000"}, timeout=(5, 5)) as client:
        assert take(client, 3)


@pytest.mark.parametrize(
    "words", [b"nonsense\r\n\r\n", b"\x16\x03\x01\x02\x00", b"PLAY\r\nCSeq: 1\r\n\r\n", b"A" * 200_000]
)
def test_nonsense_ends_only_its_own_connection(camera: SimulatedCamera, words: bytes) -> None:
    with connect(address(camera)) as client:
        stranger = socket.create_connection(("127.0.0.1", camera.port), timeout=5)
        with stranger, suppress(OSError):  # a reset, when the camera closes before it has read everything
            stranger.sendall(words)
            stranger.shutdown(socket.SHUT_WR)
            assert stranger.recv(1000) == b""
        assert len(take(client, 5)) == 5


def test_a_mute_camera_never_answers(camera: SimulatedCamera) -> None:
    camera.fault("mute")
    start = time.monotonic()
    with pytest.raises(av.FFmpegError):
        connect(address(camera), timeout=0.5)
    assert time.monotonic() - start >= 0.5
    camera.fault("mute", on=False)
    with connect(address(camera)) as client:
        assert take(client, 3)


def test_a_stall_and_its_end(camera: SimulatedCamera) -> None:
    with connect(address(camera), timeout=0.5) as client:
        take(client, 5)
        camera.fault("stall")
        with pytest.raises(av.FFmpegError):
            take(client, 60)
    camera.fault("stall", on=False)
    with connect(address(camera)) as client:
        assert take(client, 3)


def test_killed_and_back_at_the_same_address(camera: SimulatedCamera) -> None:
    url = address(camera)
    with connect(url) as client:
        take(client, 5)
        camera.fault("kill")
        assert camera.clients == 0
        with suppress(av.FFmpegError):  # PyAV sees an end, or an error in the middle of a packet
            assert len(take(client, 10_000)) < 10_000
    with pytest.raises(av.error.ConnectionRefusedError):
        connect(url)
    camera.fault("kill", on=False)
    assert address(camera) == url
    with connect(url) as client:
        assert take(client, 3)


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_clock_jump_moves_stamps_and_reports(camera: SimulatedCamera, jump: float) -> None:
    with connect(address(camera)) as client:
        before = take(client, 5)[-1]
        camera.fault("clock_jump", seconds=jump)
        after = next(packet for packet in packets(client) if abs(seconds(packet) - seconds(before)) > 1000)
        assert seconds(after) - seconds(before) == pytest.approx(jump, abs=5)
        clock = wall_clock(take(client, 15)[-1])
        assert clock is not None and clock - time.time() == pytest.approx(jump, abs=3)
        camera.fault("clock_jump", on=False)
        assert next(packet for packet in packets(client) if abs(seconds(packet) - seconds(before)) < 1000).size


def test_frozen_stamps(camera: SimulatedCamera) -> None:
    with connect(address(camera)) as client:
        take(client, 5)
        camera.fault("frozen_stamps")
        stamps = [packet.pts for packet in take(client, 40)][-10:]
    assert len(set(stamps)) == 1


def test_bad_stamps_go_back_and_forth(camera: SimulatedCamera) -> None:
    camera.fault("bad_stamps")
    with connect(address(camera)) as client:
        steps = [seconds(b) - seconds(a) for a, b in itertools.pairwise(take(client, 30))]
    assert min(steps) < 0 and max(steps) > 0.2


def test_no_reports_no_wall_clock(camera: SimulatedCamera) -> None:
    camera.fault("no_reports")
    with connect(address(camera)) as client:
        assert {wall_clock(packet) for packet in take(client, 20)} == {None}


def test_no_keyframe(camera: SimulatedCamera) -> None:
    camera.fault("no_keyframe")
    with connect(address(camera)) as client:
        assert not any(packet.is_keyframe for packet in take(client, 30))


@pytest.mark.parametrize("middle", [False, True])
def test_first_picture_is_a_keyframe_unless_it_begins_in_the_middle(camera: SimulatedCamera, middle: bool) -> None:
    camera.fault("mid_gop", on=middle)
    with connect(address(camera)) as client:
        first = next(client.demux(video=0))
        assert first.is_keyframe is not middle
        assert any(packet.is_keyframe for packet in take(client, 15))


def test_a_fault_that_is_not_there(camera: SimulatedCamera) -> None:
    with pytest.raises(UnknownName, match="did you mean 'stall'"):
        camera.fault("stal")


def test_nothing_is_left_behind(clip: Path) -> None:
    before = set(threading.enumerate())
    with SimulatedCamera(clip) as camera, connect(camera.url) as client:
        take(client, 3)
        camera.stop()
    assert set(threading.enumerate()) == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", camera.port), timeout=5)


def test_a_port_that_is_taken_leaves_no_thread(camera: SimulatedCamera, clip: Path) -> None:
    before = set(threading.enumerate())
    with pytest.raises(OSError, match="address already in use"):
        SimulatedCamera(clip, port=camera.port).start()
    assert set(threading.enumerate()) == before
