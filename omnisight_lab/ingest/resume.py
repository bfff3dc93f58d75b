"""What a camera process does first: rows for what its predecessor left behind, and the gap until now."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from omnisight_lab.db import reads, writes
from omnisight_lab.db.session import Database
from omnisight_lab.errors import MediaError, OmniSightError, StorageError
from omnisight_lab.ingest.journal import Operation
from omnisight_lab.media.naming import PART, SegmentName
from omnisight_lab.media.recover import describe, recover
from omnisight_lab.media.source import FileSource, Gop, decode
from omnisight_lab.media.thumbnails import write_thumbnail
from omnisight_lab.types import GapCause, SegmentFile

log = logging.getLogger(__name__)

_DAYS = 2
"""So many of the newest day folders are searched for files without a row."""


def left_behind(media_root: Path, camera_id: str, now: datetime) -> dict[str, Any]:
    """The arguments of `resume`, found on the disk alone: repaired segments, and the names of the newest ones."""
    try:
        repaired = recover(media_root, camera_id)
    except StorageError as error:  # a full disk: recording waits for room, and this for the next time
        log.warning("what was left unfinished stays so for now: %s", error)
        repaired = []
    days = sorted((media_root / "segments" / camera_id).glob("*-*-*"))[-_DAYS:]
    files = sorted(path.relative_to(media_root).as_posix() for day in days for path in day.glob("*.mp4"))
    return {
        "camera_id": camera_id,
        "at": now,
        "media_root": str(media_root),
        "repaired": tuple(repaired),
        "files": tuple(path for path in files if not path.endswith(PART)),
    }


def resume(
    database: Database,
    camera_id: str,
    at: datetime,
    gap_id: str,
    media_root: str,
    repaired: tuple[SegmentFile, ...],
    files: tuple[str, ...],
) -> None:
    """Rows for footage without one, an end to all that was left open, and the gap `gap_id` from there on."""
    for segment in (*repaired, *_without_row(database, Path(media_root), set(files) - {s.path for s in repaired})):
        if not _of_a_killed_import(segment):
            segment = illustrated(Path(media_root), segment)
            writes.start_recording(database, segment.recording_id, camera_id, None, segment.start)
            writes.close_segment(database, segment)
    accounted = writes.finish_left_behind(database, camera_id, at)
    with database.session() as session:
        periods = reads.periods(session, camera_id)
    enabled = periods[-1].start if periods and periods[-1].end is None else None
    since = max((time for time in (accounted, enabled) if time is not None), default=at)
    writes.open_gap(database, camera_id, min(since, at), GapCause.WORKER_DOWN, gap_id)


OPERATIONS: dict[str, Operation] = {
    "resume": resume,
    "start_stream": writes.start_stream,
    "end_stream": writes.end_stream,
    "start_recording": writes.start_recording,
    "end_recording": writes.end_recording,
    "close_segment": writes.close_segment,
    "save_events": writes.save_events,
    "set_camera_status": writes.set_camera_status,
    "open_gap": writes.open_gap,
    "touch_gap": writes.touch_gap,
    "close_gap": writes.close_gap,
    "add_gap": writes.add_gap,
}
"""All that a camera process writes, by the names that its journal uses."""


def illustrated(media_root: Path, segment: SegmentFile) -> SegmentFile:
    """`segment`, which was described from its file, with a picture of its start."""
    try:
        with FileSource(media_root / segment.path) as source:
            keyframe = Gop(source.info, (next(source.packets()),))
            image = next(decode(keyframe)).image
        path = SegmentName.parse(Path(segment.path)).thumbnail_path
        return replace(segment, thumbnail_path=write_thumbnail(media_root, path, image))
    except (OmniSightError, StopIteration) as error:
        log.warning("segment %s gets no thumbnail: %s", segment.id, error)
        return segment


def _without_row(database: Database, media_root: Path, files: set[str]) -> Iterator[SegmentFile]:
    with database.session() as session:
        known = reads.known_paths(session, sorted(files))
    for path in sorted(files - known):
        try:
            yield describe(media_root / path, media_root)
        except MediaError as error:
            log.warning("%s gets no row: %s", path, error)


def _of_a_killed_import(segment: SegmentFile) -> bool:
    """An import writes its rows when all is done; its Recording's id is made from the content (uuid5)."""
    return UUID(segment.recording_id).version == 5
