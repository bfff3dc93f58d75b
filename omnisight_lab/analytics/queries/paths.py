"""The way of each object through the picture: how long, how far, how fast, and whereto."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir

from omnisight_lab.analytics.localtime import milliseconds, wall_clock
from omnisight_lab.analytics.queries.geometry import OBJECT, whole
from omnisight_lab.analytics.queries.grouping import CAMERA
from omnisight_lab.analytics.queries.registry import FILTERS, QUERIES, Column, Query, Scope, chosen
from omnisight_lab.analytics.queries.spans import located
from omnisight_lab.analytics.tables import Tables

WAYS = ("up", "up right", "right", "down right", "down", "down left", "left", "up left")
"""Clockwise, each the middle of 45 degrees."""


def _paths(tables: Tables, scope: Scope, **filters: Any) -> ir.Table:
    boxes = chosen(scope.within(tables.objects, "event_time"), **filters)
    moved = _measured(_steps(boxes))
    of_event = scope.within(tables.events, "start_time").select("id", "camera_id", "start_time")
    rows = located(moved.join(of_event, moved.event_id == of_event.id).drop("id"), tables, scope)
    rows = rows.mutate(
        start=rows.start_time + rows.first.as_interval("ms"), end=rows.start_time + rows.last.as_interval("ms")
    )
    local = wall_clock(rows.timezone, rows.start)
    return rows.mutate(local=local, utc_offset=(milliseconds(rows.start, local) // 60_000).cast("int64"))


def _steps(boxes: ir.Table) -> ir.Table:
    """Each point of each path with its distance from the one before it, both in widths of the frame."""
    placed = whole(boxes)
    width = placed.frame_width.cast("float64")
    # A box without a track is an object of its own, and one without an offset is where its event begins
    points = placed.select(
        "event_id",
        "label",
        track_id=ibis.coalesce(placed.track_id, placed.id),
        offset=ibis.coalesce(placed.offset_ms, 0),
        x=(placed.x + placed.width / 2) / width,
        y=(placed.y + placed.height) / width,
        shape=placed.frame_height.cast("float64") / width,
    )
    way = ibis.window(group_by=OBJECT, order_by=["offset", "x", "y"])
    return points.mutate(
        before=points.offset.lag().over(way),
        after=points.offset.lead().over(way),
        step=((points.x - points.x.lag().over(way)) ** 2 + (points.y - points.y.lag().over(way)) ** 2).sqrt(),
    )


def _measured(steps: ir.Table) -> ir.Table:
    """One row for each object."""
    first, last = steps.before.isnull(), steps.after.isnull()
    ends = {
        f"{end}_{name}": steps[name].max(where=where)
        for end, where in (("start", first), ("end", last))
        for name in ("x", "y", "shape")
    }
    rows = steps.group_by(*OBJECT).agg(
        **ends,
        label=steps.label.max(where=first),
        first=steps.offset.min(),
        last=steps.offset.max(),
        # The best box may be a copy of a point: two boxes of one instant are one point
        points=steps.count(where=first | (steps.before < steps.offset)),
        length=ibis.coalesce(steps.step.sum(), 0.0),
    )
    right, down = rows.end_x - rows.start_x, rows.end_y - rows.start_y
    seconds = (rows.last - rows.first).cast("float64") / 1000
    distance = (right**2 + down**2).sqrt()
    turn = right.atan2(rows.start_y - rows.end_y).degrees()
    degrees = ibis.ifelse(distance > 0, ibis.ifelse(turn < 0, turn + 360, turn), ibis.null("float64"))
    sector = ((degrees + 22.5) / 45).floor().cast("int64") % len(WAYS)
    return rows.mutate(
        start_y=rows.start_y / rows.start_shape,
        end_y=rows.end_y / rows.end_shape,
        seconds=seconds,
        distance=distance,
        degrees=degrees,
        direction=ibis.cases(*((sector == n, word) for n, word in enumerate(WAYS))),
        speed=rows.length / seconds.nullif(0),
    )


PATHS = QUERIES.add(
    Query(
        "paths",
        _paths,
        (
            Column("event_id", "text", "id of the event"),
            Column("track_id", "text", "track within its event; the id of the box where there is none"),
            *CAMERA,
            Column("label", "text", "class of the object"),
            Column("start", "utc", "when it was first seen"),
            Column("local", "local", "that on the wall clock of the camera's zone"),
            Column("utc_offset", "offset", "how far that clock is ahead of UTC", "min"),
            Column("end", "utc", "when it was last seen"),
            Column("seconds", "number", "dwell time: from first to last seen; 0 for a single box", "s", sums=True),
            Column("points", "integer", "stored points of the way", sums=True),
            Column("start_x", "share", "where its foot was first, from the left edge of the frame"),
            Column("start_y", "share", "where its foot was first, from the upper edge"),
            Column("end_x", "share", "where its foot was last, from the left edge"),
            Column("end_y", "share", "where its foot was last, from the upper edge"),
            Column("distance", "number", "from first to last foot, straight", "frame widths"),
            Column("length", "number", "of the way, from point to point", "frame widths", sums=True),
            Column("degrees", "number", "whereto: 0 up in the picture, 90 right, 180 down, 270 left", "°"),
            Column("direction", "text", "that in one of eight words: up, up right, right, …; empty: nowhere"),
            Column("speed", "number", "mean: length / seconds; empty for a single box", "frame widths/s"),
        ),
        keys=("start", "event_id", "track_id"),
        method="The way of each object of the events that began in the window, newest first, by the feet (middle of "
        "the lower edge) of its stored boxes. It is measured in the picture, in frame widths both ways, not on the "
        "ground; points are stored at most twice a second, so that the length is a lower bound.",
        parameters=FILTERS,
        newest_first=True,
    )
)
