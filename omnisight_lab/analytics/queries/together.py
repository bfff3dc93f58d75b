"""What is seen in company."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir

from omnisight_lab.analytics.localtime import milliseconds
from omnisight_lab.analytics.queries.grouping import DIMENSIONS, grouped_by
from omnisight_lab.analytics.queries.registry import (
    FILTERS,
    QUERIES,
    Column,
    Parameter,
    Query,
    Scope,
    chosen,
    whole,
)
from omnisight_lab.analytics.queries.spans import located, recorded_cells
from omnisight_lab.analytics.tables import Tables

WITHIN = Parameter("within", "5 to 3600 seconds", 60, "length of the windows into which time is cut", whole(5, 3600))
BY = {"camera": DIMENSIONS["camera"]}


def _co_occurrence(
    tables: Tables, scope: Scope, *, by: tuple[str, ...] = (), within: int = 60, **filters: Any
) -> ir.Table:
    events = chosen(scope.within(tables.events, "start_time"), **filters)
    present = seen_in_windows(events.filter(events.label.notnull()), scope, within)
    windows = present.group_by("camera_id", "label").agg(windows=present.count())
    recorded = recorded_cells(tables, scope)
    length = recorded.group_by("camera_id").agg(ms=recorded.ms.sum().cast("int64"))
    both = pairs(present, windows).left_join(length, "camera_id").drop("camera_id_right")
    due = both.windows_a.cast("float64") * both.windows_b.cast("float64")
    both = both.mutate(expected=due * (within * 1000) / both.ms.nullif(0).cast("float64"))
    keys = [column.name for name in by for column in BY[name].columns]
    rows = located(both, tables, scope)
    counts = rows.group_by([*keys, "label_a", "label_b"]).agg(
        **{name: rows[name].sum().cast("int64") for name in ("windows_a", "windows_b", "together")},
        expected=rows.expected.sum(),
    )
    counts = counts.filter(counts.windows_a > 0, counts.windows_b > 0)
    return counts.mutate(
        share=counts.together.cast("float64") / counts.windows_a.cast("float64"),
        lift=counts.together.cast("float64") / counts.expected.nullif(0.0),
    )


def seen_in_windows(events: ir.Table, scope: Scope, within: int) -> ir.Table:
    """(camera_id, label, window) for each window of `within` seconds in which a camera saw a label: each one once.

    Windows are numbered from 1970. Pairs are then sought among the few labels of one window, not among events.
    """
    origin = ibis.literal("1970-01-01", type="timestamp")
    until = ibis.least(ibis.coalesce(events.end_time, events.start_time), scope.end)
    first = milliseconds(origin, events.start_time) // (within * 1000)
    last = milliseconds(origin, until) // (within * 1000)
    seen = events.select("camera_id", "label", first=first, last=ibis.greatest(first, last))
    seen = seen.distinct()
    each = seen.mutate(window=ibis.range(seen["first"], seen["last"] + 1).unnest())
    return each.select("camera_id", "label", "window").distinct()


def pairs(present: ir.Table, windows: ir.Table) -> ir.Table:
    """(camera_id, label_a, label_b, windows_a, windows_b, together) of each camera and every two labels of the site.

    Both ways round, and with 0 where a camera never saw a label: its windows without company count, too.
    """
    other = present.rename(label_b="label")
    met = present.rename(label_a="label").join(other, ["camera_id", "window"])
    met = met.filter(met.label_a != met.label_b)
    met = met.group_by("camera_id", "label_a", "label_b").agg(together=met.count())
    labels = windows.select("label").distinct()
    every = windows.select("camera_id").distinct().cross_join(labels.rename(label_a="label"))
    every = every.cross_join(labels.rename(label_b="label"))
    every = every.filter(every.label_a != every.label_b)
    for name in ("a", "b"):
        own = windows.rename({f"label_{name}": "label", f"windows_{name}": "windows"})
        every = _filled(every, own, f"windows_{name}", "camera_id", f"label_{name}")
    return _filled(every, met, "together", "camera_id", "label_a", "label_b")


def _filled(table: ir.Table, other: ir.Table, column: str, *keys: str) -> ir.Table:
    """`table` with `column` of `other`, 0 where that has no row."""
    joined = table.left_join(other, list(keys))
    return joined.select(*table.columns, **{column: ibis.coalesce(joined[column], 0)})


CO_OCCURRENCE = QUERIES.add(
    Query(
        "co_occurrence",
        _co_occurrence,
        (
            Column("label_a", "text", "a class"),
            Column("label_b", "text", "another class; each two come both ways round"),
            Column("windows_a", "integer", "windows of `within` seconds in which a camera saw label_a"),
            Column("windows_b", "integer", "windows in which it saw label_b"),
            Column("together", "integer", "windows in which it saw both"),
            Column("expected", "number", "windows with both if they came by chance; empty where nothing is recorded"),
            Column("share", "share", "together / windows_a: how often label_a had the company of label_b"),
            Column("lift", "number", "together / expected: over 1 they seek, below 1 they avoid each other"),
        ),
        keys=("label_a", "label_b"),
        method="Labels seen by one camera within the same window of `within` seconds (windows stand side by side; an "
        "event counts in each that it touches). Lift (Brin et al. 1997) over the windows that were recorded, expected "
        "camera by camera as in Veech (2013): busy hours that two labels share count as company.",
        parameters=(grouped_by(among=BY), WITHIN, *FILTERS),
        dimensions=BY,
        quarters=True,
    )
)
