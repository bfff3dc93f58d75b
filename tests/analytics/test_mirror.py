"""The mirror follows the database through everything that can happen to either."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from omnisight_lab.analytics import manifest as manifests
from omnisight_lab.analytics import refresh as refreshing
from omnisight_lab.analytics.mirror import Mirror
from omnisight_lab.db.session import Database
from omnisight_lab.errors import MirrorError
from omnisight_lab.lab import Lab
from omnisight_lab.settings import Paths
from tests.analytics.conftest import Site, at
from tests.analytics.mirrors import Follows, contents, in_postgres
from tests.conftest import DatabaseMaker


def test_full_build_then_nothing_to_do(three_days: Site, follows: Follows, mirror: Mirror) -> None:
    assert follows() == 4 * 3 + 9
    before = mirror.manifest()
    assert follows() == 0
    after = mirror.manifest()
    assert before and after
    assert after.generation == before.generation
    assert after.tables == before.tables
    assert after.snapshot > before.snapshot


def test_an_empty_database_has_a_mirror_too(follows: Follows, mirror: Mirror) -> None:
    follows()
    assert mirror.status(at("2026-10-05")).rows["detected_events"] == 0


CHANGES = {  # one after the other: SQL, and the parts that a refresh then writes, deltas joined among them
    "new event": (
        """INSERT INTO "Event" (id, "cameraId", "timestamp", "eventType", "updatedAt")
        VALUES ('new', 'yard', '2026-10-02 23:59:59.999', 'motion', now())""",
        1,
    ),
    "event on a new day": (
        """INSERT INTO "Event" (id, "cameraId", "timestamp", "eventType", "updatedAt")
        VALUES ('newer', 'yard', '2026-10-09', 'motion', now())""",
        3,
    ),
    "late update": (
        """UPDATE "Event" SET confidence = 0.9, "updatedAt" = now() WHERE "timestamp"::date = '2026-10-01'""",
        2,
    ),
    "box deleted": ("""DELETE FROM "DetectedObject" WHERE id = (SELECT min(id) FROM "DetectedObject")""", 2),
    "segment deleted": ("""DELETE FROM "Segment" WHERE "startTime" = '2026-10-02 12:00'""", 2),
    "segment reaches into the next day": (
        """INSERT INTO "Segment"
        (id, "recordingId", "startTime", "endTime", duration, "filePath", "fileSize", "updatedAt")
        VALUES ('night', 'recording-yard', '2026-10-01 23:30', '2026-10-02 00:30', 3600, 'x', 1, now())""",
        3,
    ),
    "camera renamed": ("""UPDATE "Camera" SET name = 'court'""", 2),
    "camera's zone changed": ("""UPDATE "Camera" SET settings = '{"timezone": "Asia/Kathmandu"}'""", 1),
    "gap closed": ("UPDATE lab.gap SET end_time = '2026-10-01 15:00'", 1),
    "event moves to another day": (
        """UPDATE "Event" SET "timestamp" = '2026-10-02', "updatedAt" = now()
        WHERE "timestamp"::date = '2026-10-01'""",
        4,
    ),
    "day deleted": (
        """DELETE FROM "DetectedObject" o USING "Event" e
        WHERE o."eventId" = e.id AND e."timestamp"::date = '2026-10-02';
        DELETE FROM "Event" WHERE "timestamp"::date = '2026-10-02'""",
        2,
    ),
}


def test_a_change_writes_its_days_and_no_others(three_days: Site, follows: Follows) -> None:
    follows()
    for change, (sql, parts) in CHANGES.items():
        for statement in sql.split(";"):
            three_days.run(statement)
        assert follows() == parts, change


def test_footage_that_shrinks_leaves_the_day_it_reached_into(three_days: Site, follows: Follows) -> None:
    sql = CHANGES["segment reaches into the next day"][0]
    three_days.run(sql)
    follows()
    three_days.run("""DELETE FROM "Segment" WHERE id = 'night'""")
    assert follows() == 3


def test_an_update_that_hides_is_found_by_rebuild(
    three_days: Site, mirror: Mirror, database: Database, follows: Follows
) -> None:
    follows()
    three_days.run("""UPDATE "Event" SET "eventType" = 'motion'""")
    assert mirror.refresh(database).parts == 0
    assert follows(rebuild=True) == 21


def test_a_rebuild_reaches_a_lab_that_is_open(three_days: Site, lab: Lab) -> None:
    assert lab.events("2026-10-01", "2026-10-04").count() == 3
    three_days.run("""UPDATE "Event" SET "eventType" = 'motion'""")
    lab.refresh(rebuild=True)
    assert lab.events("2026-10-01", "2026-10-04").count() == 0


def test_recent_looks_at_older_days_in_turn(
    three_days: Site, mirror: Mirror, database: Database, follows: Follows, monkeypatch: pytest.MonkeyPatch
) -> None:
    follows()
    three_days.run(CHANGES["new event"][0])
    monkeypatch.setattr(refreshing, "SLICE_SECONDS", 0)  # one day a refresh
    looked = []
    for _ in range(3):
        parts = mirror.refresh(database, recent=True).parts
        manifest = mirror.manifest()
        assert manifest
        looked.append((parts, manifest.looked, manifest.checked == manifest.snapshot))
    assert looked == [(0, "2026-10-02", False), (1, "2026-10-03", False), (1, "", True)], (
        "the delta of a day that has passed is joined"
    )
    assert contents(mirror) == in_postgres(database)


def test_recent_sees_days_before_and_between_those_that_it_knows(
    three_days: Site, follows: Follows, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refreshing, "SLICE_SECONDS", 1000)
    follows()
    three_days.run("""DELETE FROM "DetectedObject"; DELETE FROM "Event"; DELETE FROM "Segment" """)
    three_days.footage("yard", "2026-09-20T12:00", "2026-09-20T13:00")
    follows()
    three_days.footage("yard", "2026-09-25T12:00", "2026-09-25T13:00")
    three_days.footage("yard", "2026-08-25T12:00", "2026-08-25T13:00")
    assert follows(recent=True) == 4


def test_recent_sees_what_is_new(three_days: Site, follows: Follows) -> None:
    follows()
    three_days.run("""INSERT INTO "Event" (id, "cameraId", "timestamp", "eventType", "updatedAt")
        VALUES ('now', 'yard', timezone('UTC', now()), 'motion', now())""")
    assert follows(recent=True) == 2


@pytest.mark.parametrize("harm", ["truncated", "missing"])
def test_a_damaged_file_is_found_and_read_anew(three_days: Site, follows: Follows, mirror: Mirror, harm: str) -> None:
    follows()
    manifest = mirror.manifest()
    assert manifest
    victim = mirror.store.local / manifest.files("recorded")[0].path
    if harm == "truncated":
        os.truncate(victim, victim.stat().st_size // 2)
    else:
        victim.unlink()
    with pytest.raises(MirrorError, match="omnisight mirror refresh"):
        contents(mirror)
    assert follows() == 1


@pytest.mark.parametrize("harm", ["lost", "cut", "of another version"])
def test_a_manifest_that_is_no_use_is_built_again(
    three_days: Site, follows: Follows, mirror: Mirror, harm: str
) -> None:
    follows()
    path = mirror.store.local / "manifest.json"
    if harm == "lost":
        path.unlink()
    elif harm == "cut":
        path.write_text(path.read_text()[:100])
    else:
        path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": "older"}))
    assert follows() == 21


def test_another_database_is_told_apart(three_days: Site, follows: Follows, mirror: Mirror, database: Database) -> None:
    follows()
    path = mirror.store.local / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"database": "1/2/public"}))
    assert follows() == 21


def test_a_reader_in_flight_keeps_its_generation(three_days: Site, lab: Lab) -> None:
    lab.refresh()
    early = lab.events("2026-10-01", "2026-10-04")
    three_days.run(CHANGES["day deleted"][0].split(";")[0])
    three_days.run(CHANGES["day deleted"][0].split(";")[1])
    lab.refresh()
    assert len(lab.events("2026-10-01", "2026-10-04").rows()) == 2
    assert len(early.rows()) == 3


def test_files_of_earlier_generations_go_when_nobody_can_read_them(
    three_days: Site, follows: Follows, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    follows()
    first = set(mirror.store.local.glob("*/**/*.parquet"))
    follows(rebuild=True)
    assert first < set(mirror.store.local.glob("*/**/*.parquet"))
    monkeypatch.setattr(refreshing, "RETIRED_FOR", timedelta(0))
    follows()
    manifest = mirror.manifest()
    assert manifest
    assert {path.relative_to(mirror.store.local).as_posix() for path in mirror.store.local.glob("*/**/*.parquet")} == {
        file.path for file in manifest.files()
    }


def test_a_young_mirror_is_left_alone(three_days: Site, follows: Follows, mirror: Mirror, database: Database) -> None:
    follows()
    three_days.run(CHANGES["new event"][0])
    assert mirror.refresh(database, max_age=600).parts == 0
    assert mirror.refresh(database, max_age=0).parts == 1


def test_a_young_mirror_of_another_database_is_built_anew(
    three_days: Site, database_maker: DatabaseMaker, tmp_path: Path
) -> None:
    """As where two databases are asked with the same data folder, one straight after the other."""
    paths = Paths(tmp_path / "home", tmp_path / "media")
    url = database_maker.new("omnisight")
    with Database(url) as empty, Lab(three_days.database, paths) as ours, Lab(empty, paths) as theirs:
        assert ours.sql("FROM cameras").count() > 0
        assert theirs.sql("FROM cameras").count() == 0
        assert theirs.mirror.refresh(empty, max_age=600).parts == 0
    database_maker.drop(url)


def test_a_snapshot_of_a_time_to_come_is_not_young(
    three_days: Site, follows: Follows, mirror: Mirror, database: Database
) -> None:
    """As a database makes it whose clock is an hour ahead: else nothing would follow for an hour."""
    follows()
    manifest = mirror.manifest()
    assert manifest
    ahead = manifest.snapshot + timedelta(hours=1)
    manifests.write(mirror.store, replace(manifest, snapshot=ahead))
    three_days.run(CHANGES["new event"][0])
    assert mirror.refresh(database, max_age=600).parts == 1


def test_status(three_days: Site, follows: Follows, mirror: Mirror, paths: Paths) -> None:
    nothing = mirror.status(at("2026-10-05"))
    assert (nothing.snapshot, nothing.days, nothing.rows) == (None, 0, {})
    follows()
    manifest = mirror.manifest()
    assert manifest
    status = mirror.status(manifest.snapshot + timedelta(seconds=9))
    assert status.age_seconds == 9
    assert status.days == 3
    assert status.bytes == sum(path.stat().st_size for path in paths.mirror.glob("*/**/*.parquet"))
    assert {name: count for name, count in status.rows.items() if count} == {
        "cameras": 1,
        "segments": 18,
        "detected_events": 3,
        "detected_objects": 6,
        "gaps": 1,
        "expected": 1,
        "recorded": 12,
        "recordings": 1,
    }


def test_no_secret_reaches_the_mirror(three_days: Site, follows: Follows, mirror: Mirror) -> None:
    three_days.run("""UPDATE "Camera" SET password = 'geheim-7', "rtspUrl" = 'rtsp://u:geheim-7@host/x'""")
    follows()
    assert "geheim-7" not in str(contents(mirror))
