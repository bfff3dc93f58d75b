"""Where a box stands: its foot in fractions of the frame, and the zones around that."""

from __future__ import annotations

from functools import reduce

import ibis
import ibis.expr.types as ir

from omnisight_lab.analytics.queries.registry import Scope
from omnisight_lab.analytics.tables import Tables


def with_foot(boxes: ir.Table) -> ir.Table:
    """Boxes with `foot_x` and `foot_y`, the middle of the lower edge in fractions of the frame.

    Those without a box, or of a frame of unknown size, fall away.
    """
    sized = boxes.filter(boxes.frame_width > 0, boxes.frame_height > 0, boxes.x.notnull(), boxes.y.notnull())
    return sized.mutate(
        foot_x=(sized.x + sized.width / 2) / sized.frame_width.cast("float64"),
        foot_y=(sized.y + sized.height) / sized.frame_height.cast("float64"),
    )


def current(tables: Tables, kind: str) -> ir.Table:
    """The edges of the zones, or of the lines, as they are drawn today."""
    edges = tables.zone_edges
    return edges.filter(edges.kind == kind, edges.retired_at.isnull())


def in_zones(boxes: ir.Table, tables: Tables, scope: Scope) -> ir.Table:
    """One row for each box and each zone of its camera in which its foot stands, with `zone`.

    Even-odd rule: a ray to the right meets an odd number of edges. Zones come as one row with their edges beside each
    other, so that a box meets each zone once, and not each edge.
    """
    edges = current(tables, "zone")
    sides = ("x1", "y1", "x2", "y2")
    wide = edges.group_by("camera_id", "zone").agg(
        **{f"{side}_{n}": edges[side].max(where=edges.edge == n) for n in range(scope.corners) for side in sides}
    )
    both = with_foot(boxes).join(wide, "camera_id")
    met = [
        _meets(both.foot_x, both.foot_y, *(both[f"{side}_{n}"] for side in sides)) for n in range(scope.corners)
    ] or [ibis.literal(0)]
    inside = both.filter(reduce(lambda total, one: total + one, met) % 2 == 1)
    return inside.drop(*(f"{side}_{n}" for n in range(scope.corners) for side in sides))


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
