"""The rows of a site that never was, made by SQL alone: 100,000 a second, alike in every run.

All chance is a hash of the row's number, so that the same numbers give the same rows. Rows stand in order of time, as a
recorder writes them, with ids that sort in no order, as uuid4 does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, text

Progress = Callable[[str], None]
"""Called with the name of each step before it begins."""


@dataclass(frozen=True, slots=True)
class Span:
    """What to write: `days` from `start` (naive UTC), a share of `holes` among the camera-days.

    `first` numbers the events; spans whose numbers differ have no id in common. `rhythm`: 0 spreads events evenly, 1
    packs them around noon.
    """

    start: datetime
    days: float
    cameras: int
    events: int
    slots: int
    """Segments of one camera in a day."""
    first: int = 0
    holes: float = 0.15
    rhythm: float = 0.6


HELPERS = """
CREATE OR REPLACE FUNCTION pg_temp.unit(n bigint, seed integer) RETURNS double precision LANGUAGE sql IMMUTABLE RETURN
    (hashint8extended(n, seed) & 1048575)::double precision / 1048576;
CREATE OR REPLACE FUNCTION pg_temp.key(kind text, n bigint) RETURNS text LANGUAGE sql IMMUTABLE RETURN
    md5(kind || n)::uuid::text;
"""

SITE = {
    "settings": """
INSERT INTO "SystemSettings" (id, "settingKey", "settingValue", category, "updatedAt")
VALUES ('zone', 'site.timezone', 'Europe/Berlin', 'site', now())""",
    "user": """
INSERT INTO "User" (id, username, email, password, role, "updatedAt")
VALUES ('reviewer', 'reviewer', 'reviewer@example.org', '!', 'USER', now())""",
    "cameras": """
INSERT INTO "Camera" (id, name, "rtspUrl", location, model, status, settings, "createdAt", "updatedAt")
SELECT pg_temp.key('camera', c), 'Camera ' || lpad(c::text, 2, '0'), 'rtsp://192.0.2.' || c || '/stream',
       (ARRAY['yard', 'gate', 'hall', 'street'])[1 + c % 4], 'M' || c % 3, 'ONLINE',
       CASE WHEN zone IS NULL THEN '{}' ELSE jsonb_build_object('timezone', zone) END,
       CAST(:start AS timestamp), CAST(:start AS timestamp)
FROM generate_series(1, :cameras) c,
     LATERAL (SELECT (ARRAY[NULL, NULL, NULL, 'UTC', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe',
                            'Asia/Tokyo'])[1 + c % 8] AS zone) z""",
    "policies": """
INSERT INTO "RetentionPolicy" (id, name, "cameraId", "retentionDays", priority, "isActive", "updatedAt")
VALUES ('all', 'All cameras', NULL, 365, 0, true, now()),
       ('short', 'The hall', pg_temp.key('camera', 2), 30, 10, true, now()),
       ('old', 'Not used any more', NULL, 7, 99, false, now())""",
    "zones": """
INSERT INTO lab.zone (id, camera_id, name, kind, version, points, created_at, created_by)
SELECT format('%s-%s', kind, c), pg_temp.key('camera', c), name, kind, 1, CAST(points AS jsonb),
       CAST(:start AS timestamp), 'reviewer'
FROM generate_series(1, :cameras) c,
     (VALUES ('zone', 'Court', '[[0.2, 0.3], [0.7, 0.25], [0.8, 0.8], [0.3, 0.9]]'),
             ('line', 'Threshold', '[[0.1, 0.6], [0.5, 0.5], [0.9, 0.55]]')) AS z (kind, name, points)""",
}
"""What stands once, whatever the span."""

SPAN = {
    "expected": """
INSERT INTO lab.camera_period (id, camera_id, start_time, end_time)
SELECT format('period-%s-%s', :first, c), pg_temp.key('camera', c), CAST(:start AS timestamp),
       CAST(:start AS timestamp) + :days * interval '1 day'
FROM generate_series(1, :cameras) c""",
    # Holes begin and end with segments; one camera is away for a thirtieth of the span.
    "holes": """
CREATE TEMP TABLE hole ON COMMIT DROP AS
SELECT c, d, from_slot, least(from_slot + length, floor(:days * :slots)::integer) AS to_slot, cause
FROM (SELECT c, d, d * :slots + floor(pg_temp.unit(k, 2) * :slots)::integer AS from_slot,
             1 + floor(pg_temp.unit(k, 3) ^ 3 * :slots / 6)::integer AS length,
             (ARRAY['camera_unreachable', 'camera_unreachable', 'stalled', 'stalled', 'wrong_credentials',
                    'stream_not_found', 'no_keyframe', 'disk_full', 'worker_down', NULL])
             [1 + floor(pg_temp.unit(k, 4) * 10)::integer] AS cause
      FROM generate_series(1, :cameras) c, generate_series(0, ceil(:days)::integer - 1) d,
           LATERAL (SELECT :first + d * :cameras + c AS k) k
      WHERE pg_temp.unit(k, 1) < :holes
      UNION ALL
      SELECT 3, 0, floor(:days * :slots * 0.4)::integer, floor(:days * :slots / 30)::integer, 'camera_unreachable'
      WHERE :holes > 0) h
