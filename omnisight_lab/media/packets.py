"""Values between a source and those who record or look: packets of one video stream, group by group."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import cast

import av
from av.video.stream import VideoStream

from omnisight_lab.types import FrameSize


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a video stream is made of; valid after its source is closed.

    `size` is that of the pictures as shown, so after the `rotation` (degrees counter-clockwise: 0, 90, 180, 270);
    `rate` is in frames a second, nominal; `duration` in seconds, None when live; `extradata` opens a decoder, and
    `template` a muxer's stream.
    """

    codec: str
    size: FrameSize
    rate: float
    extradata: bytes | None = field(repr=False)
    template: VideoStream = field(repr=False, compare=False)
    rotation: int = 0
    duration: float | None = None

    @property
    def frame_time(self) -> timedelta:
        return timedelta(seconds=1 / self.rate)


@dataclass(frozen=True, slots=True)
class Packet:
    """One encoded picture.

    `time` is when it is shown (aware UTC); packets come in order of decoding, so with B-frames times jump within a
    group. `number` counts from 1 in the source, left-out packets included. `data` has pts and dts, dts rising.
    """

    data: av.Packet[VideoStream]
    time: datetime
    keyframe: bool
    size: int
    number: int = 1


@dataclass(frozen=True, slots=True)
class Gop:
    """A keyframe and what follows up to the next: the smallest piece that can be decoded by itself."""

    info: StreamInfo
    packets: tuple[Packet, ...]

    @property
    def start(self) -> datetime:
        return min(packet.time for packet in self.packets)

    @property
    def end(self) -> datetime:
        """When the last picture has been shown for one nominal frame time."""
        return max(packet.time for packet in self.packets) + self.info.frame_time


def group(info: StreamInfo, packets: Iterable[Packet]) -> Iterator[Gop]:
    """The `packets`, which start at a keyframe, as groups; each comes when the next one's keyframe has come."""
    held: list[Packet] = []
    for packet in packets:
        if packet.keyframe and held:
            yield Gop(info, tuple(held))
            held = []
        held.append(packet)
    if held:
        yield Gop(info, tuple(held))


def detached(stream: VideoStream) -> VideoStream:
    """A copy of `stream`'s parameters that outlives its container; ValueError where mp4 can't hold the codec.

    (PyAV's stream points into its container's memory, which is freed at close.)
    """
    return av.open(io.BytesIO(), "w", format="mp4").add_stream_from_template(stream, opaque=True)


def copy_of(packet: av.Packet[VideoStream], stream: VideoStream, shift: int = 0) -> av.Packet[VideoStream]:
    """A copy of `packet` for `stream`, `shift` units of its time base earlier: muxing rewrites what it is given."""
    copy = cast("av.Packet[VideoStream]", av.Packet(bytes(packet)))
    copy.time_base = packet.time_base
    copy.pts = None if packet.pts is None else packet.pts - shift
    copy.dts = None if packet.dts is None else packet.dts - shift
    copy.duration = packet.duration
    copy.is_keyframe = packet.is_keyframe
    copy.stream = stream
    return copy


def ticks(seconds: float, time_base: Fraction) -> int:
    """`seconds` in units of `time_base`."""
    return round(seconds / time_base)
