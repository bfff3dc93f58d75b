"""A generated OmniSight database of any size, made by SQL, kept in `benchmarks/.cache` for the next run."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from omnisight_lab.db import migrate
from omnisight_lab.db.server import EmbeddedServer
from omnisight_lab.db.session import Database, translated
from omnisight_lab.settings import Paths

CACHE = Path(__file__).parent / ".cache"


@dataclass(frozen=True, slots=True)
class Size:
    """How much to generate: boxes come three to an event, one track each; segments fill 96 % of the days."""

    events: int = 1_000_000
    segments: int = 300_000
    cameras: int = 20
    days: int = 90

    @property
    def name(self) -> str:
        return f"generated_{self.events}_{self.segments}_{self.cameras}_{self.days}"

    @property
    def segment_seconds(self) -> float:
        return 0.96 * self.days * 86_400 * self.cameras / self.segments


STATEMENTS = (
    """INSERT INTO "SystemSettings" (id, "settingKey", "settingValue", category, "updatedAt")
       VALUES ('zone', 'site.timezone', 'Europe/Berlin', 'site', now())""",
    """INSERT INTO "Camera" (id, name, "rtspUrl", "updatedAt")
       SELECT 'camera-' || c, 'Camera ' || c, '', now() FROM generate_series(1, :cameras) c""",
    """INSERT INTO lab.camera_period (id, camera_id, start_time, end_time)
       SELECT 'period-' || c, 'camera-' || c, timestamp '2026-01-01', timestamp '2026-01-01' + :days * interval '1 day'
       FROM generate_series(1, :cameras) c""",
    """INSERT INTO "Recording" (id, "cameraId", "startTime", "endTime", status, "updatedAt")
       SELECT format('recording-%s-%s', c, d), 'camera-' || c, timestamp '2026-01-01' + d * interval '1 day',
              timestamp '2026-01-02' + d * interval '1 day', 'COMPLETED', timestamp '2026-01-02' + d * interval '1 day'
       FROM generate_series(1, :cameras) c, generate_series(0, :days - 1) d""",
    # Segments stand one after the other from midnight on, and leave the last 4 % of each day unrecorded.
    """INSERT INTO "Segment" (id, "recordingId", "startTime", "endTime", duration, "filePath", "fileSize", metadata,
                              "updatedAt")
       SELECT 'segment-' || n, format('recording-%s-%s', c, d), at, at + :seconds * interval '1 second',
              round(:seconds), format('segments/camera-%s/%s.mp4', c, n), 4000000 + (hashint4(n) & 1048575),
              '{"codec": "h264", "frames": 900, "keyframes": 30}', at
       FROM (SELECT n, n % :cameras + 1 AS c, n / :cameras / per_day AS d,
                    timestamp '2026-01-01' + (n / :cameras / per_day) * interval '1 day'
                    + (n / :cameras % per_day) * :seconds * interval '1 second' AS at
             FROM generate_series(0, :segments - 1) n, (SELECT :segments / :cameras / :days AS per_day) p
             WHERE n / :cameras / per_day < :days) s""",
    """INSERT INTO "Event" (id, "recordingId", "cameraId", "timestamp", "eventType", confidence, metadata, "updatedAt")
       SELECT 'event-' || n, format('recording-%s-%s', c, d), 'camera-' || c, at,
              CASE WHEN n % 5 = 0 THEN 'motion' ELSE 'object_detected' END, 0.4 + (n % 60) / 100.0,
              jsonb_build_object('endTime', to_char(at + interval '7 seconds', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                                 'trackId', n % 1000,
                                 'label', (ARRAY['person', 'vehicle', 'bicycle', 'animal'])[1 + n % 4],
                                 'frame', '{"width": 1920, "height": 1080}'::jsonb), at
       FROM (SELECT n, 1 + n % :cameras AS c, d, timestamp '2026-01-01' + d * interval '1 day'
                    + ((hashint4(n + 7) & 1073741823) % 82000000) * interval '1 millisecond' AS at
             FROM generate_series(0, :events - 1) n, LATERAL (SELECT (hashint4(n) & 1073741823) % :days AS d) r) e""",
    """INSERT INTO "DetectedObject" (id, "eventId", "objectType", confidence, "boundingBox", metadata, "updatedAt")
       SELECT format('object-%s-%s', n, k), 'event-' || n,
              (ARRAY['person', 'vehicle', 'bicycle', 'animal'])[1 + n % 4], 0.4 + (n * 3 + k) % 60 / 100.0,
              jsonb_build_object('x', n % 1600 + k * 10, 'y', n % 800 + k, 'width', 80 + n % 50, 'height', 160),
              jsonb_build_object('trackId', n % 1000, 'offsetMs', k * 500, 'best', k = 1), timestamp '2026-04-01'
       FROM generate_series(0, :events - 1) n, generate_series(0, 2) k""",
    # A gap for the unrecorded end of each day, so that coverage has something to list.
    """INSERT INTO lab.gap (id, camera_id, start_time, end_time, last_seen, cause)
       SELECT format('gap-%s-%s', c, d), 'camera-' || c, timestamp '2026-01-01' + (d + 0.96) * interval '1 day',
              timestamp '2026-01-02' + d * interval '1 day', timestamp '2026-01-02' + d * interval '1 day',
              'camera_unreachable'
       FROM generate_series(1, :cameras) c, generate_series(0, :days - 1) d""",
)


def generated(size: Size) -> tuple[Database, Paths]:
    """The database of `size`, made where the cache has none, and the folders that belong to it; stop its server."""
    home = CACHE / size.name
    server = EmbeddedServer(home / "database")
    home.mkdir(parents=True, exist_ok=True)
    database = Database(server.start())
    database.server = server
    migrate.upgrade(database)
    with translated(database), database.engine.begin() as connection:
        if connection.scalar(text('SELECT count(*) FROM "Camera"')) == 0:
            sys.stderr.write(f"generating {size.events} events (once) …\n")
            values = {
                "events": size.events,
                "segments": size.segments,
                "cameras": size.cameras,
                "days": size.days,
                "seconds": size.segment_seconds,
            }
            for statement in STATEMENTS:
                connection.execute(text(statement), values)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    return database, Paths(home, home / "media")
