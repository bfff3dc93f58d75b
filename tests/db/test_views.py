"""The logical tables of schema lab."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from omnisight_lab.db import migrate, writes
from omnisight_lab.db.session import Database
from omnisight_lab.types import GapCause, TimeRange
from tests.db.conftest import START, Site, after, seen

CONTRACT = {
    "cameras": "id name location model status timezone own_timezone created_at",
    "recordings": "id camera_id stream_id start_time end_time status",
    "segments": "id recording_id camera_id start_time end_time duration_seconds file_path file_size thumbnail_path "
    "codec frames keyframes width height dropped_frames missing created_at updated_at timezone",
    "detected_events": "id camera_id recording_id start_time end_time event_type confidence label track_id "
    "thumbnail_path model_name model_version frame_width frame_height peak_offset_ms zones created_at updated_at "
    "timezone",
    "events": "id label detected_label verdict local_time created_at updated_at timezone",
    "detected_objects": "id event_id camera_id event_time event_type label confidence x y width height track_id "
    "offset_ms best frame_width frame_height updated_at timezone",
    "objects": "id event_id label detected_label verdict local_time frame_width updated_at timezone",
    "verdicts": "event_id verdict label user_id at model_version",
    "zone_edges": "zone_id camera_id zone kind version edge x1 y1 x2 y2 created_at retired_at",
    "streams": "id camera_id status start_time end_time created_at",
    "notifications": "id event_id type status created_at sent_at",
    "report_runs": "id name status started_at ended_at",
    "policies": "id camera_id retention_days priority",
    "settings": "key value",
    "gaps": "id camera_id start_time end_time cause",
    "expected": "camera_id start_time end_time",
    "recorded": "camera_id cell_start seconds",
}


def rows(database: Database, sql: str, **values: Any) -> list[dict[str, Any]]:
    with database.session() as session:
        return [dict(row) for row in session.execute(text(sql), values).mappings()]


def run(database: Database, sql: str, **values: Any) -> None:
    with database.engine.begin() as connection:
        connection.execute(text(sql), values)


def naive(at: datetime) -> datetime:
    return at.replace(tzinfo=None)


@pytest.mark.parametrize(("view", "columns"), CONTRACT.items(), ids=CONTRACT)
def test_every_logical_table_has_its_columns(view: str, columns: str, database: Database) -> None:
    with database.session() as session:
        found = set(session.execute(text(f"SELECT * FROM lab.{view}")).keys())
    assert set(columns.split()) <= found


def test_no_view_shows_credentials(site: Site) -> None:
    for view in CONTRACT:
        assert "geheim" not in repr(rows(site.database, f"SELECT * FROM lab.{view}"))
        assert not rows(site.database, f"SELECT * FROM lab.{view} WHERE false")


def test_the_zone_is_the_cameras_else_the_sites_else_utc(site: Site) -> None:
    zone = "SELECT timezone FROM lab.cameras"
    assert rows(site.database, zone) == [{"timezone": "UTC"}]
    writes.set_setting(site.database, "site.timezone", "Europe/Berlin")
    assert rows(site.database, zone) == [{"timezone": "Europe/Berlin"}]
    writes.update_camera(site.database, site.camera.id, timezone="Asia/Kathmandu")
    assert rows(site.database, zone) == [{"timezone": "Asia/Kathmandu"}]
    run(site.database, """UPDATE "Camera" SET settings = '{"timezone": "Mars/Olympus"}'""")
    assert rows(site.database, zone) == [{"timezone": "Europe/Berlin"}]
    run(site.database, """UPDATE "Camera" SET settings = '[1]'""")
    run(site.database, """UPDATE "SystemSettings" SET "settingValue" = 'Mars'""")
    assert rows(site.database, zone) == [{"timezone": "UTC"}]


def test_an_event_of_ours(site: Site) -> None:
    writes.save_event(site.database, site.event("e1", seen("o1", "car", 0.9), seen("o2", best=True), end=4))
    (event,) = rows(site.database, "SELECT * FROM lab.events")
    assert (event["start_time"], event["end_time"]) == (naive(START), naive(after(4)))
    assert (event["label"], event["frame_width"], event["camera_id"]) == ("person", 1920, site.camera.id)
    objects = {row["id"]: row for row in rows(site.database, "SELECT * FROM lab.objects")}
    assert [objects["o2"][name] for name in ("x", "y", "width", "height", "best")] == [1, 2, 3, 4, True]
    assert objects["o1"]["track_id"] == "7" and objects["o1"]["camera_id"] == site.camera.id


FOREIGN_METADATA = {
    "null": None,
    "a list": "[1, 2]",
    "a text": '"text"',
    "wrong types": '{"endTime": 5, "frame": 3, "model": "x", "peakOffsetMs": "y", "trackId": [1]}',
    "not a time": '{"endTime": "tomorrow"}',
    "a huge number": '{"frame": {"width": 1e300, "height": 99999999999999999999}}',
}


@pytest.mark.parametrize("metadata", FOREIGN_METADATA.values(), ids=FOREIGN_METADATA)
def test_what_other_services_wrote_never_fails_a_query(site: Site, metadata: str | None) -> None:
    event = """INSERT INTO "Event" (id, "recordingId", timestamp, "eventType", metadata, "updatedAt")
               VALUES ('e', 'r1', now(), 'object_detected', :m, now())"""
    item = """INSERT INTO "DetectedObject" (id, "eventId", "objectType", confidence, "boundingBox", metadata,
              "updatedAt") VALUES (:i, 'e', :l, :c, :b, :m, now())"""
    run(site.database, event, m=metadata)
    run(site.database, item, i="o1", l="dog", c=0.2, b='{"x": "1", "y": 1e400}', m=metadata)
    run(site.database, item, i="o2", l="cat", c=0.9, b="[]", m=metadata)
    run(site.database, 'UPDATE "Recording" SET metadata = :m', m=metadata)
    (found,) = rows(site.database, "SELECT * FROM lab.events")
    assert (found["camera_id"], found["label"], found["end_time"]) == (site.camera.id, "cat", None)
    assert found["frame_width"] is None and found["frame_height"] is None
    run(
        site.database,
        """INSERT INTO "Segment" (id, "recordingId", "startTime", "endTime", duration, "filePath",
        "fileSize", metadata, "updatedAt") VALUES ('s', 'r1', now(), now(), 0, 'x', 0, :m, now())""",
        m=metadata,
    )
    (segment,) = rows(site.database, "SELECT * FROM lab.segments")
    assert segment["missing"] is False and segment["dropped_frames"] is None
    for found in rows(site.database, "SELECT * FROM lab.objects"):
        assert found["x"] is None and found["y"] is None and found["best"] is False


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-03-29T00:50:04.123Z", "2026-03-29 00:50:04.123"),
        ("2026-03-29T02:50:04+02:00", "2026-03-29 00:50:04"),
        ("2026-03-29T00:50:04.9999Z", "2026-03-29 00:50:04.999"),
        ("2026-02-31T00:00:00Z", "2026-03-03 00:00:00"),
        ("2026-13-01T00:00:00Z", None),
        ("2026-03-29T00:50:04", None),
        ("infinity", None),
        ("0044-03-15T00:00:00Z BC", None),
    ],
)
def test_times_inside_json(database: Database, written: str, read: str | None) -> None:
    (row,) = rows(database, "SELECT lab.json_time(:t)::text AS read", t=written)
    assert row["read"] == read


def test_an_event_without_recording_has_its_own_camera(site: Site) -> None:
    writes.save_event(site.database, site.event())
    run(site.database, """UPDATE "Event" SET "recordingId" = NULL""")
    assert rows(site.database, "SELECT camera_id FROM lab.events") == [{"camera_id": site.camera.id}]
    run(site.database, """UPDATE "Event" SET "cameraId" = 'gone'""")
    assert rows(site.database, "SELECT camera_id, timezone FROM lab.events") == [
        {"camera_id": "gone", "timezone": "UTC"}
    ]


def test_expected_spans_are_merged(site: Site) -> None:
    run(site.database, "DELETE FROM lab.camera_period")
    for start, end in ((0, 10), (5, 8), (10, 20), (30, 40), (35, 50)):
        writes.expect(site.database, site.camera.id, TimeRange(after(start), after(end)))
    spans = "SELECT start_time, end_time FROM lab.expected ORDER BY start_time"
    merged = [tuple(row.values()) for row in rows(site.database, spans)]
    assert merged == [(naive(after(0)), naive(after(20))), (naive(after(30)), naive(after(50)))]
    writes.expect(site.database, site.camera.id, after(45))
    assert rows(site.database, spans)[-1]["end_time"] is None


def test_an_open_gap_has_no_end(site: Site) -> None:
    writes.open_gap(site.database, site.camera.id, START, GapCause.DISK_FULL)
    (gap,) = rows(site.database, "SELECT * FROM lab.gaps")
    assert gap["end_time"] is None and gap["cause"] == "disk_full"


def _covered(spans: list[tuple[int, int]], start: int, end: int) -> int:
    """Whole seconds of [start, end) that lie in some span: the slow way."""
    return sum(any(a <= second < b for a, b in spans) for second in range(start, end))


@pytest.mark.parametrize("seed", range(3))
def test_recorded_seconds_count_overlapping_footage_once(site: Site, seed: int) -> None:
    random = Random(seed)
    starts = [random.randrange(5000) for _ in range(25)]
    spans = [(start, start + random.choice([0, 1, 30, 900, 2000])) for start in starts]
    for number, (start, end) in enumerate(spans):
        writes.close_segment(site.database, site.segment(f"g{number}", start, end))
    expected = {}
    for cell in range(-300, 9000, 900):  # START is 5 minutes into a cell
        if seconds := _covered(spans, cell, cell + 900):
            expected[naive(after(cell))] = seconds
    found = rows(site.database, "SELECT * FROM lab.recorded")
    assert {row["cell_start"]: row["seconds"] for row in found} == expected


def test_recorded_between_is_cut_at_its_ends(site: Site) -> None:
    writes.close_segment(site.database, site.segment("g1", 0, 4000))
    sql = "SELECT cell_start, seconds FROM lab.recorded_between(:a, :b) ORDER BY 1"
    found = rows(site.database, sql, a=naive(after(100)), b=naive(after(700)))
    assert [row["seconds"] for row in found] == [500, 100]
    whole = sum(row["seconds"] for row in rows(site.database, "SELECT seconds FROM lab.recorded"))
    days = [naive(START) + timedelta(minutes=minutes) for minutes in (-1000, 0, 15, 20, 1000)]
    parts = [row["seconds"] for a, b in pairwise(days) for row in rows(site.database, sql, a=a, b=b)]
    assert sum(parts) == whole == 4000


@pytest.mark.parametrize("indexed", [True, False])
def test_an_unused_label_costs_nothing(site: Site, indexed: bool) -> None:
    """The planner drops what is not asked for: a count of events reads no other table."""
    migrate.upgrade(site.database, indexes=indexed)
    for sql in ("SELECT count(*) FROM lab.events", "SELECT start_time, event_type FROM lab.events"):
        plan = "\n".join(str(row) for row in rows(site.database, f"EXPLAIN {sql}"))
        assert "DetectedObject" not in plan and "Camera" not in plan and "Function Scan" not in plan
        assert "verdict" not in plan
    plan = "\n".join(str(row) for row in rows(site.database, "EXPLAIN SELECT sum(x) FROM lab.objects"))
    assert "DetectedObject" in plan and "Camera" not in plan and "verdict" not in plan


def test_labels_without_an_index_are_not_looked_up_one_by_one(site: Site) -> None:
    writes.save_event(site.database, site.event("e1", seen("o1", "car", 0.9), seen("o2", "dog", 0.8)))
    run(site.database, """UPDATE "Event" SET metadata = NULL""")
    plans = []
    for indexed in (True, False):
        migrate.upgrade(site.database, indexes=indexed)
        assert rows(site.database, "SELECT label FROM lab.events") == [{"label": "car"}]
        plans.append("\n".join(str(row) for row in rows(site.database, "EXPLAIN SELECT label FROM lab.events")))
    assert "SubPlan" in plans[0] and "SubPlan" not in plans[1]


VERDICT = """INSERT INTO lab.verdict (id, event_id, verdict, label, model_version, created_at, undoes)
             VALUES (:id, 'e1', :verdict, :label, '1.0', now(), :undoes)"""


def judge(site: Site, id: str, verdict: str, label: str | None = None, undoes: str | None = None) -> None:
    run(site.database, VERDICT, id=id, verdict=verdict, label=label, undoes=undoes)


def effective(site: Site) -> tuple[Any, ...]:
    """Label, the detector's, and verdict of the event; its box says the same."""
    (event,) = rows(site.database, "SELECT label, detected_label, verdict FROM lab.events")
    (box,) = rows(site.database, "SELECT label, detected_label, verdict FROM lab.objects")
    assert event == box
    return tuple(event.values())


