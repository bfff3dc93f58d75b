"""After a crash: unfinished segments become finished ones, and any finished one can be described from its file."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import av

from omnisight_lab.errors import MediaError
from omnisight_lab.media.files import MediaFile, finish, sha256, writing
from omnisight_lab.media.naming import PART, SegmentName
from omnisight_lab.media.packets import Packet, StreamInfo, copy_of
from omnisight_lab.media.recorder import FRAGMENTED
from omnisight_lab.media.source import FileSource
from omnisight_lab.types import SegmentFile, utc

_log = logging.getLogger(__name__)
DAMAGED = ".damaged"
"""Ending of a file in which nothing could be read; it is kept for whoever knows better."""


def recover(media_root: Path, camera_id: str) -> list[SegmentFile]:
    """Finishes the camera's `.part.mp4` files and gives their segments, in order of time.

    Nothing may be recording the camera meanwhile. What is readable of each is copied; one without a readable picture
    is set aside. DiskFull and StorageError leave the rest for the next time.
    """
    found: list[SegmentFile] = []
    for part in sorted((media_root / "segments" / camera_id).glob(f"*/*{PART}")):
        try:
            name = SegmentName.parse(part)
            path = media_root / name.path
            if not path.exists():
                _remux(part, path)
            found.append(describe(path, media_root))
            part.unlink()
        except MediaError as error:
            part.rename(part.with_name(part.name + DAMAGED))
            _log.warning("%s can't be recovered, and is set aside: %s", part, error)
    return found


def describe(path: Path, media_root: Path | None = None) -> SegmentFile:
    """The segment in the finished file at `path`, from its name and content; MediaError where it is none.

    `media_root` is found from the path if left out. Times come from the name and the pictures' stamps.
    """
    name = SegmentName.parse(path)
    root = media_root if media_root is not None else path.parents[3]
    with FileSource(path, name.start) as source:
        content = _measure(source.info, source.packets())
    return SegmentFile(
        id=name.segment_id,
        camera_id=name.camera_id,
        recording_id=name.recording_id,
        path=path.relative_to(root).as_posix(),
        start=utc(name.start),
        end=utc(name.start + content.length),
        size=path.stat().st_size,
        sha256=sha256(path),
        codec=source.info.codec,
        frames=content.frames,
        keyframes=content.keyframes,
        frame=source.info.size,
    )


@dataclass(frozen=True, slots=True)
class _Content:
    frames: int
    keyframes: int
    length: timedelta


def _measure(info: StreamInfo, packets: Iterator[Packet]) -> _Content:
    frames = keyframes = 0
    first = last = end = None
    for packet in packets:
        frames += 1
        keyframes += packet.keyframe
        first = first or packet.time
        if last is None or packet.time >= last:
            shown = float((packet.data.duration or 0) * packet.data.time_base)
            last, end = packet.time, packet.time + (timedelta(seconds=shown) if shown else info.frame_time)
    assert first is not None and end is not None, "a source gives at least one packet"
    return _Content(frames, keyframes, end - first)


def _remux(part: Path, path: Path) -> None:
    """Copies what is readable in `part` to `path`, by way of a third file."""
    fresh = path.with_name(path.name + ".recovering")
    try:
        with writing(fresh), FileSource(part) as source, MediaFile(fresh) as file:
            _copy(source, file)
        with writing(path):
            finish(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def _copy(source: FileSource, file: MediaFile) -> None:
    try:
        with av.open(file, "w", format="mp4", options=FRAGMENTED) as container:
            stream = container.add_stream_from_template(source.info.template, opaque=True)
            for packet in source.packets():
                container.mux(copy_of(packet.data, stream))
    except av.FFmpegError as error:
        raise file.failure or MediaError(f"its packets can't be copied: {error.strerror}") from error