WHERE from_slot < floor(:days * :slots)""",
    "away": """
CREATE TEMP TABLE away ON COMMIT DROP AS
SELECT DISTINCT c, slot FROM hole, generate_series(from_slot, to_slot - 1) slot""",
    "gaps": """
INSERT INTO lab.gap (id, camera_id, start_time, end_time, last_seen, cause)
SELECT format('gap-%s-%s-%s', :first, c, from_slot), pg_temp.key('camera', c), begins, ends, ends, cause
FROM hole, LATERAL (SELECT CAST(:start AS timestamp) + from_slot * interval '1 day' / :slots AS begins,
                           CAST(:start AS timestamp) + to_slot * interval '1 day' / :slots AS ends) t
WHERE cause IS NOT NULL
ON CONFLICT DO NOTHING""",
    "streams": """
INSERT INTO "Stream" (id, "cameraId", status, "startedAt", "endedAt", "createdAt", "updatedAt")
SELECT pg_temp.key('stream', k), pg_temp.key('camera', c),
       CAST(CASE WHEN pg_temp.unit(k, 5) < 0.2 THEN 'ERROR' ELSE 'INACTIVE' END AS "StreamStatus"),
       begins, ends, begins, ends
FROM generate_series(0, ceil(:days)::integer - 1) d, generate_series(1, :cameras) c,
     LATERAL (SELECT :first + d * :cameras + c AS k, CAST(:start AS timestamp) + d * interval '1 day' AS begins,
                     CAST(:start AS timestamp) + least(d + 1, :days) * interval '1 day' AS ends) t""",
    "recordings": """
INSERT INTO "Recording" (id, "cameraId", "streamId", "startTime", "endTime", duration, status, "createdAt", "updatedAt")
SELECT pg_temp.key('recording', k), pg_temp.key('camera', c), pg_temp.key('stream', k), begins, ends,
       round(extract(epoch FROM ends - begins)), 'COMPLETED', begins, ends
FROM generate_series(0, ceil(:days)::integer - 1) d, generate_series(1, :cameras) c,
     LATERAL (SELECT :first + d * :cameras + c AS k, CAST(:start AS timestamp) + d * interval '1 day' AS begins,
                     CAST(:start AS timestamp) + least(d + 1, :days) * interval '1 day' AS ends) t""",
    "segments": """
INSERT INTO "Segment" (id, "recordingId", "startTime", "endTime", duration, "filePath", "fileSize", metadata,
                       "createdAt", "updatedAt")
SELECT pg_temp.key('segment', k), pg_temp.key('recording', :first + slot / :slots * :cameras + c), begins, ends,
       round(86400.0 / :slots),
       format('segments/%s/%s/%s_%s.mp4', pg_temp.key('camera', c), to_char(begins, 'YYYY-MM-DD'),
              to_char(begins, 'YYYYMMDD"T"HH24MISS.MS"Z"'), pg_temp.key('segment', k)),
       (86400.0 / :slots * (60000 + c * 1500) * (0.7 + 0.6 * pg_temp.unit(k, 6)))::integer,
       CAST(format('{"sha256": "%s%s", "codec": "%s", "frames": %s, "keyframes": %s%s%s, '
                   '"frame": {"width": 1920, "height": 1080}}', md5(k::text), md5('b' || k),
                   CASE WHEN c % 3 = 0 THEN 'hevc' ELSE 'h264' END, floor(1296000 / :slots), floor(43200 / :slots),
                   CASE WHEN pg_temp.unit(k, 7) < 0.002 THEN ', "missing": true' END,
                   CASE WHEN pg_temp.unit(k, 8) < 0.02 THEN ', "droppedFrames": ' || 1 + k % 90 END) AS jsonb),
       ends + (0.5 + 3 * pg_temp.unit(k, 9)) * interval '1 second',
       ends + (0.5 + 3 * pg_temp.unit(k, 9)) * interval '1 second'
FROM generate_series(0, floor(:days * :slots)::integer - 1) AS slot (slot), generate_series(1, :cameras) AS c (c),
     LATERAL (SELECT :first + slot * :cameras + c AS k,
                     CAST(:start AS timestamp) + slot * interval '1 day' / :slots AS begins,
                     CAST(:start AS timestamp) + (slot + 1) * interval '1 day' / :slots AS ends) t
