"""Which objects were seen, and by how many boxes."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir

from omnisight_lab.analytics.queries.geometry import in_zones
from omnisight_lab.analytics.queries.grouping import (
    DIMENSIONS,
    EFFORT,
    WHERE,
    Where,
    grouped_by,
    hours,
    intervals,
    over_effort,
    rate,
    rate_columns,
)
from omnisight_lab.analytics.queries.registry import FILTERS, QUERIES, Column, Query, Scope, chosen
from omnisight_lab.analytics.queries.spans import QUARTER
from omnisight_lab.analytics.tables import Tables


def _detections(
    tables: Tables,
    scope: Scope,
    *,
    by: tuple[str, ...] = ("camera", "hour", "label"),
    where: Where = (),
    **filters: Any,
) -> ir.Table:
    boxes = chosen(scope.within(tables.objects, "event_time"), **filters)
    wanted = {*by, *(name for name, _ in where)}
    if "zone" in wanted:
        boxes = in_zones(boxes, tables, scope)
    named = ["label", *(["zone"] if "zone" in wanted else [])]
    objects = boxes.group_by(
        "camera_id",
        *named,
        "event_id",
        cell=boxes.event_time.bucket(QUARTER),
        object=ibis.coalesce(boxes.track_id, boxes.id),
    ).agg(boxes=boxes.count(), confidence=boxes.confidence.max())
    counts = objects.group_by("camera_id", *named, "cell").agg(
        objects=objects.count(), boxes=objects.boxes.sum().cast("int64"), best_confidence=objects.confidence.max()
    )
    rows = over_effort(counts, tables, scope, by, where, objects="sum", boxes="sum", best_confidence="max")
    return rows.mutate(
        recorded_hours=hours(rows.recorded_ms),
        expected_hours=hours(rows.expected_ms),
        rate=rate(rows.objects, rows.recorded_ms),
    )


DETECTIONS = QUERIES.add(
    Query(
        "detections",
        _detections,
        (
            Column("objects", "integer", "distinct objects: one per event and track; a box without track is one"),
            Column("boxes", "integer", "stored boxes of these objects: grows with how long they stay"),
            Column("best_confidence", "share", "highest confidence among the boxes"),
            *EFFORT,
            *rate_columns("objects", "objects"),
        ),
        keys=(),
        method="Distinct objects per camera, class and local hour of their event's start; boxes are counted beside "
        "them, since an object that lingers has more of them.",
        parameters=(grouped_by("camera", "hour", "label"), WHERE, *FILTERS),
        dimensions=DIMENSIONS,
        finish=intervals("objects"),
        quarters=True,
        zones=True,
    )
)
