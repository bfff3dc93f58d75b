"""Where a box stands: its foot in fractions of the frame, the way of its object, and the zones around it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import ibis
import ibis.expr.types as ir

from omnisight_lab.analytics.queries.registry import Scope
from omnisight_lab.analytics.tables import Tables

OBJECT = ("event_id", "track_id")
"""What identifies an object that was followed."""

SIDES = ("x1", "y1", "x2", "y2")


def with_foot(boxes: ir.Table) -> ir.Table:
    """Boxes with `foot_x` and `foot_y`, the middle of the lower edge in fractions of the frame.

    Those without a box, or of a frame of unknown size, fall away.
    """
    sized = whole(boxes)
    return sized.mutate(
        foot_x=(sized.x + sized.width / 2) / sized.frame_width.cast("float64"),
        foot_y=(sized.y + sized.height) / sized.frame_height.cast("float64"),
    )


def whole(boxes: ir.Table) -> ir.Table:
    """The boxes that have a place, in a frame of known size."""
    known = [boxes[side].notnull() for side in ("x", "y", "width", "height")]
    return boxes.filter(boxes.frame_width > 0, boxes.frame_height > 0, *known)


def current(tables: Tables, kind: str) -> ir.Table:
    """The edges of the zones, or of the lines, as they are drawn today."""
    edges = tables.zone_edges
    return edges.filter(edges.kind == kind, edges.retired_at.isnull())


def drawn(tables: Tables, kind: str) -> Tables:
    """`tables` with the boxes and the effort of those cameras only that have a zone, or a line."""
    cameras = current(tables, kind).select("camera_id").distinct()
    shown = {name: vars(tables)[name].semi_join(cameras, "camera_id") for name in ("objects", "recorded", "expected")}
    return Tables(**{**vars(tables), **shown})


def numbered(tables: Tables, kind: str) -> ir.Table:
    """(camera_id, number) of the cameras that have a zone, or a line: engines sort a number faster than an id."""
    cameras = current(tables, kind).select("camera_id").distinct()
    return cameras.mutate(number=ibis.row_number().over(order_by="camera_id"))


def in_zones(
    boxes: ir.Table, tables: Tables, scope: Scope, names: tuple[str, ...] | None = None, each: bool = True
) -> ir.Table:
    """The boxes whose foot stands in a zone of their camera (one of these `names`).

    `each`: one row for each such zone, with `zone`; else one row for each box.
    """
    met = beside_zones(boxes, tables, scope)
    met = met.filter(met.inside).drop("inside")
    if names is not None:
        met = met.filter(met.zone.isin(names))
    return met if each else boxes.semi_join(met, "id")


def beside_zones(boxes: ir.Table, tables: Tables, scope: Scope) -> ir.Table:
    """One row for each box and each zone of its camera, with `zone` and whether its foot stands `inside`.

    Even-odd rule: a ray to the right meets an odd number of edges. Zones come as one row with their edges beside each
    other, so that a box meets each zone once, and not each edge.
    """
    edges = current(tables, "zone")
    wide = edges.group_by("camera_id", "zone").agg(
        **{f"{side}_{n}": edges[side].max(where=edges.edge == n) for n in range(scope.corners) for side in SIDES}
    )
    both = with_foot(boxes).join(wide, "camera_id")
    met = [
        _meets(both.foot_x, both.foot_y, *(both[f"{side}_{n}"] for side in SIDES)) for n in range(scope.corners)
    ] or [ibis.literal(0)]
    judged = both.mutate(inside=reduce(lambda total, one: total + one, met) % 2 == 1)
    return judged.drop(*(f"{side}_{n}" for n in range(scope.corners) for side in SIDES))


def _meets(
    x: ir.FloatingValue,
    y: ir.FloatingValue,
    x1: ir.FloatingValue,
    y1: ir.FloatingValue,
    x2: ir.FloatingValue,
    y2: ir.FloatingValue,
) -> ir.IntegerValue:
    """1 where the ray from (x, y) to the right meets the edge, 0 elsewhere and where there is no edge."""
    spans = (y1 > y) != (y2 > y)
    # An edge along the ray spans nothing: its division by zero is kept away
    left = x < (x2 - x1) * (y - y1) / (y2 - y1).nullif(0) + x1
    return ibis.ifelse(ibis.coalesce(spans & left, False), 1, 0)


def side(ends: Sequence[ir.FloatingValue], x: ir.FloatingValue, y: ir.FloatingValue) -> ir.FloatingValue:
    """Positive right of the line between `ends` (x1, y1, x2, y2), as seen along it; as `vision.zones.Line` has it."""
    x1, y1, x2, y2 = ends
    return (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
