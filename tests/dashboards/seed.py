"""A small site with real files: two cameras with footage, one that fails, events on three pages, three users."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import av
import cv2
import numpy as np

from omnisight_lab.access.accounts import add_user
from omnisight_lab.db import writes
from omnisight_lab.db.models import CameraStatus, UserRole
from omnisight_lab.db.session import Database
from omnisight_lab.types import (
    Box,
    EventDraft,
    EventType,
    FrameSize,
    GapCause,
    Image,
    ObjectDraft,
    SegmentFile,
    TimeRange,
    utc,
)

SIZE = FrameSize(640, 360)
RATE = 10
SEGMENT_SECONDS = 10
SEGMENTS = 4
SECONDS = SEGMENTS * SEGMENT_SECONDS
PASSWORD = "correct horse"
OLD_EVENTS = 54
USERS = {"ada": UserRole.ADMIN, "uma": UserRole.USER, "vic": UserRole.VIEWER}


def name_id(name: str) -> str:
    """The same id for the same name, so that tests can name what they mean."""
    return str(uuid5(NAMESPACE_URL, name))


def noon_zone(now: datetime) -> str:
    """A zone in which it is past noon now: no test runs over midnight."""
    hours = now.hour - 12
    return f"Etc/GMT{hours:+d}" if hours else "Etc/GMT"


def box_at(seconds: float) -> Box:
    """Where the drawn car is, `seconds` into the footage of its camera: it crosses the picture in 20 s."""
    return Box(20 + (seconds % 20) * 26, 190, 120, 62)


def picture(seconds: float, tint: int) -> Image:
    """A road with a car."""
    image = np.full((SIZE.height, SIZE.width, 3), (70 + tint, 82, 78), np.uint8)
    image[: SIZE.height // 3] = (150, 140 - tint, 120)
    cv2.rectangle(image, (0, 210), (SIZE.width, 290), (58, 58, 60), -1)
    cv2.line(image, (0, 250), (SIZE.width, 250), (160, 160, 160), 2)
    box = box_at(seconds)
    corner = (int(box.x), int(box.y))
    cv2.rectangle(image, corner, (int(box.x + box.width), int(box.y + box.height)), (60, 60, 190), -1)
    for wheel in (28, 92):
        cv2.circle(image, (corner[0] + wheel, corner[1] + 60), 13, (20, 20, 20), -1)
    return image


def write_segment(path: Path, offset: float, tint: int) -> None:
    """An H.264 MP4 of `SEGMENT_SECONDS`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "g": str(RATE)})
        stream.width, stream.height, stream.pix_fmt = SIZE.width, SIZE.height, "yuv420p"
        for number in range(SEGMENT_SECONDS * RATE):
            frame = av.VideoFrame.from_ndarray(picture(offset + number / RATE, tint), format="bgr24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode())


def write_picture(path: Path, seconds: float, tint: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.resize(picture(seconds, tint), (320, 180), interpolation=cv2.INTER_AREA))


@dataclass(frozen=True)
class Site:
    """What was put in: `start` is the first frame of the footage; the newest event starts 27 s later."""

    database: Database
    home: Path
    start: datetime
    cameras: dict[str, str]
    event: str
    bare_event: str
    segment: str

    @property
    def media(self) -> Path:
        return self.home / "media"


def seed(database: Database, home: Path, now: datetime | None = None) -> Site:
    """Fills a fresh, migrated database and the media root below `home`."""
    now = utc(now or datetime.now(UTC))
    start = now - timedelta(minutes=10)
    writes.set_setting(database, "site.timezone", noon_zone(now))
    writes.set_setting(database, "site.name", "Harbour site")
    for username, role in USERS.items():
        add_user(database, username, password=PASSWORD, role=role)
    cameras = {
        name: writes.add_camera(database, name=name, rtsp_url="rtsp://127.0.0.1:1/none", location=location).id
        for name, location in (("Front gate", "North entrance"), ("Loading bay", "Hall 2"), ("Quay <east>", None))
    }
    site = Site(database, home, start, cameras, name_id("event 0"), name_id("old 0"), name_id("Front gate 0"))
    _footage(site, "Front gate", 0)
    _footage(site, "Loading bay", 25)
    writes.add_gap(
        database, cameras["Loading bay"],
        TimeRange(start + timedelta(seconds=SECONDS), start + timedelta(seconds=SECONDS + 20)), GapCause.STALLED,
    )  # fmt: skip
    writes.expect(database, cameras["Loading bay"], TimeRange(start, start + timedelta(seconds=SECONDS + 20)))
    failing = cameras["Quay <east>"]
    writes.set_camera_status(database, failing, CameraStatus.ERROR)
    writes.expect(database, failing, TimeRange(start - timedelta(minutes=2), start))
    writes.open_gap(database, failing, start - timedelta(minutes=2), GapCause.CAMERA_UNREACHABLE)
    writes.save_events(database, [*_events_with_footage(site), *_old_events(site)])
    return site


def _footage(site: Site, name: str, tint: int) -> None:
    """A running recording of `SEGMENTS` segments."""
    camera, recording = site.cameras[name], name_id(f"recording {name}")
    stream = name_id(f"stream {name}")
    writes.expect(site.database, camera, TimeRange(site.start, site.start + timedelta(seconds=SECONDS)))
    writes.start_stream(site.database, camera, stream, site.start)
    writes.start_recording(site.database, recording, camera, stream, site.start)
    writes.set_camera_status(site.database, camera, CameraStatus.ONLINE)
    for number in range(SEGMENTS):
        path, thumbnail = f"segments/{camera}/{number}.mp4", f"thumbnails/{camera}/{number}.jpg"
        write_segment(site.media / path, number * SEGMENT_SECONDS, tint)
        write_picture(site.media / thumbnail, number * SEGMENT_SECONDS + 5, tint)
        begin = site.start + timedelta(seconds=number * SEGMENT_SECONDS)
        segment = SegmentFile(
            id=name_id(f"{name} {number}"),
            camera_id=camera,
            recording_id=recording,
            path=path,
            start=begin,
            end=begin + timedelta(seconds=SEGMENT_SECONDS),
            size=(site.media / path).stat().st_size,
            sha256=hashlib.sha256((site.media / path).read_bytes()).hexdigest(),
            codec="h264",
            frames=SEGMENT_SECONDS * RATE,
            keyframes=SEGMENT_SECONDS,
            frame=SIZE,
            thumbnail_path=thumbnail,
        )
        writes.close_segment(site.database, segment)


def _events_with_footage(site: Site) -> list[EventDraft]:
    """Five of the drawn car, 5 s each; the newest runs over the cut between two segments at 30 s."""
    drafts = []
    for number, offset in enumerate((27, 16, 11, 6, 2)):
        name = "Front gate" if number % 2 == 0 else "Loading bay"
        thumbnail = f"thumbnails/events/{number}.jpg"
        write_picture(site.media / thumbnail, offset + 2, 0 if number % 2 == 0 else 25)
        begin = site.start + timedelta(seconds=offset)
        objects = tuple(
            ObjectDraft(
                name_id(f"event {number} box {step}"), "car", 0.6 + step / 40, box_at(offset + step / 2), 1,
                begin + timedelta(seconds=step / 2), step == 4,
            )
            for step in range(11)
        )  # fmt: skip
        drafts.append(
            EventDraft(
                id=name_id(f"event {number}"),
                camera_id=site.cameras[name],
                recording_id=name_id(f"recording {name}"),
                event_type=EventType.OBJECT_DETECTED,
                start=begin,
                end=begin + timedelta(seconds=5),
                confidence=0.85,
                thumbnail_path=thumbnail,
                track_id=1,
                peak=begin + timedelta(seconds=2),
                frame=SIZE,
                model={"name": "ssd_mobilenet_v2", "version": "oidv4", "sha256": "0" * 64},
                objects=objects,
            )
        )
    return drafts


def _old_events(site: Site) -> list[EventDraft]:
    """Older ones whose footage is gone: people, one every 50 minutes, and one motion."""
    drafts = []
    for number in range(OLD_EVENTS):
        begin = site.start - timedelta(minutes=20 + 50 * number)
        confidence = 0.4 + (number % 6) / 10
        motion = number == OLD_EVENTS - 1
        box = ObjectDraft(name_id(f"old {number} box"), "person", confidence, box_at(number), 1, begin, True)
        drafts.append(
            EventDraft(
                id=name_id(f"old {number}"),
                camera_id=site.cameras["Front gate" if number % 3 else "Loading bay"],
                recording_id=None,
                event_type=EventType.MOTION if motion else EventType.OBJECT_DETECTED,
                start=begin,
                end=begin + timedelta(seconds=3),
                confidence=confidence,
                track_id=1,
                frame=SIZE,
                objects=() if motion else (box,),
            )
        )
    return drafts
