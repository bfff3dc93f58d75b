"""Where the bytes are, and how they grow."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import ibis
import ibis.expr.types as ir

from omnisight_lab.analytics.localtime import milliseconds, wall_clock
from omnisight_lab.analytics.queries.grouping import CAMERA, effort, hours
from omnisight_lab.analytics.queries.registry import QUERIES, Column, Query, Scope, literal
from omnisight_lab.analytics.queries.spans import QUARTER, located
from omnisight_lab.analytics.tables import Tables
from omnisight_lab.types import TimeRange

DAY = timedelta(days=1)


def _storage(tables: Tables, scope: Scope) -> ir.Table:
    segments = scope.within(tables.segments.filter(~tables.segments.missing), "start_time")
    cells = segments.group_by("camera_id", "codec", cell=segments.start_time.bucket(QUARTER)).agg(
        segments=segments.count(),
        bytes=segments.file_size.sum().cast("int64"),
        ms=milliseconds(segments.start_time, segments.end_time).sum().cast("int64"),
    )
    local = located(cells, tables, scope)
    local = local.mutate(day=wall_clock(local.timezone, local.cell).date())
    summed = local.group_by("camera_id", "camera", "day", "codec").agg(
        segments=local.segments.sum().cast("int64"),
        bytes=local.bytes.sum().cast("int64"),
        ms=local.ms.sum().cast("int64"),
    )
    return summed.mutate(hours=hours(summed.ms))


def daily(segments: ir.Table, tables: Tables, scope: Scope, span: TimeRange) -> ir.Table:
    """(camera_id, camera, timezone, day, bytes, recorded_ms, expected_ms) per local day.

    The bytes of `segments` count on the day in which they begin; effort is known within `span` alone.
    """
    nothing = ibis.literal(0, type="int64")
    files = segments.group_by("camera_id", cell=segments.start_time.bucket(QUARTER)).agg(
        bytes=segments.file_size.sum().cast("int64")
    )
    files = files.mutate(recorded_ms=nothing, expected_ms=nothing)
    spent = effort(tables, replace(scope, window=span)).mutate(bytes=nothing)
    columns = ("camera_id", "cell", "bytes", "recorded_ms", "expected_ms")
    cells = located(files.select(*columns).union(spent.select(*columns)), tables, scope)
    cells = cells.mutate(day=wall_clock(cells.timezone, cells.cell).date())
    return cells.group_by("camera_id", "camera", "timezone", "day").agg(
        **{name: cells[name].sum().cast("int64") for name in columns[2:]}
    )


def _growth(tables: Tables, scope: Scope) -> ir.Table:
    around = TimeRange(scope.window.start - DAY, scope.window.end + DAY)
    files = scope.pick(
        tables.segments.filter(tables.segments.start_time < literal(around.end), ~tables.segments.missing)
    )
    days = daily(files, tables, scope, around)
    so_far = ibis.window(group_by="camera_id", order_by="day", preceding=None, following=0)
    days = days.mutate(cumulative_bytes=days.bytes.sum().over(so_far).cast("int64"))
    later = (days.day + ibis.interval(days=7)).cast("date")
    week_before = days.select("camera_id", day=later, week_before_bytes=days.bytes)
    rows = days.left_join(week_before, ["camera_id", "day"])
    last = literal(scope.window.end - timedelta(milliseconds=1))
    rows = rows.filter(
        rows.day >= wall_clock(rows.timezone, scope.start).date(), rows.day <= wall_clock(rows.timezone, last).date()
    )
    recorded = hours(rows.recorded_ms)
    return rows.mutate(
        recorded_hours=recorded,
        bytes_per_hour=rows.bytes.cast("float64") / recorded.nullif(0),
        change=rows.bytes.cast("float64") / rows.week_before_bytes.nullif(0).cast("float64") - 1,
    )


STORAGE = QUERIES.add(
    Query(
        "storage",
        _storage,
        (
            *CAMERA,
            Column("day", "date", "local day of the camera's zone in which the segments begin"),
            Column("codec", "text", "video codec; empty where the recorder did not note it"),
            Column("segments", "integer", "segment files", sums=True),
            Column("bytes", "integer", "their size as the rows say", "B", sums=True),
            Column("hours", "number", "length of the footage", "h", sums=True),
        ),
        keys=("day", "camera", "camera_id", "codec"),
        method="Sizes of the segments that the database lists, per camera, local day and codec; those whose file is "
        "known to be missing take no space.",
    )
)

STORAGE_GROWTH = QUERIES.add(
    Query(
        "storage_growth",
        _growth,
        (
            *CAMERA,
            Column("day", "date", "local day of the camera's zone; a day expected without footage is a row, too"),
            Column("bytes", "integer", "size of the segments that begin on this day, as the rows say", "B", sums=True),
            Column("cumulative_bytes", "integer", "size of all that is listed up to the end of this day", "B"),
            Column("recorded_hours", "number", "recorded time; footage that overlaps counts once", "h", sums=True),
            Column("bytes_per_hour", "number", "bytes ÷ recorded hours; empty where nothing is recorded", "B/h"),
            Column("week_before_bytes", "integer", "bytes of the same weekday a week before, if listed", "B"),
            Column("change", "share", "bytes ÷ those of the week before, less 1; empty where there were none"),
        ),
        keys=("day", "camera", "camera_id"),
        method="Sizes of the segments that the database still lists, per camera and whole local day, against the same "
        "weekday a week before (seasonal difference); footage that was deleted is in no figure.",
        quarters=True,
    )
)
