"""The views of schema `lab`: the logical tables that the Parquet mirror and the postgres engine both read.

They flatten JSON, name columns in snake_case, and leave out every credential. Ids are text, times are UTC TIMESTAMP.
JSON of other services is read defensively: what has not the expected type reads as null and never fails a query.

Each view over the ten tables reads them through an SQL function with a body of text. The planner inlines it, so it
costs nothing, left joins and subqueries whose columns are not asked for included; but PostgreSQL records no dependency
of the view on the tables. A view that depends on them would make Prisma's `ALTER TABLE … DROP COLUMN` fail, and
pg_dump print the tables in another order.

Views are code, not data: `migrate.upgrade` makes them anew whenever this text has changed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from omnisight_lab.settings import SETTINGS


@dataclass(frozen=True, slots=True)
class View:
    """`columns`: names and types in order; `query`: over the ten tables, whose schema stands as `:public`."""

    name: str
    columns: str
    query: str

    def create_sql(self) -> str:
        return (
            f"CREATE FUNCTION lab.read_{self.name}() RETURNS TABLE ({self.columns})\n"
            f"LANGUAGE sql STABLE PARALLEL SAFE AS $${self.query}$$;\n"
            f"CREATE VIEW lab.{self.name} AS SELECT * FROM lab.read_{self.name}();\n"
        )

    def drop_sql(self) -> str:
        return f"DROP VIEW IF EXISTS lab.{self.name};\nDROP FUNCTION IF EXISTS lab.read_{self.name}();\n"


FUNCTIONS = """
CREATE FUNCTION lab.json_number(value jsonb) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    CASE WHEN jsonb_typeof(value) = 'number' AND abs(value::numeric) < 1e15 THEN value::double precision END;

CREATE FUNCTION lab.json_integer(value jsonb) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    CASE WHEN jsonb_typeof(value) = 'number' AND abs(value::numeric) < 1e15 THEN round(value::numeric)::bigint END;

-- An ISO time with offset as UTC; days are added by arithmetic, so that a 31 February can't fail the query.
CREATE FUNCTION lab.json_time(value text) RETURNS timestamp
LANGUAGE sql STABLE PARALLEL SAFE RETURN
    CASE WHEN value ~ ('^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]'
                       || ':[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$')
    THEN date_trunc('milliseconds', (left(value, 8) || '01' || substr(value, 11))::timestamptz AT TIME ZONE 'UTC')
         + (substr(value, 9, 2)::integer - 1) * interval '1 day' END;

-- A UTC time as the wall clock of a zone shows it. Inlined, it costs no call.
CREATE FUNCTION lab.local_time(zone text, utc timestamp) RETURNS timestamp
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN utc AT TIME ZONE 'UTC' AT TIME ZONE zone;

-- Kept, because pg_timezone_names reads 600 files anew each time (70 ms).
CREATE MATERIALIZED VIEW lab.zone_names AS SELECT name FROM pg_timezone_names;
"""

BEST_LABEL = {
    True: (
        """(SELECT o."objectType" FROM :public."DetectedObject" o WHERE o."eventId" = e.id
                  ORDER BY o.confidence DESC, o.id LIMIT 1)""",
        "",
    ),
    False: (
        "b.label",
        """LEFT JOIN (SELECT DISTINCT ON (o."eventId") o."eventId" AS event_id, o."objectType" AS label
           FROM :public."DetectedObject" o
           ORDER BY o."eventId", o.confidence DESC, o.id) b ON b.event_id = e.id""",
    ),
}
"""Label and join, with an index on DetectedObject.eventId and without: there each lookup would read the whole table
(0.1 s at 600,000 rows), and one sort of it is better. Not asked for, both cost nothing."""

VIEWS = (
    # A zone that PostgreSQL does not know would fail every query that converts by it: it reads as the site's.
    View(
        "camera_zones",
        "camera_id text, timezone text",
        """
