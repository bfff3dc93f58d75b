"""Which objects were seen, and by how many boxes."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir

from omnisight_lab.analytics.localtime import bucket_start, hour_bucket
from omnisight_lab.analytics.queries.activity import BUCKET, CAMERA, HOUR, hours, rate
from omnisight_lab.analytics.queries.registry import (
    FILTERS,
    QUERIES,
    Column,
    Query,
    Scope,
    chosen,
)
from omnisight_lab.analytics.queries.spans import QUARTER, located, recorded_cells
from omnisight_lab.analytics.tables import Tables


def _detections(tables: Tables, scope: Scope, **filters: Any) -> ir.Table:
    boxes = chosen(scope.within(tables.objects, "event_time"), **filters)
    objects = boxes.group_by(
        "camera_id",
        "label",
        "event_id",
        cell=boxes.event_time.bucket(QUARTER),
        object=ibis.coalesce(boxes.track_id, boxes.id),
    ).agg(boxes=boxes.count(), confidence=boxes.confidence.max())
    per_cell = objects.group_by("camera_id", "label", "cell").agg(
        objects=objects.count(), boxes=objects.boxes.sum().cast("int64"), best_confidence=objects.confidence.max()
    )
    bucketed = hour_bucket(located(per_cell, tables, scope), "cell")
    counted = bucketed.group_by([*BUCKET, "label"]).agg(
        objects=bucketed.objects.sum().cast("int64"),
        boxes=bucketed.boxes.sum().cast("int64"),
        best_confidence=bucketed.best_confidence.max(),
    )
    joined = counted.left_join(_recorded(tables, scope), ["camera_id", "hour", "utc_offset"])
    joined = joined.mutate(recorded_ms=ibis.coalesce(joined.recorded_ms, 0))
    return bucket_start(joined).mutate(
        recorded_hours=hours(joined.recorded_ms), rate=rate(joined.objects, joined.recorded_ms)
    )


def _recorded(tables: Tables, scope: Scope) -> ir.Table:
    bucketed = hour_bucket(located(recorded_cells(tables, scope), tables, scope), "cell")
    return bucketed.group_by("camera_id", "hour", "utc_offset").agg(recorded_ms=bucketed.ms.sum().cast("int64"))


DETECTIONS = QUERIES.add(
    Query(
        "detections",
        _detections,
        (
            *CAMERA,
            *HOUR,
            Column("label", "text", "class of the object"),
            Column("objects", "integer", "distinct objects: one per event and track; a box without track is one"),
            Column("boxes", "integer", "stored boxes of these objects: grows with how long they stay"),
            Column("best_confidence", "share", "highest confidence among the boxes"),
            Column("recorded_hours", "number", "recorded time of the hour", "h"),
            Column("rate", "number", "objects per recorded camera-hour", "1/h"),
        ),
        keys=("start", "camera", "camera_id", "label"),
        method="Distinct objects per camera, class and local hour of their event's start; boxes are counted beside "
        "them, since an object that lingers has more of them.",
        parameters=FILTERS,
        quarters=True,
    )
)