def test_the_newest_verdict_that_stands_counts(site: Site) -> None:
    writes.save_event(site.database, site.event("e1", seen("o1", "car")))
    assert effective(site) == ("car", "car", None)
    judge(site, "v1", "relabel", "van")
    assert effective(site) == ("van", "car", "relabel")
    judge(site, "v2", "false")
    assert effective(site) == ("car", "car", "false")
    judge(site, "u2", "undo", undoes="v2")
    assert effective(site) == ("van", "car", "relabel")
    judge(site, "u1", "undo", undoes="v1")
    assert effective(site) == ("car", "car", None) and rows(site.database, "SELECT * FROM lab.verdicts") == []
    judge(site, "v3", "confirm")
    assert effective(site) == ("car", "car", "confirm")
    assert [row["number"] for row in rows(site.database, "SELECT number FROM lab.verdict ORDER BY number")] == [
        *range(1, 6)
    ]


@pytest.mark.parametrize("statement", ["UPDATE lab.verdict SET verdict = 'confirm'", "DELETE FROM lab.verdict"])
def test_the_database_refuses_to_change_verdicts(site: Site, statement: str) -> None:
    writes.save_event(site.database, site.event("e1"))
    judge(site, "v1", "false")
    with pytest.raises(DBAPIError, match="verdicts are only ever added"):
        run(site.database, statement)


