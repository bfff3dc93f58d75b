"""How much happened, per hour that was recorded."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir

from omnisight_lab.analytics.localtime import bucket_start, hour_bucket
from omnisight_lab.analytics.queries.registry import (
    FILTERS,
    QUERIES,
    Column,
    Query,
    Scope,
    chosen,
)
from omnisight_lab.analytics.queries.spans import QUARTER, cells, expected, located, recorded_cells
from omnisight_lab.analytics.tables import Tables

CAMERA = (
    Column("camera_id", "text", "id of the camera"),
    Column("camera", "text", "name of the camera"),
)
HOUR = (
    Column("hour", "local", "local hour on the wall clock of the camera's zone"),
    Column("utc_offset", "offset", "how far that clock is ahead of UTC; tells the hour that comes twice apart", "min"),
    Column("start", "utc", "first instant of the hour"),
)
BUCKET = ["camera_id", "camera", "timezone", "hour", "utc_offset"]


def hours(ms: ir.IntegerValue) -> ir.FloatingValue:
    """Milliseconds as hours."""
    return ms.cast("float64") / 3_600_000


def rate(count: ir.IntegerValue, recorded_ms: ir.IntegerValue) -> ir.FloatingValue:
    """`count` per recorded hour; null where nothing is recorded."""
    return count.cast("float64") / hours(recorded_ms.nullif(0))


def _activity(tables: Tables, scope: Scope, **filters: Any) -> ir.Table:
    events = chosen(scope.within(tables.events, "start_time"), **filters)
    nothing = ibis.literal(0, type="int64")
    # Counted by quarters first: zones are then looked up once a quarter, not once an event
    per_cell = events.group_by("camera_id", cell=events.start_time.bucket(QUARTER)).agg(events=events.count())
    rows = ibis.union(
        per_cell.mutate(recorded_ms=nothing, expected_ms=nothing),
        recorded_cells(tables, scope)
        .mutate(events=nothing, expected_ms=nothing)
        .rename(recorded_ms="ms")
        .select("camera_id", "cell", "events", "recorded_ms", "expected_ms"),
        cells(expected(tables, scope))
        .mutate(events=nothing, recorded_ms=nothing)
        .rename(expected_ms="ms")
        .select("camera_id", "cell", "events", "recorded_ms", "expected_ms"),
    )
    bucketed = hour_bucket(located(rows, tables, scope), "cell")
    summed = bucketed.group_by(BUCKET).agg(
        events=bucketed.events.sum().cast("int64"),
        recorded_ms=bucketed.recorded_ms.sum().cast("int64"),
        expected_ms=bucketed.expected_ms.sum().cast("int64"),
    )
    return bucket_start(summed).mutate(
        recorded_hours=hours(summed.recorded_ms),
        expected_hours=hours(summed.expected_ms),
        rate=rate(summed.events, summed.recorded_ms),
    )


ACTIVITY = QUERIES.add(
    Query(
        "activity",
        _activity,
        (
            *CAMERA,
            *HOUR,
            Column("events", "integer", "events that began in this hour"),
            Column("recorded_hours", "number", "recorded time; footage that overlaps counts once", "h"),
            Column("expected_hours", "number", "time in which recording was expected", "h"),
            Column("rate", "number", "events per recorded camera-hour; empty where nothing is recorded", "1/h"),
        ),
        keys=("start", "camera", "camera_id"),
        method="Events per camera and local hour over the hours recorded (effort as in camtrapR's cameraOperation): "
        "an hour recorded without events is 0, an hour not recorded has no rate.",
        parameters=FILTERS,
        quarters=True,
    )
)
