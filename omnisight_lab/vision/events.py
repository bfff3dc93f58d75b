"""From motion and tracks to events: one for each visit of an object, one for each stretch of other motion."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import cv2
import numpy as np

from omnisight_lab.types import (
    Box,
    EventDraft,
    EventType,
    FrameSize,
    Image,
    ObjectDraft,
    Track,
    TrackPoint,
)
from omnisight_lab.vision.boxes import clipped
from omnisight_lab.vision.motion import Motion
from omnisight_lab.vision.zones import Direction, Line, Point, Zone, foot


@dataclass(frozen=True, slots=True)
class Picture:
    """What an event's thumbnail shows: a BGR picture, and the object's box in its pixels, if there is one."""

    image: Image
    box: Box | None


@dataclass(frozen=True, slots=True)
class EventUpdate:
    """A draft to be written, again under the same id, with a new picture of the event if it has a better one."""

    draft: EventDraft
    picture: Picture | None = None


@dataclass(slots=True)
class _Visit:
    """An event that is open."""

    draft: EventDraft
    last: datetime  # last seen, or last motion
    moved: datetime
    written: datetime
    best: ObjectDraft | None = None
    path: list[ObjectDraft] = field(default_factory=list)
    end: ObjectDraft | None = None  # the latest point, whether it is a sample or not
    picture: Picture | None = None  # not handed out yet
    worth: float = 0.0  # of the best picture


@dataclass(slots=True)
class _Stretch:
    """Motion that no object has explained so far."""

    start: datetime
    last: datetime
    pictures: int
    peak: datetime
    area: float
    picture: Picture


class EventBuilder:
    """Events of one camera.

    An object's event opens when its track is confirmed and moves, grows while it is seen, and closes when it was
    not seen for `close_seconds`, or has stood still for `REST` seconds; it opens anew when it moves again after
    that. So a parked car is no event until it leaves. Motion is an event of its own only where no object accounts
    for it. Zones and lines add events to an object's, once a crossing.
    """

    PICTURE_WIDTH = 640
    SAMPLE = timedelta(seconds=0.5)  # least time between samples of a path
    BEFORE = timedelta(seconds=2)  # of a track, that belong to the event that its first move opens
    REST = timedelta(seconds=60)
    GROW = timedelta(seconds=2)  # least time between drafts of an open event
    UNEXPLAINED = timedelta(seconds=2)  # motion that lasts so long without an object is an event
    FLICKER = 3  # pictures with motion below which it is none

    def __init__(
        self,
        camera_id: str,
        size: FrameSize,
        model: Mapping[str, str] | None = None,
        close_seconds: float = 4.0,
        zones: Iterable[Zone] = (),
        lines: Iterable[Line] = (),
    ) -> None:
        self.camera_id = camera_id
        self.size = size
        self.model = model
        self.close = timedelta(seconds=close_seconds)
        self._crossings = _Crossings(tuple(zones), tuple(lines), size)
        self._visits: dict[int, _Visit] = {}
        self._waiting: dict[int, tuple[TrackPoint, ...]] = {}
        self._stretch: _Stretch | None = None
        self._motion: _Visit | None = None
        self._explained: datetime | None = None

    def update(
        self,
        time: datetime,
        motion: Motion,
        tracks: Sequence[Track],
        picture: Callable[[], Image],
        recording_id: str | None = None,
    ) -> list[EventUpdate]:
        """What is to be written after the frame at `time`; `picture()` gives that frame, and is called if wanted."""
        updates = []
        for track in tracks:
            updates += self._follow(time, track, picture, recording_id)
        present = {track.id for track in tracks}
        self._waiting = {number: points for number, points in self._waiting.items() if number in present}
        updates += self._close_visits(time)
        updates += self._other_motion(time, motion, picture, recording_id)
        return updates

    def finish(self) -> list[EventUpdate]:
        """Closes what is open."""
        updates = [self._closed(visit) for visit in self._visits.values()]
        self._visits.clear()
        if self._motion:
            updates.append(self._closed(self._motion))
        elif self._stretch and self._stretch.pictures >= self.FLICKER and not self._explains(self._stretch):
            self._motion = self._open_motion(self._stretch, None)
            updates.append(self._closed(self._motion))
        self._motion = self._stretch = None
        return updates

    def _follow(
        self, time: datetime, track: Track, picture: Callable[[], Image], recording_id: str | None
    ) -> list[EventUpdate]:
        visit = self._visits.get(track.id)
        opened = visit is None
        if visit is None:
            track = replace(track, points=(*self._recent(track.id, time), *track.points))
            if not track.moving:
                self._waiting[track.id] = track.points
                return []
            visit = self._visits[track.id] = self._open_visit(time, track, recording_id)
        self._explained = visit.last = time
        if track.moving:
            visit.moved = time
        for point in track.points:
            self._sample(visit, track, point)
        visit.end = self._object(track, track.points[-1])
        self._consider(visit, time, track, picture)
        updates = [self._crossing(visit, track, crossing, picture) for crossing in self._crossings.update(track)]
        if opened or updates or time - visit.written >= max(self.GROW, (time - visit.draft.start) / 10):
            visit.written = time
            updates.insert(0, self._drafted(visit))
        return updates

    def _recent(self, number: int, time: datetime) -> tuple[TrackPoint, ...]:
        """What is known of a track that had no event: it began to move a little before it was seen to."""
        return tuple(point for point in self._waiting.pop(number, ()) if time - point.time <= self.BEFORE)

    def _open_visit(self, time: datetime, track: Track, recording_id: str | None) -> _Visit:
        draft = EventDraft(
            id=str(uuid.uuid4()),
            camera_id=self.camera_id,
            recording_id=recording_id,
            event_type=EventType.OBJECT_DETECTED,
            start=track.points[0].time,
            track_id=track.id,
            frame=self.size,
            model=self.model,
        )
        return _Visit(draft, time, time, time)

    def _sample(self, visit: _Visit, track: Track, point: TrackPoint) -> None:
        """Adds `point` to the path, unless the last sample is as good: too close in time, or the same place."""
        if visit.path:
            last = visit.path[-1]
            if point.time - last.time < self.SAMPLE or point.box == last.box:
                return
        visit.path.append(self._object(track, point))

    def _object(self, track: Track, point: TrackPoint, *, best: bool = False) -> ObjectDraft:
        box = clipped(point.box, self.size)
        return ObjectDraft(str(uuid.uuid4()), track.label, round(point.confidence, 4), box, track.id, point.time, best)

    def _consider(self, visit: _Visit, time: datetime, track: Track, picture: Callable[[], Image]) -> None:
        """Makes the present point the visit's best, with its picture, where it is clearly better."""
        point = track.points[-1]
        worth = self._worth(point)
        if worth <= visit.worth * 1.03:
            return
        visit.worth = worth
        visit.picture = _small(picture(), point.box, self.PICTURE_WIDTH)
        best = self._object(track, point, best=True)
        visit.best = replace(best, id=visit.best.id) if visit.best else best
        visit.draft = replace(visit.draft, peak=time, confidence=max(best.confidence, visit.draft.confidence or 0))

    def _worth(self, point: TrackPoint) -> float:
        """Confidence, less for an object that the frame's edge cuts, more for a larger one."""
        box, size = point.box, self.size
        margin = 0.01 * size.width
        cut = (
            box.x < margin
            or box.y < margin
            or box.x + box.width > size.width - margin
            or box.y + box.height > size.height - margin
        )
        share = box.width * box.height / (size.width * size.height)
        return float(point.confidence * (0.7 if cut else 1.0) * max(share, 1e-4) ** 0.1)

    def _drafted(self, visit: _Visit) -> EventUpdate:
        """The event as it stands; its objects carry the track's label by vote up to now."""
        label = visit.best.label if visit.best else None
        path = [item if label is None else replace(item, label=label) for item in visit.path]
        objects = tuple(path) if visit.best is None else (visit.best, *path)
        picture, visit.picture = visit.picture, None
        return EventUpdate(replace(visit.draft, objects=objects), picture)

    def _closed(self, visit: _Visit, end: datetime | None = None) -> EventUpdate:
        """The event that ends; its path ends where the object was seen last, for a sample that is too close to it."""
        if visit.end and visit.path and visit.end.time > visit.path[-1].time:
            if len(visit.path) > 1 and visit.end.time - visit.path[-1].time < self.SAMPLE:
                visit.path.pop()
            visit.path.append(visit.end)
        visit.draft = replace(visit.draft, end=max(end or visit.last, visit.draft.start))
        return self._drafted(visit)

    def _close_visits(self, time: datetime) -> list[EventUpdate]:
        updates = []
        for number, visit in list(self._visits.items()):
            away, resting = time - visit.last >= self.close, time - visit.moved >= self.REST
            if away or resting:
                updates.append(self._closed(visit, None if away else visit.moved))
                del self._visits[number]
                self._crossings.forget(number)
        return updates

    def _crossing(self, visit: _Visit, track: Track, crossing: _Crossing, picture: Callable[[], Image]) -> EventUpdate:
        """The event of entering a zone or crossing a line; the object's own event names the zone too."""
        if crossing.type is EventType.ZONE_ENTERED and crossing.name not in visit.draft.zones:
            visit.draft = replace(visit.draft, zones=(*visit.draft.zones, crossing.name))
        here = self._object(track, crossing.point, best=True)
        draft = replace(
            visit.draft,
            id=str(uuid.uuid4()),
            event_type=crossing.type,
            start=here.time,
            end=here.time,
            peak=here.time,
            confidence=here.confidence,
            zones=(crossing.name,),
            objects=(here,),
            extra={"objectEventId": visit.draft.id, **crossing.extra},
        )
        return EventUpdate(draft, _small(picture(), here.box, self.PICTURE_WIDTH))

    def _explains(self, stretch: _Stretch) -> bool:
        """Whether an object was there during this motion, or just before it."""
        return self._explained is not None and self._explained + self.close >= stretch.start

    def _other_motion(
        self, time: datetime, motion: Motion, picture: Callable[[], Image], recording_id: str | None
    ) -> list[EventUpdate]:
        if motion.moving:
            self._extend(time, motion, picture)
        stretch = self._stretch
        if stretch is None:
            return []
        quiet = time - stretch.last >= self.close
        if self._explains(stretch) or (quiet and stretch.pictures < self.FLICKER):
            self._stretch = None
            closing, self._motion = self._motion, None
            return [self._closed(closing, min(closing.last, stretch.last))] if closing else []
        if self._motion:
            return self._grow_motion(self._motion, stretch, time, quiet)
        lasting = time - stretch.start >= self.UNEXPLAINED and stretch.pictures >= self.FLICKER
        if not (lasting or quiet):
            return []
        visit = self._open_motion(stretch, recording_id)
        if quiet:
            self._stretch = None
            return [self._closed(visit)]
        self._motion = visit
        return [self._drafted(visit)]

    def _extend(self, time: datetime, motion: Motion, picture: Callable[[], Image]) -> None:
        """The stretch grows by a picture; its peak is where most moves."""
        area = float(motion.grid.mean())
        stretch = self._stretch
        if stretch is None or area > stretch.area * 1.2:
            shown = _small(picture(), None, self.PICTURE_WIDTH)
            if stretch is None:
                self._stretch = _Stretch(time, time, 1, time, area, shown)
                return
            stretch.area, stretch.peak, stretch.picture = area, time, shown
        stretch.last, stretch.pictures = time, stretch.pictures + 1

    def _open_motion(self, stretch: _Stretch, recording_id: str | None) -> _Visit:
        draft = EventDraft(
            id=str(uuid.uuid4()),
            camera_id=self.camera_id,
            recording_id=recording_id,
            event_type=EventType.MOTION,
            start=stretch.start,
            peak=stretch.peak,
            frame=self.size,
        )
        return _Visit(draft, stretch.last, stretch.last, stretch.last, picture=stretch.picture)

    def _grow_motion(self, visit: _Visit, stretch: _Stretch, time: datetime, quiet: bool) -> list[EventUpdate]:
        visit.last = stretch.last
        if visit.draft.peak != stretch.peak:
            visit.draft, visit.picture = replace(visit.draft, peak=stretch.peak), stretch.picture
        if quiet:
            self._motion = self._stretch = None
            return [self._closed(visit)]
        if time - visit.written < max(self.GROW, (time - visit.draft.start) / 10):
            return []
        visit.written = time
        return [self._drafted(visit)]


