"""The logical tables that every engine shows alike, and how the mirror cuts them into days.

They are the views of schema `lab`: PostgreSQL has them as views, DuckDB as Parquet files of the mirror. Queries are
written against the unbound ibis tables in `TABLES`, so that one expression compiles for every engine. Times are
naive UTC timestamps in milliseconds, ids are text.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from types import SimpleNamespace

import ibis
import ibis.expr.types as ir

SCHEMA = "lab"

ALL_ROWS = "count(*), coalesce(sum(hashtextextended(t::text, 0) % 1000000007), 0)::bigint, 0::bigint"
ROWS_AND_UPDATES = "count(*), sum((extract(epoch FROM updated_at) * 1000)::bigint)::bigint, 0::bigint"
AND_LAST_END = (
    "count(*), sum((extract(epoch FROM updated_at) * 1000)::bigint)::bigint, "
    "(extract(epoch FROM max(end_time)) * 1000)::bigint"
)


@dataclass(frozen=True, slots=True)
class LogicalTable:
    """One logical table; `day` is the time column whose UTC date cuts it into files (None: one file).

    Tables of one `family` are written together: a day that has changed in one is read again in all of them. `source` is
    what its rows are selected from, where that is not the view of its name; `{start}` and `{end}` are literals.
    `fingerprint` is the SQL that tells a changed day, or, in a table of one file, a changed table.
    """

    name: str
    columns: dict[str, str]
    day: str | None = None
    family: str = ""
    fingerprint: str | None = ALL_ROWS
    source: str | None = None

    @property
    def unbound(self) -> ir.Table:
        return ibis.table(self.columns, name=self.name, database=SCHEMA)


LOGICAL = {
    table.name: table
    for table in (
        LogicalTable(
            "cameras",
            {
                "id": "string",
                "name": "string",
                "location": "string",
                "model": "string",
                "status": "string",
                "timezone": "string",
                "own_timezone": "string",
                "created_at": "timestamp",
            },
        ),
        LogicalTable(
            "recordings",
            {
                "id": "string",
                "camera_id": "string",
                "stream_id": "string",
                "start_time": "timestamp",
                "end_time": "timestamp",
                "status": "string",
            },
        ),
        LogicalTable(
            "segments",
            {
                "id": "string",
                "recording_id": "string",
                "camera_id": "string",
                "start_time": "timestamp",
                "end_time": "timestamp",
                "duration_seconds": "float64",
                "file_path": "string",
                "file_size": "int64",
                "thumbnail_path": "string",
                "codec": "string",
                "frames": "int64",
                "keyframes": "int64",
                "width": "int64",
                "height": "int64",
                "updated_at": "timestamp",
            },
            day="start_time",
            family="footage",
            fingerprint=AND_LAST_END,
        ),
        LogicalTable(
            "events",
            {
                "id": "string",
                "camera_id": "string",
                "recording_id": "string",
                "start_time": "timestamp",
                "end_time": "timestamp",
                "event_type": "string",
                "confidence": "float64",
                "label": "string",
                "track_id": "string",
                "thumbnail_path": "string",
                "model_name": "string",
                "model_version": "string",
                "frame_width": "int64",
                "frame_height": "int64",
                "peak_offset_ms": "int64",
                "zones": "string",
                "updated_at": "timestamp",
            },
            day="start_time",
            family="events",
            fingerprint=ROWS_AND_UPDATES,
        ),
        LogicalTable(
            "objects",
            {
                "id": "string",
                "event_id": "string",
                "camera_id": "string",
                "event_time": "timestamp",
                "event_type": "string",
                "label": "string",
                "confidence": "float64",
                "x": "float64",
                "y": "float64",
                "width": "float64",
                "height": "float64",
                "track_id": "string",
                "offset_ms": "int64",
                "best": "boolean",
                "updated_at": "timestamp",
            },
            day="event_time",
            family="events",
            fingerprint=ROWS_AND_UPDATES,
        ),
        LogicalTable(
            "gaps",
            {
                "id": "string",
                "camera_id": "string",
                "start_time": "timestamp",
                "end_time": "timestamp",
                "cause": "string",
            },
        ),
        LogicalTable("expected", {"camera_id": "string", "start_time": "timestamp", "end_time": "timestamp"}),
        LogicalTable(
            "recorded",
            {"camera_id": "string", "cell_start": "timestamp", "seconds": "float64"},
            day="cell_start",
            family="footage",
            fingerprint=None,
            source="lab.recorded_between({start}, {end})",
        ),
    )
}


class Tables(SimpleNamespace):
    """The logical tables by name, as ibis sees them before an engine is chosen."""

    cameras: ir.Table
    recordings: ir.Table
    segments: ir.Table
    events: ir.Table
    objects: ir.Table
    gaps: ir.Table
    expected: ir.Table
    recorded: ir.Table


TABLES = Tables(**{name: table.unbound for name, table in LOGICAL.items()})


def schema_version() -> str:
    """A short hash of the tables' columns; a mirror of another version is rebuilt."""
    described = {table.name: [table.columns, table.day] for table in LOGICAL.values()}
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:12]