SELECT c.id, CASE WHEN c.settings ->> 'timezone' IN (SELECT name FROM lab.zone_names)
                  THEN c.settings ->> 'timezone' END
FROM :public."Camera" c
""",
    ),
    View(
        "site_zone",
        "timezone text",
        """
SELECT coalesce((SELECT s.value FROM lab.settings s
                 WHERE s.key = 'site.timezone' AND s.value IN (SELECT name FROM lab.zone_names)), 'UTC')
""",
    ),
    View(
        "cameras",
        "id text, name text, location text, model text, status text, timezone text, own_timezone text, "
        "created_at timestamp, updated_at timestamp",
        """
SELECT c.id, c.name, c.location, c.model, c.status::text,
       coalesce(z.timezone, (SELECT timezone FROM lab.site_zone)), z.timezone, c."createdAt", c."updatedAt"
FROM :public."Camera" c
JOIN lab.camera_zones z ON z.camera_id = c.id
""",
    ),
    View(
        "recordings",
        "id text, camera_id text, stream_id text, start_time timestamp, end_time timestamp, status text, "
        "updated_at timestamp",
        """
SELECT r.id, r."cameraId", r."streamId", r."startTime", r."endTime", r.status::text, r."updatedAt"
FROM :public."Recording" r
""",
    ),
    View(
        "segments",
        "id text, recording_id text, camera_id text, start_time timestamp, end_time timestamp, "
        "duration_seconds double precision, file_path text, file_size bigint, thumbnail_path text, codec text, "
        "frames bigint, keyframes bigint, width bigint, height bigint, dropped_frames bigint, missing boolean, "
        "timezone text, created_at timestamp, updated_at timestamp",
        """
SELECT s.id, s."recordingId", r."cameraId", s."startTime", s."endTime",
       extract(epoch FROM s."endTime" - s."startTime")::double precision,
       s."filePath", s."fileSize"::bigint, s."thumbnailPath", s.metadata ->> 'codec',
       lab.json_integer(s.metadata -> 'frames'), lab.json_integer(s.metadata -> 'keyframes'),
       lab.json_integer(s.metadata -> 'frame' -> 'width'), lab.json_integer(s.metadata -> 'frame' -> 'height'),
       lab.json_integer(s.metadata -> 'droppedFrames'), coalesce(s.metadata -> 'missing' = 'true'::jsonb, false),
       coalesce(z.timezone, (SELECT timezone FROM lab.site_zone)), s."createdAt", s."updatedAt"
FROM :public."Segment" s
JOIN :public."Recording" r ON r.id = s."recordingId"
LEFT JOIN lab.camera_zones z ON z.camera_id = r."cameraId"
WHERE s."endTime" IS NOT NULL
""",
    ),
    # `label`: ours stand in the metadata; for events of other services the best box is looked up (BEST_LABEL).
    View(
        "detected_events",
        "id text, camera_id text, recording_id text, start_time timestamp, end_time timestamp, event_type text, "
        "confidence double precision, label text, track_id text, thumbnail_path text, model_name text, "
        "model_version text, frame_width bigint, frame_height bigint, peak_offset_ms bigint, zones text, "
        "timezone text, created_at timestamp, updated_at timestamp",
        """
SELECT e.id, coalesce(e."cameraId", r."cameraId"), e."recordingId", e."timestamp",
       lab.json_time(e.metadata ->> 'endTime'), e."eventType", e.confidence,
       CASE WHEN jsonb_exists(e.metadata, 'label') THEN e.metadata ->> 'label'
            ELSE :best_label END,
       e.metadata ->> 'trackId', e."thumbnailPath",
       e.metadata -> 'model' ->> 'name', e.metadata -> 'model' ->> 'version',
       lab.json_integer(e.metadata -> 'frame' -> 'width'), lab.json_integer(e.metadata -> 'frame' -> 'height'),
       lab.json_integer(e.metadata -> 'peakOffsetMs'), (e.metadata -> 'zones')::text,
       coalesce(z.timezone, (SELECT timezone FROM lab.site_zone)), e."createdAt", e."updatedAt"
