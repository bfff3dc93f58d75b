"""Where packets come from: a camera by RTSP, or a file. PyAV's errors end here and become the project's own."""

from __future__ import annotations

import errno
import logging
import struct
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import av
from av.container.input import InputContainer
from av.video.stream import VideoStream

from omnisight_lab.addresses import redact, with_credentials
from omnisight_lab.clock import Clock, SystemClock
from omnisight_lab.errors import NotAVideo, SourceError
from omnisight_lab.media.decoder import DecodedFrame, Decoder, decode
from omnisight_lab.media.packets import Gop, Packet, StreamInfo, detached, group, ticks
from omnisight_lab.media.timing import MediaTimeline, WallClock, seconds
from omnisight_lab.types import FrameSize, GapCause, utc

__all__ = [
    "DecodedFrame",
    "Decoder",
    "FileSource",
    "Gop",
    "Packet",
    "RtspSource",
    "StreamInfo",
    "decode",
    "group",
    "probe",
]

_log = logging.getLogger(__name__)
_HELD = 32
"""Packets among which a decoding stamp must appear; H.264 puts 16 pictures at most out of order."""
_CLOCK_STEP = 2.0
"""Seconds by which the machine's clock may be corrected while a camera is open."""


class RtspSource:
    """The video of a camera, over TCP, live. Entering connects; SourceError says why there are no pictures.

    `timeout`: seconds of silence that count as a stall, and for which an answer is awaited; `keyframe_timeout`:
    seconds without a keyframe (default: twice as long), which also bounds the length of a group.
    """

    def __init__(
        self,
        url: str,
        username: str | None = None,
        password: str | None = None,
        timeout: float = 10.0,
        clock: Clock | None = None,
        keyframe_timeout: float | None = None,
    ) -> None:
        self.address = redact(url)
        self._url = with_credentials(url, username, password)
        self._timeout = timeout
        self._keyframe_timeout = keyframe_timeout or 2 * timeout
        self._clock = clock or SystemClock()
        self._container: InputContainer | None = None
        self._info: StreamInfo | None = None
        self._reorders = False

    @property
    def info(self) -> StreamInfo:
        assert self._info is not None, "the source is not open"
        return self._info

    def __enter__(self) -> Self:
        if urlsplit(self._url).scheme not in ("rtsp", "rtsps"):
            raise SourceError(
                f"{self.address} is no RTSP address, as rtsp://192.0.2.7/stream is", GapCause.CAMERA_UNREACHABLE
            )
        try:
            # Most cameras describe their pictures at once. For one that only sends that along with a keyframe, wait.
            self._info = self._connect(1.0) or self._connect(self._keyframe_timeout)
            if self._info is None:
                raise SourceError(
                    f"{self.address} has sent no keyframe for {self._keyframe_timeout:g} s", GapCause.NO_KEYFRAME
                )
        except av.FFmpegError as error:
            self._close()
            raise self._translated(error, opening=True) from None  # the original's text holds the password
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def packets(self) -> Iterator[Packet]:
        """Packets from the first keyframe on, for as long as the camera delivers; ends by SourceError alone.

        The first come after about a second, when their wall-clock time is certain.
        """
        timeline, wall = MediaTimeline(1 / self.info.rate), WallClock()
        held: list[tuple[av.Packet[VideoStream], float, int]] = []
        for number, data in self._from_keyframe():
            now = seconds(self._clock.now())
            delay = _delay(data) if self._reorders else 0
            stamp = data.dts if delay or data.pts is None else data.pts
            decoding = timeline.advance(None if stamp is None else float(stamp * data.time_base), now)
            showing = decoding + float(delay * data.time_base)
            data.dts = ticks(decoding, data.time_base)
            data.pts = data.dts + delay
            reported = _reported(data) if timeline.trusted else None
            wall.see(showing, now, reported)
            held.append((data, showing, number))
            if wall.settled:
                for packet, media, count in held:
                    yield Packet(packet, wall.time(media), packet.is_keyframe, packet.size, count)
                held = []

    def _connect(self, analyse: float) -> StreamInfo | None:
        """Opens the address and looks at it for `analyse` seconds; None where it takes longer to know it."""
        options = {
            "rtsp_transport": "tcp",
            "allowed_media_types": "video",
            "timeout": str(int(self._timeout * 1_000_000)),  # microseconds
            "analyzeduration": str(int(analyse * 1_000_000)),
        }
        self._close()
        patience = max(self._timeout, analyse + 1)
        self._container = av.open(self._url, options=options, timeout=(patience, self._timeout))
        stream = _video_of(self._container)
        if stream is None:
            raise SourceError(f"{self.address} has no video", GapCause.STREAM_NOT_FOUND)
        if stream.codec_context.width:
            return self._describe(stream)
        if not self._sends_anything(self._container):
            raise SourceError(f"{self.address} answers, but sends no pictures", GapCause.STALLED)
        return None

    @staticmethod
    def _sends_anything(container: InputContainer) -> bool:
        try:
            return any(packet.size for packet in container.demux(video=0))
        except av.FFmpegError:
            return False

    def _describe(self, stream: VideoStream) -> StreamInfo:
        self._reorders = bool(stream.codec_context.has_b_frames)
        try:
            return _info_of(stream)
        except ValueError as error:
            codec = stream.codec_context.name
            raise SourceError(
                f"{self.address} sends {codec}, which can't be recorded; set the camera to H.264 or H.265",
                GapCause.STREAM_NOT_FOUND,
            ) from error

    def _from_keyframe(self) -> Iterator[tuple[int, av.Packet[VideoStream]]]:
        """Raw packets with their numbers; raises when keyframes stay away or the machine's clock is set."""
        begun = False
        last_keyframe = self._clock.monotonic()
        offset = seconds(self._clock.now()) - last_keyframe
        for number, data in enumerate(_with_dts(self._raw(), self.info.rate), start=1):
            now = self._clock.monotonic()
            step = seconds(self._clock.now()) - now - offset
            if abs(step) > _CLOCK_STEP:
                raise SourceError(f"this machine's clock was set by {step:+.0f} s", GapCause.WORKER_DOWN)
            if data.is_keyframe:
                begun, last_keyframe = True, now
            elif now - last_keyframe > self._keyframe_timeout:
                raise SourceError(
                    f"{self.address} has sent no keyframe for {self._keyframe_timeout:g} s", GapCause.NO_KEYFRAME
                )
            if begun:
                yield number, data

    def _raw(self) -> Iterator[av.Packet[VideoStream]]:
        assert self._container is not None, "the source is not open"
        try:
            for packet in self._container.demux(video=0):
                if packet.size:
                    yield packet
        except av.FFmpegError as error:
            raise self._translated(error, opening=False) from None  # the original's text may hold the password
        raise SourceError(f"{self.address} closed the connection", GapCause.CAMERA_UNREACHABLE)

    def _translated(self, error: av.FFmpegError, *, opening: bool) -> SourceError:
        unreachable = GapCause.CAMERA_UNREACHABLE
        silent = isinstance(error, (av.ExitError, av.TimeoutError, av.InvalidDataError))
        if isinstance(error, (av.HTTPUnauthorizedError, av.HTTPForbiddenError)):
            return SourceError(f"{self.address} refuses the user name or password", GapCause.WRONG_CREDENTIALS)
        if isinstance(error, av.HTTPNotFoundError):
            return SourceError(f"{self.address} has no such stream", GapCause.STREAM_NOT_FOUND)
        if isinstance(error, av.ConnectionRefusedError):
            return SourceError(f"{self.address} refuses the connection", unreachable)
        if silent and opening:
            return SourceError(f"{self.address} does not answer within {self._timeout:g} s", unreachable)
        if silent:
            return SourceError(f"{self.address} has sent nothing for {self._timeout:g} s", GapCause.STALLED)
        reason = (error.strerror or type(error).__name__).lower()
        return SourceError(f"{self.address} can't be reached: {redact(reason)}", unreachable)

    def _close(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None


class FileSource:
    """The video of a file whose first picture was taken at `start` (aware UTC; default: 1970).

    Entering reads up to the first keyframe and decodes it, so that NotAVideo comes before anything is written.
    What a damaged file still holds is given; with `whole`, NotAVideo comes at the end of one that was cut off.
    """

    def __init__(self, path: Path | str, start: datetime | None = None, *, whole: bool = False) -> None:
        self.path, self._whole = Path(path), whole
        self._start = utc(start) if start is not None else datetime(1970, 1, 1, tzinfo=UTC)
        self._container: InputContainer | None = None
        self._info: StreamInfo | None = None
        self._first: Packet | None = None

    @property
    def info(self) -> StreamInfo:
        assert self._info is not None, "the source is not open"
        return self._info

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def packets(self) -> Iterator[Packet]:
        """Packets from the first keyframe to the end, as fast as they can be read; once only."""
        assert self._first is not None, "the source is not open"
        yield self._first
        last = self._first.time
        for packet in self._rest:
            last = max(last, packet.time)
            yield packet
        if self._whole:
            self._require_end(last)

    def _require_end(self, last: datetime) -> None:
        """The picture shown last has to be about where the file's index says that it ends."""
        read, declared = (last - self._start + self.info.frame_time).total_seconds(), self.info.duration
        if declared is not None and read < declared - max(1.0, 0.02 * declared):
            raise NotAVideo(
                f"{self.path} is cut off: {read:.1f} of its {declared:.1f} s can be read; get the whole file, "
                "or take what there is with --partial"
            )

    def _open(self) -> None:
        _require_file(self.path)
        try:
            self._container = av.open(str(self.path), options={"fflags": "+genpts"})
        except (av.FFmpegError, ValueError) as error:
            raise NotAVideo(f"{self.path} is not a video, or is cut off before its index") from error
        self._info = self._describe(self._container)
        self._rest = self._timed()
        self._first = next(self._rest, None)
        if self._first is None:
            raise NotAVideo(f"{self.path} has no keyframe, so nothing in it can be shown")
        self._info = _turned(self.info, self._rotation(self._first))

    def _rotation(self, keyframe: Packet) -> float:
        """Degrees by which pictures are to be turned; only the container's own decoder knows."""
        context = keyframe.data.stream.codec_context
        try:
            pictures = [*context.decode(keyframe.data), *context.decode(None)]
        except av.FFmpegError as error:
            raise NotAVideo(f"{self.path} is damaged: its first keyframe can't be decoded") from error
        if not pictures:
            raise NotAVideo(f"{self.path} is damaged: its first keyframe holds no picture")
        return pictures[0].rotation

    def _describe(self, container: InputContainer) -> StreamInfo:
        stream = _video_of(container)
        still = container.format.name.endswith("_pipe") or container.format.name in {"image2", "gif", "tty", "ico"}
        if stream is None or still or not stream.codec_context.width:
            raise NotAVideo(f"{self.path} has no video in it")
        try:
            info = _info_of(stream)
        except ValueError as error:
            codec = stream.codec_context.name
            raise NotAVideo(f"{self.path} holds {codec} video, which can't be kept; convert it to H.264") from error
        if stream.duration is not None and stream.time_base is not None:
            return replace(info, duration=float(stream.duration * stream.time_base))
        length = container.duration  # sound may go on longer than the pictures
        return replace(info, duration=None if length is None else length / av.time_base)

    def _timed(self) -> Iterator[Packet]:
        """Packets with their wall-clock time; stamps that don't rise are mended."""
        assert self._container is not None, "the source is not open"
        timeline, zero, begun = MediaTimeline(1 / self.info.rate), None, False
        for number, data in enumerate(_with_dts(self._raw(), self.info.rate), start=1):
            stamp, delay = data.dts, _delay(data)
            if zero is None:
                zero = delay  # the first picture is shown at 0
            decoding = timeline.advance(None if stamp is None else float(stamp * data.time_base))
            data.dts = ticks(decoding, data.time_base)
            data.pts = data.dts + delay
            begun = begun or data.is_keyframe
            if begun:
                time = self._start + timedelta(seconds=float((data.pts - zero) * data.time_base))
                yield Packet(data, time, data.is_keyframe, data.size, number)

    def _raw(self) -> Iterator[av.Packet[VideoStream]]:
        assert self._container is not None, "the source is not open"
        stream = _video_of(self._container)
        assert stream is not None, "checked at opening"
        try:
            for packet in self._container.demux(stream):
                if packet.size and not packet.is_corrupt:
                    yield packet
        except av.FFmpegError as error:
            _log.warning("%s is damaged and read only in part: %s", self.path, error.strerror)

    def _close(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None


def probe(path: Path | str) -> StreamInfo:
    """What the video in file `path` is; NotAVideo says why it is none."""
    with FileSource(path) as source:
        return source.info


def _video_of(container: InputContainer) -> VideoStream | None:
    """The first video stream that is no cover picture and has a decoder."""
    for stream in container.streams.video:
        if stream.codec_context is not None and not stream.disposition & av.stream.Disposition.attached_pic:
            return stream
    return None


def _info_of(stream: VideoStream) -> StreamInfo:
    """ValueError where mp4 can't hold the codec."""
    context = stream.codec_context
    rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    rate = next((float(rate) for rate in rates if rate and 0.05 <= float(rate) <= 250), 25.0)
    return StreamInfo(
        codec=context.codec.canonical_name,
        size=FrameSize(context.width, context.height),
        rate=rate,
        extradata=context.extradata,
        template=detached(stream),
    )


def _turned(info: StreamInfo, degrees: float) -> StreamInfo:
    rotation = round(degrees / 90) * 90 % 360
    size = FrameSize(info.size.height, info.size.width) if rotation in (90, 270) else info.size
    return replace(info, rotation=rotation, size=size)


def _with_dts(packets: Iterator[av.Packet[VideoStream]], rate: float) -> Iterator[av.Packet[VideoStream]]:
    """The same `packets`, decoding stamps filled in at the beginning, where the demuxer does not know them yet."""
    held: list[av.Packet[VideoStream]] = []
    for packet in packets:
        held.append(packet)
        if packet.dts is not None or len(held) >= _HELD:
            yield from _filled(held, rate)
            held = []
            break
    yield from _filled(held, rate)  # it was a short file
    yield from packets


def _filled(held: list[av.Packet[VideoStream]], rate: float) -> Iterator[av.Packet[VideoStream]]:
    if held and held[-1].dts is not None:
        for back, packet in enumerate(reversed(held)):
            packet.dts = held[-1].dts - back * ticks(1 / rate, packet.time_base)
    yield from held


def _delay(data: av.Packet[VideoStream]) -> int:
    """Units from decoding to showing: more than 0 where there are B-frames."""
    if data.pts is None or data.dts is None:
        return 0
    return data.pts - data.dts if 0 <= (data.pts - data.dts) * data.time_base <= 2 else 0


def _reported(data: av.Packet[VideoStream]) -> float | None:
    """Seconds since 1970 at which the camera says it took the picture (producer reference time)."""
    if not data.has_sidedata("prft"):
        return None
    microseconds: int = struct.unpack_from("q", bytes(data.get_sidedata("prft")))[0]
    return microseconds / 1e6


def _require_file(path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        reason = "does not exist" if error.errno == errno.ENOENT else f"can't be read: {error.strerror}"
        raise NotAVideo(f"{path} {reason}") from error
    if path.is_dir():
        raise NotAVideo(f"{path} is a folder, not a video")
    if not size:
        raise NotAVideo(f"{path} is empty")
