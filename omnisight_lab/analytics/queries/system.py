"""How the system itself does: lag, dropped frames, reconnects, and what became of notifications and reports."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from omnisight_lab.analytics.localtime import milliseconds, wall_clock
from omnisight_lab.analytics.queries.coverage import BUCKETS, seconds
from omnisight_lab.analytics.queries.grouping import CAMERA, DIMENSIONS, Where, counted, grouped_by, where_among
from omnisight_lab.analytics.queries.registry import QUERIES, Column, Query, Scope
from omnisight_lab.analytics.queries.spans import QUARTER, located
from omnisight_lab.analytics.tables import Tables

BY_DAY = (grouped_by("camera", "day", among=BUCKETS), where_among(*BUCKETS))


def _ingest_lag(tables: Tables, scope: Scope) -> ir.Table:
    live = tables.recordings.filter(tables.recordings.stream_id.notnull())
    segments = scope.within(tables.segments, "start_time")
    segments = segments.filter(segments.recording_id.isin(live.id))
    timed = segments.select(
        "camera_id", cell=segments.start_time.bucket(QUARTER), ms=milliseconds(segments.end_time, segments.created_at)
    )
    # The day of each quarter is looked up once
    cells = located(timed.select("camera_id", "cell").distinct(), tables, scope)
    cells = cells.select("camera_id", "camera", "cell", day=wall_clock(cells.timezone, cells.cell).date())
    rows = timed.inner_join(cells, ["camera_id", "cell"])
    days = rows.group_by("camera_id", "camera", "day").agg(
        segments=rows.count(), p50=rows.ms.quantile(0.5), p95=rows.ms.quantile(0.95), most=rows.ms.max()
    )
    return days.mutate(p50_seconds=days.p50 / 1000, p95_seconds=days.p95 / 1000, max_seconds=seconds(days.most))


def _dropped_frames(
    tables: Tables, scope: Scope, *, by: tuple[str, ...] = ("camera", "day"), where: Where = ()
) -> ir.Table:
    known = tables.segments.filter(tables.segments.frames.notnull(), tables.segments.dropped_frames.notnull())
    segments = scope.within(known, "start_time")
    cells = segments.group_by("camera_id", cell=segments.start_time.bucket(QUARTER)).agg(
        segments=segments.count(),
        frames=segments.frames.sum().cast("int64"),
        dropped=segments.dropped_frames.sum().cast("int64"),
    )
    rows = counted(cells, tables, scope, by, where, segments="sum", frames="sum", dropped="sum")
    return rows.mutate(share=rows.dropped.cast("float64") / rows.frames.nullif(0).cast("float64"))


def _reconnects(
    tables: Tables, scope: Scope, *, by: tuple[str, ...] = ("camera", "day"), where: Where = ()
) -> ir.Table:
    streams = scope.within(tables.streams, "start_time")
    cells = streams.group_by("camera_id", cell=streams.start_time.bucket(QUARTER)).agg(
        connections=streams.count(),
        broken_off=(streams.status == "ERROR").sum().cast("int64"),
        ended=streams.end_time.count(),
        ms=ibis.coalesce(milliseconds(streams.start_time, streams.end_time).sum(), 0).cast("int64"),
    )
    rows = counted(cells, tables, scope, by, where, connections="sum", broken_off="sum", ended="sum", ms="sum")
    return rows.mutate(mean_hours=rows.ms.cast("float64") / 3_600_000 / rows.ended.nullif(0).cast("float64"))


def _notifications(tables: Tables, scope: Scope) -> ir.Table:
    sent = tables.notifications
    sent = sent.filter(sent.created_at >= scope.start, sent.created_at < scope.end)
    if scope.cameras is not None:
        sent = sent.semi_join(scope.pick(tables.detected_events).select(event_id="id"), "event_id")
    timed = sent.mutate(ms=milliseconds(sent.created_at, sent.sent_at))
    rows = timed.group_by("type", "status").agg(
        notifications=timed.count(), p50=timed.ms.quantile(0.5), most=timed.ms.max()
    )
    return rows.mutate(p50_seconds=rows.p50 / 1000, max_seconds=seconds(rows.most))


def _report_runs(tables: Tables, scope: Scope) -> ir.Table:
    runs = tables.report_runs
    runs = runs.filter(runs.started_at >= scope.start, runs.started_at < scope.end)
    timed = runs.mutate(ms=milliseconds(runs.started_at, runs.ended_at))
    rows = timed.group_by("name", "status").agg(
        runs=timed.count(), last_start=timed.started_at.max(), p50=timed.ms.quantile(0.5), most=timed.ms.max()
    )
    return rows.mutate(p50_seconds=rows.p50 / 1000, max_seconds=seconds(rows.most))


INGEST_LAG = QUERIES.add(
    Query(
        "ingest_lag",
        _ingest_lag,
        (
            *CAMERA,
            *DIMENSIONS["day"].columns,
            Column("segments", "integer", "segments of streams that began on that local day", sums=True),
            Column("p50_seconds", "number", "median of the time from a segment's end to its row", "s"),
            Column("p95_seconds", "number", "95th percentile of it", "s"),
            Column("max_seconds", "number", "longest of it", "s"),
        ),
        keys=("day", "camera", "camera_id"),
        method="From the end of each segment until the database has its row, imports left out; percentiles are exact "
        "and interpolated (Hyndman and Fan 1996, type 7).",
    )
)

DROPPED_FRAMES = QUERIES.add(
    Query(
        "dropped_frames",
        _dropped_frames,
        (
            Column("segments", "integer", "segments of which it is known how many frames the analysis left out"),
            Column("frames", "integer", "frames recorded in them"),
            Column("dropped", "integer", "of these, frames that were recorded and not analysed"),
            Column("share", "share", "dropped part of the frames"),
        ),
        keys=(),
        method="Frames that were recorded while the analysis was behind, as the recorder noted with each segment, by "
        "the quarter of an hour in which it began.",
        parameters=BY_DAY,
        dimensions=BUCKETS,
        quarters=True,
    )
)

RECONNECTS = QUERIES.add(
    Query(
        "reconnects",
        _reconnects,
        (
            Column("connections", "integer", "streams that began"),
            Column("broken_off", "integer", "of these, streams that ended with an error"),
            Column("ended", "integer", "of these, streams that have ended"),
            Column("mean_hours", "number", "mean length of those that have ended", "h"),
        ),
        keys=(),
        method="Streams by the local day on which they began: a camera that is always connected begins none.",
        parameters=BY_DAY,
        dimensions=BUCKETS,
        quarters=True,
    )
)

NOTIFICATIONS = QUERIES.add(
    Query(
        "notifications",
        _notifications,
        (
            Column("type", "text", "way in which it is sent"),
            Column("status", "text", "what became of it"),
            Column("notifications", "integer", "notifications made in the window", sums=True),
            Column("p50_seconds", "number", "median of the time until it was sent", "s"),
            Column("max_seconds", "number", "longest of it; empty where none was sent", "s"),
        ),
        keys=("type", "status"),
        method="Notifications by type and outcome; the delay runs from the row's `createdAt` to its `sentAt`.",
    )
)

REPORT_RUNS = QUERIES.add(
    Query(
        "report_runs",
        _report_runs,
        (
            Column("name", "text", "report of the catalogue"),
            Column("status", "text", "running, done or failed"),
            Column("runs", "integer", "runs that began in the window", sums=True),
            Column("last_start", "utc", "start of the newest of them"),
            Column("p50_seconds", "number", "median of their length; empty while none has ended", "s"),
            Column("max_seconds", "number", "longest of it", "s"),
        ),
        keys=("name", "status"),
        method="Runs of reports by name and outcome, whatever cameras they show.",
    )
)