FROM :public."Event" e
LEFT JOIN :public."Recording" r ON r.id = e."recordingId"
LEFT JOIN lab.camera_zones z ON z.camera_id = coalesce(e."cameraId", r."cameraId")
:best_join
""",
    ),
    View(
        "detected_objects",
        "id text, event_id text, camera_id text, event_time timestamp, event_type text, label text, "
        "confidence double precision, x double precision, y double precision, width double precision, "
        "height double precision, track_id text, offset_ms bigint, best boolean, "
        "frame_width bigint, frame_height bigint, timezone text, updated_at timestamp",
        """
SELECT o.id, o."eventId", coalesce(e."cameraId", r."cameraId"), e."timestamp", e."eventType",
       o."objectType", o.confidence,
       lab.json_number(o."boundingBox" -> 'x'), lab.json_number(o."boundingBox" -> 'y'),
       lab.json_number(o."boundingBox" -> 'width'), lab.json_number(o."boundingBox" -> 'height'),
       o.metadata ->> 'trackId', lab.json_integer(o.metadata -> 'offsetMs'),
       coalesce(o.metadata -> 'best' = 'true'::jsonb, false),
       coalesce(lab.json_integer(o.metadata -> 'frame' -> 'width'), lab.json_integer(e.metadata -> 'frame' -> 'width')),
       coalesce(lab.json_integer(o.metadata -> 'frame' -> 'height'),
                lab.json_integer(e.metadata -> 'frame' -> 'height')),
       coalesce(z.timezone, (SELECT timezone FROM lab.site_zone)), o."updatedAt"
FROM :public."DetectedObject" o
JOIN :public."Event" e ON e.id = o."eventId"
LEFT JOIN :public."Recording" r ON r.id = e."recordingId"
LEFT JOIN lab.camera_zones z ON z.camera_id = coalesce(e."cameraId", r."cameraId")
""",
    ),
    View(
        "streams",
        "id text, camera_id text, status text, start_time timestamp, end_time timestamp, created_at timestamp",
        """
SELECT s.id, s."cameraId", s.status::text, s."startedAt", s."endedAt", s."createdAt" FROM :public."Stream" s
""",
    ),
    View(
        "notifications",
        "id text, event_id text, type text, status text, created_at timestamp, sent_at timestamp, updated_at timestamp",
        """
SELECT n.id, n."eventId", n.type, n.status, n."createdAt", n."sentAt", n."updatedAt" FROM :public."Notification" n
""",
    ),
    View(
        "policies",
        "id text, camera_id text, retention_days bigint, priority bigint",
        """
SELECT p.id, p."cameraId", p."retentionDays"::bigint, p.priority::bigint FROM :public."RetentionPolicy" p
WHERE p."isActive"
""",
    ),
)

# Functions that run with the rights of who made them, so that an analyst sees these settings and no other service's
# secrets, which stand in the same table; and which cameras have an address, but not where it leads. Not inlined, each
# is called once a query at most.
SITE = """
CREATE FUNCTION lab.read_settings() RETURNS TABLE (key text, value text)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog AS $$
SELECT s."settingKey", s."settingValue" FROM :public."SystemSettings" s WHERE s."settingKey" IN (:keys)
$$;
CREATE VIEW lab.settings AS SELECT * FROM lab.read_settings();

CREATE FUNCTION lab.read_addressed() RETURNS TABLE (camera_id text)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog AS $$
SELECT c.id FROM :public."Camera" c WHERE c."rtspUrl" <> ''
$$;
CREATE VIEW lab.addressed AS SELECT * FROM lab.read_addressed();
"""

DROP_SITE = """
DROP VIEW IF EXISTS lab.addressed, lab.settings;
DROP FUNCTION IF EXISTS lab.read_addressed(), lab.read_settings();
"""

# DISTINCT ON lets the planner know that an event has one row here: it leaves the join out of every query that asks
# for none of its columns. A camera has one zone by its primary key.
JUDGED = """
CREATE VIEW lab.verdicts AS
SELECT DISTINCT ON (v.event_id) v.event_id, v.verdict, v.label, v.user_id, v.created_at AS at, v.model_version
FROM lab.verdict v
WHERE v.verdict <> 'undo' AND NOT EXISTS (SELECT FROM lab.verdict u WHERE u.undoes = v.id)
ORDER BY v.event_id, v.number DESC;

