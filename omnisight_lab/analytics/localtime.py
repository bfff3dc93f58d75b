"""Local time inside ibis expressions: the wall clock of a zone, and hours that DST changes can't confuse.

The one function that engines must have is `lab.local_time(zone, time)`: a function of SQL in PostgreSQL, a macro in
DuckDB, a temporary function in Spark; each knows the IANA zones, and each is inlined. An hour of the wall clock is
identified by the hour *and* its offset from UTC, so that the hour which comes twice in autumn gives two buckets; a
half-hour change (Lord Howe) gives buckets of 30 and 60 minutes.
"""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir

from omnisight_lab.analytics.tables import SCHEMA


@ibis.udf.scalar.builtin(name="local_time", database=SCHEMA, signature=(("string", "timestamp"), "timestamp"))  # type: ignore[untyped-decorator]
def _local_time(zone: Any, time: Any) -> Any:
    """Naive UTC `time` as the wall clock of `zone`."""


def wall_clock(zone: ir.StringValue | str, time: ir.TimestampValue) -> ir.TimestampValue:
    """Naive UTC `time` as the wall clock of `zone`."""
    return _local_time(zone, time)


def milliseconds(start: ir.TimestampValue, end: ir.TimestampValue) -> ir.IntegerValue:
    """Whole milliseconds from `start` to `end`: integers, so that sums do not depend on their order."""
    return end.delta(start, unit="millisecond").cast("int64")


def hour_bucket(table: ir.Table, time: str) -> ir.Table:
    """`table` (with a column `timezone`) with `hour`, the local wall-clock hour, and its `utc_offset` in minutes."""
    local = wall_clock(table.timezone, table[time])
    table = table.mutate(_local=local)
    offset = milliseconds(table[time], table._local) // 60_000
    return table.mutate(hour=table._local.truncate("h"), utc_offset=offset.cast("int64")).drop("_local")


def bucket_start(table: ir.Table) -> ir.Table:
    """`table` (with `timezone`, `hour`, `utc_offset`) with `start`, the bucket's first instant, naive UTC.

    That is hour - offset, save in the hour in which the offset changes: there it is the first quarter of an hour that
    the wall clock shows with this offset.
    """
    nominal = table.hour - table.utc_offset * ibis.interval(minutes=1)
    start = nominal + ibis.interval(minutes=45)
    for quarter in (30, 15, 0):
        candidate = nominal + ibis.interval(minutes=quarter)
        wall = wall_clock(table.timezone, candidate)
        same = (wall.truncate("h") == table.hour) & (milliseconds(candidate, wall) == table.utc_offset * 60_000)
        start = ibis.ifelse(same, candidate, start)
    return table.mutate(start=start)
