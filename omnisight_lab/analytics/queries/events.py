"""The events themselves, newest first."""

from __future__ import annotations

from typing import Any

import ibis.expr.types as ir

from omnisight_lab.analytics.localtime import milliseconds, wall_clock
from omnisight_lab.analytics.queries.grouping import CAMERA
from omnisight_lab.analytics.queries.registry import (
    FILTERS,
    QUERIES,
    Column,
    Query,
    Scope,
    chosen,
)
from omnisight_lab.analytics.queries.spans import located
from omnisight_lab.analytics.tables import Tables


def _events(tables: Tables, scope: Scope, **filters: Any) -> ir.Table:
    events = chosen(scope.within(tables.events, "start_time"), **filters)
    rows = located(events, tables, scope).rename(start="start_time", end="end_time")
    local = wall_clock(rows.timezone, rows.start)
    return rows.mutate(
        local=local,
        utc_offset=(milliseconds(rows.start, local) // 60_000).cast("int64"),
        seconds=milliseconds(rows.start, rows.end).cast("float64") / 1000,
    )


EVENTS = QUERIES.add(
    Query(
        "events",
        _events,
        (
            Column("id", "text", "id of the event"),
            *CAMERA,
            Column("start", "utc", "when it began"),
            Column("local", "local", "start on the wall clock of the camera's zone"),
            Column("utc_offset", "offset", "how far that clock is ahead of UTC", "min"),
            Column("seconds", "number", "length; empty while it goes on, or where it was not noted", "s", sums=True),
            Column("event_type", "text", "motion, object_detected, camera_offline, …"),
            Column("label", "text", "class of the best box, or what a person said it is"),
            Column("confidence", "share", "confidence of the event"),
            Column("verdict", "text", "what a person said: confirm, false, unsure, relabel; empty: nobody has looked"),
            Column("track_id", "text", "track within the event's run"),
            Column("zones", "text", "zones it touched, a JSON array"),
            Column("end", "utc", "when it ended"),
            Column("recording_id", "text", "recording that has its footage; empty where there is none"),
            Column("thumbnail_path", "text", "picture, relative to the media root"),
        ),
        keys=("start", "id"),
        method="Events that began in the window, newest first.",
        parameters=FILTERS,
        newest_first=True,
    )
)
