"""When footage goes, by its age or for want of space, and what other policies would keep.

A site that has run longer than its retention stands still: each day brings as many bytes as the policy frees. So what
counts is the day when the oldest footage reaches its age, and whether the space lasts until the growth ends; a line
drawn on to the end of the disk would miss both.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir

from omnisight_lab.analytics.localtime import milliseconds, wall_clock
from omnisight_lab.analytics.queries.grouping import DIMENSIONS, grouped_by
from omnisight_lab.analytics.queries.registry import QUERIES, Column, Parameter, Query, Scope, literal, up_to, whole
from omnisight_lab.analytics.queries.storage import DAY, daily
from omnisight_lab.analytics.tables import Tables
from omnisight_lab.types import TimeRange

DAY_MS = 86_400_000
COVERED = 9
"""Tenths of its expected time that a day must have recorded to say how much a day brings."""
LONGEST = 36_500
"""Days that are looked ahead: what lasts a century lasts for ever."""
GIGABYTE = 1_000_000_000

RECENT = Parameter("recent", "days", 14, "full local days back from now that say how much a day brings", whole(1, 366))
CAPACITY = Parameter(
    "capacity", "GB", 0.0, "space for this footage: the disk less its floor and other files; 0: unknown", up_to(10**9)
)


def _read_days(given: Any) -> tuple[int, ...]:
    parts = given.split(",") if isinstance(given, str) else given if isinstance(given, (list, tuple)) else [given]
    days = {whole(1, LONGEST)(str(part).strip()) for part in parts}
    if not days:
        raise ValueError("names no number of days")
    return tuple(sorted(days))


DAYS = Parameter("days", "numbers", (7, 14, 30, 90), "retention in days to compare, by commas", _read_days)
BY = grouped_by("camera", among=("camera",))
CAMERAS = {"camera": DIMENSIONS["camera"]}


def as_of(scope: Scope) -> datetime:
    """The moment from which it is looked ahead: the last full hour, or the end of the window where that is earlier.

    A window that ends in the past shows what would have been forecast then, of the footage that is still listed.
    """
    return min(scope.window.end, scope.settled.replace(minute=0, second=0, microsecond=0))


def _held(tables: Tables, scope: Scope) -> ir.Table:
    """(camera_id, age, bytes, oldest, oldest_end) of the footage that is there, by its age in whole days."""
    now = literal(as_of(scope))
    files = scope.pick(tables.segments.filter(tables.segments.start_time < now, ~tables.segments.missing))
    age = ibis.greatest(milliseconds(files.end_time, now), 0) // DAY_MS
    return files.group_by("camera_id", age=age.cast("int64")).agg(
        bytes=files.file_size.sum().cast("int64"), oldest=files.start_time.min(), oldest_end=files.end_time.min()
    )


def _pace(tables: Tables, scope: Scope, recent: int) -> ir.Table:
    """(camera_id, bytes_per_day, full_days): the median of the full local days among the `recent` ones.

    Full: it has ended, the camera's footage began before it, and at least nine tenths of what was expected are
    recorded.
    """
    now = as_of(scope)
    span = TimeRange(now - (recent + 2) * DAY, now)
    files = scope.pick(tables.segments.filter(tables.segments.start_time < literal(now)))
    first = files.group_by("camera_id").agg(first=files.start_time.min())
    days = daily(files.filter(files.start_time >= literal(span.start)), tables, scope, span)
    days = days.inner_join(first, "camera_id")
    today = wall_clock(days.timezone, literal(now))
    days = days.filter(
        days.day < today.date(),
        days.day >= (today - ibis.interval(days=recent)).date(),
        wall_clock(days.timezone, days.first) <= days.day.cast("timestamp"),
        days.recorded_ms > 0,
        days.recorded_ms * 10 >= days.expected_ms * COVERED,
    )
    return days.group_by("camera_id").agg(
        full_days=days.count(), bytes_per_day=days.bytes.median().floor().cast("int64")
    )


def retention(tables: Tables, scope: Scope) -> ir.Table:
    """(camera_id, retention_days) of the policy that decides for each camera; no row for one that keeps everything.

    The highest priority among its own and those for all cameras; then its own, then the longer one. A century is for
    ever.
    """
    cameras = scope.named(tables).select("camera_id")
    policies = tables.policies.select("id", "retention_days", "priority", of="camera_id")
    both = cameras.cross_join(policies)
    both = both.filter(both.of.isnull() | (both.of == both.camera_id))
    own = ibis.ifelse(both.of.isnull(), 1, 0)
    order = [ibis.desc("priority"), own, ibis.desc("retention_days"), "id"]
    ranked = both.mutate(rank=ibis.row_number().over(group_by="camera_id", order_by=order))
    deciding = ranked.filter(ranked.rank == 0, ranked.retention_days < LONGEST)
    return deciding.select("camera_id", retention_days=ibis.greatest(deciding.retention_days, 0).cast("int64"))


def _beside(rows: ir.Table, part: ir.Table) -> ir.Table:
    """`rows` with the columns of `part` for the same camera, null where it has none.

    A join by itself is written once in the SQL, however often it is used; a selection over it each time anew.
    """
    more = [name for name in part.columns if name != "camera_id"]
    return rows.left_join(part, "camera_id").select(*rows.columns, *more)


def _forecast(
    tables: Tables, scope: Scope, *, by: tuple[str, ...] = ("camera",), recent: int = 14, capacity: float = 0.0
) -> ir.Table:
    cameras = _beside(_beside(scope.named(tables), _pace(tables, scope, recent)), retention(tables, scope))
    aged = _beside(_held(tables, scope), cameras.select("camera_id", "retention_days"))
    stored = aged.group_by("camera_id").agg(
        stored_bytes=aged.bytes.sum().cast("int64"),
        overdue_bytes=_sum_where(aged.age >= aged.retention_days, aged.bytes),
        oldest_end=aged.oldest_end.min(),
    )
    rows = _beside(cameras, stored)
    rows = rows.mutate(
        **{name: ibis.coalesce(rows[name], 0) for name in ("full_days", "stored_bytes", "overdue_bytes")},
        steady_bytes=rows.bytes_per_day * rows.retention_days,
        deletion_day=wall_clock(rows.timezone, rows.oldest_end + rows.retention_days * ibis.interval(days=1)).date(),
    )
    rows = rows if by else _in_all(rows)
    if not capacity:
        return _and_space(rows.mutate(space_days=ibis.null("int64")), scope)
    return _and_space(rows.cross_join(_days_to(round(capacity * GIGABYTE), cameras, aged)), scope)


def _sum_where(condition: ir.BooleanValue, value: ir.IntegerValue) -> ir.IntegerValue:
    """The sum of `value` where `condition` holds; 0 where it never does."""
    return ibis.ifelse(condition, value, 0).sum().cast("int64")


def _in_all(rows: ir.Table) -> ir.Table:
    """All cameras as one row: sums, and the earliest day; no steady state where a camera keeps everything."""
    endless = rows.bytes_per_day.notnull() & rows.retention_days.isnull()
    same = rows.retention_days.min() == rows.retention_days.max()
    alike = same & (rows.count() == rows.retention_days.count())
    return rows.agg(
        stored_bytes=ibis.coalesce(rows.stored_bytes.sum(), 0).cast("int64"),
        bytes_per_day=rows.bytes_per_day.sum().cast("int64"),
        full_days=rows.full_days.min(),
        retention_days=ibis.ifelse(alike, rows.retention_days.min(), ibis.null("int64")),
        steady_bytes=ibis.ifelse(
            ibis.coalesce(_sum_where(endless, ibis.literal(1)), 0) == 0,
            rows.steady_bytes.sum().cast("int64"),
            ibis.null("int64"),
        ),
        overdue_bytes=ibis.coalesce(rows.overdue_bytes.sum(), 0).cast("int64"),
        deletion_day=rows.deletion_day.min(),
    )


def _days_to(capacity: int, cameras: ir.Table, aged: ir.Table) -> ir.Table:
    """(space_days): whole days until the footage of all cameras fills `capacity` bytes, one row; null: it never will.

    What is stored is a line that bends: a camera grows by its pace until its retention, then it stands still, and what
    is there now goes as it comes of age. From bend to bend that is solved, not stepped through.
    """
    nothing = ibis.literal(0, type="int64")
    paced = cameras.filter(cameras.bytes_per_day.notnull())
    bounded = paced.filter(paced.retention_days.notnull())
    going = aged.filter(aged.retention_days.notnull())
    bends = (
        paced.select(day=nothing, pace=paced.bytes_per_day, bytes=nothing)
        .union(bounded.select(day=bounded.retention_days, pace=-bounded.bytes_per_day, bytes=nothing))
        .union(aged.select(day=nothing, pace=nothing, bytes=aged.bytes))
        .union(going.select(day=ibis.greatest(going.retention_days - going.age, 0), pace=nothing, bytes=-going.bytes))
    )
    bends = bends.group_by("day").agg(**{name: bends[name].sum().cast("int64") for name in ("pace", "bytes")})
    so_far = ibis.window(order_by="day", preceding=None, following=0)
    bends = bends.mutate(begun=bends.pace * bends.day)
    lines = bends.select(
        "day",
        until=bends.day.lead().over(order_by="day"),
        **{name: bends[name].sum().over(so_far).cast("int64") for name in ("pace", "begun", "bytes")},
    )
    room = capacity - (lines.day * lines.pace - lines.begun + lines.bytes)
    more = (room.cast("float64") / lines.pace.nullif(0).cast("float64")).ceil().cast("int64")
    full = ibis.ifelse(room <= 0, lines.day, ibis.ifelse(lines.pace > 0, lines.day + more, ibis.null("int64")))
    lines = lines.mutate(full=full)
    reached = lines.filter(lines.until.isnull() | (lines.full < lines.until), lines.full <= LONGEST)
    return reached.agg(space_days=reached.full.min())


def _and_space(rows: ir.Table, scope: Scope) -> ir.Table:
    """`rows` (with space_days) with the day on which the space is used up, and what comes first."""
    site = ZoneInfo(scope.timezone or scope.site)
    today = ibis.literal(as_of(scope).astimezone(site).replace(tzinfo=None), type="timestamp")
    rows = rows.mutate(space_day=(today + rows.space_days * ibis.interval(days=1)).date())
    aged = rows.space_day.isnull() | (rows.deletion_day <= rows.space_day)
    first = ibis.ifelse(rows.deletion_day.notnull() & aged, ibis.literal("age"), ibis.literal("space"))
    nothing = rows.deletion_day.isnull() & rows.space_day.isnull()
    return rows.mutate(first=ibis.ifelse(nothing, ibis.null("string"), first))


def _what_if(
    tables: Tables,
    scope: Scope,
    *,
    by: tuple[str, ...] = ("camera",),
    days: tuple[int, ...] = (7, 14, 30, 90),
    recent: int = 14,
) -> ir.Table:
    every = ibis.array([ibis.literal(each, type="int64") for each in days]).unnest()
    held = _held(tables, scope).mutate(days=every)
    goes = held.age >= held.days
    kept = held.group_by("camera_id", "days").agg(
        freed_bytes=_sum_where(goes, held.bytes),
        kept_bytes=_sum_where(~goes, held.bytes),
        oldest_kept=ibis.ifelse(goes, ibis.null("timestamp"), held.oldest).min(),
    )
    cameras = _beside(scope.named(tables), _pace(tables, scope, recent)).mutate(days=every)
    rows = cameras.left_join(kept, ["camera_id", "days"])
    rows = rows.mutate(
        steady_bytes=rows.bytes_per_day * rows.days,
        freed_bytes=ibis.coalesce(rows.freed_bytes, 0),
        kept_bytes=ibis.coalesce(rows.kept_bytes, 0),
    )
    if by:
        return rows
    amounts = ("bytes_per_day", "steady_bytes", "freed_bytes", "kept_bytes")
    return rows.group_by("days").agg(
        **{name: rows[name].sum().cast("int64") for name in amounts}, oldest_kept=rows.oldest_kept.min()
    )


PACE = Column("bytes_per_day", "integer", "median of the recent full local days; empty where there was none", "B/d")

STORAGE_FORECAST = QUERIES.add(
    Query(
        "storage_forecast",
        _forecast,
        (
            Column("stored_bytes", "integer", "size of the footage that is there now", "B"),
            PACE,
            Column("full_days", "integer", "days of which that is the median; in all: the fewest of any camera"),
            Column("retention_days", "integer", "age at which footage goes; empty: never, or not alike in all", "d"),
            Column(
                "steady_bytes", "integer", "what will be stored once the oldest has that age: bytes a day x age", "B"
            ),
            Column("overdue_bytes", "integer", "of what is stored, the part that is beyond that age already", "B"),
            Column("deletion_day", "date", "local day on which the oldest footage reaches that age; past: overdue"),
            Column("space_day", "date", "day on which all footage fills `capacity`; empty: never, or not asked for"),
            Column("first", "text", "what comes first: age (of the oldest footage) or space"),
        ),
        keys=(),
        method="Median bytes of the recent full local days (Tukey 1977: a robust level), "
        "carried on while the policy that applies frees what reaches its age; by='' adds up all cameras, which share "
        "the space.",
        parameters=(BY, RECENT, CAPACITY),
        dimensions=CAMERAS,
    )
)

STORAGE_WHAT_IF = QUERIES.add(
    Query(
        "storage_what_if",
        _what_if,
        (
            Column("days", "integer", "age at which footage would go", "d"),
            PACE,
            Column("steady_bytes", "integer", "what would be stored in the long run: bytes a day x age", "B"),
            Column("freed_bytes", "integer", "what would go at once", "B"),
            Column("kept_bytes", "integer", "what would stay now", "B"),
            Column("oldest_kept", "utc", "start of the oldest footage that would stay"),
        ),
        keys=("days",),
        method="What each retention would free now and hold in the long run, at the median bytes of the recent full "
        "local days (Tukey 1977: a robust level).",
        parameters=(BY, DAYS, RECENT),
        dimensions=CAMERAS,
    )
)