CREATE VIEW lab.events AS
SELECT e.id, e.camera_id, e.recording_id, e.start_time, e.end_time, e.event_type, e.confidence,
       CASE WHEN v.verdict = 'relabel' THEN v.label ELSE e.label END AS label, e.label AS detected_label, v.verdict,
       e.track_id, e.thumbnail_path, e.model_name, e.model_version, e.frame_width, e.frame_height, e.peak_offset_ms,
       e.zones, e.timezone,
       CASE WHEN c.camera_id IS NOT NULL THEN lab.local_time(e.timezone, e.start_time) END AS local_time,
       e.created_at, e.updated_at
FROM lab.detected_events e
LEFT JOIN lab.verdicts v ON v.event_id = e.id
LEFT JOIN lab.camera_zones c ON c.camera_id = e.camera_id;

CREATE VIEW lab.objects AS
SELECT o.id, o.event_id, o.camera_id, o.event_time, o.event_type,
       CASE WHEN v.verdict = 'relabel' THEN v.label ELSE o.label END AS label, o.label AS detected_label, v.verdict,
       o.confidence, o.x, o.y, o.width, o.height, o.track_id, o.offset_ms, o.best, o.frame_width, o.frame_height,
       o.timezone,
       CASE WHEN c.camera_id IS NOT NULL THEN lab.local_time(o.timezone, o.event_time) END AS local_time,
       o.updated_at
FROM lab.detected_objects o
LEFT JOIN lab.verdicts v ON v.event_id = o.event_id
LEFT JOIN lab.camera_zones c ON c.camera_id = o.camera_id;

CREATE VIEW lab.zone_edges AS
SELECT z.id AS zone_id, z.camera_id, z.name AS zone, z.kind, z.version::bigint, e.edge::bigint,
       lab.json_number(z.points -> e.edge -> 0) AS x1, lab.json_number(z.points -> e.edge -> 1) AS y1,
       lab.json_number(z.points -> e.following -> 0) AS x2, lab.json_number(z.points -> e.following -> 1) AS y2,
       z.created_at, z.retired_at
FROM lab.zone z
CROSS JOIN LATERAL (SELECT edge, mod(edge + 1, jsonb_array_length(z.points)) AS following
                    FROM generate_series(0, jsonb_array_length(z.points) - CASE z.kind WHEN 'line' THEN 2 ELSE 1 END)
                         AS edge) e;

CREATE VIEW lab.report_runs AS
SELECT id, name, status, started_at, ended_at FROM lab.report_run;
"""

DROP_JUDGED = "DROP VIEW IF EXISTS lab.report_runs, lab.zone_edges, lab.objects, lab.events, lab.verdicts;\n"

# What a person has judged stays as it was said. Rows go with their event, and forget a user who is taken away: there
# the trigger runs inside another one, that of the foreign key.
GUARD = """
CREATE FUNCTION lab.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'verdicts are only ever added; give another one, or undo';
END $$;
CREATE TRIGGER verdict_append_only BEFORE UPDATE OR DELETE ON lab.verdict
FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION lab.refuse_change();
"""

DROP_GUARD = "DROP FUNCTION IF EXISTS lab.refuse_change() CASCADE;\n"

COVERAGE = """
CREATE VIEW lab.gaps AS
SELECT id, camera_id, start_time, end_time, cause FROM lab.gap;

