"""The week of a camera: how busy each of its 168 hours is, and which are the busiest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ibis
import ibis.expr.types as ir

from omnisight_lab.analytics.queries.activity import ACTIVITY
from omnisight_lab.analytics.queries.grouping import CAMERA, DIMENSIONS, WHERE, grouped_by
from omnisight_lab.analytics.queries.registry import FILTERS, QUERIES, Column, Parameter, Query, Scope, up_to, whole
from omnisight_lab.analytics.tables import Tables

WEEK = ("camera", "weekday", "hour_of_day")
COUNTED = tuple(column for column in ACTIVITY.columns if column.name != "independent")

TOP = Parameter("top", "number", 10, "hours that are listed of each camera", whole(1, 168))
MIN_HOURS = Parameter(
    "min_hours",
    "hours",
    0.25,
    "least recorded time of an hour that is judged: rates over minutes say little",
    up_to(24),
)


def covered(rows: ir.Table, min_hours: float) -> ir.Table:
    """The rows with some recorded time, and at least `min_hours` of it."""
    return rows.filter(rows.recorded_ms >= max(1, round(min_hours * 3_600_000)))


def every_event(tables: Tables, scope: Scope, *, by: tuple[str, ...] = WEEK, **parameters: Any) -> ir.Table:
    """Activity without a look at bursts, which takes as long as all the rest."""
    return ACTIVITY.build(tables, scope, by=by, gap=0.0, **parameters)


def _busiest_hours(
    tables: Tables, scope: Scope, *, top: int = 10, min_hours: float = 0.25, **parameters: Any
) -> ir.Table:
    rows = covered(every_event(tables, scope, **parameters), min_hours)
    busiest = ibis.window(group_by="camera_id", order_by=[rows.rate.desc(), rows.weekday, rows.hour_of_day])
    ranked = rows.mutate(rank=(ibis.row_number().over(busiest) + 1).cast("int64"))
    return ranked.filter(ranked.rank <= top)


WEEKLY_PROFILE = QUERIES.add(
    replace(
        ACTIVITY,
        name="weekly_profile",
        build=every_event,
        columns=COUNTED,
        method="As `activity`, by local hour of the week: events over the hours recorded of each camera, weekday and "
        "hour of the day; an hour that was never recorded has no rate.",
        parameters=(grouped_by(*WEEK), WHERE, *FILTERS),
    )
)

BUSIEST_HOURS = QUERIES.add(
    Query(
        "busiest_hours",
        _busiest_hours,
        (
            *CAMERA,
            Column(
                "rank", "integer", "place among the hours of its camera, from 1; of equal ones the earlier is first"
            ),
            *DIMENSIONS["weekday"].columns,
            *DIMENSIONS["hour_of_day"].columns,
            *COUNTED,
        ),
        keys=("camera", "camera_id", "rank"),
        method="The local hours of the week with the highest rates of events per recorded hour, camera by camera; "
        "hours without coverage have no rate and no rank.",
        parameters=(TOP, MIN_HOURS, WHERE, *FILTERS),
        finish=ACTIVITY.finish,
        quarters=True,
        zones=True,
    )
)
