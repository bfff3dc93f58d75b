"""What was recorded of what should have been, every hole with its cause, and how reliable cameras are."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from omnisight_lab.analytics.localtime import milliseconds, wall_clock
from omnisight_lab.analytics.queries.grouping import (
    CAMERA,
    DIMENSIONS,
    EFFORT,
    OF_EVENTS,
    Where,
    grouped_by,
    hours,
    over_effort,
    where_among,
)
from omnisight_lab.analytics.queries.registry import MIN_GAP, QUERIES, Column, Query, Scope
from omnisight_lab.analytics.queries.spans import (
    bounded,
    cells,
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
from omnisight_lab.types import GapCause

BUCKETS = {name: dimension for name, dimension in DIMENSIONS.items() if name not in OF_EVENTS}


def seconds(ms: ir.IntegerValue) -> ir.FloatingValue:
    """Milliseconds as seconds."""
    return ms.cast("float64") / 1000


def _length(table: ir.Table) -> ir.IntegerValue:
    return milliseconds(table.start, table.end)


def _total(table: ir.Table, name: str) -> ir.Table:
    """(camera_id, `name`): summed length in ms."""
    return table.group_by("camera_id").agg(**{name: _length(table).sum().cast("int64")})


def _coverage(tables: Tables, scope: Scope, *, min_gap: float = 1.0) -> ir.Table:
    due, found = expected(tables, scope), footage(tables, scope)
    missing = holes(due, found)
    have = without_overlap(bounded(found, due))  # as in `holes`, so that engines sort the footage once
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
        share=_share(rows.expected_ms, rows.missing_ms),
        longest_gap_seconds=seconds(rows.longest_ms),
    )


def _share(whole_ms: ir.IntegerValue, missing_ms: ir.IntegerValue) -> ir.FloatingValue:
    """What is there of the whole; null where there is no whole."""
    return (whole_ms - missing_ms).cast("float64") / whole_ms.nullif(0).cast("float64")


def _coverage_by(
    tables: Tables, scope: Scope, *, by: tuple[str, ...] = ("camera", "day"), where: Where = ()
) -> ir.Table:
    missing = cells(holes(expected(tables, scope), footage(tables, scope))).rename(missing_ms="ms")
    rows = over_effort(missing, tables, scope, by, where, missing_ms="sum")
    return rows.mutate(
        recorded_hours=hours(rows.recorded_ms),
        expected_hours=hours(rows.expected_ms),
        missing_hours=hours(rows.missing_ms),
        share=_share(rows.expected_ms, rows.missing_ms),
    )


def _uptime(tables: Tables, scope: Scope, *, min_gap: float = 1.0) -> ir.Table:
    due = expected(tables, scope)
    deleted = tables.gaps.filter(tables.gaps.cause == str(GapCause.RETENTION), tables.gaps.end_time.notnull())
    kept_once = clipped(scope.pick(deleted), scope.start, scope.end).select("camera_id", "start", "end")
    outages = holes(due, footage(tables, scope).union(kept_once))
    outages = outages.filter(_length(outages) >= int(min_gap * 1000))
    of_camera = outages.group_by("camera_id").agg(
        failures=outages.count(), failed_ms=_length(outages).sum().cast("int64"), longest_ms=_length(outages).max()
    )
    rows = scope.named(tables).select("camera_id", "camera")
    for part in (_total(due, "expected_ms"), of_camera):
        rows = rows.left_join(part, "camera_id").drop("camera_id_right")
    zero = {name: ibis.coalesce(rows[name], 0) for name in ("expected_ms", "failures", "failed_ms")}
    rows = rows.mutate(**zero)
    times = rows.failures.nullif(0).cast("float64")
    return rows.mutate(
        expected_hours=hours(rows.expected_ms),
        up_hours=hours(rows.expected_ms - rows.failed_ms),
        mtbf_hours=hours(rows.expected_ms - rows.failed_ms) / times,
        mttr_seconds=seconds(rows.failed_ms) / times,
        availability=_share(rows.expected_ms, rows.failed_ms),
        longest_outage_seconds=seconds(rows.longest_ms),
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
            Column(
                "cause",
                "text",
                "what was noted: a fault of the camera or of the recorder, retention (deleted by policy), missing_file "
                "(the file of a segment is gone); unknown where nothing was",
            ),
            Column("open", "boolean", "whether it still went on at the data's age"),
        ),
        keys=("start", "camera", "camera_id"),
        method="Every `[start, end)` that was expected and of which there is no footage, cut where the notes of "
        "recorder, retention and check of files change cause.",
        parameters=(MIN_GAP,),
    )
)

COVERAGE_BY = QUERIES.add(
    Query(
        "coverage_by",
        _coverage_by,
        (
            *EFFORT,
            Column("missing_hours", "number", "expected and not recorded", "h"),
            Column("share", "share", "recorded part of the expected time; empty where none was expected"),
        ),
        keys=(),
        method="As `coverage`, per camera and local hour, day, week, …: expected time less the union of the segments, "
        "cut into quarters of an hour; a segment whose file is missing is not recorded time.",
        parameters=(grouped_by("camera", "day", among=BUCKETS), where_among(*BUCKETS)),
        dimensions=BUCKETS,
        quarters=True,
    )
)

UPTIME = QUERIES.add(
    Query(
        "uptime",
        _uptime,
        (
            *CAMERA,
            Column("expected_hours", "number", "time in which recording was expected: pauses are no failures", "h"),
            Column("up_hours", "number", "of it, time without failure; footage deleted by policy was there once", "h"),
            Column("failures", "integer", "holes of at least `min_gap` seconds; a pause in the middle makes two"),
            Column("mtbf_hours", "number", "mean time between failures: up hours / failures; empty without any", "h"),
            Column("mttr_seconds", "number", "mean time to repair: failed time / failures; empty without any", "s"),
            Column("availability", "share", "up part of the expected time, MTBF / (MTBF + MTTR)"),
            Column("longest_outage_seconds", "number", "the longest failure, within what was asked for", "s"),
        ),
        keys=("camera", "camera_id"),
        method="Failures are holes in the expected time, whatever their cause (a lost file, too) but deletion by "
        "policy; causes that follow each other are one failure. MTBF and MTTR as in IEC 60050-192.",
        parameters=(MIN_GAP,),
    )
)
