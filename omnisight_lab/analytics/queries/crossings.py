"""Lines crossed and zones entered, worked out from the stored boxes: what is drawn today counts last month, too.

The rule is that of the live counts (`vision.events`): a zone is entered, and a line is crossed, by two points in a row,
so that a box that trembles on the edge counts once. A crossing is noted at the second of these points.
"""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir

from omnisight_lab.analytics.queries.geometry import (
    OBJECT,
    SIDES,
    beside_zones,
    current,
    drawn,
    numbered,
    side,
    with_foot,
)
from omnisight_lab.analytics.queries.grouping import (
    DIMENSIONS,
    EFFORT,
    WHERE,
    Where,
    grouped_by,
    intervals,
    over_effort,
    rate_columns,
    where_among,
    with_rate,
)
from omnisight_lab.analytics.queries.registry import FILTERS, QUERIES, Column, Query, Scope, chosen
from omnisight_lab.analytics.queries.spans import QUARTER
from omnisight_lab.analytics.tables import Tables

OF_LINES = {name: dimension for name, dimension in DIMENSIONS.items() if name != "zone"}


def _boxes(tables: Tables, scope: Scope, filters: dict[str, Any]) -> ir.Table:
    """The boxes of the window, and those of a day before it: what an object does counts when it does it."""
    boxes = tables.objects
    near = boxes.filter(boxes.event_time >= scope.start - ibis.interval(days=1), boxes.event_time < scope.end)
    near = chosen(scope.pick(near), **filters)
    return near.mutate(offset=ibis.coalesce(near.offset_ms, 0))


def _line_crossings(
    tables: Tables, scope: Scope, *, by: tuple[str, ...] = ("camera",), where: Where = (), **filters: Any
) -> ir.Table:
    tables = drawn(tables, "line")
    cameras = numbered(tables, "line")
    edges = current(tables, "line").join(cameras, "camera_id")
    boxes = _boxes(tables, scope, filters).join(cameras, "camera_id")
    met = crossings(boxes, edges.select("camera_id", "number", "edge", *SIDES, line="zone"))
    met = scope.within(met.mutate(time=met.event_time + met.offset.as_interval("ms")), "time")
    own = ibis.window(group_by=[*OBJECT, "line", "direction"], order_by=["offset", "edge"])
    met = met.mutate(new=ibis.ifelse(ibis.row_number().over(own) == 0, 1, 0))
    counts = met.group_by("camera_id", "line", "direction", "label", cell=met.time.bucket(QUARTER)).agg(
        crossings=met.count(), objects=met.new.sum().cast("int64")
    )
    rows = over_effort(counts, tables, scope, by, where, ("line", "direction"), crossings="sum", objects="sum")
    return with_rate(rows, "crossings")


def crossings(boxes: ir.Table, edges: ir.Table) -> ir.Table:
    """Each crossing: event_id, track_id, camera_id, label, event_time, offset, line, edge, direction.

    Cameras stand in boxes and edges by their `number`.

    The side of a line changes where two points in a row are on the other one, and that is a crossing where the step
    over to the first of them goes between the line's ends. A line of several edges is crossed edge by edge.
    """
    steps = _steps(with_foot(boxes.filter(boxes.track_id.notnull())))
    met = steps.join(edges, "number")
    ends = [met[name] for name in SIDES]
    met = met.mutate(
        **{name: side(ends, met[f"{name}_x"], met[f"{name}_y"]) > 0 for name in ("now", "before", "earlier", "begin")}
    )
    kept = met.filter(met.now == met.before, met.earlier != met.before)
    way = ibis.window(group_by=[*OBJECT, "line", "edge"], order_by="offset")
    kept = kept.mutate(until=ibis.coalesce(kept.now.lag().over(way), kept.begin))
    step = [kept.earlier_x, kept.earlier_y, kept.before_x, kept.before_y]
    between = side(step, kept.x1, kept.y1) * side(step, kept.x2, kept.y2) <= 0
    over = kept.filter(kept.now != kept.until, between)
    return over.mutate(direction=ibis.ifelse(over.now, "to_right", "to_left"))


