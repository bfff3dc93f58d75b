"""One camera's eye: from decoded frames to tracks and events, with as few detector calls as what happens allows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from omnisight_lab.types import Boxes, FrameSize, Image, Track
from omnisight_lab.vision.boxes import Corners, Region, crops_around
from omnisight_lab.vision.detector import Detector
from omnisight_lab.vision.events import EventBuilder, EventUpdate
from omnisight_lab.vision.motion import Gray, Motion, MotionDetector
from omnisight_lab.vision.tracker import Tracker
from omnisight_lab.vision.zones import Line, Zone


@dataclass(frozen=True, slots=True)
class Seen:
    """What one frame brought: `tracks` hold the points that became known by it, `updates` are to be written."""

    motion: Motion
    tracks: tuple[Track, ...]
    updates: tuple[EventUpdate, ...]


class Watch:
    """Motion, then the detector where something moves, then tracks, then events.

    The detector sees the first frame (what is parked is known before it moves), frames with motion, and now and
    then the places of objects that stand. Where motion brings no object for a while (leaves, rain), it is asked
    less often.
    """

    FRUITLESS = 10  # frames with motion and without boxes after which the detector is asked less often
    SPARSE = 0.5  # seconds between its frames then

    def __init__(
        self,
        camera_id: str,
        size: FrameSize,
        detector: Detector | None,
        close_seconds: float = 4.0,
        zones: Iterable[Zone] = (),
        lines: Iterable[Line] = (),
    ) -> None:
        self.size = size
        self.motion = MotionDetector(size)
        self.detector = detector
        self.tracker = Tracker(detector.threshold if detector else 0.4, size)
        model = detector.model if detector else None
        self.events = EventBuilder(camera_id, size, model, close_seconds, zones, lines)
        self._started = False
        self._fruitless = 0
        self._asked: datetime | None = None

    def see(self, time: datetime, gray: Gray, picture: Callable[[], Image], recording_id: str | None = None) -> Seen:
        """Takes in the frame at `time`, later than any before: `gray` is the frame at `motion.working` size.

        `picture()` gives the whole frame in BGR; it is called at most once, and not at all when nothing happens.
        """
        picture = cache(picture)
        motion = self.motion.update(gray, time)
        views = self._views(time, motion)
        boxes = None if views is None else self._detect(views, picture)
        tracks = self.tracker.update(time, boxes, motion.share, views.looked if views else _nowhere)
        updates = self.events.update(time, motion, tracks, picture, recording_id)
        return Seen(motion, tuple(tracks), tuple(updates))

    def expects(self, time: datetime) -> bool:
        """Whether an object is on its way, so that no frame should be left out."""
        return bool(self.tracker.expected(time))

    def finish(self) -> list[EventUpdate]:
        """Closes what is open."""
        return self.events.finish()

    def _detect(self, views: _Views, picture: Callable[[], Image]) -> Boxes:
        assert self.detector is not None
        boxes = self.detector.detect(picture(), views.crops, whole=views.whole)
        fruitful = len(boxes) and boxes.confidence.max() >= self.detector.threshold
        self._fruitless = 0 if fruitful else self._fruitless + 1
        return boxes

    def _views(self, time: datetime, motion: Motion) -> _Views | None:
        """Where the detector should look in this frame; None: nowhere."""
        if self.detector is None:
            return None
        first, self._started = not self._started, True
        doubtful = self.tracker.places_in_doubt(time, motion.share)
        active = bool(motion.regions) or (motion.relight and bool(self.tracker.expected(time)))
        if active and self._fruitless >= self.FRUITLESS and self._asked is not None:
            active = (time - self._asked).total_seconds() >= self.SPARSE
        if not (first or active or doubtful):
            return None
        self._asked = time
        wanted: Sequence[Corners] = [*doubtful]
        if active:
            wanted = [*motion.regions, *self.tracker.expected(time), *doubtful]
        crops = crops_around(wanted, self.size.width, self.size.height)
        return _Views(first or active or not crops, tuple(crops))


@dataclass(frozen=True, slots=True)
class _Views:
    whole: bool
    crops: tuple[Region, ...]

    def looked(self, corners: Corners) -> bool:
        """Whether the box was in full view: inside a crop, or too large for any while the whole frame was seen."""
        x1, y1, x2, y2 = corners
        inside = any(crop[0] <= x1 and crop[1] <= y1 and crop[2] >= x2 and crop[3] >= y2 for crop in self.crops)
        return inside or self.whole


def _nowhere(corners: Corners) -> bool:
    return False
