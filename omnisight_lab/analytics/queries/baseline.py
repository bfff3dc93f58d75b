"""What is usual at this hour of the week, and what is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from omnisight_lab.analytics.queries.grouping import CAMERA, EFFORT, HOUR, WHEN
from omnisight_lab.analytics.queries.profile import MIN_HOURS, covered, every_event
from omnisight_lab.analytics.queries.registry import FILTERS, QUERIES, Column, Parameter, Query, Scope, up_to, whole
from omnisight_lab.analytics.tables import Tables
from omnisight_lab.types import TimeRange

WEEKS = Parameter("weeks", "number", 8, "weeks before each hour that tell what is usual, 4 to 12", whole(4, 12))
LEAST_WEEKS = Parameter(
    "least_weeks", "number", 4, "of these, how many must have been recorded at that hour", whole(2, 12)
)
MIN_SCORE = Parameter("min_score", "number", 0.0, "list only hours at least this unusual, up or down", up_to(1000))

MICRO = 3.6e12
"""Events per millisecond as millionths of an event per hour: whole numbers have one median on every engine."""

NORMAL = 1.4826
"""Standard deviation / MAD of a normal distribution."""


def _hours(tables: Tables, scope: Scope, weeks: int, min_hours: float, filters: dict[str, Any]) -> ir.Table:
    """Activity of each camera and local hour, from `weeks` before the window on."""
    back = timedelta(weeks=weeks, days=1)  # the clock may change meanwhile
    reach = replace(scope, window=TimeRange(scope.window.start - back, scope.window.end))
    return covered(every_event(tables, reach, by=("camera", "hour"), **filters), min_hours)


def _in_slots(rows: ir.Table) -> ir.Table:
    """`rows` with `slot`, the hour of the local week."""
    return rows.mutate(slot=WHEN["weekday"](rows.hour) * 24 + WHEN["hour_of_day"](rows.hour))


def _past(hours: ir.Table) -> ir.Table:
    """(camera_id, slot, past_hour, rate in MICRO); the hour that comes twice in autumn is one."""
    summed = hours.group_by("camera_id", "hour").agg(
        events=hours.events.sum().cast("int64"), recorded_ms=hours.recorded_ms.sum().cast("int64")
    )
    rate = (summed.events.cast("float64") * MICRO / summed.recorded_ms.cast("float64")).floor().cast("int64")
    return _in_slots(summed.mutate(rate=rate)).select("camera_id", "slot", "rate", past_hour="hour")


def _baseline(
    tables: Tables,
    scope: Scope,
    *,
    weeks: int = 8,
    least_weeks: int = 4,
    min_hours: float = 0.25,
    min_score: float = 0.0,
    **filters: Any,
) -> ir.Table:
    hours = _hours(tables, scope, weeks, min_hours, filters)
    now = _in_slots(hours.filter(hours.start >= scope.start))
    pairs = now.select("camera_id", "slot", "start", "hour").inner_join(_past(hours), ["camera_id", "slot"])
    pairs = pairs.filter(
        pairs.past_hour < pairs.hour, pairs.past_hour >= pairs.hour - ibis.interval(days=7 * weeks)
    ).select("camera_id", "start", "rate")
    usual = pairs.group_by("camera_id", "start").agg(weeks=pairs.count(), median=pairs.rate.median())
    usual = usual.filter(usual.weeks >= least_weeks)
    apart = pairs.inner_join(usual, ["camera_id", "start"])
    apart = apart.mutate(distance=(apart.rate.cast("float64") - apart.median).abs())
    spread = apart.group_by("camera_id", "start").agg(spread=apart.distance.median())
    judged = now.inner_join(usual, ["camera_id", "start"]).inner_join(spread, ["camera_id", "start"])
    return _ranked(judged, min_score)


def _ranked(rows: ir.Table, min_score: float) -> ir.Table:
    """`rows` with what was to be expected, and how far off it was."""
    spent = rows.recorded_ms.cast("float64")
    rows = rows.mutate(
        median_rate=rows.median / 1e6,
        mad=rows.spread / 1e6,
        expected=rows.median * spent / MICRO,
        wide=rows.spread * spent / MICRO * NORMAL,
    )
    noise = ibis.greatest(rows.expected, ibis.literal(1.0)).sqrt()
    rows = rows.mutate(score=(rows.events.cast("float64") - rows.expected) / ibis.greatest(rows.wide, noise))
    rows = rows.filter(rows.score.abs() >= min_score)
    unusual = ibis.window(order_by=[rows.score.abs().desc(), rows.start])
    return rows.mutate(rank=(ibis.rank().over(unusual) + 1).cast("int64"))


BASELINE = QUERIES.add(
    Query(
        "baseline",
        _baseline,
        (
            Column("rank", "integer", "from 1, the most unusual hour; of equal scores the earlier hour is first"),
            *CAMERA,
            *HOUR,
            Column("events", "integer", "events that began then"),
            EFFORT[0],
            Column("expected", "number", "events to expect in the recorded time, at the median rate"),
            Column("score", "number", "events less expected, in units of the larger of spread and counting noise"),
            Column("median_rate", "number", "median of the rates at this weekday and hour in the past weeks", "1/h"),
            Column("mad", "number", "median absolute deviation of these rates from it", "1/h"),
            Column("weeks", "integer", "past weeks with coverage at this hour, on which that rests"),
        ),
        keys=("rank", "start", "camera", "camera_id"),
        method="A robust z as of Iglewicz and Hoaglin (1993) against the same weekday and hour of the past weeks: "
        "the distance from the median over 1.4826 MAD, or over the Poisson noise of the expected count, at least of "
        "one event, where that is larger. Hours and weeks without coverage are left out; beyond 3.5 is unusual.",
        parameters=(WEEKS, LEAST_WEEKS, MIN_HOURS, MIN_SCORE, *FILTERS),
        quarters=True,
    )
)