def _steps(boxes: ir.Table) -> ir.Table:
    """Each point but two of each path (`now`) with the two before it (`before`, `earlier`) and the first (`begin`).

    The best box may be a copy of a point of the path: two boxes of one instant are one point.
    """
    points = boxes.select(*OBJECT, "number", "label", "event_time", "offset", now_x="foot_x", now_y="foot_y")
    way = ibis.window(group_by=OBJECT, order_by=["offset", "now_x", "now_y"])
    twice = points.offset.lag(1) == points.offset.lag(2)
    points = points.mutate(last=points.offset.lag().over(way), twice=twice.over(way), **_passed(points, way))
    points = points.filter(points.last < points.offset, points.second_x.notnull())
    points = points.mutate(
        earlier_x=ibis.ifelse(points.twice, points.third_x, points.second_x),
        earlier_y=ibis.ifelse(points.twice, points.third_y, points.second_y),
    )
    return points.filter(points.earlier_x.notnull())


def _passed(points: ir.Table, way: Any) -> dict[str, ir.Value]:
    """The points passed before each one."""
    back = {"before": 1, "second": 2, "third": 3}
    places = {axis: points[f"now_{axis}"] for axis in "xy"}
    passed = {f"{name}_{axis}": place.lag(n).over(way) for name, n in back.items() for axis, place in places.items()}
    return passed | {f"begin_{axis}": place.first().over(way) for axis, place in places.items()}


def _zone_counts(
    tables: Tables, scope: Scope, *, by: tuple[str, ...] = ("camera", "zone"), where: Where = (), **filters: Any
) -> ir.Table:
    tables = drawn(tables, "zone")
    named = ["zone", *(["label"] if {"label"} & {*by, *dict(where)} else [])]
    boxes = _boxes(tables, scope, filters)
    cameras = numbered(tables, "zone")
    points = beside_zones(boxes.mutate(track_id=ibis.coalesce(boxes.track_id, boxes.id)), tables, scope)
    came = _at_once(visits(points.join(cameras, "camera_id"), named), ["number", *named])
    came = scope.within(came.join(cameras, "number"), "came")
    counts = came.group_by("camera_id", *named, cell=came.came.bucket(QUARTER)).agg(
        objects=came.count(),
        entries=came.entries.sum().cast("int64"),
        dwell_ms=came.dwell_ms.sum().cast("int64"),
        longest_ms=came.dwell_ms.max().cast("float64"),
        peak=came.present.max(),
    )
    measures = {"objects": "sum", "entries": "sum", "dwell_ms": "sum", "longest_ms": "max", "peak": "max"}
    rows = over_effort(counts, tables, scope, by, where, (), **measures)
    seconds = rows.dwell_ms.cast("float64") / 1000
    return with_rate(
        rows.mutate(
            dwell_seconds=seconds,
            mean_dwell_seconds=seconds / rows.objects.nullif(0).cast("float64"),
            longest_dwell_seconds=rows.longest_ms / 1000,
            peak=ibis.coalesce(rows.peak, 0.0).cast("int64"),
        ),
        "objects",
    )


def visits(points: ir.Table, named: list[str]) -> ir.Table:
    """One row for each object and each zone in which it was: number (of the camera), came, left, entries, dwell_ms and
    what is `named`: zone, or zone and label; an object whose boxes have two labels then has two rows.

    It dwells in the zone between two points in a row that lie in it.
    """
    points = points.select(*OBJECT, "number", *named, "event_time", "offset", "inside")
    way = ibis.window(group_by=[*OBJECT, "zone"], order_by="offset")
    last, twice = points.offset.lag(1), points.offset.lag(1) == points.offset.lag(2)
    steps = points.mutate(last=last.over(way), twice=twice.over(way), **_inside_before(points, way))
    steps = steps.filter(steps.last.isnull() | (steps.last < steps.offset))
    earlier = ibis.coalesce(ibis.ifelse(ibis.coalesce(steps.twice, False), steps.third, steps.second), False)
    steps = steps.mutate(
        stays=steps.inside & steps.before,
        came_in=steps.inside & steps.before & ~earlier,
        went_out=~steps.inside & ~steps.before & earlier,
    )
    return _summed_up(steps.filter(steps.inside | steps.went_out), named)