def test_verdicts_go_with_their_event_and_forget_a_user_who_goes(site: Site) -> None:
    writes.save_event(site.database, site.event("e1"))
    user = writes.add_user(site.database, username="bob", email="b", password_hash="x")
    judge(site, "v1", "false")
    judge(site, "u1", "undo", undoes="v1")
    run(
        site.database,
        VERDICT.replace("(id,", "(user_id, id,").replace("(:id", f"('{user.id}', :id"),
        id="v2",
        verdict="false",
        label=None,
        undoes=None,
    )
    run(site.database, """DELETE FROM "User" """)
    assert [row["user_id"] for row in rows(site.database, "SELECT user_id FROM lab.verdict")] == [None] * 3
    run(site.database, """DELETE FROM "Event" """)
    assert rows(site.database, "SELECT * FROM lab.verdict") == []


def test_local_time_is_the_wall_clock_of_the_camera(site: Site) -> None:
    writes.save_event(site.database, site.event("e1", seen("o1")))
    for zone, clock in (("Europe/Berlin", "01:50"), ("Asia/Kathmandu", "06:35"), (None, "00:50")):
        writes.update_camera(site.database, site.camera.id, timezone=zone)
        for table in ("events", "objects"):
            (row,) = rows(site.database, f"SELECT local_time FROM lab.{table}")
            assert f"{row['local_time']:%H:%M}" == clock
    run(site.database, """UPDATE "Event" SET "cameraId" = 'gone'""")
    assert rows(site.database, "SELECT local_time FROM lab.events") == [{"local_time": None}]