WHERE NOT EXISTS (SELECT FROM away WHERE away.c = c.c AND away.slot = slot.slot)
ORDER BY slot, c""",
    # One row an event: a person (or another) goes from (x0, y0) to (x1, y1), fractions of the frame, in `seconds`.
    "drafts": """
CREATE TEMP TABLE draft ON COMMIT DROP AS
SELECT n, c, day, at, label, kind, seconds, confidence, x0, y0, x1, y1, height, frame_width, frame_width * 9 / 16 AS
       frame_height,
       CASE kind WHEN 'motion' THEN 0 WHEN 'object_detected' THEN 2 + floor(pg_temp.unit(n, 18) * 4)::integer ELSE 1 END
       AS boxes
FROM (SELECT n, 1 + floor(:cameras * pg_temp.unit(n, 11) ^ 1.3)::integer AS c, floor(position)::integer AS day,
             floor((floor(position) + warped) * :slots)::integer AS slot,
             date_trunc('milliseconds', CAST(:start AS timestamp) + (floor(position) + warped) * interval '1 day')
             AS at,
             (ARRAY['person', 'person', 'person', 'person', 'person', 'person', 'vehicle', 'vehicle', 'bicycle',
                    'animal'])[1 + floor(pg_temp.unit(n, 12) * 10)::integer] AS label,
             CASE WHEN pg_temp.unit(n, 13) < 0.08 THEN 'motion' WHEN pg_temp.unit(n, 13) < 0.12 THEN 'zone_entered'
                  WHEN pg_temp.unit(n, 13) < 0.14 THEN 'line_crossed' ELSE 'object_detected' END AS kind,
             round((1 + 29 * pg_temp.unit(n, 14) ^ 2)::numeric, 3)::double precision AS seconds,
             round((0.3 + 0.65 * pg_temp.unit(n, 15))::numeric, 4)::double precision AS confidence,
             0.9 * pg_temp.unit(n, 16) AS x0, 0.8 * pg_temp.unit(n, 17) AS y0,
             0.9 * pg_temp.unit(n, 26) AS x1, 0.8 * pg_temp.unit(n, 27) AS y1,
             0.1 + 0.25 * pg_temp.unit(n, 28) AS height,
             (ARRAY[1920, 1920, 1280, 2560])[1 + (1 + floor(:cameras * pg_temp.unit(n, 11) ^ 1.3)::integer) % 4]
             AS frame_width
      FROM (SELECT n, position, f + :rhythm * sin(2 * pi() * f) / (2 * pi()) AS warped
            FROM (SELECT n, position, position - floor(position) AS f
                  FROM (SELECT n, (n - :first + 0.5) / :events * :days AS position
                        FROM generate_series(CAST(:first AS bigint), :first + :events - 1) n) a) b) c) d
WHERE NOT EXISTS (SELECT FROM away WHERE away.c = d.c AND away.slot = d.slot)
ORDER BY n""",
    "events": """
INSERT INTO "Event" (id, "recordingId", "cameraId", "timestamp", "eventType", confidence, "thumbnailPath", metadata,
                     "createdAt", "updatedAt")
SELECT pg_temp.key('event', n), pg_temp.key('recording', :first + day * :cameras + c), pg_temp.key('camera', c), at,
       kind, CASE WHEN kind <> 'motion' THEN confidence END,
       format('thumbnails/%s/%s/event_%s.jpg', pg_temp.key('camera', c), to_char(at, 'YYYY-MM-DD'),
              pg_temp.key('event', n)),
       CAST(format('{"endTime": "%sZ", "trackId": %s, "label": %s, "peakOffsetMs": %s, "model": {"name": "yolox", '
                   '"version": "%s"}, "frame": {"width": %s, "height": %s}%s}',
                   to_char(ends, 'YYYY-MM-DD"T"HH24:MI:SS.MS'), 1 + n % 10000,
                   CASE WHEN kind = 'motion' THEN 'null' ELSE '"' || label || '"' END, round(seconds * 500),
                   CASE WHEN day < :days / 2 THEN '1' ELSE '2' END, frame_width, frame_height,
                   CASE WHEN kind IN ('zone_entered', 'line_crossed') THEN ', "zones": ["' || kind || '"]' END)
            AS jsonb),
       ends + interval '2 seconds', ends + interval '2 seconds'
FROM (SELECT *, at + seconds * interval '1 second' AS ends FROM draft) d""",
    # The best box is the middle one.
    "boxes": """
INSERT INTO "DetectedObject" (id, "eventId", "objectType", confidence, "boundingBox", metadata, "createdAt",
                              "updatedAt")
