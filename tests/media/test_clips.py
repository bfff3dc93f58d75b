from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np
import pytest

from omnisight_lab.errors import MediaError
from omnisight_lab.media.clips import box_at, clip, write_clip
from omnisight_lab.media.recorder import Recorder
from omnisight_lab.media.source import FileSource, decode, group, probe
from omnisight_lab.types import Box, Frame, TimeRange, Track, TrackPoint
from tests.media.footage import encode, number_of

START = datetime(2026, 3, 29, 0, 59, 57, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def recorded(root: Path, path: Path) -> list[tuple[datetime, str]]:
    """Segments of the 4 s: 1 s, 2 s, 1 s."""
    with FileSource(path, START) as source:
        recorder = Recorder(root, "camera", "recording", source.info, 2)
        segments = [segment for packet in source.packets() if (segment := recorder.write(packet))]
    segments.append(recorder.close())  # type: ignore[arg-type]
    return [(segment.start, segment.path) for segment in segments]


def frames_of(path: Path) -> list[Frame]:
    with FileSource(path) as source:
        return [frame for gop in group(source.info, source.packets()) for frame in decode(gop)]


def test_copied_clip_spans_segments_from_the_keyframe_before(tmp_path: Path, reordered: Path) -> None:
    target = tmp_path / "clips" / "clip.mp4"
    covered = write_clip(target, tmp_path, recorded(tmp_path, reordered), TimeRange(at(0.5), at(3.2)))
    assert covered.start == at(0)
    assert abs((covered.end - at(3.2)).total_seconds()) <= 0.2
    frames = frames_of(target)
    assert [number_of(frame.image) for frame in frames] == list(range(len(frames)))
    assert 32 <= len(frames) <= 34
    content = target.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    assert [path.name for path in target.parent.iterdir()] == ["clip.mp4"]


def test_a_missing_stretch_is_passed_over(tmp_path: Path, plain: Path) -> None:
    first, _, last = recorded(tmp_path, plain)
    target = tmp_path / "clip.mp4"
    write_clip(target, tmp_path, [first, last], TimeRange(at(0), at(4)))
    assert [number_of(frame.image) for frame in frames_of(target)] == [*range(10), *range(30, 40)]
    assert probe(target).duration == pytest.approx(2.9, abs=0.2)


def test_boxes_are_drawn_where_the_object_is(tmp_path: Path) -> None:
    path = encode(tmp_path / "wide.mp4", size=(1280, 720))
    track = Track(
        1,
        "person",
        (
            TrackPoint(at(1.0), Box(100, 300, 200, 200), 0.5),
            TrackPoint(at(2.0), Box(900, 300, 200, 200), 0.6),
        ),
    )
    target = tmp_path / "clip.mp4"
    segments = recorded(tmp_path, path)
    covered = write_clip(target, tmp_path, segments, TimeRange(at(1.0), at(2.0)), [track])
    assert (covered.start, covered.end) == (at(1), at(2))
    info = probe(target)
    assert (info.codec, info.size.width, info.size.height) == ("h264", 960, 540)
    frames = frames_of(target)
    assert [number_of(frame.image, encodings=2) for frame in frames] == list(range(10, 20))
    for number, frame in enumerate(frames):
        left = round((100 + 80 * number) * 0.75)
        inner = frame.image[240:360, left + 20 : left + 130]
        edge = frame.image[240:360, left - 4 : left + 5]
        assert int(inner.max()) - int(inner.min()) < 12
        assert int(edge.max()) - int(edge.min()) > 60


def test_what_browsers_do_not_play_is_encoded_anew(tmp_path: Path) -> None:
    path = encode(tmp_path / "hevc.mp4", codec="libx265")
    content = clip(tmp_path, recorded(tmp_path, path), TimeRange(at(0.5), at(1.5)))
    target = tmp_path / "clip.mp4"
    target.write_bytes(content)
    assert probe(target).codec == "h264"
    assert [number_of(frame.image, encodings=2) for frame in frames_of(target)] == list(range(5, 15))


def test_clip_of_removed_footage(tmp_path: Path, plain: Path) -> None:
    segments = recorded(tmp_path, plain)
    (tmp_path / segments[1][1]).unlink()
    target = tmp_path / "clip.mp4"
    with pytest.raises(MediaError, match=r"the footage of 2026-03-29 00:59:58 UTC is gone"):
        write_clip(target, tmp_path, segments, TimeRange(at(0), at(4)))
    assert not target.exists()


@pytest.mark.parametrize("boxes", [None, []])
def test_clip_where_nothing_was_recorded(tmp_path: Path, plain: Path, boxes: list[Track] | None) -> None:
    span = TimeRange(at(60), at(70))
    for segments in ([], recorded(tmp_path, plain)):
        with pytest.raises(MediaError, match="nothing was recorded between"):
            write_clip(tmp_path / "clip.mp4", tmp_path, segments, span, boxes)
    assert not list(tmp_path.glob("*clip*"))


def test_absolute_paths_of_other_services_are_read(tmp_path: Path, plain: Path) -> None:
    content = clip(tmp_path / "elsewhere", [(START, str(plain))], TimeRange(at(0), at(1)))
    assert content


@pytest.mark.parametrize(
    ("seconds", "x"), [(0.5, None), (0.9, 0), (1.0, 0), (1.5, 50), (2.0, 100), (2.1, 100), (2.5, None)]
)
def test_a_box_between_sightings(seconds: float, x: float | None) -> None:
    track = Track(1, "car", (TrackPoint(at(1), Box(0, 0, 9, 9), 1), TrackPoint(at(2), Box(100, 0, 9, 9), 1)))
    box = box_at(track, at(seconds))
    assert (box.x if box else None) == x


def test_encoder_is_real(tmp_path: Path, plain: Path) -> None:
    """The clip is H.264 in 4:2:0, which every browser plays."""
    target = tmp_path / "clip.mp4"
    write_clip(target, tmp_path, recorded(tmp_path, plain), TimeRange(at(0), at(1)), [])
    with av.open(str(target)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
        assert np.isfinite(float(container.duration or 0))
