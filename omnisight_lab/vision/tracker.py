"""Follows objects from frame to frame by their boxes, at any and varying frame rates."""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from omnisight_lab.types import Box, Boxes, FrameSize, Track, TrackPoint
from omnisight_lab.vision.boxes import Corners, Floats, areas, clipped, iou

Vector = npt.NDArray[np.float64]


class Motion:
    """Constant velocity of a box: a Kalman filter over centre and size, whose four values share one covariance.

    The state is in pixels and seconds; deviations are in shares of the box, so that they fit every resolution.
    """

    ACCELERATION = 1.0  # boxes a second squared: people who turn, cars that brake
    MEASURED = 0.05  # deviation of a detection, in boxes
    TOP_SPEED = 1.5  # boxes a second, of an object that was seen once

    def __init__(self, corners: Corners) -> None:
        self._state = np.stack([_centred(corners), np.zeros(4)])
        self._covariance = np.diag([self.MEASURED**2, self.TOP_SPEED**2])

    @property
    def centre(self) -> Vector:
        return self._state[0, :2].copy()

    @property
    def size(self) -> float:
        """Side of the square of the same area, in pixels."""
        return float(np.sqrt(self._state[0, 2] * self._state[0, 3]))

    @property
    def corners(self) -> Corners:
        return _corners(self._state[0])

    def predicted(self, seconds: float) -> Corners:
        """The box after that time; its speed fades, since what is not seen may as well have stopped."""
        position = self._state[0].copy()
        position[:2] += self._state[1, :2] * min(seconds, 0.5 + seconds / 2)
        return _corners(position)

    def deviation(self, seconds: float) -> float:
        """Deviation of the predicted centre, in boxes."""
        return float(np.sqrt(self._forward(seconds)[0, 0]))

    def update(self, corners: Corners, seconds: float, doubt: float = 1.0) -> None:
        """Takes in a detection `seconds` after the last; `doubt` multiplies its deviation."""
        covariance = self._forward(seconds)
        self._state[0] += self._state[1] * seconds
        gain = covariance[:, 0] / (covariance[0, 0] + (self.MEASURED * doubt) ** 2)
        self._state += gain[:, None] * (_centred(corners) - self._state[0])
        self._state[0, 2:] = np.maximum(self._state[0, 2:], 1)
        self._covariance = covariance - np.outer(gain, covariance[0])

    def stop(self) -> None:
        """The object stands still; it may leave again at any speed."""
        self._state[1] = 0
        self._covariance = np.diag([self.MEASURED**2, self.TOP_SPEED**2])

    def _forward(self, seconds: float) -> Vector:
        step = np.array([[1, seconds], [0, 1]])
        noise = np.array([[seconds**3 / 3, seconds**2 / 2], [seconds**2 / 2, seconds]])
        forward: Vector = step @ self._covariance @ step.T + noise * self.ACCELERATION**2
        return forward


@dataclass(slots=True)
class _Object:
    """What the tracker knows of one object; `number` is its id once it is confirmed."""

    motion: Motion
    began: datetime
    seen: datetime  # last detection
    looked: datetime  # last detection or close look in vain
    moved: datetime  # last move
    home: Vector  # centre since the last move
    confidence: float
    last: TrackPoint  # latest known place
    fresh: list[TrackPoint]  # points that were not handed out yet
    votes: Counter[str] = field(default_factory=Counter)
    number: int | None = None
    hits: int = 1
    strong: int = 1  # hits of at least the threshold
    misses: int = 0  # looks in vain since the last detection
    standing: bool = False
    disturbed: bool = False  # something moved at its place since it was seen
    travelled: bool = False

    @property
    def label(self) -> str:
        return self.votes.most_common(1)[0][0]


