"""A small site that has a bit of everything, so that no query of the catalogue is empty on it."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

from omnisight_lab.db.lab_models import ReportRun, Verdict, Zone
from omnisight_lab.db.models import (
    Base,
    Camera,
    CameraStatus,
    DetectedObject,
    Event,
    Notification,
    RetentionPolicy,
    Segment,
    Stream,
    StreamStatus,
    SystemSetting,
)
from tests.analytics.conftest import Site, at

START, END = at("2026-09-27T00:00"), at("2026-11-01T12:00")
"""Five weeks with the changes of Lord Howe (4 October), Berlin and Lisbon (25th) and New York (1 November)."""

ZONES = {
    "Tor Süd 🚪": "Europe/Berlin",
    "howe": "Australia/Lord_Howe",
    "kathmandu": "Asia/Kathmandu",
    "o'york": "America/New_York",
    "yard": None,
    "lost": "Mars/Olympus_Mons",
}
LABELS = ("person", "car", "Fußgänger", "bicycle")
KINDS = ("object_detected",) * 6 + ("motion", "zone_entered", "line_crossed", "camera_offline", "camera_online")


def fill(site: Site) -> None:
    """Writes it all; the same rows each time."""
    site.add(SystemSetting(key="site.timezone", value="Europe/Lisbon", category="site"))
    chance = Random(7)
    for name, zone in ZONES.items():
        site.camera(name, zone)
        site.expect(name, "2026-09-26T22:00", None if name != "yard" else "2026-10-30T10:10")
        site.add(*_footage(name, chance))
    site.run("""UPDATE "Recording" SET "streamId" = 'stream-' || "cameraId" WHERE "cameraId" IN ('howe', 'yard')""")
    site.add(Camera(id="dark", name="dark", rtsp_url="", status=CameraStatus.OFFLINE))
    site.expect("dark", "2026-10-20")
    _gaps(site)
    _zones(site)
    events = [_event(number, chance) for number in range(700)]
    boxes = [box for event in events for box in _boxes(event, chance)]
    rest = (boxes, _verdicts(events), _undone(events), _operation(events))
    site.add(*events)
    for rows in rest:
        site.add(*rows)


def _footage(camera: str, chance: Random) -> list[Base]:
    """Six-hour segments with holes between them; now and then one overlaps the next, or its file is gone."""
    rows, time, number = [], START, 0
    while time < END:
        length = timedelta(hours=6, minutes=chance.choice((0, 0, 0, 7)))
        meta: dict[str, Any] = {"frames": 90_000, "keyframes": 300, "frame": {"width": 640, "height": 360}}
        if number % 5:
            meta["codec"] = "hevc" if number % 3 else "h264"
        if number % 7 == 3:
            meta |= {"missing": number % 14 == 3, "droppedFrames": number}
        rows.append(_segment(camera, number, time, time + length, meta))
        time += length + timedelta(minutes=chance.choice((0, 0, -20, 45)), milliseconds=chance.choice((0, 137)))
        number += 1
    return rows


def _segment(camera: str, number: int, start: datetime, end: datetime, meta: dict[str, Any]) -> Segment:
    return Segment(
        id=f"segment-{camera}-{number}",
        recording_id=f"recording-{camera}",
        start_time=start,
        end_time=end,
        duration=round((end - start).total_seconds()),
        file_path=f"segments/{camera}/{number}.mp4",
        file_size=1_000_000_000 + number,
        meta=meta,
        created_at=end + timedelta(seconds=number % 40),
        updated_at=end + timedelta(seconds=number % 40),
    )


def _gaps(site: Site) -> None:
    site.gap("Tor Süd 🚪", "2026-10-05T03:00", "2026-10-05T09:00", "camera_unreachable")
    site.gap("howe", "2026-10-12T00:10", "2026-10-12T20:00:00.500", "worker_down")
    site.gap("kathmandu", "2026-10-20", "2026-10-24", "disk_full")
    site.gap("dark", "2026-10-20", None, "camera_unreachable")


def _zones(site: Site) -> None:
    left, right = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]], [[0.5, 0.2], [1, 0], [1, 1]]
    line = [[0.1, 0.1], [0.5, 0.9], [0.9, 0.2]]
    for camera in ("Tor Süd 🚪", "howe", "yard"):
        old = at("2026-10-01")
        site.add(
            Zone(camera_id=camera, name="links", kind="zone", version=1, points=right, created_at=old, retired_at=old),
            Zone(camera_id=camera, name="links", kind="zone", version=2, points=left, created_at=old),
            Zone(camera_id=camera, name="right", kind="zone", version=1, points=right, created_at=old),
            Zone(camera_id=camera, name="gate", kind="line", version=1, points=line, created_at=old),
        )


def _event(number: int, chance: Random) -> Event:
    cameras = [*ZONES, None, "gone"] if number % 20 == 0 else list(ZONES)
    camera = chance.choice(cameras)
    # Half of them in bursts on Sundays, so that there is something unusual, and something that comes together
    span = (END - START).total_seconds() * 1000
    time = START + timedelta(milliseconds=chance.randrange(int(span)))
    if number % 2:
        time = at("2026-10-18T10:00") + timedelta(seconds=number % 90 * 20)
    kind = KINDS[number % len(KINDS)]
    meta: dict[str, Any] = {"zones": ["links"] if number % 3 else [], "model": {"name": "ssd", "version": "3"}}
    if number % 4:
        meta |= {"label": LABELS[number % 3], "trackId": str(number), "frame": {"width": 640, "height": 360}}
    if number % 5:
        meta["endTime"] = (time + timedelta(seconds=number % 50)).isoformat(timespec="milliseconds")
    return Event(
        id=f"event-{number:04}",
        camera_id=camera,
        recording_id=f"recording-{camera}" if camera in ZONES and number % 2 else None,
        timestamp=time,
        event_type=kind,
        confidence=None if number % 11 == 0 else round(chance.uniform(0.2, 1), 3),
        meta=meta,
        created_at=time + timedelta(seconds=2),
        updated_at=time + timedelta(seconds=2),
    )


def _boxes(event: Event, chance: Random) -> list[DetectedObject]:
    """Up to two tracks that walk through the picture; some boxes have no place, frame or track."""
    number = int(event.id[-4:])
    tracks = [f"{number}", f"{number}b", None][: chance.choice((1, 2, 3))]
    return [
        _box(event, f"{event.id}-{place}-{step}", track, place, step, chance)
        for place, track in enumerate(tracks)
        for step in range(1 if track is None else chance.choice((1, 4, 9)))
    ]


def _box(event: Event, id: str, track: str | None, place: int, step: int, chance: Random) -> DetectedObject:
    size = {"width": round(chance.uniform(10, 90), 1), "height": round(chance.uniform(10, 120), 1)}
    where = {"x": round(60.0 * step + chance.uniform(0, 20), 1), "y": round(chance.uniform(0, 230), 1)}
    meta: dict[str, Any] = {"trackId": track, "offsetMs": 500 * step, "best": step == 0}
    if place == 1:
        meta["frame"] = {"width": 640, "height": 360}
    return DetectedObject(
        id=id,
        event_id=event.id,
        object_type=LABELS[(int(event.id[-4:]) + place) % len(LABELS)],
        confidence=round(chance.uniform(0.2, 1), 3),
        bounding_box={} if place == 2 and step == 0 else where | size,
        meta=meta if track else None,
        updated_at=event.updated_at,
    )


def _verdicts(events: list[Event]) -> list[Base]:
    """Each kind, on every third event; a few are judged twice."""
    kinds = ("confirm", "false", "unsure", "relabel", "confirm")
    return [
        Verdict(
            id=f"verdict-{event.id}-{turn}",
            event_id=event.id,
            verdict=kinds[(place + turn) % 5],
            label="van" if kinds[(place + turn) % 5] == "relabel" else None,
            model_version="3",
            created_at=event.timestamp + timedelta(hours=1 + turn),
        )
        for place, event in enumerate(events[::3])
        for turn in range(2 if place % 10 == 0 else 1)
    ]


def _undone(events: list[Event]) -> list[Base]:
    return [
        Verdict(
            event_id=event.id,
            verdict="undo",
            undoes=f"verdict-{event.id}-0",
            created_at=event.timestamp + timedelta(days=1),
        )
        for event in events[3::21]
        if int(event.id[-4:]) % 3 == 0
    ]


def _operation(events: list[Event]) -> list[Base]:
    """Streams that come and go, notifications, report runs, policies."""
    rows: list[Base] = []
    for number, camera in enumerate(ZONES):
        for day in range(0, 30, 3 + number):
            begun = START + timedelta(days=day, minutes=7 * number)
            status = StreamStatus.ERROR if day % 2 else StreamStatus.INACTIVE
            ended = begun + timedelta(hours=20) if day < 24 else None
            rows.append(Stream(camera_id=camera, status=status, started_at=begun, ended_at=ended, created_at=begun))
    for number, event in enumerate(events[::9]):
        status = ("sent", "failed", "read", "pending")[number % 4]
        kind = ("email", "push", "webhook")[number % 3]
        sent = event.timestamp + timedelta(seconds=number) if status in ("sent", "read") else None
        about = event.id if number % 5 else "gone"
        times = {"created_at": event.timestamp, "sent_at": sent}
        rows.append(Notification(event_id=about, title="x", message="y", type=kind, status=status, **times))
    for day in range(30):
        begun = START + timedelta(days=day, hours=6)
        status, ended = (("failed", begun), ("running", None), ("done", begun + timedelta(seconds=41)))[day % 3]
        rows.append(ReportRun(name="daily", status=status, started_at=begun, ended_at=ended, version="0"))
    rows.append(RetentionPolicy(name="all", retention_days=30, priority=0, is_active=True))
    rows.append(RetentionPolicy(name="howe", camera_id="howe", retention_days=7, priority=5, is_active=True))
    rows.append(RetentionPolicy(name="off", camera_id="yard", retention_days=1, priority=9, is_active=False))
    return rows
