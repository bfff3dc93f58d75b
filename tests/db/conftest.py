from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from omnisight_lab.db import writes
from omnisight_lab.db.models import Camera
from omnisight_lab.db.session import Database
from omnisight_lab.types import Box, EventDraft, EventType, FrameSize, ObjectDraft, SegmentFile

START = datetime(2026, 3, 29, 0, 50, tzinfo=UTC)


def after(seconds: float) -> datetime:
    """So many seconds after START."""
    return START + timedelta(seconds=seconds)


@dataclass(frozen=True)
class Site:
    """One camera with a running recording `r1`."""

    database: Database
    camera: Camera

    def segment(self, id_: str, start: float, end: float, recording_id: str = "r1") -> SegmentFile:
        size = FrameSize(1920, 1080)
        path = f"segments/{self.camera.id}/{id_}.mp4"
        times = (after(start), after(end))
        return SegmentFile(id_, self.camera.id, recording_id, path, *times, 1000, "0" * 64, "h264", 25, 1, size)

    def event(self, id_: str = "e1", *objects: ObjectDraft, end: float | None = None) -> EventDraft:
        kind = EventType.OBJECT_DETECTED if objects else EventType.MOTION
        ending = None if end is None else after(end)
        size = FrameSize(1920, 1080)
        return EventDraft(
            id_, self.camera.id, "r1", kind, START, ending, 0.9, "thumbnails/e1.jpg", frame=size, objects=objects
        )


def seen(id_: str, label: str = "person", confidence: float = 0.5, at: float = 0, best: bool = False) -> ObjectDraft:
    return ObjectDraft(id_, label, confidence, Box(1, 2, 3, 4), 7, after(at), best)


@pytest.fixture
def site(database: Database) -> Site:
    camera = writes.add_camera(database, name="gate", rtsp_url="rtsp://viewer:geheim@192.0.2.1:554/main")
    writes.start_stream(database, camera.id, "s1", START, {"codec": "h264"})
    writes.start_recording(database, "r1", camera.id, "s1", START)
    return Site(database, camera)
