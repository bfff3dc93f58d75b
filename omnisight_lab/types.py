"""Frozen values that pass between stages: plain data with units, no behaviour beyond what the value means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from omnisight_lab.errors import BadTime

Image = npt.NDArray[np.uint8]
"""Picture, shape (height, width, 3), BGR, 0 to 255, as OpenCV has it."""


def utc(value: datetime) -> datetime:
    """`value` in UTC, truncated to the millisecond that the database keeps; a naive one is refused."""
    if value.tzinfo is None:
        raise BadTime(f"{value.isoformat()} has no time zone; write it with an offset, as 2026-03-29T08:00:00+02:00")
    value = value.astimezone(UTC)
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Half-open span `[start, end)` of aware UTC times."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", utc(self.start))
        object.__setattr__(self, "end", utc(self.end))
        if self.end < self.start:
            raise BadTime(f"the span ends ({self.end.isoformat()}) before it starts ({self.start.isoformat()})")

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


class EventType(StrEnum):
    """What `Event.eventType` says."""

    MOTION = "motion"
    OBJECT_DETECTED = "object_detected"
    ZONE_ENTERED = "zone_entered"
    LINE_CROSSED = "line_crossed"
    CAMERA_OFFLINE = "camera_offline"
    CAMERA_ONLINE = "camera_online"


class GapCause(StrEnum):
    """Why seconds that were expected are not recorded, or not any more: RETENTION and MISSING_FILE."""

    CAMERA_UNREACHABLE = "camera_unreachable"
    WRONG_CREDENTIALS = "wrong_credentials"
    STREAM_NOT_FOUND = "stream_not_found"
    STALLED = "stalled"
    NO_KEYFRAME = "no_keyframe"
    DISK_FULL = "disk_full"
    WORKER_DOWN = "worker_down"
    RETENTION = "retention"
    MISSING_FILE = "missing_file"


@dataclass(frozen=True, slots=True)
class FrameSize:
    """Width and height in pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture with its wall-clock time (aware UTC) and its number in the stream, from 1."""

    time: datetime
    number: int
    image: Image

    @property
    def size(self) -> FrameSize:
        return FrameSize(self.image.shape[1], self.image.shape[0])


@dataclass(frozen=True, slots=True)
class Box:
    """Rectangle in pixels of the frame, origin top left: what `DetectedObject.boundingBox` stores."""

    x: float
    y: float
    width: float
    height: float

    def as_json(self) -> dict[str, float]:
        return {"x": self.x, "y": self.y, "width": self.width, "height": self.height}


@dataclass(frozen=True, slots=True)
class Boxes:
    """Detections of one frame.

    `xyxy`: float32 (N, 4), corners in pixels; `confidence`: float32 (N,), 0 to 1; `labels`: N class names.
    """

    xyxy: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def none(cls) -> Boxes:
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32), ())

    def box(self, index: int) -> Box:
        x1, y1, x2, y2 = (float(value) for value in self.xyxy[index])
        return Box(x1, y1, x2 - x1, y2 - y1)


@dataclass(frozen=True, slots=True)
class TrackPoint:
    """Where a track was seen: wall-clock time (aware UTC), box in pixels, confidence 0 to 1."""

    time: datetime
    box: Box
    confidence: float


@dataclass(frozen=True, slots=True)
class Track:
    """One confirmed object over time. `id` is unique within a camera's run; `points` are in order of time."""

    id: int
    label: str
    points: tuple[TrackPoint, ...]
    moving: bool = True

    @property
    def best(self) -> TrackPoint:
        return max(self.points, key=lambda point: point.confidence)


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """A closed, fsynced segment file, ready to become a Segment row.

    `path` is relative to the media root; `motion` is the 16x16 grid of moved area (0 to 255) or empty. `dropped_frames`
    were recorded and not looked at, because the analysis was behind; None: not known (yet).
    """

    id: str
    camera_id: str
    recording_id: str
    path: str
    start: datetime
    end: datetime
    size: int
    sha256: str
    codec: str
    frames: int
    keyframes: int
    frame: FrameSize
    thumbnail_path: str | None = None
    wall_clock_error_ms: int | None = None
    motion: tuple[tuple[int, ...], ...] = ()
    dropped_frames: int | None = None


@dataclass(frozen=True, slots=True)
class ObjectDraft:
    """One row of DetectedObject to be: a track's best box, or a sample of its path (at most 2 a second)."""

    id: str
    label: str
    confidence: float
    box: Box
    track_id: int
    time: datetime
    best: bool


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event to be written; written again under its id as it grows and closes (`end` None: still open).

    `thumbnail_path` is relative to the media root. `extra` joins `Event.metadata` beside the standard keys.
    """

    id: str
    camera_id: str
    recording_id: str | None
    event_type: EventType
    start: datetime
    end: datetime | None = None
    confidence: float | None = None
    thumbnail_path: str | None = None
    track_id: int | None = None
    peak: datetime | None = None
    frame: FrameSize | None = None
    zones: tuple[str, ...] = ()
    model: Mapping[str, str] | None = None
    objects: tuple[ObjectDraft, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
