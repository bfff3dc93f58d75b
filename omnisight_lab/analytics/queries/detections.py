"""Which objects were seen, and by how many boxes."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir

from omnisight_lab.analytics.queries.geometry import in_zones
from omnisight_lab.analytics.queries.grouping import (
    DIMENSIONS,
    EFFORT,
    OF_EVENTS,
    WHERE,
    Where,
    asked_for,
    grouped_by,
    intervals,
    over_effort,
    picked,
    rate_columns,
    with_rate,
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
    objects = distinct_objects(tables, scope, by, where, **filters)
    named = [name for name in OF_EVENTS if name in by]
    counts = objects.group_by("camera_id", *named, "cell").agg(
        objects=objects.count(), boxes=objects.boxes.sum().cast("int64"), best_confidence=objects.confidence.max()
    )
    rows = over_effort(counts, tables, scope, by, where, objects="sum", boxes="sum", best_confidence="max")
    return with_rate(rows, "objects")


def distinct_objects(tables: Tables, scope: Scope, by: tuple[str, ...], where: Where, **filters: Any) -> ir.Table:
    """(camera_id, event_id, object, cell, boxes, confidence of the best one) of the labels and zones that `where` asks
    for, with label and zone where they are in `by`: else an object with two of these is one.

    A box without a track is an object of its own.
    """
    boxes = picked(chosen(scope.within(tables.objects, "event_time"), **filters), where)
    if "zone" in {*by, *dict(where)}:
        boxes = in_zones(boxes, tables, scope, asked_for(where, "zone"), each="zone" in by)
    return boxes.group_by(
        "camera_id",
        *(name for name in OF_EVENTS if name in by),
        "event_id",
        cell=boxes.event_time.bucket(QUARTER),
        object=ibis.coalesce(boxes.track_id, boxes.id),
    ).agg(boxes=boxes.count(), confidence=boxes.confidence.max())


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
