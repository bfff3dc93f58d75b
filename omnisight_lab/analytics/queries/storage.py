"""Where the bytes are."""

from __future__ import annotations

import ibis.expr.types as ir

from omnisight_lab.analytics.localtime import milliseconds, wall_clock
from omnisight_lab.analytics.queries.grouping import CAMERA, hours
from omnisight_lab.analytics.queries.registry import QUERIES, Column, Query, Scope
from omnisight_lab.analytics.queries.spans import QUARTER, located
from omnisight_lab.analytics.tables import Tables


def _storage(tables: Tables, scope: Scope) -> ir.Table:
    segments = scope.within(tables.segments, "start_time")
    cells = segments.group_by("camera_id", "codec", cell=segments.start_time.bucket(QUARTER)).agg(
        segments=segments.count(),
        bytes=segments.file_size.sum().cast("int64"),
        ms=milliseconds(segments.start_time, segments.end_time).sum().cast("int64"),
    )
    local = located(cells, tables, scope)
    local = local.mutate(day=wall_clock(local.timezone, local.cell).date())
    summed = local.group_by("camera_id", "camera", "day", "codec").agg(
        segments=local.segments.sum().cast("int64"),
        bytes=local.bytes.sum().cast("int64"),
        ms=local.ms.sum().cast("int64"),
    )
    return summed.mutate(hours=hours(summed.ms))


STORAGE = QUERIES.add(
    Query(
        "storage",
        _storage,
        (
            *CAMERA,
            Column("day", "date", "local day of the camera's zone in which the segments begin"),
            Column("codec", "text", "video codec; empty where the recorder did not note it"),
            Column("segments", "integer", "segment files", sums=True),
            Column("bytes", "integer", "their size as the rows say", "B", sums=True),
            Column("hours", "number", "length of the footage", "h", sums=True),
        ),
        keys=("day", "camera", "camera_id", "codec"),
        method="Sizes of the segments that the database lists, per camera, local day and codec.",
    )
)
