"""Where in the picture objects are seen."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir

from omnisight_lab.analytics.queries.geometry import whole as with_box
from omnisight_lab.analytics.queries.grouping import DIMENSIONS, Where, counted, grouped_by, where_among
from omnisight_lab.analytics.queries.registry import (
    FILTERS,
    QUERIES,
    Column,
    Parameter,
    Query,
    Scope,
    chosen,
    one_of,
    whole,
)
from omnisight_lab.analytics.queries.spans import QUARTER
from omnisight_lab.analytics.tables import Tables

COLUMNS = Parameter("columns", "1 to 512", 32, "cells side by side", whole(1, 512))
ROWS = Parameter("rows", "1 to 512", 18, "cells one above the other", whole(1, 512))
POINT = Parameter(
    "point", "foot or centre", "foot", "what of a box is counted: the middle of its lower edge, or its centre",
    one_of("foot", "centre"),
)  # fmt: skip
PLACED = {name: dimension for name, dimension in DIMENSIONS.items() if name not in ("hour", "zone")}


def _spatial_heatmap(
    tables: Tables,
    scope: Scope,
    *,
    by: tuple[str, ...] = ("camera",),
    where: Where = (),
    columns: int = 32,
    rows: int = 18,
    point: str = "foot",
    **filters: Any,
) -> ir.Table:
    wanted = {*by, *dict(where)}
    boxes = in_cells(chosen(scope.within(tables.objects, "event_time"), **filters), columns, rows, point)
    named = ["camera_id", "column", "row", *(["label"] if "label" in wanted else [])]
    timed = {"cell": boxes.event_time.bucket(QUARTER)} if wanted - {"camera", "label"} else {}
    # Objects are the finest groups: where nobody asks for times, they are not told apart by them
    objects = boxes.group_by(*named, "event_id", object=ibis.coalesce(boxes.track_id, boxes.id), **timed).agg(
        boxes=boxes.count()
    )
    counts = objects.group_by(*named, *timed).agg(objects=objects.count(), boxes=objects.boxes.sum().cast("int64"))
    found = counted(counts, tables, scope, by, where, ("column", "row"), objects="sum", boxes="sum")
    # In whole numbers: Spark takes 0.5 for a decimal, and an integer by it is no float
    x, y = (
        (2 * found[name] + 1).cast("float64") / (2 * number) for name, number in (("column", columns), ("row", rows))
    )
    return found.mutate(x=x, y=y)


def in_cells(boxes: ir.Table, columns: int, rows: int, point: str) -> ir.Table:
    """Boxes with `column` and `row`, from 0 at the upper left, of the cell in which their foot or centre stands.

    Boxes are cut to the frame first. Pixels are multiplied before they are divided: a border is then met exactly.
    """
    placed = with_box(boxes)
    wide, high = placed.frame_width.cast("float64"), placed.frame_height.cast("float64")
    left, right = _cut(placed.x, wide), _cut(placed.x + placed.width, wide)
    top, bottom = _cut(placed.y, high), _cut(placed.y + placed.height, high)
    y = bottom if point == "foot" else (top + bottom) / 2
    return placed.mutate(column=_cell((left + right) / 2, wide, columns), row=_cell(y, high, rows))


def _cut(place: ir.FloatingValue, size: ir.FloatingValue) -> ir.FloatingValue:
    return ibis.least(ibis.greatest(place, 0.0), size)


def _cell(place: ir.FloatingValue, size: ir.FloatingValue, cells: int) -> ir.IntegerValue:
    """Cell of `place`; the frame's last pixel row belongs to the last one."""
    return ibis.least((place * float(cells) / size).floor().cast("int64"), cells - 1)


SPATIAL_HEATMAP = QUERIES.add(
    Query(
        "spatial_heatmap",
        _spatial_heatmap,
        (
            Column("column", "integer", "of the grid, from 0 at the left"),
            Column("row", "integer", "of the grid, from 0 at the top"),
            Column("x", "share", "middle of the cell, from the left edge of the frame"),
            Column("y", "share", "middle of the cell, from the upper edge"),
            Column("objects", "integer", "distinct objects (event and track) that were seen there"),
            Column("boxes", "integer", "stored boxes there: grows with how long objects stay"),
        ),
        keys=("row", "column"),
        method="Objects and boxes in each cell of a grid over the frame; boxes are cut to the frame, a cell has its "
        "left and upper border and not the others, cells without objects are left out.",
        parameters=(
            grouped_by("camera", among=PLACED),
            where_among(*PLACED),
            COLUMNS,
            ROWS,
            POINT,
            *FILTERS,
        ),
        dimensions=PLACED,
    )
)