def test_a_box_knows_the_frame_it_lies_in(site: Site) -> None:
    writes.save_event(site.database, site.event("e1", seen("o1"), seen("o2")))
    frames = "SELECT frame_width, frame_height FROM lab.objects ORDER BY id"
    run(
        site.database,
        """UPDATE "DetectedObject" SET metadata = '{"frame": {"width": 640, "height": 360}}'
                          WHERE id = 'o1'""",
    )
    run(site.database, """UPDATE "DetectedObject" SET metadata = NULL WHERE id = 'o2'""")
    assert [tuple(row.values()) for row in rows(site.database, frames)] == [(640, 360), (1920, 1080)]


def test_a_missing_file_is_no_recorded_time(site: Site) -> None:
    for id in ("a", "b"):
        writes.close_segment(site.database, site.segment(id, 0 if id == "a" else 60, 60 if id == "a" else 120))
    run(
        site.database,
        """UPDATE "Segment" SET metadata = metadata || '{"missing": true, "droppedFrames": 7}'
                          WHERE id = 'a'""",
    )
    assert rows(site.database, "SELECT sum(seconds) AS s FROM lab.recorded") == [{"s": 60.0}]
    flags = "SELECT missing, dropped_frames FROM lab.segments ORDER BY id"
    assert [tuple(row.values()) for row in rows(site.database, flags)] == [(True, 7), (False, None)]


