"""How much happened, per hour that was recorded."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from omnisight_lab.analytics.localtime import milliseconds
from omnisight_lab.analytics.queries.geometry import in_zones
from omnisight_lab.analytics.queries.grouping import (
    DIMENSIONS,
    EFFORT,
    WHERE,
    Where,
    asked_for,
    grouped_by,
    intervals,
    over_effort,
    rate_columns,
    with_rate,
)
from omnisight_lab.analytics.queries.registry import (
    FILTERS,
    QUERIES,
    Column,
    Parameter,
    Query,
    Scope,
    chosen,
    literal,
    up_to,
)
from omnisight_lab.analytics.queries.spans import QUARTER
from omnisight_lab.analytics.tables import Tables
from omnisight_lab.types import TimeRange

GAP = Parameter(
    "gap", "seconds", 60.0, "events of a camera and label no further apart than this are one; 0: each", up_to(86_400)
)


def independent(events: ir.Table, scope: Scope, gap: float, zoned: bool = False) -> ir.Table:
    """`events` of the window with `independent`: 1 where nothing of the same camera and label came `gap` before it.

    As camtrapR's `wt_ind_detect`, from start to start. Events before the window are looked at, so that a burst which
    began there is not counted anew.
    """
    if gap <= 0:
        return scope.within(events, "start_time").mutate(independent=ibis.literal(1, type="int64"))
    reach = TimeRange(scope.window.start - timedelta(seconds=gap), scope.window.end)
    near = scope.pick(events.filter(events.start_time >= literal(reach.start), events.start_time < scope.end))
    same = ["camera_id", "label", *(["zone"] if zoned else [])]
    before = near.start_time.lag().over(group_by=same, order_by=["start_time", "id"])
    apart = milliseconds(before, near.start_time) > int(gap * 1000)
    marked = near.mutate(independent=ibis.ifelse(ibis.coalesce(apart, True), 1, 0).cast("int64"))
    return marked.filter(marked.start_time >= scope.start)


def _activity(
    tables: Tables,
    scope: Scope,
    *,
    by: tuple[str, ...] = ("camera", "hour"),
    where: Where = (),
    gap: float = 60.0,
    **filters: Any,
) -> ir.Table:
    wanted = {*by, *dict(where)}
    events = chosen(tables.events, **filters)
    if "zone" in wanted:
        events = _in_zones(events, tables, scope, asked_for(where, "zone"), each="zone" in by)
    events = independent(events, scope, gap, zoned="zone" in by)
    # Counted by quarters first: time zones are then looked up once a quarter, not once an event
    named = [name for name in ("label", "zone") if name in wanted and name in events.columns]
    counts = events.group_by("camera_id", *named, cell=events.start_time.bucket(QUARTER)).agg(
        events=events.count(), independent=events.independent.sum().cast("int64")
    )
    rows = over_effort(counts, tables, scope, by, where, events="sum", independent="sum")
    return with_rate(rows, "events")


def _in_zones(events: ir.Table, tables: Tables, scope: Scope, names: tuple[str, ...] | None, each: bool) -> ir.Table:
    """The events with a box in a zone (of these `names`); `each`: once for each such zone, with `zone`."""
    boxes = tables.objects
    near = boxes.filter(boxes.event_time >= scope.start - ibis.interval(days=1), boxes.event_time < scope.end)
    inside = in_zones(scope.pick(near), tables, scope, names)
    met = inside.select("event_id", *(["zone"] if each else [])).distinct()
    return events.inner_join(met, events.id == met.event_id).drop("event_id")


ACTIVITY = QUERIES.add(
    Query(
        "activity",
        _activity,
        (
            Column("events", "integer", "events that began then"),
            Column(
                "independent",
                "integer",
                "of these, the ones before which no other of their camera and label came within `gap` seconds",
            ),
            *EFFORT,
            *rate_columns("events", "events"),
        ),
        keys=(),
        method="Events per camera and local hour over the hours recorded (effort as in camtrapR's cameraOperation): "
        "an hour recorded without events is 0, an hour not recorded has no rate.",
        parameters=(grouped_by("camera", "hour"), WHERE, GAP, *FILTERS),
        dimensions=DIMENSIONS,
        finish=intervals("events"),
        quarters=True,
        zones=True,
    )
)
