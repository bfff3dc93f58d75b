"""How confident the detector was of the objects that it saw."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir

from omnisight_lab.analytics.queries.detections import distinct_objects
from omnisight_lab.analytics.queries.grouping import (
    DIMENSIONS,
    WHERE,
    Where,
    counted,
    grouped_by,
    placed,
    where_among,
)
from omnisight_lab.analytics.queries.registry import FILTERS, QUERIES, Column, Parameter, Query, Scope, whole
from omnisight_lab.analytics.tables import Tables

BINS = Parameter("bins", "1 to 100", 20, "bins of equal width from 0 to 1", whole(1, 100))
GRAIN = 10_000
"""Confidences count in ten thousandths, as they are stored: bins have exact borders, whatever the float."""

SORTED = {name: dimension for name, dimension in DIMENSIONS.items() if name != "hour"}
PERCENTILES = (5, 25, 50, 75, 95)


def _rated(tables: Tables, scope: Scope, by: tuple[str, ...], where: Where, **filters: Any) -> ir.Table:
    """The objects of whose boxes at least one has a confidence."""
    objects = distinct_objects(tables, scope, by, where, **filters)
    return objects.filter(objects.confidence.notnull())


def _confidence(
    tables: Tables,
    scope: Scope,
    *,
    by: tuple[str, ...] = ("label",),
    where: Where = (),
    bins: int = 20,
    **filters: Any,
) -> ir.Table:
    best = _rated(tables, scope, by, where, **filters)
    grains = (best.confidence * GRAIN + 0.5).floor().cast("int64")
    best = best.mutate(bin=ibis.greatest(ibis.least((grains * bins) // GRAIN, bins - 1), 0))
    named = [name for name in ("label", "zone") if name in best.columns]
    counts = best.group_by("camera_id", *named, "cell", "bin").agg(objects=best.count())
    rows = counted(counts, tables, scope, by, where, ("bin",), objects="sum")
    keys = [column.name for name in by for column in DIMENSIONS[name].columns]
    total = rows.objects.sum().over(ibis.window(group_by=keys)).cast("float64")
    below = rows.objects.sum().over(ibis.cumulative_window(group_by=keys, order_by="bin")).cast("float64")
    return rows.mutate(
        from_confidence=rows.bin.cast("float64") / bins,
        to_confidence=(rows.bin + 1).cast("float64") / bins,
        share=rows.objects.cast("float64") / total,
        cumulative_share=below / total,
    )


def _confidence_percentiles(
    tables: Tables, scope: Scope, *, by: tuple[str, ...] = ("label",), where: Where = (), **filters: Any
) -> ir.Table:
    best = placed(_rated(tables, scope, by, where, **filters), tables, scope, by, where)
    keys = [column.name for name in by for column in DIMENSIONS[name].columns]
    measures = {f"p{percent}": best.confidence.quantile(percent / 100) for percent in PERCENTILES}
    return (best.group_by(keys) if keys else best).agg(objects=best.count(), **measures)


CONFIDENCE = QUERIES.add(
    Query(
        "confidence",
        _confidence,
        (
            Column("from_confidence", "number", "lower border of the bin; it belongs to it"),
            Column("to_confidence", "number", "upper border; only that of the last bin belongs to it"),
            Column("objects", "integer", "distinct objects whose best box has such a confidence"),
            Column("share", "share", "of the objects of this group"),
            Column("cumulative_share", "share", "of the objects of this group that have such a confidence or less"),
        ),
        keys=("from_confidence",),
        method="Distribution of the best confidence of each object (event and track), rounded to four digits; bins "
        "without objects are left out.",
        parameters=(grouped_by("label"), WHERE, BINS, *FILTERS),
        dimensions=DIMENSIONS,
        zones=True,
    )
)

CONFIDENCE_PERCENTILES = QUERIES.add(
    Query(
        "confidence_percentiles",
        _confidence_percentiles,
        (
            Column("objects", "integer", "distinct objects"),
            *(Column(f"p{p}", "share", f"confidence that {p} % of them do not exceed") for p in PERCENTILES),
        ),
        keys=(),
        method="Percentiles of the best confidence of each object (event and track), exact, between two values by "
        "linear interpolation (Hyndman & Fan 1996, type 7: PERCENTILE_CONT of SQL).",
        parameters=(grouped_by("label", among=SORTED), where_among(*SORTED), *FILTERS),
        dimensions=SORTED,
        zones=True,
    )
)
