"""Geometry of boxes: arrays of corners (x1, y1, x2, y2) in pixels of the frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from omnisight_lab.types import Box, FrameSize

Floats = npt.NDArray[np.float32]

Corners = tuple[float, float, float, float]
"""One box: x1, y1, x2, y2."""

Region = tuple[int, int, int, int]
"""Part of a frame: x1, y1, x2, y2 in whole pixels."""

OVERLAP = 0.5  # two boxes of one label that overlap more are one object
INSIDE = 0.85  # so are two of which this share of the smaller lies inside the other: a torso inside its person


def suppress(corners: Floats, scores: Floats) -> list[int]:
    """Indices of the boxes that remain after non-maximum suppression, best first."""
    if not len(corners):
        return []
    overlap = iou(corners, corners)
    area = areas(corners)
    smaller = np.minimum(area[:, None], area[None])
    inside = intersections(corners, corners) / np.maximum(smaller, 1e-6)
    left, kept = list(np.argsort(-scores, kind="stable")), []
    while left:
        best = int(left.pop(0))
        kept.append(best)
        left = [index for index in left if overlap[best, index] <= OVERLAP and inside[best, index] <= INSIDE]
    return kept


def areas(corners: Floats) -> Floats:
    """Areas (N,) of boxes (N, 4)."""
    sides = np.maximum(corners[:, 2:] - corners[:, :2], 0)
    area: Floats = sides[:, 0] * sides[:, 1]
    return area


def intersections(first: Floats, second: Floats) -> Floats:
    """Common areas (N, M) of boxes (N, 4) and (M, 4)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.maximum(high - low, 0)
    area: Floats = sides[..., 0] * sides[..., 1]
    return area


def iou(first: Floats, second: Floats) -> Floats:
    """Intersection over union (N, M) of boxes (N, 4) and (M, 4)."""
    common = intersections(first, second)
    union = areas(first)[:, None] + areas(second)[None] - common
    ratio: Floats = common / np.maximum(union, 1e-6)
    return ratio


def crops_around(boxes: Sequence[Corners], width: int, height: int, *, most: int = 6, least: int = 240) -> list[Region]:
    """Square parts of a frame, each around one or more of `boxes` with room about them, largest boxes first.

    At most `most`, at least `least` pixels a side. A box that fills most of the frame gets none: the whole frame
    shows it as well.
    """
    crops: list[Region] = []
    ordered = sorted(boxes, key=lambda box: (box[0] - box[2]) * (box[3] - box[1]))
    for x1, y1, x2, y2 in ordered:
        if any(c[0] <= x1 and c[1] <= y1 and c[2] >= x2 and c[3] >= y2 for c in crops):
            continue
        longest = max(x2 - x1, y2 - y1)
        side = min(max(round(1.8 * longest), least), width, height)
        if side < 1.1 * longest:
            continue
        left = round(min(max((x1 + x2 - side) / 2, 0), width - side))
        top = round(min(max((y1 + y2 - side) / 2, 0), height - side))
        crops.append((left, top, left + side, top + side))
        if len(crops) == most:
            break
    return crops


def clipped(box: Box, size: FrameSize) -> Box:
    """`box` cut at the frame's edges, to a tenth of a pixel."""
    x1, y1 = max(box.x, 0.0), max(box.y, 0.0)
    x2, y2 = min(box.x + box.width, size.width), min(box.y + box.height, size.height)
    return Box(round(x1, 1), round(y1, 1), round(max(x2 - x1, 1.0), 1), round(max(y2 - y1, 1.0), 1))