-- Periods of one camera that overlap or touch (an import inside an enabled span) count once.
CREATE VIEW lab.expected AS
SELECT camera_id, min(start_time) AS start_time, nullif(max(until), 'infinity') AS end_time
FROM (SELECT camera_id, start_time, until, count(*) FILTER (WHERE starts)
             OVER (PARTITION BY camera_id ORDER BY start_time, until ROWS UNBOUNDED PRECEDING) AS island
      FROM (SELECT camera_id, start_time, coalesce(end_time, 'infinity') AS until,
                   start_time > max(coalesce(end_time, 'infinity')) OVER (
                       PARTITION BY camera_id ORDER BY start_time, coalesce(end_time, 'infinity')
                       ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS starts
            FROM lab.camera_period) AS marked) AS islands
GROUP BY camera_id, island;

-- Recorded seconds of each camera in 15-minute cells of UTC, which make up whole local hours in every zone.
-- Footage that overlaps counts once: each segment gives only what none before it has covered.
CREATE FUNCTION lab.recorded_between(from_time timestamp, to_time timestamp)
RETURNS TABLE (camera_id text, cell_start timestamp, seconds double precision)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000 AS $$
    WITH spans AS (
        SELECT r."cameraId" AS camera, greatest(s."startTime", from_time) AS begins,
               least(s."endTime", to_time) AS ends
        FROM :public."Segment" s
        JOIN :public."Recording" r ON r.id = s."recordingId"
        WHERE s."startTime" < to_time AND s."endTime" > from_time AND s."endTime" > s."startTime"
          AND s.metadata -> 'missing' IS DISTINCT FROM 'true'::jsonb
    ), covered AS (
        SELECT camera, begins, ends,
               max(ends) OVER (PARTITION BY camera ORDER BY begins, ends
                               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
        FROM spans
    ), pieces AS (
        SELECT camera, greatest(begins, coalesce(before, begins)) AS begins, ends
        FROM covered
        WHERE before IS NULL OR ends > before
    )
    SELECT p.camera, c.cell,
           sum(extract(epoch FROM least(p.ends, c.cell + interval '15 minutes') - greatest(p.begins, c.cell)))
           ::double precision
    FROM pieces p
    CROSS JOIN LATERAL generate_series(date_bin('15 minutes', p.begins, timestamp '2000-01-01'),
                                       p.ends - interval '1 microsecond', interval '15 minutes') AS c (cell)
    GROUP BY p.camera, c.cell
$$;

CREATE VIEW lab.recorded AS
SELECT camera_id, cell_start, seconds FROM lab.recorded_between('-infinity', 'infinity');
"""

DROP_COVERAGE = """
DROP VIEW IF EXISTS lab.recorded, lab.expected, lab.gaps;
DROP FUNCTION IF EXISTS lab.recorded_between(timestamp, timestamp);
"""

DROP_FUNCTIONS = """
DROP MATERIALIZED VIEW IF EXISTS lab.zone_names;
DROP FUNCTION IF EXISTS lab.local_time(text, timestamp), lab.json_time(text), lab.json_integer(jsonb),
    lab.json_number(jsonb);
"""

DROP = (
    DROP_GUARD
    + DROP_JUDGED
    + DROP_COVERAGE
    + "".join(view.drop_sql() for view in reversed(VIEWS))
    + DROP_SITE
    + DROP_FUNCTIONS
)


def create_sql(public: str, indexed: bool = True) -> str:
    """The statements that make functions and views over the ten tables in the schema `public` (a quoted name).

    `indexed`: whether DetectedObject.eventId has an index.
    """
    label, join = BEST_LABEL[indexed]
    keys = ", ".join(f"'{key}'" for key in SETTINGS)
    sql = FUNCTIONS + SITE + "".join(view.create_sql() for view in VIEWS) + COVERAGE + JUDGED + GUARD
    return (
        sql.replace(":keys", keys).replace(":best_label", label).replace(":best_join", join).replace(":public", public)
    )


def digest(sql: str) -> str:
    """Identifies the text of the views, so that unchanged ones are left alone."""
    return hashlib.sha256((DROP + sql).encode()).hexdigest()
