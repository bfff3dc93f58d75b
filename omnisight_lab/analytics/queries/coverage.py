"""What was recorded of what should have been, and every hole with its cause."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from omnisight_lab.analytics.localtime import milliseconds, wall_clock
from omnisight_lab.analytics.queries.grouping import CAMERA
from omnisight_lab.analytics.queries.registry import MIN_GAP, QUERIES, Column, Query, Scope
from omnisight_lab.analytics.queries.spans import (
    clipped,
    closed,
    expected,
    footage,
    holes,
    located,
    overlap,
    without_overlap,
)
from omnisight_lab.analytics.tables import Tables


def seconds(ms: ir.IntegerValue) -> ir.FloatingValue:
    """Milliseconds as seconds."""
    return ms.cast("float64") / 1000


def _length(table: ir.Table) -> ir.IntegerValue:
    return milliseconds(table.start, table.end)


def _total(table: ir.Table, name: str) -> ir.Table:
    """(camera_id, `name`): summed length in ms."""
    return table.group_by("camera_id").agg(**{name: _length(table).sum().cast("int64")})


def _coverage(tables: Tables, scope: Scope, *, min_gap: float = 1.0) -> ir.Table:
    due, have = expected(tables, scope), footage(tables, scope)
    missing = holes(due, have)
    listed = missing.filter(_length(missing) >= int(min_gap * 1000))
    longest = listed.group_by("camera_id").agg(gaps=listed.count(), longest_ms=_length(listed).max())
    rows = scope.named(tables).select("camera_id", "camera")
    for part in (_total(due, "expected_ms"), _total(have, "recorded_ms"), _total(missing, "missing_ms"), longest):
        rows = rows.left_join(part, "camera_id").drop("camera_id_right")
    zero = {name: ibis.coalesce(rows[name], 0) for name in ("expected_ms", "recorded_ms", "missing_ms", "gaps")}
    rows = rows.mutate(**zero)
    return rows.mutate(
        expected_seconds=seconds(rows.expected_ms),
        recorded_seconds=seconds(rows.recorded_ms),
        missing_seconds=seconds(rows.missing_ms),
        share=(rows.expected_ms - rows.missing_ms).cast("float64") / rows.expected_ms.nullif(0).cast("float64"),
        longest_gap_seconds=seconds(rows.longest_ms),
    )


def _gaps(tables: Tables, scope: Scope, *, min_gap: float = 1.0) -> ir.Table:
    missing = holes(expected(tables, scope), footage(tables, scope))
    noted = tables.gaps.mutate(open=tables.gaps.end_time.isnull())
    noted = clipped(scope.pick(closed(noted, tables, scope)), scope.start, scope.end)
    noted = without_overlap(noted, "id")
    known = overlap(missing, noted)
    known = known.mutate(open=known.open & (known.end == known.span_end))
    unknown = holes(missing, noted).mutate(cause=ibis.literal("unknown"), open=ibis.literal(False))
    columns = ("camera_id", "start", "end", "cause", "open")
    every = located(known.select(*columns).union(unknown.select(*columns)), tables, scope)
    every = every.mutate(ms=_length(every), local=wall_clock(every.timezone, every.start))
    offset = (milliseconds(every.start, every.local) // 60_000).cast("int64")
    every = every.mutate(utc_offset=offset, seconds=seconds(every.ms))
    return every.filter(every.ms >= int(min_gap * 1000))


COVERAGE = QUERIES.add(
    Query(
        "coverage",
        _coverage,
        (
            *CAMERA,
            Column("expected_seconds", "number", "time in which recording was expected", "s"),
            Column("recorded_seconds", "number", "recorded time; footage that overlaps counts once", "s"),
            Column("missing_seconds", "number", "expected and not recorded", "s"),
            Column("share", "share", "recorded part of the expected time; empty where none was expected"),
            Column("gaps", "integer", "holes of at least `min_gap` seconds"),
            Column("longest_gap_seconds", "number", "the longest of them", "s"),
        ),
        keys=("camera", "camera_id"),
        method="Expected time (enabled, not paused; for imports their own span) less the union of the segments, per "
        "camera; spans still open count to the last full hour, or to the newest segment if that is later.",
        parameters=(MIN_GAP,),
    )
)

GAPS = QUERIES.add(
    Query(
        "gaps",
        _gaps,
        (
            *CAMERA,
            Column("start", "utc", "first instant without footage"),
            Column("end", "utc", "first instant with footage again, or the end of what was asked for"),
            Column("local", "local", "start on the wall clock of the camera's zone"),
            Column("utc_offset", "offset", "how far that clock is ahead of UTC", "min"),
            Column("seconds", "number", "length", "s", sums=True),
            Column("cause", "text", "what the recorder noted; unknown where it noted nothing"),
            Column("open", "boolean", "whether it still went on at the data's age"),
        ),
        keys=("start", "camera", "camera_id"),
        method="Every `[start, end)` that was expected and not recorded, cut where the recorder's notes change cause.",
        parameters=(MIN_GAP,),
    )
)
