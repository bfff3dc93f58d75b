"""What the tables and columns mean that `lab.sql` sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from omnisight_lab.analytics.tables import LOGICAL

TABLE_HELP: Mapping[str, str] = {
    "cameras": "every camera, without its address and credentials",
    "recordings": "uninterrupted runs of a camera",
    "segments": "stored files of video, about a minute each",
    "events": "what happened, with what people judged about it",
    "objects": "boxes of events: a sample of each object's path",
    "gaps": "times in which a camera was not recorded, as the recorder noted them",
    "expected": "times in which recording was expected",
    "recorded": "recorded time by quarter of an hour; footage that overlaps counts once",
    "verdicts": "the verdict that counts of each judged event",
    "zone_edges": "edges of zones and lines, in all their versions",
    "streams": "live streams of cameras",
    "notifications": "messages about events",
    "report_runs": "runs of reports",
    "policies": "active retention policies",
    "detected_events": "events as the detector wrote them, without verdicts",
    "detected_objects": "boxes as the detector wrote them, without verdicts",
}

COLUMN_HELP: Mapping[str, str] = {
    "id": "id of the row",
    "at": "when the verdict was given, UTC",
    "best": "whether it is the object's best box",
    "camera_id": "id of the camera",
    "cause": "why nothing was recorded",
    "cell_start": "start of the quarter of an hour, UTC",
    "codec": "video codec",
    "confidence": "confidence of the detector, 0 to 1",
    "created_at": "when the row was written, UTC",
    "detected_label": "class as the detector said it",
    "dropped_frames": "frames recorded but not analysed",
    "duration_seconds": "length in seconds",
    "edge": "number of the edge from 0",
    "end_time": "end, UTC; empty while it goes on",
    "ended_at": "end, UTC",
    "event_id": "id of the event",
    "event_time": "start of the event, UTC",
    "event_type": "motion, object_detected, zone_entered, line_crossed, camera_offline, camera_online",
    "file_path": "file, relative to the media root",
    "file_size": "size in bytes",
    "frame_height": "height of the frame in pixels",
    "frame_width": "width of the frame in pixels",
    "frames": "number of pictures",
    "height": "height in pixels",
    "keyframes": "number of pictures that stand by themselves",
    "kind": "zone or line",
    "label": "class of the object, as people corrected it",
    "local_time": "start on the wall clock of the camera's zone",
    "location": "where the camera hangs",
    "missing": "whether the file is known to be gone",
    "model": "make of the camera",
    "model_name": "name of the detector",
    "model_version": "version of the detector",
    "name": "name",
    "offset_ms": "milliseconds after the event's start",
    "own_timezone": "zone of the camera; empty: the site's",
    "peak_offset_ms": "milliseconds from the start to the best picture",
    "priority": "which policy goes first",
    "recording_id": "id of the recording",
    "retention_days": "days that footage is kept",
    "retired_at": "when a newer version replaced it, UTC; empty: it stands",
    "seconds": "recorded seconds",
    "sent_at": "when it was sent, UTC",
    "start_time": "start, UTC",
    "started_at": "start, UTC",
    "status": "state",
    "stream_id": "id of the stream",
    "thumbnail_path": "picture, relative to the media root",
    "timezone": "zone of the camera's wall clock",
    "track_id": "track of the object within its event's run",
    "type": "in-app, email, push or webhook",
    "updated_at": "when the row last changed, UTC",
    "user_id": "id of the user who judged",
    "verdict": "confirm, false, unsure or relabel; empty: nobody has looked",
    "version": "number of the version",
    "width": "width in pixels",
    "x": "left side of the box in pixels",
    "x1": "start of the edge, as a fraction of the frame's width",
    "x2": "end of the edge, as a fraction of the frame's width",
    "y": "upper side of the box in pixels",
    "y1": "start of the edge, as a fraction of the frame's height",
    "y2": "end of the edge, as a fraction of the frame's height",
    "zone": "name of the zone or line",
    "zone_id": "id of this version of it",
    "zones": "zones that it touched, as the detector noted them: a JSON array",
}


class TableList(Mapping[str, Mapping[str, str]]):
    """The tables that `lab.sql` sees: `lab.tables["events"]` has column -> type and meaning; shows itself as a list."""

    def __getitem__(self, name: str) -> Mapping[str, str]:
        return {column: f"{kind}: {COLUMN_HELP[column]}" for column, kind in LOGICAL[name].columns.items()}

    def __iter__(self) -> Iterator[str]:
        return iter(LOGICAL)

    def __len__(self) -> int:
        return len(LOGICAL)

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {TABLE_HELP[name]}\n    {', '.join(LOGICAL[name].columns)}" for name in self)

    def _repr_html_(self) -> str:
        parts = []
        for name in self:
            rows = "".join(
                f"<tr><td style='text-align:left'><code>{column}</code></td><td>{kind}</td>"
                f"<td style='text-align:left'>{escape(COLUMN_HELP[column])}</td></tr>"
                for column, kind in LOGICAL[name].columns.items()
            )
            parts.append(
                f"<details><summary><b>{name}</b>: {escape(TABLE_HELP[name])}</summary><table>{rows}</table></details>"
            )
        return "".join(parts)