def test_a_zone_closes_and_a_line_does_not(site: Site) -> None:
    add = """INSERT INTO lab.zone (id, camera_id, name, kind, version, points, created_at, retired_at)
             VALUES (:id, :camera, :id, :kind, 2, :points, now(), :retired)"""
    triangle = "[[0, 0], [1, 0], [0.5, 0.25]]"
    run(site.database, add, id="door", camera=site.camera.id, kind="zone", points=triangle, retired=None)
    run(site.database, add, id="path", camera=site.camera.id, kind="line", points=triangle, retired=naive(START))
    found = rows(
        site.database, "SELECT zone, kind, edge, x1, y1, x2, y2, retired_at FROM lab.zone_edges ORDER BY zone, edge"
    )
    assert [tuple(row.values()) for row in found] == [
        ("door", "zone", 0, 0.0, 0.0, 1.0, 0.0, None),
        ("door", "zone", 1, 1.0, 0.0, 0.5, 0.25, None),
        ("door", "zone", 2, 0.5, 0.25, 0.0, 0.0, None),
        ("path", "line", 0, 0.0, 0.0, 1.0, 0.0, naive(START)),
        ("path", "line", 1, 1.0, 0.0, 0.5, 0.25, naive(START)),
    ]


def test_only_active_policies_are_shown(site: Site) -> None:
    add = """INSERT INTO "RetentionPolicy" (id, name, "retentionDays", priority, "isActive", "updatedAt")
             VALUES (:id, 'x', 30, 5, :active, now())"""
    run(site.database, add, id="p1", active=True)
    run(site.database, add, id="p2", active=False)
    assert rows(site.database, "SELECT * FROM lab.policies") == [
        {"id": "p1", "camera_id": None, "retention_days": 30, "priority": 5}
    ]


def test_settings_of_other_services_are_not_shown(site: Site) -> None:
    writes.set_setting(site.database, "site.name", "Harbour")
    run(
        site.database,
        """INSERT INTO "SystemSettings" (id, "settingKey", "settingValue", category, "updatedAt")
                          VALUES ('x', 'smtp.password', 'geheim', 'smtp', now())""",
    )
    assert rows(site.database, "SELECT * FROM lab.settings") == [{"key": "site.name", "value": "Harbour"}]
