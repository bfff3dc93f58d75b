"""FileSource, decoding and probing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from omnisight_lab.errors import BadTime, NotAVideo
from omnisight_lab.media.source import Decoder, FileSource, Gop, decode, group, probe
from omnisight_lab.types import FrameSize
from tests.media.footage import SIZE, encode, number_of

START = datetime(2026, 3, 29, 0, 59, 58, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def groups(path: Path, start: datetime = START) -> list[Gop]:
    with FileSource(path, start) as source:
        return list(group(source.info, source.packets()))


def near(times: list[datetime], seconds: list[float]) -> bool:
    return len(times) == len(seconds) and all(
        abs((time - at(second)).total_seconds()) < 0.002 for time, second in zip(times, seconds, strict=True)
    )


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "plain.mp4"),
        ({"b_frames": 2}, "reordered.mp4"),
        ({"b_frames": 2}, "reordered.mkv"),
        ({"codec": "libx265"}, "hevc.mp4"),
        ({"codec": "mpeg4"}, "old.avi"),
        ({}, "stream.ts"),
    ],
)
def test_every_picture_comes_in_order_with_its_time_and_number(
    tmp_path: Path, options: dict[str, object], name: str
) -> None:
    path = encode(tmp_path / name, **options)  # type: ignore[arg-type]
    frames = [frame for gop in groups(path) for frame in decode(gop)]
    assert [number_of(frame.image) for frame in frames] == list(range(40))
    assert [frame.number for frame in frames] == list(range(1, 41))
    assert near([frame.time for frame in frames], [number / 10 for number in range(40)])


def test_uneven_frame_times_are_kept(tmp_path: Path) -> None:
    times = [0, 0.1, 0.15, 0.9, 1.0, 1.6, 4.2, 4.25, 4.3, 9.0, 9.1, 9.2]
    path = encode(tmp_path / "vfr.mp4", frames=12, gop=4, times=times)
    frames = [frame for gop in groups(path) for frame in decode(gop)]
    assert near([frame.time for frame in frames], times)


def test_groups_start_at_keyframes_and_follow_each_other(reordered: Path) -> None:
    found = groups(reordered)
    assert [len(gop.packets) for gop in found] == [10, 10, 10, 10]
    assert all(gop.packets[0].keyframe for gop in found)
    assert not any(packet.keyframe for gop in found for packet in gop.packets[1:])
    assert [gop.end for gop in found[:-1]] == [gop.start for gop in found[1:]]
    assert found[-1].end == at(4)


def test_stream_is_described_and_stays_so_after_closing(plain: Path) -> None:
    info = probe(plain)
    assert (info.codec, info.size, info.rate) == ("h264", FrameSize(*SIZE), 10.0)
    assert info.duration == pytest.approx(4.0)


@pytest.mark.parametrize("name", ["plain", "reordered"])
@pytest.mark.parametrize(("rate", "expected"), [(5.0, 20), (2.0, 8), (4.0, 16), (25.0, 40)])
def test_rate_thins_out_evenly_across_groups(
    name: str, rate: float, expected: int, request: pytest.FixtureRequest
) -> None:
    found = groups(request.getfixturevalue(name))
    decoder = Decoder(found[0].info)
    frames = [frame for gop in found for frame in decoder.frames(gop, rate=rate)]
    assert abs(len(frames) - expected) <= 1
    assert [number_of(frame.bgr()) for frame in frames] == [frame.number - 1 for frame in frames]
    assert all((frame.time - at(0)).total_seconds() * 10 == pytest.approx(frame.number - 1) for frame in frames)


def test_keyframes_only(reordered: Path) -> None:
    frames = [frame for gop in groups(reordered) for frame in decode(gop, keyframes_only=True)]
    assert [frame.number for frame in frames] == [1, 11, 21, 31]
    assert [number_of(frame.image) for frame in frames] == [0, 10, 20, 30]


def test_a_group_decodes_by_itself_and_may_be_left_halfway(reordered: Path) -> None:
    found = groups(reordered)
    decoder = Decoder(found[0].info)
    assert next(decoder.frames(found[2])).number == 21
    assert [frame.number for frame in decoder.frames(found[1])] == list(range(11, 21))


def test_pictures_in_grey_and_colour(plain: Path) -> None:
    frame = next(Decoder(probe(plain)).frames(groups(plain)[3]))
    grey = frame.gray(FrameSize(40, 24))
    assert (grey.shape, grey.dtype, frame.bgr().shape) == ((24, 40), np.uint8, (96, 160, 3))
    assert frame.size == FrameSize(160, 96)
    whole = frame.gray(frame.size)
    assert abs(float(whole[16:].mean()) - float(frame.bgr()[16:].mean())) < 3


def test_damaged_packets_are_passed_over(plain: Path) -> None:
    found = groups(plain)
    broken = Gop(found[0].info, tuple(packet for packet in found[0].packets if packet.number != 5))
    assert len(list(decode(broken))) == 9


def test_open_groups_lose_only_what_refers_back(tmp_path: Path) -> None:
    path = encode(tmp_path / "open.mp4", codec="libx265", closed=False)
    frames = [frame for gop in groups(path) for frame in decode(gop)]
    assert [number_of(frame.image) for frame in frames] == [frame.number - 1 for frame in frames]
    assert len(frames) >= 40 - 3 * 4


def test_start_needs_a_zone(plain: Path) -> None:
    with pytest.raises(BadTime, match="no time zone"):
        FileSource(plain, datetime(2026, 1, 1))  # noqa: DTZ001


def test_truncated_file_gives_what_is_readable(tmp_path: Path) -> None:
    path = encode(tmp_path / "cut.mp4", container={"movflags": "+faststart"})
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.7)])
    frames = [frame for gop in groups(path) for frame in decode(gop)]
    assert 10 <= len(frames) < 40
    assert [number_of(frame.image) for frame in frames] == list(range(len(frames)))
    with FileSource(path, whole=True) as source, pytest.raises(NotAVideo, match=r"cut off: .* of its 4\.0 s"):
        list(source.packets())


def test_a_whole_file_is_found_whole(plain: Path, tmp_path: Path) -> None:
    transport = encode(tmp_path / "whole.ts")
    for path in (plain, transport):
        with FileSource(path, whole=True) as source:
            assert list(source.packets())


def test_packets_before_the_first_keyframe_are_dropped_and_keep_their_time(tmp_path: Path) -> None:
    path = encode(tmp_path / "late.mkv", keep=lambda packet: (packet.pts or 0) >= 500)
    found = groups(path)
    assert found[0].start == at(0.5)
    assert found[0].packets[0].number == 6


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def without_keyframes(folder: Path) -> Path:
    return encode(folder / "headless.mkv", keep=lambda packet: not packet.is_keyframe)


def without_index(folder: Path) -> Path:
    path = encode(folder / "cut.mp4")
    return write(path, path.read_bytes()[:-3000])


def picture_file(folder: Path) -> Path:
    import cv2

    path = folder / "still.png"
    cv2.imwrite(str(path), np.zeros((32, 32, 3), np.uint8))
    return path


def folder_itself(folder: Path) -> Path:
    return folder


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "gone.mp4", "does not exist"),
        (folder_itself, "is a folder"),
        (lambda folder: write(folder / "empty.mp4", b""), "is empty"),
        (lambda folder: write(folder / "notes.txt", b"a few words, no video\n" * 50), "video"),
        (lambda folder: write(folder / "noise.mp4", bytes(range(256)) * 40), "is not a video"),
        (without_index, "cut off before its index"),
        (without_keyframes, "has no keyframe"),
        (picture_file, "has no video in it"),
    ],
)
def test_what_is_no_video_is_refused_in_one_sentence(tmp_path: Path, make: object, message: str) -> None:
    path = make(tmp_path)  # type: ignore[operator]
    with pytest.raises(NotAVideo, match=message) as caught:
        probe(path)
    assert "\n" not in str(caught.value)
