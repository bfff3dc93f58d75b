"""Recording: packets are copied, not encoded, into files of about a minute that follow each other without a gap.

Video only: a camera's sound is not asked for.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import av
from av.container.output import OutputContainer

from omnisight_lab.errors import MediaError, OmniSightError, SourceError
from omnisight_lab.media.decoder import Decoder
from omnisight_lab.media.files import MediaFile, finish, make_folder, sha256, writing
from omnisight_lab.media.naming import SegmentName, part_of
from omnisight_lab.media.packets import Gop, Packet, StreamInfo, copy_of
from omnisight_lab.media.thumbnails import write_thumbnail
from omnisight_lab.types import GapCause, SegmentFile, utc

_log = logging.getLogger(__name__)
FRAGMENTED = {
    # Fragments of half a second, each written out at once: a killed recorder loses no more. At close the file
    # becomes an ordinary mp4.
    "movflags": "+hybrid_fragmented+negative_cts_offsets",
    "frag_duration": "500000",
    "flush_packets": "1",
}
_SIZE_CUT = 1 << 30
"""Bytes after which a segment ends at the next keyframe: `Segment.fileSize` is a 32-bit number."""
_SIZE_LIMIT = 2_000_000_000


class Recorder:
    """Writes one stream into segments of `segment_seconds`, aligned to the clock, cut at keyframes.

    A segment's end is the next one's start. DiskFull and StorageError leave what was written in a `.part.mp4`,
    which `recover` turns into a segment; the recorder is then done for.
    """

    def __init__(
        self,
        media_root: Path,
        camera_id: str,
        recording_id: str,
        info: StreamInfo,
        segment_seconds: float = 60,
        *,
        thumbnails: bool = False,
    ) -> None:
        self._media_root, self._camera_id, self._recording_id = media_root, camera_id, recording_id
        self._info, self._segment_seconds, self._thumbnails = info, segment_seconds, thumbnails
        self._open: _OpenSegment | None = None

    def write(self, packet: Packet) -> SegmentFile | None:
        """Takes in the next packet; gives the segment that it closed, if any. The first must be a keyframe."""
        closed = self.cut(packet)
        if self._open is None:
            name = SegmentName(self._camera_id, self._recording_id, str(uuid.uuid4()), packet.time)
            self._open = _OpenSegment(self._media_root, name, self._info, packet)
        try:
            self._open.write(packet)
        except BaseException:
            self._open.abandon()
            self._open = None
            raise
        return closed

    def cut(self, packet: Packet) -> SegmentFile | None:
        """Closes the segment that ends before `packet`, if any: `write` may fail to begin the next one."""
        if packet.keyframe and self._open is not None and self._is_full(self._open, packet.time):
            return self._close(packet.time)
        return None

    def close(self) -> SegmentFile | None:
        """Ends the recording; gives the last segment, None where there is none."""
        return self._close(self._open.shown_until) if self._open is not None else None

    def _is_full(self, segment: _OpenSegment, now: datetime) -> bool:
        length = self._segment_seconds
        boundary = (segment.name.start.timestamp() // length + 1) * length
        return now.timestamp() >= boundary or segment.size >= _SIZE_CUT

    def _close(self, end: datetime) -> SegmentFile:
        assert self._open is not None, "no segment is open"
        segment, self._open = self._open, None
        closed = segment.close(end)
        return replace(closed, thumbnail_path=self._thumbnail(segment)) if self._thumbnails else closed

    def _thumbnail(self, segment: _OpenSegment) -> str | None:
        """The path of a picture of the segment's start; None where it can't be had: the segment counts more."""
        try:
            picture = next(Decoder(self._info).frames(segment.keyframe)).bgr()
            return write_thumbnail(self._media_root, segment.name.thumbnail_path, picture)
        except (OmniSightError, StopIteration) as error:
            _log.warning("segment %s gets no thumbnail: %s", segment.name.segment_id, error)
            return None


class _OpenSegment:
    """One file while it is written."""

    def __init__(self, media_root: Path, name: SegmentName, info: StreamInfo, keyframe: Packet) -> None:
        self.name, self._info = name, info
        self.path = media_root / name.path
        self._part = part_of(self.path)
        self.keyframe = Gop(info, (keyframe,))
        self._frames = self._keyframes = self.size = 0
        self._zero = keyframe.data.pts or 0
        self._drift = 0.0
        self.shown_until = name.start
        with writing(self._part):
            make_folder(self._part.parent)
            self._file = MediaFile(self._part)
        self._container: OutputContainer = av.open(self._file, "w", format="mp4", options=FRAGMENTED)
        self._container.metadata["creation_time"] = utc(name.start).isoformat()
        self._stream = self._container.add_stream_from_template(info.template, opaque=True)

    def write(self, packet: Packet) -> None:
        pts = packet.data.pts or 0
        if pts < self._zero:
            return  # shown before the keyframe that this file begins with: it refers to pictures in the last file
        if self.size + packet.size > _SIZE_LIMIT:
            message = f"{self.path.name} has grown to 2 GB without a keyframe at which it could be cut"
            raise SourceError(message, GapCause.NO_KEYFRAME)
        with writing(self._part):
            self._mux(packet)
        self._frames += 1
        self._keyframes += packet.keyframe
        self.size += packet.size
        self.shown_until = max(self.shown_until, packet.time + self._info.frame_time)
        offset = float((pts - self._zero) * packet.data.time_base)
        self._drift = max(self._drift, abs((packet.time - self.name.start).total_seconds() - offset))

    def close(self, end: datetime) -> SegmentFile:
        """Finishes the file and gives what its row needs."""
        with writing(self._part):
            try:
                self._container.close()
            except av.FFmpegError as error:
                raise self._reason(error) from error
            finally:
                self._file.close()
            finish(self._part, self.path)
            size, digest = self.path.stat().st_size, sha256(self.path)
        return SegmentFile(
            id=self.name.segment_id,
            camera_id=self.name.camera_id,
            recording_id=self.name.recording_id,
            path=self.name.path,
            start=utc(self.name.start),
            end=utc(end),
            size=size,
            sha256=digest,
            codec=self._info.codec,
            frames=self._frames,
            keyframes=self._keyframes,
            frame=self._info.size,
            wall_clock_error_ms=round(self._drift * 1000),
        )

    def abandon(self) -> None:
        """Lets go of the file as it is: with its file closed, PyAV does not write the end."""
        self._file.close()
        self._container.close()

    def _mux(self, packet: Packet) -> None:
        try:
            self._container.mux(copy_of(packet.data, self._stream, shift=self._zero))
        except av.FFmpegError as error:
            raise self._reason(error) from error

    def _reason(self, error: av.FFmpegError) -> Exception:
        """What the system said when PyAV failed, else that the packets don't fit."""
        return self._file.failure or MediaError(f"{self.path.name} can't take the video: {error.strerror}")
