"""The zones and lines of a camera as the analysis looks for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from omnisight_lab.db.lab_models import Zone as Row
from omnisight_lab.vision.zones import Line, Zone


@dataclass(frozen=True, slots=True)
class Areas:
    """What makes events where somebody enters or crosses it; compared by value, so that a change is seen."""

    zones: tuple[Zone, ...] = ()
    lines: tuple[Line, ...] = ()


def areas_of(rows: Iterable[Row], camera_id: str) -> Areas:
    """Those of one camera among `rows`, the current ones. A line of several pieces is a line of that name for each."""
    zones: list[Zone] = []
    lines: list[Line] = []
    for row in rows:
        points = tuple((float(x), float(y)) for x, y in row.points)
        if row.camera_id == camera_id and row.kind == "line":
            lines += [Line(row.name, start, end) for start, end in pairwise(points)]
        elif row.camera_id == camera_id:
            zones.append(Zone(row.name, points))
    return Areas(tuple(zones), tuple(lines))
