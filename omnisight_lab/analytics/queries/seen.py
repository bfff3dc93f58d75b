"""When each class of object was seen first and last."""

from __future__ import annotations

from typing import Any

import ibis.expr.types as ir

from omnisight_lab.analytics.localtime import milliseconds, wall_clock
from omnisight_lab.analytics.queries.grouping import CAMERA
from omnisight_lab.analytics.queries.registry import FILTERS, QUERIES, Column, Query, Scope, chosen
from omnisight_lab.analytics.queries.spans import QUARTER, located
from omnisight_lab.analytics.tables import Tables


def _first_and_last_seen(tables: Tables, scope: Scope, **filters: Any) -> ir.Table:
    events = chosen(scope.within(tables.events, "start_time"), **filters)
    # By quarters first: time zones are then looked up once a quarter, not once an event
    cells = events.group_by("camera_id", "label", cell=events.start_time.bucket(QUARTER)).agg(
        events=events.count(), first=events.start_time.min(), last=events.start_time.max()
    )
    cells = located(cells, tables, scope)
    days = cells.mutate(day=wall_clock(cells.timezone, cells.cell).date())
    rows = days.group_by("camera_id", "camera", "timezone", "label").agg(
        events=days.events.sum().cast("int64"),
        days=days.day.nunique(),
        first=days["first"].min(),
        last=days["last"].max(),
    )
    rows = rows.mutate(
        first_local=wall_clock(rows.timezone, rows["first"]), last_local=wall_clock(rows.timezone, rows["last"])
    )
    return rows.mutate(
        first_local_offset=(milliseconds(rows["first"], rows.first_local) // 60_000).cast("int64"),
        last_local_offset=(milliseconds(rows["last"], rows.last_local) // 60_000).cast("int64"),
    )


FIRST_AND_LAST_SEEN = QUERIES.add(
    Query(
        "first_and_last_seen",
        _first_and_last_seen,
        (
            *CAMERA,
            Column("label", "text", "class of the object; empty: events without one"),
            Column("first", "utc", "start of the first event"),
            Column("first_local", "local", "the same on the wall clock of the camera's zone"),
            Column("first_local_offset", "offset", "how far that clock was ahead of UTC", "min"),
            Column("last", "utc", "start of the last event"),
            Column("last_local", "local", "the same on the wall clock of the camera's zone"),
            Column("last_local_offset", "offset", "how far that clock was ahead of UTC", "min"),
            Column("events", "integer", "events in the window", sums=True),
            Column("days", "integer", "local days with at least one of them"),
        ),
        keys=("camera", "camera_id", "label"),
        method="First and last event of each camera and class in the window, and the local days on which it was seen.",
        parameters=FILTERS,
    )
)