class Tracker:
    """Tracks of one camera: two-stage association as in ByteTrack (Zhang et al. 2022), in seconds, not frames.

    Boxes of at least `threshold` begin tracks and continue them; weaker ones only continue what is expected there.
    A track counts, and has an id, once it was seen `hits` times, and has moved or was seen strongly twice: a patch of
    the background passes the threshold once. Ids are never used again. A track that moves has ended
    when it was not seen for `patience` seconds, or has left the frame of that `size`. An object that stands still is
    held at its place without detections while nothing moves there; `places_in_doubt` names what is worth a close look.
    """

    NEAR = 0.2  # least likeness by which a strong box continues a track
    SURE = 0.4  # and by which a weak one does
    WIDEST = 0.75  # boxes by which an uncertain prediction is widened at most
    FAR = 0.35  # boxes from home that make a move
    STIRRED = 0.25  # share of a living thing's box whose change makes a move too
    CALM = 0.02  # share of a box up to which nothing moves in it
    STILL = 2.0  # seconds without a move after which a track does not count as moving
    REFUTED = 3  # close looks in vain after which an object is given up
    LOOKS = (2.0, 30.0)  # shortest and longest seconds between looks at what stands still
    LEFT = 0.3  # share of a box that is still in the frame, below which its object has left
    HIDDEN = 15.0  # seconds for which something may move in front of an object that stands

    def __init__(
        self,
        threshold: float = 0.4,
        size: FrameSize | None = None,
        hits: int = 3,
        patience: float = 3.0,
    ) -> None:
        self.threshold = threshold
        self.size = size
        self.hits = hits
        self.patience = patience
        self._objects: list[_Object] = []
        self._numbers = itertools.count(1)
        self._times: deque[datetime] = deque(maxlen=300)

    def update(
        self,
        time: datetime,
        boxes: Boxes | None,
        moving: Callable[[Corners], float] = lambda corners: 1.0,
        looked: Callable[[Corners], bool] = lambda corners: True,
    ) -> list[Track]:
        """The confirmed tracks that are known to be there at `time`, aware UTC and later than before.

        `boxes` are the frame's detections, None where nobody looked. `moving(corners)` is the share of a box that
        moved, `looked(corners)` whether the detector looked closely at that place. A track's `points` are those
        that became known by this call: the present one and, just confirmed or found again, those before it.
        """
        if boxes is not None:
            self._associate(time, boxes, looked)
        for thing in self._objects:
            self._settle(thing, time, moving(thing.motion.corners))
        self._objects = [thing for thing in self._objects if not self._gone(thing, time)]
        self._times.append(time)
        return [self._publish(thing, time) for thing in self._objects if thing.number is not None and thing.fresh]

    def places_in_doubt(self, time: datetime, moving: Callable[[Corners], float]) -> list[Corners]:
        """Where an object should be, nothing moves, and yet it is not certain that it is there still."""
        return [
            thing.motion.corners
            for thing in self._objects
            if moving(thing.motion.corners) <= self.CALM and self._in_doubt(thing, time)
        ]

    def expected(self, time: datetime) -> list[Corners]:
        """Where the objects that move are expected at `time`, those not yet confirmed among them."""
        return [thing.motion.predicted(_seconds(thing.seen, time)) for thing in self._objects if not thing.standing]

    def _in_doubt(self, thing: _Object, time: datetime) -> bool:
        if not thing.standing or thing.disturbed:
            return thing.misses < self.REFUTED or _seconds(thing.looked, time) >= 1
        shortest, longest = self.LOOKS
        wait = 1.0 if thing.misses else min(max(_seconds(thing.moved, time) / 2, shortest), longest)
        return _seconds(thing.looked, time) >= wait

    def _associate(self, time: datetime, boxes: Boxes, looked: Callable[[Corners], bool]) -> None:
        strong = np.flatnonzero(boxes.confidence >= self.threshold)
        weak = np.flatnonzero(boxes.confidence < self.threshold)
        known = [thing for thing in self._objects if thing.number is not None]
        tentative = [thing for thing in self._objects if thing.number is None]
        known, strong = self._match(time, known, boxes, strong, self.NEAR)
        known, weak = self._match(time, known, boxes, weak, self.SURE)
        tentative, strong = self._match(time, tentative, boxes, strong, self.NEAR)
        tentative, _ = self._match(time, tentative, boxes, weak, self.SURE)
        for thing in [*known, *tentative]:
            if looked(thing.motion.corners):
                thing.misses += 1
                thing.looked = time
        for index in strong:
            self._begin(time, boxes, int(index))

    def _match(
        self, time: datetime, things: Sequence[_Object], boxes: Boxes, rows: npt.NDArray[np.intp], least: float
    ) -> tuple[list[_Object], npt.NDArray[np.intp]]:
        """Continues tracks by the best assignment; returns the tracks and rows that are left over."""
        if not things or not len(rows):
            return list(things), rows
        table = np.stack([self._likeness(thing, time, boxes, rows) for thing in things])
        table[table < least] = 0  # so that a hopeless pair never takes a good one's place
        matched_things, matched_rows = set(), set()
        for thing, row in zip(*linear_sum_assignment(table, maximize=True), strict=True):
            if table[thing, row] > 0:
                self._continue(things[thing], time, boxes, int(rows[row]))
                matched_things.add(thing)
                matched_rows.add(row)
        left = [thing for index, thing in enumerate(things) if index not in matched_things]
        return left, np.array([row for index, row in enumerate(rows) if index not in matched_rows], np.intp)

    def _likeness(self, thing: _Object, time: datetime, boxes: Boxes, rows: npt.NDArray[np.intp]) -> Vector:
        """0 to 1 for each row: overlap with the prediction, both widened by what is uncertain about it.

        Less where the areas differ by more than half, and half for another label.
        """
        seconds = min(_seconds(thing.seen, time), self.patience)
        expected = np.array(thing.motion.predicted(0.0 if thing.standing else seconds), np.float32)
        wider = min(thing.motion.deviation(seconds), self.WIDEST) * thing.motion.size
        margin = np.array([-wider, -wider, wider, wider], np.float32)
        found = boxes.xyxy[rows]
        alike = iou((expected + margin)[None], found + margin)[0].astype(np.float64)
        ratio = np.maximum(areas(found), 1) / max(thing.motion.size**2, 1)
        alike *= np.clip(1.6 - np.abs(np.log2(ratio)), 0.3, 1)
        other = np.array([boxes.labels[row] != thing.label for row in rows])
        likeness: Vector = np.where(other, alike / 2, alike)
        return likeness

    def _continue(self, thing: _Object, time: datetime, boxes: Boxes, row: int) -> None:
        confidence = float(boxes.confidence[row])
        strong = confidence >= self.threshold
        thing.strong += strong
        doubt = 1.0 if strong else 2.0
        thing.motion.update(_tuple(boxes.xyxy[row]), _seconds(thing.seen, time), doubt)
        thing.votes.update({boxes.labels[row]: round(100 * confidence)})
        thing.seen = thing.looked = time
        thing.confidence, thing.misses, thing.disturbed = confidence, 0, False
        thing.hits += 1
        point = TrackPoint(time, self._shown(thing.motion.corners), confidence)
        missed = [moment for moment in self._times if thing.last.time < moment < time]
        thing.fresh += [between(thing.last, point, moment) for moment in missed]
        self._put(thing, point)

    def _put(self, thing: _Object, point: TrackPoint) -> None:
        thing.fresh.append(point)
        thing.last = point
        if thing.number is None and thing.hits >= self.hits and (thing.strong > 1 or thing.travelled):
            thing.number = next(self._numbers)

    def _begin(self, time: datetime, boxes: Boxes, row: int) -> None:
        corners, confidence = _tuple(boxes.xyxy[row]), float(boxes.confidence[row])
        label = boxes.labels[row]
        present = [thing for thing in self._objects if thing.seen == time and thing.label == label]
        if present:
            others = np.array([thing.motion.corners for thing in present], np.float32)
            if iou(boxes.xyxy[row : row + 1], others).max() > 0.5:
                return
        motion = Motion(corners)
        point = TrackPoint(time, self._shown(corners), confidence)
        thing = _Object(motion, time, time, time, time, motion.centre, confidence, point, [])
        thing.votes[label] = round(100 * confidence)
        self._put(thing, point)
        self._objects.append(thing)

    def _settle(self, thing: _Object, time: datetime, moving: float) -> None:
        """Whether the object moved, stands, or is held at its place."""
        seen = thing.seen == time
        if seen and self._has_moved(thing, moving):
            thing.moved, thing.home, thing.standing, thing.travelled = time, thing.motion.centre, False, True
        elif seen and moving <= self.CALM:
            thing.standing = True
            thing.motion.stop()
        elif not seen and moving > self.CALM:
            thing.disturbed = True
            thing.misses = 0 if thing.standing else thing.misses  # it may be hidden: looks in vain tell nothing
        elif not seen and thing.standing and not thing.disturbed:
            self._put(thing, TrackPoint(time, thing.last.box, thing.confidence))

    def _has_moved(self, thing: _Object, moving: float) -> bool:
        if float(np.linalg.norm(thing.motion.centre - thing.home)) > self.FAR * thing.motion.size:
            return True
        return thing.label in ("person", "animal") and moving >= self.STIRRED

    def _gone(self, thing: _Object, time: datetime) -> bool:
        away = _seconds(thing.seen, time)
        if thing.number is None:
            return thing.misses >= self.REFUTED or away > self.patience
        if thing.standing:
            looks = thing.misses >= self.REFUTED
            return looks or (thing.disturbed and away > self.HIDDEN)
        return away > self.patience or (away > 0 and self._has_left(thing.motion.predicted(away)))

    def _has_left(self, corners: Corners) -> bool:
        """Whether most of the box is outside of the frame: whoever comes in there is somebody else."""
        if self.size is None:
            return False
        x1, y1, x2, y2 = corners
        across = min(x2, self.size.width) - max(x1, 0)
        down = min(y2, self.size.height) - max(y1, 0)
        return max(across, 0) * max(down, 0) < self.LEFT * (x2 - x1) * (y2 - y1)

    def _shown(self, corners: Corners) -> Box:
        """The part of the box that the frame shows."""
        x1, y1, x2, y2 = corners
        box = Box(x1, y1, x2 - x1, y2 - y1)
        return clipped(box, self.size) if self.size else box

    def _publish(self, thing: _Object, time: datetime) -> Track:
        points, thing.fresh = tuple(thing.fresh), []
        assert thing.number is not None
        moving = thing.travelled and time - thing.moved <= timedelta(seconds=self.STILL)
        return Track(thing.number, thing.label, points, moving)


def between(first: TrackPoint, second: TrackPoint, moment: datetime) -> TrackPoint:
    """The place on the straight way from one point to another at `moment`."""
    share = _seconds(first.time, moment) / _seconds(first.time, second.time)

    def mean(a: float, b: float) -> float:
        return a + (b - a) * share

    one, two = first.box, second.box
    box = Box(mean(one.x, two.x), mean(one.y, two.y), mean(one.width, two.width), mean(one.height, two.height))
    return replace(first, time=moment, box=box, confidence=mean(first.confidence, second.confidence))


def _seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()


def _tuple(row: Floats) -> Corners:
    x1, y1, x2, y2 = (float(value) for value in row)
    return x1, y1, x2, y2


def _centred(corners: Corners) -> Vector:
    x1, y1, x2, y2 = corners
    return np.array([(x1 + x2) / 2, (y1 + y2) / 2, max(x2 - x1, 1), max(y2 - y1, 1)])


def _corners(centred: Vector) -> Corners:
    x, y, width, height = (float(value) for value in centred)
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2
