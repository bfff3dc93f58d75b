"""An H.264 file as a loop of access units, ready to be sent for ever with stamps that only rise."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import cast

import av
from av.bitstream import BitStreamFilterContext
from av.video.stream import VideoStream

from omnisight_lab.errors import NotAVideo

CLOCK = 90_000
"""Ticks a second of an H.264 RTP stream (RFC 6184)."""

_KEYFRAME_SECONDS = 5
_SPS, _PPS = 7, 8
_START_CODE = re.compile(rb"\x00\x00\x00?\x01")


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One coded picture: its NAL units, when it is shown and when it is sent, in ticks from the loop's start."""

    nals: tuple[bytes, ...]
    shown: int
    sent: int
    keyframe: bool


@dataclass(frozen=True, slots=True)
class VideoLoop:
    """`units` in decoding order, beginning with a keyframe; `length` in ticks; `sps` and `pps` raw."""

    units: tuple[AccessUnit, ...]
    length: int
    sps: bytes
    pps: bytes
    rate: float


def read_loop(path: Path) -> VideoLoop:
    """The video of `path` as a loop; what cannot be sent as it is, is encoded anew first. Raises NotAVideo."""
    try:
        with _as_h264(path) as playable, av.open(str(playable)) as container:
            return _loop_of(container)
    except NotAVideo as error:
        raise NotAVideo(f"{path.name} {error}") from error
    except OSError as error:
        raise NotAVideo(f"{path.name} cannot be read: {error.strerror}") from error
    except av.error.FFmpegError as error:
        raise NotAVideo(f"{path.name} is not a video that can be read") from error


def _loop_of(container: av.container.InputContainer) -> VideoLoop:
    stream = container.streams.video[0]
    annex_b = BitStreamFilterContext("h264_mp4toannexb", stream)
    packets = [packet for source in container.demux(stream) for packet in annex_b.filter(source)]
    packets = [packet for packet in packets if packet.pts is not None and packet.dts is not None and packet.size]
    while packets and not packets[0].is_keyframe:
        packets.pop(0)
    if not packets:
        raise NotAVideo("has no keyframe")
    tick = cast("Fraction", stream.time_base) * CLOCK
    rate = float(stream.average_rate or 25)
    start = min(cast("int", packet.pts) for packet in packets)
    # A picture is shown at most this long after its decoding; sent so much later, none comes from the future.
    delay = max(cast("int", packet.pts) - cast("int", packet.dts) for packet in packets)
    units = [
        AccessUnit(
            _split(bytes(packet)),
            round((cast("int", packet.pts) - start) * tick),
            round((cast("int", packet.dts) - start + delay) * tick),
            packet.is_keyframe,
        )
        for packet in packets
    ]
    sps, pps = (_parameter_set(units[0].nals, kind) for kind in (_SPS, _PPS))
    length = max(unit.shown for unit in units) + round(CLOCK / rate)
    return VideoLoop(tuple(_with_parameters(unit, sps, pps) for unit in units), length, sps, pps, rate)


def _split(stream: bytes) -> tuple[bytes, ...]:
    return tuple(nal for nal in _START_CODE.split(stream) if nal)


def _parameter_set(nals: tuple[bytes, ...], kind: int) -> bytes:
    for nal in nals:
        if nal[0] & 31 == kind:
            return nal
    raise NotAVideo("does not begin with H.264 parameter sets")


def _with_parameters(unit: AccessUnit, sps: bytes, pps: bytes) -> AccessUnit:
    """`unit` as cameras send it: parameter sets before every keyframe."""
    if not unit.keyframe or any(nal[0] & 31 == _SPS for nal in unit.nals):
        return unit
    return AccessUnit((sps, pps, *unit.nals), unit.shown, unit.sent, unit.keyframe)


@contextmanager
def _as_h264(path: Path) -> Iterator[Path]:
    """`path` itself if it can be sent as it is, else a temporary H.264 file with the same pictures."""
    if _is_sendable(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="omnisight-sim-") as folder:
        encoded = Path(folder) / "loop.mp4"
        _transcode(path, encoded)
        yield encoded


def _is_sendable(path: Path) -> bool:
    """Whether it is H.264 with time stamps, and a new client need not wait long for a keyframe."""
    with av.open(str(path)) as container:
        if not container.streams.video:
            raise NotAVideo("holds no video")
        stream = container.streams.video[0]
        if stream.codec_context.name != "h264":
            return False
        packets = [packet for packet in container.demux(stream) if packet.size]
        rate = float(stream.average_rate or 25)
    if any(packet.pts is None or packet.dts is None for packet in packets):
        return False
    keyframes = [number for number, packet in enumerate(packets) if packet.is_keyframe]
    longest = max((b - a for a, b in pairwise([*keyframes, len(packets)])), default=0)
    return longest <= _KEYFRAME_SECONDS * rate


def _transcode(source: Path, target: Path) -> None:
    with av.open(str(source)) as reading, av.open(str(target), "w") as writing:
        video = reading.streams.video[0]
        rate = video.average_rate or Fraction(25)
        encoder: VideoStream | None = None
        for number, frame in enumerate(reading.decode(video)):
            if encoder is None:
                encoder = add_h264(writing, frame.width // 2 * 2, frame.height // 2 * 2, rate)
            picture = frame.reformat(width=encoder.width, height=encoder.height, format="yuv420p")
            picture.pts, picture.time_base = number, 1 / rate
            picture.pict_type = av.video.frame.PictureType.NONE
            writing.mux(encoder.encode(picture))
        if encoder is None:
            raise NotAVideo("holds no picture")
        writing.mux(encoder.encode(None))


def add_h264(container: av.container.OutputContainer, width: int, height: int, rate: Fraction) -> VideoStream:
    """A stream encoded as cameras do it: no B-frames, a keyframe a second; one thread gives the same bytes anywhere."""
    encoder = container.add_stream("libx264", rate=rate)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.codec_context.thread_count = 1
    encoder.options = {
        "preset": "veryfast",
        "crf": "24",
        "bf": "0",
        "g": str(max(1, round(rate))),
        "sc_threshold": "0",
    }
    return encoder
