"""Zones and lines in a picture, in fractions of its width and height, so that they outlive a change of resolution."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np

from omnisight_lab.types import Box, FrameSize

Point = tuple[float, float]


class Direction(StrEnum):
    """The way over a line, as somebody sees it who looks along it from its start to its end."""

    TO_RIGHT = "to_right"
    TO_LEFT = "to_left"


@dataclass(frozen=True, slots=True)
class Zone:
    """A named polygon."""

    name: str
    polygon: tuple[Point, ...]

    def contains(self, point: Point) -> bool:
        """Whether `point`, in fractions, lies inside or on the edge."""
        return cv2.pointPolygonTest(np.array(self.polygon, np.float32), point, False) >= 0


@dataclass(frozen=True, slots=True)
class Line:
    """A named line from `start` to `end`."""

    name: str
    start: Point
    end: Point

    def on_right(self, point: Point) -> bool:
        """Whether `point` lies on the right hand of somebody who looks along the line."""
        return _side(self.start, self.end, point) > 0  # y grows downwards

    def crossed(self, before: Point, after: Point) -> Direction | None:
        """How the way from `before` to `after` goes over the line, or None."""
        first, second = self.on_right(before), self.on_right(after)
        if first == second:
            return None
        if _side(before, after, self.start) * _side(before, after, self.end) > 0:
            return None
        return Direction.TO_RIGHT if second else Direction.TO_LEFT


def foot(box: Box, size: FrameSize) -> Point:
    """Where an object stands: the middle of its lower edge, in fractions of the frame."""
    return (box.x + box.width / 2) / size.width, (box.y + box.height) / size.height


def _side(start: Point, end: Point, point: Point) -> float:
    """Positive right of the line from `start` to `end`, negative left of it, 0 on it."""
    (x1, y1), (x2, y2), (x, y) = start, end, point
    return (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
