"""Rows of a query, chosen and grouped after the fact: what `Result.where` and `Result.by` make of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import ibis.expr.types as ir

from omnisight_lab.analytics.queries.grouping import CAMERA, DIMENSIONS, WHEN
from omnisight_lab.analytics.queries.registry import Column, Query, Scope, one_of_them
from omnisight_lab.analytics.tables import Tables
from omnisight_lab.errors import UnknownName, UsageError

Condition = Callable[[ir.Table], ir.BooleanValue]


def chosen_rows(query: Query, condition: Condition) -> Query:
    """`query` with only those of its rows for which `condition` holds."""

    def build(tables: Tables, scope: Scope, **parameters: Any) -> ir.Table:
        rows = query.build(tables, scope, **parameters)
        holds = condition(rows)
        if not isinstance(holds, ir.BooleanValue):
            raise TypeError(f"it gives {holds!r:.40}, and not a condition such as table.events > 1")
        return rows.filter(holds)

    return replace(query, build=build, regroups=False)


def said(error: Exception, rows: ir.Table) -> Exception:
    """What was wrong with a condition, in a sentence."""
    if isinstance(error, AttributeError) and isinstance(error.obj, ir.Table):
        return UnknownName("column", str(error.name), rows.columns)
    return UsageError(f"where can't choose by that: {str(error).splitlines()[0]}")


def as_list(wanted: Any) -> tuple[Any, ...]:
    """One value, or each of several."""
    return (wanted,) if isinstance(wanted, str) or not isinstance(wanted, Iterable) else tuple(wanted)


def equals(column: str, wanted: Any) -> Condition:
    """Holds where `column` is `wanted`, or one of a list of values; None stands for empty."""

    def holds(rows: ir.Table) -> ir.BooleanValue:
        return one_of_them(rows[column], map(_as_stored, as_list(wanted)))

    return holds


def _as_stored(value: Any) -> Any:
    """`value` as engines hold it: instants in naive UTC."""
    aware = isinstance(value, datetime) and value.tzinfo is not None
    return value.astimezone(UTC).replace(tzinfo=None) if aware else value


def counted_rows(query: Query, names: tuple[str, ...]) -> Query:
    """The rows of `query` counted by these columns, or by the local times that its column `local` gives."""
    declared = {column.name: column for column in query.columns}
    sums = [column for column in query.columns if column.sums]
    keys = [key for name in names for key in _keys(query, name, declared)]
    counts = "rows" not in declared  # rows that were counted once are added up
    columns = (*keys, *([Column("rows", "integer", f"rows of {query.name}", sums=True)] if counts else []), *sums)

    def build(tables: Tables, scope: Scope, **parameters: Any) -> ir.Table:
        rows = query.build(tables, scope, **parameters)
        timed = {key.name: WHEN[key.name](rows.local) for key in keys if key.name not in declared}
        rows = rows.mutate(**timed)
        totals = {column.name: _total(rows[column.name]) for column in sums}
        totals |= {"rows": rows.count()} if counts else {}
        return rows.group_by([key.name for key in keys]).agg(**totals) if keys else rows.agg(**totals)

    order = tuple(key.name for key in keys)
    grouped = f"by {', '.join(names)}" if names else "in all"
    method = f"Rows of {query.name} {grouped}. {query.method}"
    return replace(query, build=build, columns=columns, keys=order, method=method, finish=None, newest_first=False)


def _total(values: ir.Column) -> ir.Scalar:
    """The sum; of integers a whole number on every engine."""
    return values.sum().cast("int64") if values.type().is_integer() else values.sum()


def _keys(query: Query, name: str, declared: dict[str, Column]) -> tuple[Column, ...]:
    if name == "camera" and {"camera", "camera_id"} <= declared.keys():
        return CAMERA
    if name in declared and declared[name].kind not in ("local", "number", "share"):
        return (declared[name],)
    if name in WHEN and "local" in declared:
        return DIMENSIONS[name].columns
    groups = [column for column in declared if declared[column].kind in ("text", "date", "boolean")]
    raise UnknownName("grouping", name, [*groups, *(WHEN if "local" in declared else ())])


def regrouped(query: Query, names: tuple[str, ...]) -> tuple[Query, dict[str, Any]]:
    """`query` grouped by `names`, and the parameters that say so.

    A query over effort is asked anew with these groups: recorded hours are not a sum over labels.
    """
    if not query.dimensions:
        return counted_rows(query, names), {}
    for name in names:
        if name not in query.dimensions:
            raise UnknownName("grouping", name, query.dimensions)
    if not query.regroups:
        raise UsageError("group first and choose rows by their figures then: .by(…).where(…)")
    return query, {"by": query.typed({"by": names})["by"]}
