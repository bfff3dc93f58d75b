from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path

import av
import cv2
import pytest

from omnisight_lab.errors import DiskFull, MediaError, StorageError
from omnisight_lab.media.naming import SegmentName
from omnisight_lab.media.recorder import Recorder
from omnisight_lab.media.recover import describe, recover
from omnisight_lab.media.source import FileSource, Packet, RtspSource, decode, group
from omnisight_lab.sim.camera import SimulatedCamera
from omnisight_lab.types import FrameSize, SegmentFile
from tests.media.conftest import PASSWORD
from tests.media.footage import count, encode, number_of

START = datetime(2026, 3, 29, 0, 59, 57, tzinfo=UTC)


def record(root: Path, path: Path, seconds: float = 2, start: datetime = START, **options: bool) -> list[SegmentFile]:
    with FileSource(path, start) as source:
        recorder = Recorder(root, "camera", "recording", source.info, seconds, **options)
        closed = [segment for packet in source.packets() if (segment := recorder.write(packet))]
    last = recorder.close()
    return [*closed, last] if last else closed


@pytest.fixture(scope="session")
def minute(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """9 s at 10 a second with noise enough to fill a small disk."""
    return encode(tmp_path_factory.mktemp("footage") / "minute.mp4", frames=90, size=(640, 480))


@pytest.mark.parametrize("name", ["plain", "reordered"])
def test_segments_are_aligned_to_the_clock_and_leave_no_gap(
    tmp_path: Path, name: str, request: pytest.FixtureRequest
) -> None:
    segments = record(tmp_path, request.getfixturevalue(name))
    assert [segment.start.second for segment in segments] == [57, 58, 0]
    assert all(before.end == after.start for before, after in pairwise(segments))
    assert (segments[0].start, segments[-1].end) == (START, START + timedelta(seconds=4))
    assert [segment.frames for segment in segments] == [10, 20, 10]
    assert [segment.keyframes for segment in segments] == [1, 2, 1]
    numbers = []
    for segment in segments:
        with FileSource(tmp_path / segment.path, segment.start) as source:
            numbers += [number_of(f.image) for gop in group(source.info, source.packets()) for f in decode(gop)]
    assert numbers == list(range(40))


def test_a_segments_row_agrees_with_its_file(tmp_path: Path, plain: Path) -> None:
    for segment in record(tmp_path, plain):
        path = tmp_path / segment.path
        assert segment.size == path.stat().st_size
        assert segment.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert segment.frames == count(path)
        with av.open(str(path)) as container:
            assert container.duration == pytest.approx((segment.end - segment.start).total_seconds() * 1e6)
        assert path.parts[-3:-1] == ("camera", segment.start.strftime("%Y-%m-%d"))
        assert SegmentName.parse(path) == SegmentName("camera", "recording", segment.id, segment.start)
        assert segment.wall_clock_error_ms == 0
    assert not list(tmp_path.rglob("*.part*"))


def test_a_finished_segment_is_described_by_its_file_alone(tmp_path: Path, reordered: Path) -> None:
    for segment in record(tmp_path, reordered):
        found = describe(tmp_path / segment.path)
        assert (found.id, found.path, found.start, found.end) == (segment.id, segment.path, segment.start, segment.end)
        assert (found.sha256, found.frames, found.keyframes) == (segment.sha256, segment.frames, segment.keyframes)
        assert (found.recording_id, found.camera_id, found.frame) == ("recording", "camera", segment.frame)


def test_a_file_of_another_name_is_no_segment(plain: Path) -> None:
    with pytest.raises(MediaError, match="not named as a segment is"):
        describe(plain)


@pytest.mark.parametrize("codec", ["libx265", "mpeg4"])
def test_other_codecs_are_recorded(tmp_path: Path, codec: str) -> None:
    path = encode(tmp_path / "other.mp4", codec=codec)
    segments = record(tmp_path, path)
    assert sum(segment.frames for segment in segments) == 40
    assert sum(count(tmp_path / segment.path) for segment in segments) == 40


def test_uneven_frame_times_stay(tmp_path: Path) -> None:
    times = [0, 0.1, 0.15, 0.9, 1.0, 1.6, 4.2, 4.25, 4.3, 9.0, 9.1, 9.2]
    path = encode(tmp_path / "vfr.mp4", frames=12, gop=4, times=times)
    shown = []
    for segment in record(tmp_path, path):
        with FileSource(tmp_path / segment.path, segment.start) as source:
            shown += [(packet.time - START).total_seconds() for packet in source.packets()]
    assert shown == pytest.approx(times, abs=0.002)


def test_thumbnail_shows_the_segments_first_picture(tmp_path: Path, plain: Path) -> None:
    for segment, first in zip(record(tmp_path, plain, thumbnails=True), (0, 10, 30), strict=True):
        assert segment.thumbnail_path is not None
        assert number_of(cv2.imread(str(tmp_path / segment.thumbnail_path))) == first


def test_a_rotated_video_is_shown_upright(tmp_path: Path) -> None:
    path = encode(tmp_path / "turned.mp4", rotation=90)
    for shown in (path, *(tmp_path / segment.path for segment in record(tmp_path, path))):
        with FileSource(shown) as source:
            frame = next(decode(next(group(source.info, source.packets()))))
        assert (source.info.rotation, source.info.size) == (90, FrameSize(96, 160))
        assert frame.size == source.info.size
        # The bar at the upper edge of the recorded picture lies at the left once that is turned counter-clockwise.
        assert int(frame.image[:, :6].max()) - int(frame.image[:, 10:].max()) > 40


def test_a_segment_stays_below_what_the_database_can_count(
    tmp_path: Path, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omnisight_lab.media.recorder._SIZE_CUT", 1)
    assert len(record(tmp_path, plain, 60, START.replace(second=0))) == 4
    monkeypatch.setattr("omnisight_lab.media.recorder._SIZE_LIMIT", 100)
    with pytest.raises(MediaError, match="without a keyframe"):
        record(tmp_path, plain)


def test_live_segments_follow_each_other(tmp_path: Path, camera: SimulatedCamera) -> None:
    with RtspSource(camera.url, "operator", PASSWORD, timeout=2) as source:
        recorder = Recorder(tmp_path, "camera", "recording", source.info, 1)
        packets: Iterator[Packet] = islice(source.packets(), 60)
        segments = [segment for packet in packets if (segment := recorder.write(packet))]
    last = recorder.close()
    assert last is not None
    segments.append(last)
    assert len(segments) >= 3
    assert all(before.end == after.start for before, after in pairwise(segments))
    assert sum(count(tmp_path / segment.path) for segment in segments) == 60
    assert all(segment.start.timestamp() % 1 < 0.5 for segment in segments[1:])
    assert all((segment.wall_clock_error_ms or 0) <= 10 for segment in segments)


def test_a_killed_recorder_loses_half_a_second_at_most(tmp_path: Path, minute: Path) -> None:
    command = [sys.executable, "-m", "tests.media.record_slowly", str(tmp_path), str(minute)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as recording:
        assert recording.stdout is not None
        written = next(float(line) for line in recording.stdout if float(line) >= 2.0)
        recording.kill()
    (part,) = tmp_path.rglob("*.part.mp4")
    assert count(part) >= (written - 0.5) * 10  # playable as it is
    (segment,) = recover(tmp_path, "camera")
    length = (segment.end - segment.start).total_seconds()
    assert written - 0.5 <= length <= written + 0.3
    assert count(tmp_path / segment.path) == segment.frames == pytest.approx(length * 10)
    assert segment == describe(tmp_path / segment.path)
    assert not part.exists()
    assert recover(tmp_path, "camera") == []


def test_recovery_sets_aside_what_holds_no_picture(tmp_path: Path, plain: Path) -> None:
    (segment, *_) = record(tmp_path, plain)
    folder = (tmp_path / segment.path).parent
    empty = folder / "20260329T010101.000Z_recording_a.part.mp4"
    empty.touch()
    noise = folder / "20260329T010102.000Z_recording_b.part.mp4"
    noise.write_bytes(b"noise" * 1000)
    odd = folder / "odd.part.mp4"
    odd.write_bytes((tmp_path / segment.path).read_bytes())
    assert recover(tmp_path, "camera") == []
    for path in (empty, noise, odd):
        assert not path.exists()
        assert path.with_name(path.name + ".damaged").exists()
    assert (tmp_path / segment.path).exists()


def test_recovery_that_was_itself_cut_short_goes_on(tmp_path: Path, plain: Path) -> None:
    (segment, *_) = record(tmp_path, plain)
    path = tmp_path / segment.path
    part = path.with_name(path.name.replace(".mp4", ".part.mp4"))
    part.write_bytes(path.read_bytes())  # the copy had its name already, the original not yet removed
    path.with_name(path.name + ".recovering").write_bytes(b"half")
    assert [found.sha256 for found in recover(tmp_path, "camera")] == [segment.sha256]
    assert not part.exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=192k", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_ends_the_recording_and_keeps_what_was_written(small_disk: Path, tmp_path: Path) -> None:
    path = encode(tmp_path / "long.mp4", frames=400, size=(640, 480))
    with pytest.raises(DiskFull, match="is full"):
        record(small_disk, path, 600)
    (part,) = small_disk.rglob("*.part.mp4")
    frames = count(part)
    assert frames > 50
    with pytest.raises(DiskFull):
        recover(small_disk, "camera")  # no room for the copy: it waits
    assert part.exists()
    subprocess.run(["mount", "-o", "remount,size=10m", str(small_disk)], check=True)
    (segment,) = recover(small_disk, "camera")
    assert segment.frames == count(small_disk / segment.path) >= frames - 5


def test_a_folder_that_cannot_be_made(tmp_path: Path, plain: Path) -> None:
    (tmp_path / "segments").write_text("a file where a folder should be")
    with pytest.raises(StorageError, match="can't be written"):
        record(tmp_path, plain)