SELECT pg_temp.key('box', n * 8 + k), pg_temp.key('event', n), label,
       confidence - CASE WHEN k = boxes / 2 THEN 0 ELSE round((0.2 * pg_temp.unit(n * 8 + k, 19))::numeric, 4) END,
       CAST(format('{"x": %s, "y": %s, "width": %s, "height": %s}',
                   round(((x0 + (x1 - x0) * part) * frame_width)::numeric, 1),
                   round(((y0 + (y1 - y0) * part) * frame_height)::numeric, 1),
                   round((height * 0.4 * frame_height)::numeric, 1), round((height * frame_height)::numeric, 1))
            AS jsonb),
       CAST(format('{"trackId": %s, "offsetMs": %s, "best": %s, "frame": {"width": %s, "height": %s}}', 1 + n % 10000,
                   round(seconds * 1000 * part), CASE WHEN k = boxes / 2 THEN 'true' ELSE 'false' END, frame_width,
                   frame_height) AS jsonb),
       written, written
FROM (SELECT *, k::double precision / greatest(boxes - 1, 1) AS part,
             at + (2 + seconds) * interval '1 second' AS written
      FROM draft, generate_series(0, boxes - 1) k) b""",
    "notifications": """
INSERT INTO "Notification" (id, "eventId", title, message, type, status, "sentAt", "createdAt", "updatedAt")
SELECT pg_temp.key('notification', n), pg_temp.key('event', n), label, label || ' seen', type, status,
       CASE WHEN status <> 'failed' THEN at + interval '40 seconds' END, at + interval '35 seconds',
       at + interval '40 seconds'
FROM (SELECT n, at, label, (ARRAY['in-app', 'email', 'push', 'webhook'])[1 + n % 4] AS type,
             CASE WHEN pg_temp.unit(n, 21) < 0.03 THEN 'failed' WHEN pg_temp.unit(n, 21) < 0.6 THEN 'sent'
                  ELSE 'read' END AS status
      FROM draft WHERE kind = 'object_detected' AND pg_temp.unit(n, 20) < 0.05) x""",
    "report runs": """
INSERT INTO lab.report_run (id, name, status, started_at, ended_at, version)
SELECT pg_temp.key('run', k), name, CASE WHEN pg_temp.unit(k, 22) < 0.05 THEN 'failed' ELSE 'done' END, at,
       at + (5 + 20 * pg_temp.unit(k, 23)) * interval '1 second', '0'
FROM generate_series(0, floor(:days)::integer - 1) d, unnest(ARRAY['daily', 'storage', 'quality']) WITH ORDINALITY
     AS r (name, o), LATERAL (SELECT :first + d * 3 + o AS k, CAST(:start AS timestamp) + (d + 1.1) * interval '1 day'
     AS at) t""",
    # One event of a hundred is judged; of those, some twice, and some verdicts are taken back.
    "verdicts": """
INSERT INTO lab.verdict (id, event_id, user_id, verdict, label, model_version, created_at, undoes)
SELECT pg_temp.key('verdict', n * 2 + turn), pg_temp.key('event', n), 'reviewer', verdict,
       CASE WHEN verdict = 'relabel' THEN CASE label WHEN 'person' THEN 'animal' ELSE 'person' END END,
       CASE WHEN day < :days / 2 THEN '1' ELSE '2' END, at + (turn + pg_temp.unit(n, 33)) * interval '1 day',
       CASE WHEN verdict = 'undo' THEN pg_temp.key('verdict', n * 2) END
FROM (SELECT *, CASE WHEN turn = 1 AND pg_temp.unit(n, 34) < 0.5 THEN 'undo'
                     WHEN pg_temp.unit(n * 2 + turn, 35) < 0.7 - 0.7 * confidence THEN 'false'
                     WHEN pg_temp.unit(n * 2 + turn, 36) < 0.08 THEN 'relabel'
                     WHEN pg_temp.unit(n * 2 + turn, 36) < 0.12 THEN 'unsure' ELSE 'confirm' END AS verdict
      FROM draft, generate_series(0, CASE WHEN pg_temp.unit(n, 37) < 0.1 THEN 1 ELSE 0 END) AS turn
      WHERE kind <> 'motion' AND pg_temp.unit(n, 38) < 0.01) v
ORDER BY n, turn""",
}
"""What fills a span of time, in order."""


def fill_site(connection: Connection, span: Span) -> None:
    """Settings, user, cameras and policies, which stand once."""
    connection.exec_driver_sql(HELPERS)
    for statement in SITE.values():
        connection.execute(text(statement), {"cameras": span.cameras, "start": span.start})


def fill_span(connection: Connection, span: Span, progress: Progress = lambda _: None) -> None:
    """Footage, events and all that follows from them; within one transaction."""
    connection.exec_driver_sql(HELPERS)
    for name, statement in SPAN.items():
        progress(name)
        connection.execute(text(statement), asdict(span))