@dataclass(frozen=True, slots=True)
class _Crossing:
    type: EventType
    name: str
    point: TrackPoint
    extra: Mapping[str, str]


class _Crossings:
    """Who has entered which zone and gone over which line.

    A zone is entered, and left, and a line is crossed, by two points in a row, so that a box that trembles at an edge
    counts once. `analytics.queries.crossings` counts stored boxes by the same rule.
    """

    def __init__(self, zones: tuple[Zone, ...], lines: tuple[Line, ...], size: FrameSize) -> None:
        self._zones, self._lines, self._size = zones, lines, size
        self._feet: dict[int, tuple[Point, Point]] = {}  # the last two
        self._right: dict[int, dict[Line, bool]] = {}
        self._inside: dict[int, set[str]] = {}
        self._doubted: dict[int, set[str]] = {}

    def update(self, track: Track) -> list[_Crossing]:
        """The crossings among the track's new points."""
        crossings = []
        for point in track.points if self._zones or self._lines else ():
            here = foot(point.box, self._size)
            earlier, before = self._feet.get(track.id, (here, here))
            self._feet[track.id] = before, here
            for line in self._lines:
                if way := self._crossed(track.id, line, earlier, before, here):
                    crossings.append(_Crossing(EventType.LINE_CROSSED, line.name, point, {"direction": way.value}))
            crossings += [
                _Crossing(EventType.ZONE_ENTERED, zone.name, point, {})
                for zone in self._zones
                if self._entered(track.id, zone.name, zone.contains(here))
            ]
        return crossings

    def forget(self, number: int) -> None:
        for table in (self._feet, self._right, self._inside, self._doubted):
            table.pop(number, None)

    def _crossed(self, number: int, line: Line, earlier: Point, before: Point, here: Point) -> Direction | None:
        """How it has gone over the line: the step from `earlier` to `before` did, and it is there still."""
        right = line.on_right(here)
        sides = self._right.setdefault(number, {})
        if sides.setdefault(line, right) == right or line.on_right(before) != right:
            return None
        sides[line] = right
        return line.crossed(earlier, before)

    def _entered(self, number: int, name: str, contained: bool) -> bool:
        inside = self._inside.setdefault(number, set())
        doubted = self._doubted.setdefault(number, set())
        if contained == (name in inside):
            doubted.discard(name)
            return False
        if name not in doubted:
            doubted.add(name)
            return False
        doubted.discard(name)
        inside ^= {name}
        return contained


def _small(image: Image, box: Box | None, width: int) -> Picture:
    """A picture of at most that width, so that open events hold no whole frames."""
    scale = min(width / image.shape[1], 1.0)
    if scale < 1:
        size = (width, round(image.shape[0] * scale))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    else:
        image = image.copy()
    if box is None:
        return Picture(image, None)
    return Picture(image, Box(box.x * scale, box.y * scale, box.width * scale, box.height * scale))