def _inside_before(points: ir.Table, way: Any) -> dict[str, ir.Value]:
    """Whether each point's predecessors lay inside; before the first one it was outside."""
    back = {"before": 1, "second": 2, "third": 3}
    return {name: ibis.coalesce(points.inside.lag(n).over(way), False) for name, n in back.items()}


def _summed_up(steps: ir.Table, named: list[str]) -> ir.Table:
    """The visits that these steps make up; coming in again without having gone out is no entry."""
    so_far = ibis.window(group_by=[*OBJECT, "zone"], order_by="offset", preceding=(None, 1))
    steps = steps.mutate(
        last_in=steps.offset.max(where=steps.came_in).over(so_far),
        last_out=steps.offset.max(where=steps.went_out).over(so_far),
    )
    anew = steps.last_in.isnull() | ibis.coalesce(steps.last_out > steps.last_in, False)
    inside = steps.mutate(
        entry=ibis.ifelse(steps.came_in & anew, 1, 0),
        stayed=ibis.ifelse(steps.stays, steps.offset - steps.last, 0),
    )
    inside = inside.filter(inside.inside)
    rows = inside.group_by(*OBJECT, "number", *named, "event_time").agg(
        first=inside.offset.min(),
        final=inside.offset.max(),
        entries=inside.entry.sum(),
        dwell_ms=inside.stayed.sum(),
    )
    return rows.mutate(
        came=rows.event_time + rows["first"].as_interval("ms"), left=rows.event_time + rows.final.as_interval("ms")
    )


def _at_once(visits: ir.Table, groups: list[str]) -> ir.Table:
    """The visits with how many objects were `present`, the new one among them, when each `came`."""
    figures = visits.select(*groups, "came", "left", "entries", "dwell_ms")
    both = figures.mutate(change=ibis.array([1, -1]).unnest())
    both = both.mutate(time=ibis.ifelse(both.change > 0, both.came, both.left))
    order = ibis.cumulative_window(group_by=groups, order_by=["time", both.change.desc()])
    # Floats, exact for such counts: engines add up 64-bit integers in 128 bits, which takes twice as long
    counted = both.mutate(present=both.change.cast("float64").sum().over(order))
    return counted.filter(counted.change > 0)


LINE_CROSSINGS = QUERIES.add(
    Query(
        "line_crossings",
        _line_crossings,
        (
            Column("line", "text", "line, as it is drawn today"),
            Column("direction", "text", "to_right or to_left, looking along the line from its first point"),
            Column("crossings", "integer", "crossings of the line this way"),
            Column("objects", "integer", "objects that crossed it this way, each counted when it first did"),
            *EFFORT,
            *rate_columns("crossings", "crossings"),
        ),
        keys=("line", "direction"),
        method="Crossings of the lines as they are drawn today by the feet (middle of the lower edge) of all stored "
        "boxes. A line is crossed when two points in a row are on its other side (as the threshold of supervision's "
        "LineZone); hours are those of cameras with a line.",
        parameters=(grouped_by("camera", among=OF_LINES), where_among(*OF_LINES), *FILTERS),
        dimensions=OF_LINES,
        finish=intervals("crossings"),
        quarters=True,
    )
)

ZONE_COUNTS = QUERIES.add(
    Query(
        "zone_counts",
        _zone_counts,
        (
            Column("objects", "integer", "objects with a box in the zone, counted when they first stood in it"),
            Column("entries", "integer", "times that one came in, by two points in a row"),
            Column("dwell_seconds", "number", "time that they stood in it, together", "s"),
            Column("mean_dwell_seconds", "number", "per object; empty without any", "s"),
            Column("longest_dwell_seconds", "number", "of one object; empty without any", "s"),
            Column("peak", "integer", "most objects in one zone at once, when one of them came"),
            *EFFORT,
            *rate_columns("objects", "objects"),
        ),
        keys=(),
        method="Objects in the zones as they are drawn today, by the feet (middle of the lower edge) of all stored "
        "boxes. One dwells from point to point while both lie in the zone; one that goes and comes back stays for the "
        "peak. Hours are those of cameras with a zone.",
        parameters=(grouped_by("camera", "zone"), WHERE, *FILTERS),
        dimensions=DIMENSIONS,
        finish=intervals("objects"),
        quarters=True,
        zones=True,
    )
)
