"""Spans of time in ibis: what was expected, what is recorded, and the holes between them."""

from __future__ import annotations

from datetime import datetime

import ibis
import ibis.expr.types as ir

from omnisight_lab.analytics.localtime import milliseconds
from omnisight_lab.analytics.queries.registry import Scope, literal
from omnisight_lab.analytics.tables import Tables

QUARTER = ibis.interval(minutes=15)


def clipped(table: ir.Table, start: ir.Value, end: ir.Value) -> ir.Table:
    """(camera_id, start, end) of spans `[start_time, end_time)`, cut to `[start, end)`; empty ones fall away."""
    cut = table.mutate(start=ibis.greatest(table.start_time, start), end=ibis.least(table.end_time, end)).drop(
        "start_time", "end_time"
    )
    return cut.filter(cut.start < cut.end)


def closed(table: ir.Table, tables: Tables, scope: Scope) -> ir.Table:
    """`table` with an end to spans that are still open: the last full hour, or the camera's newest footage if later.

    A camera with an open gap has no new footage: for it the newest of any camera counts.
    """
    hour = literal(_full_hour(scope.settled))
    recent = tables.segments.filter(tables.segments.end_time > hour)
    own = recent.group_by("camera_id").agg(own_last=recent.end_time.max())
    dark = tables.gaps.filter(tables.gaps.end_time.isnull()).group_by("camera_id").agg(open_gaps=lambda t: t.count())
    joined = table.left_join(own, "camera_id").drop("camera_id_right")
    joined = joined.left_join(dark, "camera_id").drop("camera_id_right")
    joined = joined.cross_join(recent.agg(any_last=recent.end_time.max()))
    last = ibis.ifelse(joined.open_gaps.notnull(), joined.any_last, joined.own_last)
    until = ibis.greatest(hour, ibis.coalesce(last, hour))
    ended = joined.mutate(end_time=ibis.coalesce(joined.end_time, until))
    return ended.select(*table.columns)


def _full_hour(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)


def expected(tables: Tables, scope: Scope) -> ir.Table:
    """(camera_id, start, end) in which recording was expected, cut to the window."""
    return clipped(scope.pick(closed(tables.expected, tables, scope)), scope.start, scope.end)


def footage(tables: Tables, scope: Scope) -> ir.Table:
    """(camera_id, start, end) of the recorded time in the window, which may overlap.

    What a segment has recorded is no footage once its file is known to be missing.
    """
    near = tables.segments.filter(
        tables.segments.end_time > scope.start, tables.segments.start_time < scope.end, ~tables.segments.missing
    )
    there = scope.pick(near.select("camera_id", "start_time", "end_time"))
    return clipped(there, scope.start, scope.end)


def without_overlap(spans: ir.Table, *ties: str) -> ir.Table:
    """Each span of a camera cut down to what no earlier one covers; `ties`: columns that order equal spans."""
    seen = _swept(spans, *ties)
    cut = seen.mutate(start=ibis.greatest(seen.start, ibis.coalesce(seen.covered, seen.start)))
    return cut.filter(cut.start < cut.end).drop("covered")


def _swept(spans: ir.Table, *ties: str) -> ir.Table:
    """`spans` with `covered`: up to where the earlier ones of the camera reach."""
    earlier = ibis.window(group_by="camera_id", order_by=["start", "end", *ties], preceding=(None, 1))
    return spans.mutate(covered=spans.end.max().over(earlier))


def overlap(spans: ir.Table, others: ir.Table) -> ir.Table:
    """The common parts of `spans` and `others` (both camera_id, start, end), with the other columns of `others`."""
    others = others.rename(other_camera="camera_id", other_start="start", other_end="end")
    both = spans.join(
        others,
        [
            spans.camera_id == others.other_camera,
            spans.start < others.other_end,
            others.other_start < spans.end,
        ],
    )
    both = both.mutate(
        span_start=both.start,
        span_end=both.end,
        start=ibis.greatest(both.start, both.other_start),
        end=ibis.least(both.end, both.other_end),
    )
    return both.drop("other_camera", "other_start", "other_end")


def holes(spans: ir.Table, covered: ir.Table) -> ir.Table:
    """(camera_id, start, end) of the parts of `spans` that no row of `covered` (which may overlap) covers."""
    seen = _swept(bounded(covered, spans))
    open_ = seen.filter(seen.covered < seen.start)
    between = open_.select("camera_id", start=open_.covered, end=open_.start)
    return overlap(spans, between).select("camera_id", "start", "end")


def bounded(covered: ir.Table, spans: ir.Table) -> ir.Table:
    """(camera_id, start, end) of `covered`, and rows of no length where each camera's `spans` begin and end, so that
    every hole lies between two rows."""
    cameras = spans.group_by("camera_id").agg(first=spans.start.min(), last=spans.end.max())
    bounds = [cameras.select("camera_id", start=cameras[name], end=cameras[name]) for name in ("first", "last")]
    return ibis.union(covered.select("camera_id", "start", "end"), *bounds)


def cells(spans: ir.Table) -> ir.Table:
    """(camera_id, cell, ms): `spans` cut into quarters of an hour of UTC, which make up local hours in every zone."""
    cut = spans.mutate(cell=ibis.range(spans.start.bucket(QUARTER), spans.end, QUARTER).unnest())
    inside = milliseconds(ibis.greatest(cut.start, cut.cell), ibis.least(cut.end, cut.cell + QUARTER))
    return cut.select("camera_id", "cell", ms=inside)


def recorded_cells(tables: Tables, scope: Scope) -> ir.Table:
    """(camera_id, cell, ms) of recorded time, from the quarters that lie in the window."""
    recorded = scope.within(tables.recorded, "cell_start")
    ms = (recorded.seconds * 1000).round().cast("int64")
    return recorded.select("camera_id", cell=recorded.cell_start, ms=ms)


def located(table: ir.Table, tables: Tables, scope: Scope) -> ir.Table:
    """`table` with `camera` (name) and `timezone`; rows whose camera is gone keep its id, in the site's zone."""
    joined = table.left_join(scope.named(tables), "camera_id").drop("camera_id_right")
    zone = ibis.coalesce(joined.timezone, ibis.literal(scope.timezone or scope.site))
    name = ibis.coalesce(joined.camera, joined.camera_id, ibis.literal("unknown"))
    return joined.mutate(camera=name, timezone=zone)
