"""Clips for the browser: a span cut out of segments, copied as it is, or encoded anew with boxes drawn."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import cast

import av
import cv2
from av.container.output import OutputContainer
from av.video.frame import VideoFrame

from omnisight_lab.errors import MediaError, NotAVideo
from omnisight_lab.media.decoder import DecodedFrame, Decoder
from omnisight_lab.media.draw import draw_boxes
from omnisight_lab.media.files import make_folder, writing
from omnisight_lab.media.packets import Gop, Packet, StreamInfo, copy_of, group, ticks
from omnisight_lab.media.source import FileSource, probe
from omnisight_lab.types import Box, FrameSize, Image, TimeRange, Track, utc

_PLAYS_EVERYWHERE = {"h264", "vp9", "av1"}
_WIDTH = 960
_LONGEST_STEP = 1.0
"""Seconds that a picture stays at most: what was not recorded is passed over."""
_TICK = Fraction(1, 90_000)
_REACH = timedelta(seconds=0.2)
"""A box is shown so long before its first and after its last sighting: the time between two that were looked at."""


def clip(
    media_root: Path,
    segments: Sequence[tuple[datetime, str]],
    span: TimeRange,
    boxes: Sequence[Track] | None = None,
    frame: FrameSize | None = None,
) -> bytes:
    """The mp4 that `write_clip` would write."""
    with tempfile.TemporaryDirectory(prefix="omnisight-clip-") as folder:
        target = Path(folder) / "clip.mp4"
        write_clip(target, media_root, segments, span, boxes, frame)
        return target.read_bytes()


def write_clip(
    target: Path,
    media_root: Path,
    segments: Sequence[tuple[datetime, str]],
    span: TimeRange,
    boxes: Sequence[Track] | None = None,
    frame: FrameSize | None = None,
) -> TimeRange:
    """Writes `span` of the `segments` (start, path) as an mp4 that browsers play, and gives the span it covers.

    Without `boxes` the packets are copied, from the keyframe before; with them (pixels of pictures of size `frame`,
    by default the recorded one), and where browsers don't know the codec, pictures are encoded anew, at most 960 px
    wide. MediaError where footage is missing.
    """
    files = _files(media_root, segments, span)
    infos = [probe(path) for _, path in files]
    alike = all(info.codec == infos[0].codec and info.extradata == infos[0].extradata for info in infos)
    with _replacing(target) as part, _muxing(part, span) as output:
        if boxes is None and alike and infos[0].codec in _PLAYS_EVERYWHERE:
            covered = _copy(output, infos[0], _groups(files, span), span)
        else:
            covered = _encode(output, infos[0], _groups(files, span), span, _Overlay(boxes or (), frame))
    return covered


def _files(media_root: Path, segments: Sequence[tuple[datetime, str]], span: TimeRange) -> list[tuple[datetime, Path]]:
    files = [(start, media_root / path) for start, path in sorted(segments)]
    if not files:
        raise MediaError(f"nothing was recorded between {_clock(span.start)} and {_clock(span.end)}")
    for start, path in files:
        if not path.is_file():
            raise MediaError(f"the footage of {_clock(start)} is gone: it was removed, or its disk is not there")
    return files


def _clock(time: datetime) -> str:
    return f"{utc(time):%Y-%m-%d %H:%M:%S} UTC"


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A file beside `target` that takes its place when all went well, and else leaves nothing behind."""
    with writing(target):
        make_folder(target.parent)
        handle, name = tempfile.mkstemp(prefix=".clip-", suffix=".mp4", dir=target.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with writing(target):
            part.chmod(0o644)
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _muxing(path: Path, span: TimeRange) -> Iterator[OutputContainer]:
    """An mp4 whose index comes first, so that a browser starts at once."""
    with writing(path):
        try:
            with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as output:
                output.metadata["creation_time"] = span.start.isoformat()
                yield output
        except av.FFmpegError as error:
            if isinstance(error, OSError):
                raise
            raise MediaError(f"the clip could not be written: {error.strerror}") from error


def _groups(files: Sequence[tuple[datetime, Path]], span: TimeRange) -> Iterator[Gop]:
    """The groups that have a picture in `span`."""
    for start, path in files:
        try:
            with FileSource(path, start) as source:
                for gop in group(source.info, source.packets()):
                    if gop.start < span.end and gop.end > span.start:
                        yield gop
        except NotAVideo as error:
            raise MediaError(f"the footage of {_clock(start)} is damaged: {error}") from error


class _Pace:
    """Seconds in the clip from times, longer pauses left out."""

    def __init__(self) -> None:
        self._last: datetime | None = None
        self._at = 0.0

    def at(self, time: datetime) -> float:
        if self._last is not None:
            self._at += min(max((time - self._last).total_seconds(), 0.0), _LONGEST_STEP)
        self._last = time
        return self._at


def _copy(output: OutputContainer, info: StreamInfo, groups: Iterator[Gop], span: TimeRange) -> TimeRange:
    stream = output.add_stream_from_template(info.template, opaque=True)
    pace, last, start, end = _Pace(), None, None, None
    for gop in groups:
        packets = _until(gop.packets, span.end)
        keyframe = packets[0].data
        shift = (keyframe.pts or 0) - ticks(pace.at(packets[0].time), keyframe.time_base)
        for packet in packets:
            copy = copy_of(packet.data, stream, shift)
            if last is not None and copy.dts is not None and copy.dts <= last:
                copy.dts = last + 1  # a seam between segments may be off by a millisecond
                copy.pts = max(copy.pts or 0, copy.dts)
            last = copy.dts
            output.mux(copy)
        times = sorted(packet.time for packet in packets)
        for time in times:
            pace.at(time)
        start, end = start or times[0], times[-1] + info.frame_time
    return _covered(start, end, span)


def _until(packets: tuple[Packet, ...], end: datetime) -> tuple[Packet, ...]:
    """Those to be decoded for all pictures before `end`, and for those before the last of these (B-frames)."""
    last = max(index for index, packet in enumerate(packets) if packet.time < end)
    latest = max(packet.time for packet in packets[: last + 1])
    return packets[: max(index for index, packet in enumerate(packets) if packet.time <= latest) + 1]


def _encode(
    output: OutputContainer, info: StreamInfo, groups: Iterator[Gop], span: TimeRange, overlay: _Overlay
) -> TimeRange:
    size = _fitting(info.size)
    stream = output.add_stream("libx264", rate=round(info.rate) or 1, options={"preset": "veryfast", "crf": "23"})
    stream.width, stream.height, stream.pix_fmt = size.width, size.height, "yuv420p"
    stream.codec_context.time_base = _TICK
    pace, start, end = _Pace(), None, None
    for picture in _pictures(groups, span):
        frame = VideoFrame.from_ndarray(overlay.draw(picture, size), format="bgr24")
        frame.pts, frame.time_base = ticks(pace.at(picture.time), _TICK), _TICK
        output.mux(stream.encode(frame))
        start, end = start or picture.time, picture.time + info.frame_time
    output.mux(stream.encode(None))
    return _covered(start, end, span)


def _pictures(groups: Iterator[Gop], span: TimeRange) -> Iterator[DecodedFrame]:
    decoder: Decoder | None = None
    info: StreamInfo | None = None
    for gop in groups:
        if decoder is None or gop.info is not info:
            decoder, info = Decoder(gop.info), gop.info
        for picture in decoder.frames(gop):
            if span.start <= picture.time < span.end:
                yield picture


def _covered(start: datetime | None, end: datetime | None, span: TimeRange) -> TimeRange:
    if start is None or end is None:
        raise MediaError(f"nothing was recorded between {_clock(span.start)} and {_clock(span.end)}")
    return TimeRange(start, end)


def _fitting(size: FrameSize) -> FrameSize:
    """At most 960 px wide, both sides even, as the encoder wants them."""
    scale = min(1.0, _WIDTH / size.width)
    return FrameSize(max(2, round(size.width * scale / 2) * 2), max(2, round(size.height * scale / 2) * 2))


class _Overlay:
    """Draws tracks where they are at a time, between sightings on the straight line."""

    def __init__(self, tracks: Sequence[Track], frame: FrameSize | None) -> None:
        self._tracks, self._frame = tracks, frame

    def draw(self, picture: DecodedFrame, size: FrameSize) -> Image:
        shrunk = cv2.resize(picture.bgr(), (size.width, size.height), interpolation=cv2.INTER_AREA)
        image = cast(Image, shrunk)
        frame = self._frame or picture.size
        across, down = size.width / frame.width, size.height / frame.height
        boxes = [
            (Box(box.x * across, box.y * down, box.width * across, box.height * down), track.label)
            for track in self._tracks
            if (box := box_at(track, picture.time)) is not None
        ]
        return draw_boxes(image, boxes)


def box_at(track: Track, time: datetime) -> Box | None:
    """Where `track` is at `time`, None before its first and after its last sighting."""
    points = track.points
    if not points or not points[0].time - _REACH <= time <= points[-1].time + _REACH:
        return None
    if time <= points[0].time:
        return points[0].box
    for before, after in pairwise(points):
        if before.time <= time < after.time:
            return _between(before.box, after.box, (time - before.time) / (after.time - before.time))
    return points[-1].box


def _between(a: Box, b: Box, share: float) -> Box:
    def mix(x: float, y: float) -> float:
        return x + (y - x) * share

    return Box(mix(a.x, b.x), mix(a.y, b.y), mix(a.width, b.width), mix(a.height, b.height))
