"""From a group of packets to events: as little decoding and as few detector calls as the footage allows.

    gate (sizes of packets) -> decode -> watch: motion, detector, tracks, events -> thumbnails

No database: what comes out are drafts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from omnisight_lab.errors import OmniSightError, StorageError
from omnisight_lab.ingest.areas import Areas
from omnisight_lab.media.source import DecodedFrame, Decoder, Gop, StreamInfo
from omnisight_lab.media.thumbnails import write_thumbnail
from omnisight_lab.types import EventDraft, SegmentFile
from omnisight_lab.vision import detector as detection
from omnisight_lab.vision.detector import Detector
from omnisight_lab.vision.events import EventUpdate
from omnisight_lab.vision.motion import Activity, PacketGate
from omnisight_lab.vision.watch import Seen, Watch

log = logging.getLogger(__name__)

Settings = Mapping[str, Any]

Observer = Callable[[DecodedFrame, Seen], None]
"""Sees each frame that was looked at, with what it brought."""


@dataclass(slots=True)
class Counters:
    """What the analysis did since it began: frames by stage, and calls of the detector (a frame or a crop each)."""

    frames: int = 0
    decoded: int = 0
    moving: int = 0
    detector_calls: int = 0
    dropped: int = 0


def load_detector(settings: Settings) -> Detector | None:
    """The detector that the settings describe, None where detection is off; ModelError or UnknownName."""
    if not settings["detection.enabled"]:
        return None
    model, labels = settings["detection.model"], settings["detection.label_file"]
    return detection.load(
        Path(model) if model else None,
        settings["detection.family"],
        Path(labels) if labels else None,
        settings["detection.threshold"],
        settings["detection.labels"],
    )


def load_if_possible(settings: Settings) -> Detector | None:
    """The same for a camera: weights that can't be read are logged, and footage is still recorded."""
    try:
        return load_detector(settings)
    except OmniSightError as error:
        log.error("nothing is detected, only motion: %s", error)
        return None


class Analyser:
    """Takes the groups of packets of one camera in order of time.

    `detector` is called when the first group comes; `media_root` None writes no thumbnails; `observer` sees each
    frame that was looked at.
    """

    def __init__(
        self,
        camera_id: str,
        settings: Settings,
        media_root: Path | None,
        detector: Callable[[], Detector | None],
        observer: Observer = lambda frame, seen: None,
        areas: Areas | None = None,
    ) -> None:
        self._camera_id, self._settings, self._media_root = camera_id, settings, media_root
        self._detector, self._observer, self._areas = cache(detector), observer, areas or Areas()
        self.counters = Counters()
        self._gate = PacketGate()
        self._stream: _Stream | None = None
        self._thumbnails: dict[str, str] = {}
        self._motion = _SegmentMotion()

    def analyse(self, gop: Gop, recording_id: str) -> list[EventDraft]:
        """Events that began, grew or ended in this group, each as it is now."""
        self.counters.frames += len(gop.packets)
        stream = self._stream = self._stream or self._open(gop.info)
        sizes = [packet.size for packet in gop.packets]
        seen: list[Seen] = []
        if self._gate.judge(sizes) is Activity.QUIET and not stream.watch.expects(gop.start):
            # The keyframe keeps the background fresh, and shows where the sizes were wrong
            seen += self._look(stream, stream.decoder.frames(gop, keyframes_only=True), recording_id)
        if not seen or any(one.motion.moving for one in seen):
            rate = self._settings["detection.frames_per_second"]
            seen += self._look(stream, stream.decoder.frames(gop, rate=rate), recording_id)
            self._gate.learn(sizes, moving=any(one.motion.moving for one in seen))
        self._motion.add(gop.start, [one.motion.grid for one in seen])
        if stream.watch.detector:
            self.counters.detector_calls = stream.watch.detector.calls
        return self._drafts([update for one in seen for update in one.updates])

    def describe(self, segment: SegmentFile, *, whole: bool = True) -> SegmentFile:
        """`segment` with its motion grid; without one where not the `whole` of it was looked at."""
        grid = self._motion.take(segment.end)
        return replace(segment, motion=grid if whole else ())

    def finish(self) -> list[EventDraft]:
        """Events that end because the footage ends or has a hole; what follows is looked at afresh."""
        stream, self._stream = self._stream, None
        self._motion = _SegmentMotion()  # of a segment that was broken off
        return self._drafts(stream.watch.finish()) if stream else []

    def _open(self, info: StreamInfo) -> _Stream:
        close_seconds, areas = self._settings["event.close_seconds"], self._areas
        watch = Watch(self._camera_id, info.size, self._detector(), close_seconds, areas.zones, areas.lines)
        return _Stream(Decoder(info), watch)

    def _look(self, stream: _Stream, frames: Iterable[DecodedFrame], recording_id: str) -> Iterator[Seen]:
        watch = stream.watch
        for frame in frames:
            if stream.last is not None and frame.time <= stream.last:
                continue  # the keyframe of a group that seemed quiet
            stream.last = frame.time
            seen = watch.see(frame.time, frame.gray(watch.motion.working), frame.bgr, recording_id)
            self._observer(frame, seen)
            self.counters.decoded += 1
            self.counters.moving += seen.motion.moving
            yield seen

    def _drafts(self, updates: Iterable[EventUpdate]) -> list[EventDraft]:
        """The drafts with the paths of their thumbnails, which are written where they are new or better."""
        drafts = []
        for update in updates:
            draft = update.draft
            if update.picture and self._media_root:
                path = f"thumbnails/{self._camera_id}/{draft.start:%Y-%m-%d}/event_{draft.id}.jpg"
                try:
                    write_thumbnail(self._media_root, path, update.picture.image, update.picture.box)
                    self._thumbnails[draft.id] = path
                except StorageError as error:
                    log.warning("an event gets no picture: %s", error)
            thumbnail = self._thumbnails.get(draft.id)
            if draft.end is not None:
                self._thumbnails.pop(draft.id, None)
            drafts.append(replace(draft, thumbnail_path=thumbnail))
        return drafts


@dataclass(slots=True)
class _Stream:
    """What looks at one stream, from its first picture on."""

    decoder: Decoder
    watch: Watch
    last: datetime | None = None


class _SegmentMotion:
    """The moved area of each group, until the segment that it lies in is closed."""

    def __init__(self) -> None:
        self._groups: list[tuple[datetime, npt.NDArray[np.uint8]]] = []

    def add(self, start: datetime, grids: Sequence[npt.NDArray[np.uint8]]) -> None:
        if grids:
            self._groups.append((start, np.max(grids, axis=0)))

    def take(self, end: datetime) -> tuple[tuple[int, ...], ...]:
        """The grid of the segment that ends there; empty where nothing was looked at."""
        here = [grid for start, grid in self._groups if start < end]
        self._groups = [group for group in self._groups if group[0] >= end]
        if not here:
            return ()
        return tuple(tuple(int(value) for value in row) for row in np.max(here, axis=0))
