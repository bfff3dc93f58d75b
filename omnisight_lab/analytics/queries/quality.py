"""How good the detector is, by what people said of its events.

An event that was confirmed is right; one judged false, or relabelled, is wrong for the label that the detector gave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from omnisight_lab.analytics.queries.grouping import DIMENSIONS, WHEN, Where, counted, grouped_by, where_among
from omnisight_lab.analytics.queries.registry import (
    EVENT_TYPES,
    LABELS,
    MIN_CONFIDENCE,
    QUERIES,
    Column,
    Dimension,
    Query,
    Scope,
    chosen,
)
from omnisight_lab.analytics.queries.spans import QUARTER
from omnisight_lab.analytics.statistics import wilson_interval
from omnisight_lab.analytics.tables import Tables

STEPS = 20
"""Bins of confidence, and thresholds: 0.00, 0.05, …, 0.95."""

LABEL = Dimension((Column("label", "text", "class that the detector gave"),), ("label",))
OF_QUALITY = {
    **{name: DIMENSIONS[name] for name in ("day", "week", "month", "weekday", "hour_of_day", "camera")},
    "label": LABEL,
    "confidence": Dimension(
        (Column("confidence_from", "number", "lower edge of the bin of 0.05; empty: events without confidence"),),
        ("confidence_from",),
    ),
}
WHERE = where_among(*(name for name in OF_QUALITY if name != "confidence"))
OF_CURVE = {"camera": DIMENSIONS["camera"], "label": LABEL}
FILTERS = (LABELS, EVENT_TYPES, MIN_CONFIDENCE)

VERDICTS = {"confirmed": "confirm", "rejected": "false", "relabelled": "relabel", "unsure": "unsure"}
"""Column -> verdict that it counts."""


def precision_columns() -> tuple[Column, ...]:
    """The precision and its interval; `intervals` adds the latter."""
    limit = "limit of the precision: 95 % interval of Wilson (1927)"
    return (
        Column("precision", "share", "right of those judged right or wrong; empty where none was"),
        Column("precision_low", "share", f"lower {limit}", added=True),
        Column("precision_high", "share", f"upper {limit}", added=True),
    )


def intervals(right: str, *wrong: str) -> Callable[[pa.Table], pa.Table]:
    """Adds the limits of the share of the column `right` among itself and `wrong`; null where all are 0."""

    def finish(rows: pa.Table) -> pa.Table:
        trials = rows[right]
        for name in wrong:
            trials = pc.add(trials, rows[name])
        limits = wilson_interval(rows[right].to_numpy(), trials.to_numpy())
        for name, values in zip(("precision_low", "precision_high"), limits, strict=True):
            rows = rows.append_column(name, pa.array(values, pa.float64(), from_pandas=True))
        return rows

    return finish


def _share(part: ir.IntegerValue, whole: ir.IntegerValue) -> ir.FloatingValue:
    """`part` of `whole`; null where that is 0."""
    return part.cast("float64") / whole.nullif(0).cast("float64")


def _judged(tables: Tables, scope: Scope, needed: Iterable[str], filters: dict[str, Any]) -> ir.Table:
    """(camera_id, label, verdict, events) in the window, `label` being the detector's.

    Also by cell (of a quarter of an hour) and by step (bin of confidence) where these are `needed`: together they are
    nearly as many as there are events.
    """
    events = tables.events.mutate(label=tables.events.detected_label)
    events = chosen(scope.within(events, "start_time"), **filters, include_rejected=True)
    step = ibis.least(ibis.greatest((events.confidence * STEPS).floor().cast("int64"), 0), STEPS - 1)
    fine = {
        "cell": events.start_time.bucket(QUARTER),
        # Without confidence it has no bin, though least and greatest pass over nulls
        "step": ibis.ifelse(events.confidence.isnull(), ibis.null("int64"), step),
    }
    keys = {name: value for name, value in fine.items() if name in needed}
    return events.group_by("camera_id", "label", "verdict", **keys).agg(events=events.count())


def _needed(by: tuple[str, ...], where: Where) -> set[str]:
    """Which of cell and step grouping and choosing take."""
    named = {*by, *(name for name, _ in where)}
    return {*(["cell"] if named & WHEN.keys() else []), *(["step"] if "confidence" in named else [])}


def _spread(counts: ir.Table) -> ir.Table:
    """`counts` with a column for each verdict, and the column of what nobody judged."""
    nothing = ibis.literal(0, type="int64")
    columns = {name: ibis.ifelse(counts.verdict == word, counts.events, nothing) for name, word in VERDICTS.items()}
    return counts.mutate(
        **{name: ibis.coalesce(value, nothing) for name, value in columns.items()},
        unjudged=ibis.ifelse(counts.verdict.isnull(), counts.events, nothing),
    )


def _quality(
    tables: Tables, scope: Scope, *, by: tuple[str, ...] = ("camera", "label"), where: Where = (), **filters: Any
) -> ir.Table:
    counts = _spread(_judged(tables, scope, _needed(by, where), filters))
    placed = tuple(name for name in by if name != "confidence")
    binned = ("step",) if "confidence" in by else ()
    measures = dict.fromkeys(("events", *VERDICTS), "sum")
    rows = counted(counts, tables, scope, placed, where, binned, **measures)
    if binned:
        rows = rows.mutate(confidence_from=rows.step.cast("float64") / STEPS)
    wrong = rows.rejected + rows.relabelled
    return rows.mutate(
        judged=rows.confirmed + wrong + rows.unsure, precision=_share(rows.confirmed, rows.confirmed + wrong)
    )


def _threshold_curve(
    tables: Tables, scope: Scope, *, by: tuple[str, ...] = ("label",), where: Where = (), **filters: Any
) -> ir.Table:
    counts = _spread(_judged(tables, scope, {*_needed(by, where), "step"}, filters))
    counts = counts.mutate(
        # One without confidence is kept by the threshold 0 alone, as `min_confidence` has it
        step=ibis.coalesce(counts.step, 0),
        right=counts.confirmed,
        wrong=counts.rejected + counts.relabelled,
    )
    measures = ("right", "wrong", "unjudged")
    found = counted(counts, tables, scope, by, where, ("step",), **dict.fromkeys(measures, "sum"))
    rows = _every_step(found, measures)
    return rows.select(
        *(column.name for name in by for column in OF_CURVE[name].columns),
        threshold=rows.step.cast("float64") / STEPS,
        true_kept=rows.right,
        false_kept=rows.wrong,
        true_removed=rows.right_all - rows.right,
        false_removed=rows.wrong_all - rows.wrong,
        unjudged_removed=rows.unjudged_all - rows.unjudged,
        precision=_share(rows.right, rows.right + rows.wrong),
        relative_recall=_share(rows.right, rows.right_all),
    )


def _every_step(found: ir.Table, measures: tuple[str, ...]) -> ir.Table:
    """`found` (groups, step, measures) with a row for each step: what lies there or above, and `<measure>_all`.

    Summed by windows and not by joins, because a group without label would be joined to nothing.
    """
    keys = [name for name in found.columns if name not in (*measures, "step")]
    groups = found.select(*keys).distinct() if keys else found.agg(found=found.count())
    nothing = ibis.literal(0, type="int64")
    steps = ibis.array([ibis.literal(step, type="int64") for step in range(STEPS)]).unnest()
    empty = groups.mutate(step=steps, **dict.fromkeys(measures, nothing))
    columns = (*keys, "step", *measures)
    filled = found.select(*columns).union(empty.select(*columns))
    filled = filled.group_by([*keys, "step"]).agg(**{name: filled[name].sum().cast("int64") for name in measures})
    above = ibis.window(group_by=keys or None, order_by=ibis.desc("step"), preceding=None, following=0)
    every = ibis.window(group_by=keys or None)
    return filled.select(
        *keys,
        "step",
        **{name: filled[name].sum().over(above).cast("int64") for name in measures},
        **{f"{name}_all": filled[name].sum().over(every).cast("int64") for name in measures},
    )


JUDGED_ONLY = (
    "People choose which events they judge: this holds for what was judged, and for all events only if those were a "
    "random sample."
)

QUALITY = QUERIES.add(
    Query(
        "quality",
        _quality,
        (
            Column("events", "integer", "events that the detector reported, those judged false among them"),
            Column("judged", "integer", "of these, the ones with a verdict"),
            Column("confirmed", "integer", "judged right"),
            Column("rejected", "integer", "judged false"),
            Column("relabelled", "integer", "judged to be something else: wrong for the detector's label"),
            Column("unsure", "integer", "judged, without a decision; they count neither as right nor as wrong"),
            *precision_columns(),
        ),
        keys=(),
        method="Confirmed ÷ (confirmed + rejected + relabelled) with Wilson's interval (1927), by the label that the "
        f"detector gave. {JUDGED_ONLY}",
        parameters=(grouped_by("camera", "label", among=OF_QUALITY), WHERE, *FILTERS),
        dimensions=OF_QUALITY,
        finish=intervals("confirmed", "rejected", "relabelled"),
    )
)

THRESHOLD_CURVE = QUERIES.add(
    Query(
        "threshold_curve",
        _threshold_curve,
        (
            Column("threshold", "number", "lowest confidence that would be kept"),
            Column("true_kept", "integer", "judged right, and kept"),
            Column("false_kept", "integer", "judged false or relabelled, and kept"),
            Column("true_removed", "integer", "judged right, and lost by this threshold"),
            Column("false_removed", "integer", "judged false or relabelled, and gone by it"),
            Column("unjudged_removed", "integer", "events that nobody judged and that would go, too"),
            *precision_columns(),
            Column("relative_recall", "share", "true ones kept, of those that were judged; not of all that there were"),
        ),
        keys=("threshold",),
        method="What each threshold of confidence would keep of the events judged right and wrong (precision and "
        f"recall over thresholds as by Davis and Goadrich 2006), with Wilson's interval (1927). {JUDGED_ONLY}",
        parameters=(grouped_by("label", among=OF_CURVE), WHERE, *FILTERS),
        dimensions=OF_CURVE,
        finish=intervals("true_kept", "false_kept"),
    )
)
