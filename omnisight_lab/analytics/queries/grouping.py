"""Counts over effort, grouped as people ask: by camera, label, zone, and local hour, day, week, month, weekday.

Counts and effort (recorded and expected time) come in cells of a quarter of an hour of UTC. Every zone's offset is a
whole number of quarters, so a cell lies whole in one local hour of any zone, and grouping is a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from omnisight_lab.analytics.localtime import bucket_start, hour_bucket, wall_clock
from omnisight_lab.analytics.queries.geometry import current
from omnisight_lab.analytics.queries.registry import Column, Dimension, Parameter, Scope, names, one_of_them, whole
from omnisight_lab.analytics.queries.spans import cells, expected, located, recorded_cells
from omnisight_lab.analytics.statistics import poisson_interval
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
DIMENSIONS = {
    "hour": Dimension(HOUR, ("start", "hour")),
    "day": Dimension((Column("day", "date", "local day"),), ("day",)),
    "week": Dimension((Column("week", "date", "Monday of the local week"),), ("week",)),
    "month": Dimension((Column("month", "date", "first of the local month"),), ("month",)),
    "weekday": Dimension((Column("weekday", "integer", "local day of the week, 1 Monday to 7 Sunday"),), ("weekday",)),
    "hour_of_day": Dimension((Column("hour_of_day", "integer", "local hour, 0 to 23", "h"),), ("hour_of_day",)),
    "camera": Dimension(CAMERA, ("camera", "camera_id")),
    "label": Dimension((Column("label", "text", "class of the object"),), ("label",)),
    "zone": Dimension((Column("zone", "text", "zone in which it stood, as the zones are drawn today"),), ("zone",)),
}
"""Name -> columns. In this order they sort the rows: times first."""

WHEN: Mapping[str, Callable[[ir.TimestampValue], ir.Value]] = {
    "day": lambda local: local.date(),
    "week": lambda local: local.truncate("W").date(),
    "month": lambda local: local.truncate("M").date(),
    "weekday": lambda local: (local.day_of_week.index() + 1).cast("int64"),
    "hour_of_day": lambda local: local.hour().cast("int64"),
}
"""The dimensions of local time but for the hour, out of the wall clock."""

OF_EVENTS = ("label", "zone")
"""Dimensions that effort does not have: a camera is recorded for all labels, and all of its zones, alike."""

EFFORT = (
    Column("recorded_hours", "number", "recorded time; footage that overlaps counts once", "h"),
    Column("expected_hours", "number", "time in which recording was expected", "h"),
)


def grouped_by(*default: str, among: Iterable[str] = tuple(DIMENSIONS)) -> Parameter:
    """The parameter that groups; `among`: dimensions that the query has."""
    allowed = tuple(among)

    def read(given: Any) -> tuple[str, ...]:
        wanted = names(given)
        for name in wanted:
            if name not in allowed:
                raise ValueError(f"groups by something else than {', '.join(allowed)}")
        return tuple(dict.fromkeys(wanted))

    return Parameter("by", "names", default, f"what to group by, by commas, out of: {', '.join(allowed)}", read)


def _date(given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError as error:
        raise ValueError("is no date such as 2026-03-29") from error


Where = tuple[tuple[str, tuple[Any, ...]], ...]

READ: Mapping[str, Callable[[str], Any]] = {
    "weekday": whole(1, 7),
    "hour_of_day": whole(0, 23),
    "day": _date,
    "week": _date,
    "month": _date,
}
"""How the values of a dimension are written; the others are text."""


def where_among(*allowed: str) -> Parameter:
    """The parameter that chooses groups of these dimensions before they are counted."""

    def read(given: Any) -> Where:
        pairs = given.items() if isinstance(given, Mapping) else _written(given)
        chosen = [(name, _values(name, value, allowed)) for name, value in pairs]
        if len(dict(chosen)) < len(chosen):
            raise ValueError("names a dimension twice: write several values as weekday=6,7")
        return tuple(chosen)

    help = "only these weekdays, hours of the day, days, cameras, …: weekday=6,7;hour_of_day=22,23"
    return Parameter("where", "dimension=value,…;…", (), help, read)


def _written(given: Any) -> list[tuple[str, Any]]:
    """`weekday=6,7;hour_of_day=22` as pairs; pairs stay as they are."""
    if not isinstance(given, str):
        return list(given)
    parts = [part.partition("=") for part in given.split(";") if part.strip()]
    return [(name.strip(), value.split(",")) for name, _, value in parts]


def _values(name: str, value: Any, allowed: tuple[str, ...]) -> tuple[Any, ...]:
    if name not in allowed or name == "hour":
        choices = ", ".join(dimension for dimension in allowed if dimension != "hour")
        raise ValueError(f"is written as dimension=value,value;… with the dimensions {choices}")
    values = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
    read = READ.get(name, str)
    empty = name == "label"  # events without one can be asked for
    try:
        return tuple(None if empty and item is None else read(str(item).strip()) for item in values)
    except ValueError as error:
        raise ValueError(f"asks for a {name} that {error}") from error


WHERE = where_among(*DIMENSIONS)


def asked_for(where: Where, dimension: str) -> tuple[Any, ...] | None:
    """The values that `where` allows of `dimension`; None for all."""
    return dict(where).get(dimension)


def hours(ms: ir.IntegerValue) -> ir.FloatingValue:
    """Milliseconds as hours."""
    return ms.cast("float64") / 3_600_000


def with_rate(rows: ir.Table, counted: str) -> ir.Table:
    """`rows` of `over_effort` with the hours, and `counted` per recorded hour: null where nothing is recorded."""
    return rows.mutate(
        recorded_hours=hours(rows.recorded_ms),
        expected_hours=hours(rows.expected_ms),
        rate=rows[counted].cast("float64") / hours(rows.recorded_ms.nullif(0)),
    )


def rate_columns(counted: str, what: str) -> tuple[Column, ...]:
    """The rate of a count and its interval; `intervals` adds the latter."""
    help = f"{what} per recorded camera-hour; empty where nothing is recorded"
    limit = "limit of the rate: exact 95 % Poisson interval (Garwood 1936)"
    return (
        Column("rate", "number", help, "1/h"),
        Column("rate_low", "number", f"lower {limit}", "1/h", added=True),
        Column("rate_high", "number", f"upper {limit}; it assumes that {counted} come by chance", "1/h", added=True),
    )


def intervals(counted: str) -> Callable[[pa.Table], pa.Table]:
    """Adds the limits of the rate of the column `counted` over `recorded_hours`; null where nothing is recorded."""

    def finish(rows: pa.Table) -> pa.Table:
        limits = poisson_interval(rows[counted].to_numpy(), rows["recorded_hours"].to_numpy())
        for name, values in zip(("rate_low", "rate_high"), limits, strict=True):
            rows = rows.append_column(name, pa.array(values, pa.float64(), from_pandas=True))
        return rows

    return finish


def effort(tables: Tables, scope: Scope) -> ir.Table:
    """(camera_id, cell, recorded_ms, expected_ms) of each quarter of an hour."""
    nothing = ibis.literal(0, type="int64")
    recorded = recorded_cells(tables, scope).rename(recorded_ms="ms").mutate(expected_ms=nothing)
    due = cells(expected(tables, scope)).rename(expected_ms="ms").mutate(recorded_ms=nothing)
    columns = ("camera_id", "cell", "recorded_ms", "expected_ms")
    return recorded.select(*columns).union(due.select(*columns))


def over_effort(
    counts: ir.Table,
    tables: Tables,
    scope: Scope,
    by: tuple[str, ...],
    where: Where,
    also: tuple[str, ...] = (),
    **measures: str,
) -> ir.Table:
    """`counts` (camera_id, cell, dimensions of events, measures) grouped by `by`, with recorded_ms and expected_ms.

    `counts` are of the zones that `where` asks for; the effort of a zone is that of the cameras which have it. `also`:
    its own columns by which it is grouped, too. `measures`: name -> how it adds up: sum or max. Hours without a count
    are rows with 0, unless it is grouped by label, zone or `also`: what was not seen has no name there.
    """
    # One table for both where effort fits every group; else effort is joined to the groups that have counts
    counts = picked(counts, where)
    spent = _around_zones(effort(tables, scope), tables, by, where)
    amounts = {"recorded_ms": "sum", "expected_ms": "sum"}
    if not also and not {*by} & {*OF_EVENTS}:
        both = _with_columns(counts, {**measures, **amounts}).union(_with_columns(spent, {**measures, **amounts}))
        return _grouped(_placed(both, tables, scope, by, where), by, {**measures, **amounts})
    counted = _grouped(_placed(counts, tables, scope, by, where), by, measures, also)
    shared = tuple(name for name in by if name != "label")
    base = _grouped(_placed(spent, tables, scope, shared, where), shared, amounts)
    keys = [column.name for name in shared for column in DIMENSIONS[name].columns if column.name != "camera"]
    joined = counted.left_join(base, keys) if keys else counted.cross_join(base)
    recorded, due = (ibis.coalesce(joined[name], 0) for name in amounts)
    return joined.mutate(recorded_ms=recorded, expected_ms=due)


def counted(
    counts: ir.Table,
    tables: Tables,
    scope: Scope,
    by: tuple[str, ...],
    where: Where,
    also: tuple[str, ...] = (),
    **measures: str,
) -> ir.Table:
    """`counts` (camera_id, cell, dimensions of events, measures) grouped by `by` and by its own columns `also`."""
    return _grouped(placed(counts, tables, scope, by, where), by, measures, also)


def placed(table: ir.Table, tables: Tables, scope: Scope, by: tuple[str, ...], where: Where) -> ir.Table:
    """`table` (camera_id, cell, dimensions of events, …), its rows of these groups, with the columns of `by`."""
    return _placed(picked(table, where), tables, scope, by, where)


def _around_zones(spent: ir.Table, tables: Tables, by: tuple[str, ...], where: Where) -> ir.Table:
    """`spent` of the cameras that have the zones asked for; by zone: once for each of these."""
    names = asked_for(where, "zone")
    if "zone" not in by and names is None:
        return spent
    zones = current(tables, "zone").select("camera_id", "zone").distinct()
    if names is not None:
        zones = zones.filter(zones.zone.isin(names))
    return spent.join(zones, "camera_id") if "zone" in by else spent.semi_join(zones, "camera_id")


def _with_columns(table: ir.Table, measures: Mapping[str, str]) -> ir.Table:
    """(camera_id, cell, measures); those it has not are 0, or null where the largest counts."""
    empty = {
        name: ibis.literal(0, type="int64") if how == "sum" else ibis.null("float64")
        for name, how in measures.items()
        if name not in table.columns
    }
    return table.mutate(**empty).select("camera_id", "cell", *measures)


def picked(table: ir.Table, where: Where) -> ir.Table:
    """The rows of the labels and zones asked for, as far as these are columns of `table`."""
    for name, values in where:
        if name in OF_EVENTS and name in table.columns:
            table = table.filter(one_of_them(table[name], values))
    return table


def _placed(table: ir.Table, tables: Tables, scope: Scope, by: tuple[str, ...], where: Where) -> ir.Table:
    """`table` with the columns of its place in time and space that grouping or choosing needs, and chosen by them."""
    table = located(table, tables, scope)
    needed = {*by, *(name for name, _ in where)}
    if "hour" in needed:
        table = hour_bucket(table, "cell")
    if needed & WHEN.keys():
        local = wall_clock(table.timezone, table.cell)
        table = table.mutate(**{name: when(local) for name, when in WHEN.items() if name in needed})
    for name, values in where:
        if name == "camera":
            table = table.filter(table.camera.isin(values) | table.camera_id.isin(values))
        elif name in WHEN:
            table = table.filter(table[name].isin(values))
    return table


def _grouped(table: ir.Table, by: tuple[str, ...], measures: Mapping[str, str], also: tuple[str, ...] = ()) -> ir.Table:
    """`table` grouped by the columns of `by`, and by `also`."""
    keys = [*(column.name for name in by for column in DIMENSIONS[name].columns), *also]
    if "hour" not in by:
        return _summed(table, keys, measures)
    # The first instant of an hour depends on the zone: it is found camera by camera
    per_zone = [*(key for key in keys if key != "start"), "timezone"]
    return _summed(bucket_start(_summed(table, per_zone, measures)), keys, measures)


def _summed(table: ir.Table, keys: list[str], measures: Mapping[str, str]) -> ir.Table:
    """The measures by `keys`; without any one row, 0 where there is nothing to add up."""
    added = {
        name: ibis.coalesce(table[name].sum(), 0).cast("int64") if how == "sum" else table[name].max()
        for name, how in measures.items()
    }
    return table.group_by(keys).agg(**added) if keys else table.agg(**added)
