"""Where a segment lies below the media root: its path alone tells camera, recording, start and id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from omnisight_lab.errors import MediaError
from omnisight_lab.types import utc

PART = ".part.mp4"
"""Ending of a file that is being written."""
_STAMP = "%Y%m%dT%H%M%S"


@dataclass(frozen=True, slots=True)
class SegmentName:
    camera_id: str
    recording_id: str
    segment_id: str
    start: datetime

    @property
    def path(self) -> str:
        """`segments/<camera>/<UTC day>/<UTC start to the ms>_<recording>_<segment>.mp4`, relative to the media root."""
        start = utc(self.start)
        stamp = f"{start.strftime(_STAMP)}.{start.microsecond // 1000:03d}Z"
        folder = PurePosixPath("segments", self.camera_id, start.strftime("%Y-%m-%d"))
        return str(folder / f"{stamp}_{self.recording_id}_{self.segment_id}.mp4")

    @property
    def thumbnail_path(self) -> str:
        start = utc(self.start)
        folder = PurePosixPath("thumbnails", self.camera_id, start.strftime("%Y-%m-%d"))
        return str(folder / f"segment_{self.segment_id}.jpg")

    @classmethod
    def parse(cls, path: Path | PurePosixPath) -> SegmentName:
        """What a finished or unfinished segment's path says; MediaError where it is not named so."""
        try:
            stamp, recording_id, segment_id = path.name.removesuffix(PART).removesuffix(".mp4").rsplit("_", 2)
            start = datetime.strptime(stamp.removesuffix("Z"), _STAMP + ".%f").replace(tzinfo=UTC)
            return cls(path.parts[-3], recording_id, segment_id, start)
        except (ValueError, IndexError) as error:
            raise MediaError(f"{path.name} is not named as a segment is") from error


def part_of(path: Path) -> Path:
    """The name that the file at `path` has while it is written."""
    return path.with_name(path.name.removesuffix(".mp4") + PART)
