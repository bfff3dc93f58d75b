"""A small site with known figures: three cameras on the day of a change to summer time, with pictures and footage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import av
import cv2
import numpy as np

from omnisight_lab.db import writes
from omnisight_lab.db.session import Database
from omnisight_lab.settings import Paths
from omnisight_lab.types import Box, EventDraft, EventType, FrameSize, GapCause, ObjectDraft, SegmentFile, TimeRange
from tests.asker import add_asker

DAY = "2026-03-29"
ZONE = "Europe/Berlin"
SIZE = FrameSize(320, 240)
LABELS = ("person", "car", "bicycle")
QUARTER = timedelta(minutes=15)


def at(hour: int, minute: int = 0, second: float = 0) -> datetime:
    """Time of that day in summer time, UTC + 2 h."""
    return datetime(2026, 3, 29, tzinfo=UTC) + timedelta(hours=hour - 2, minutes=minute, seconds=second)


@dataclass(frozen=True)
class Site:
    database: Database
    paths: Paths


def small_site(database: Database, home: Path) -> Site:
    """Gate: 06-18 h with a gap of 20 min; Yard: 08-10 h without a gap; Roof: expected from 09 h, never recorded."""
    paths = Paths(home, home / "media")
    add_asker(database)
    writes.set_setting(database, "site.timezone", ZONE)
    ids = {name: writes.add_camera(database, name=name, rtsp_url="").id for name in ("Gate", "Yard", "Roof")}
    footage = _clip(paths.media / "footage.mp4")
    _record(database, ids["Gate"], TimeRange(at(6), at(11)), footage)
    writes.add_gap(database, ids["Gate"], TimeRange(at(11), at(11, 20)), GapCause.CAMERA_UNREACHABLE)
    _record(database, ids["Gate"], TimeRange(at(11, 20), at(18)), footage)
    _record(database, ids["Yard"], TimeRange(at(8), at(10)), footage)
    writes.expect(database, ids["Gate"], TimeRange(at(6), at(18)))
    writes.expect(database, ids["Yard"], TimeRange(at(8), at(10)))
    writes.expect(database, ids["Roof"], TimeRange(at(9), at(12)))
    writes.add_gap(database, ids["Roof"], TimeRange(at(9), at(12)), GapCause.WRONG_CREDENTIALS)
    events = [_event(ids["Gate"], number, paths) for number in range(14)]
    events += [_event(ids["Yard"], number, paths) for number in range(100, 104)]
    writes.save_events(database, events)
    return Site(database, paths)


def _record(database: Database, camera_id: str, span: TimeRange, footage: Path) -> None:
    recording = str(uuid5(NAMESPACE_URL, f"{camera_id}{span.start}"))
    writes.start_recording(database, recording, camera_id, None, span.start)
    start = span.start
    while start < span.end:
        end = min(start + QUARTER, span.end)
        segment = SegmentFile(
            id=str(uuid5(NAMESPACE_URL, f"{recording}{start}")),
            camera_id=camera_id,
            recording_id=recording,
            path=footage.name,
            start=start,
            end=end,
            size=footage.stat().st_size,
            sha256="0" * 64,
            codec="h264",
            frames=80,
            keyframes=8,
            frame=SIZE,
        )
        writes.close_segment(database, segment)
        start = end
    writes.end_recording(database, recording, span.end)


def _event(camera_id: str, number: int, paths: Paths) -> EventDraft:
    """Event `number` after eight o'clock, one each 7 minutes; each has one object with two boxes."""
    start = at(8, 0, 2) + timedelta(minutes=7 * (number % 100))
    name = f"thumbnails/{camera_id}_{number}.jpg"
    box = Box(20 + number % 100, 40, 60, 90)
    _picture(paths.media / name, number, box)
    label = LABELS[number % 3]
    objects = tuple(
        ObjectDraft(
            str(uuid5(NAMESPACE_URL, f"{camera_id}{number}{best}")), label, 0.6 + number % 10 / 40, box, 1, start, best
        )
        for best in (True, False)
    )
    return EventDraft(
        id=str(uuid5(NAMESPACE_URL, f"event {camera_id}{number}")),
        camera_id=camera_id,
        recording_id=None,
        event_type=EventType.OBJECT_DETECTED,
        start=start,
        end=start + timedelta(seconds=2),
        confidence=0.95 if number == 0 else 0.6 + number % 10 / 40,  # the one whose footage there is
        thumbnail_path=name,
        track_id=1,
        frame=SIZE,
        objects=objects,
        extra={"label": label},
    )


def _picture(path: Path, number: int, box: Box) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = np.linspace(90, 190, SIZE.height, dtype=np.uint8)[:, None, None]
    image = np.repeat(np.repeat(rows, SIZE.width, axis=1), 3, axis=2) + np.random.default_rng(number).integers(
        0, 30, (SIZE.height, SIZE.width, 3), dtype=np.uint8
    )
    corner = (int(box.x), int(box.y))
    opposite = (int(box.x + box.width), int(box.y + box.height))
    cv2.rectangle(image, corner, opposite, (60, 60, 200), -1)
    cv2.imwrite(str(path), image)


def _clip(path: Path) -> Path:
    """Eight seconds of H.264."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10, options={"preset": "ultrafast", "g": "10"})
        stream.width, stream.height, stream.pix_fmt = SIZE.width, SIZE.height, "yuv420p"
        for number in range(80):
            image = np.full((SIZE.height, SIZE.width, 3), 80, np.uint8)
            cv2.circle(image, (20 + 3 * number, 120), 25, (40, 160, 220), -1)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, "bgr24")))
        out.mux(stream.encode())
    return path
