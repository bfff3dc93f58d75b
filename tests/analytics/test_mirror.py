"""The mirror follows the database through everything that can happen to either."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from omnisight_lab.analytics import postgres
from omnisight_lab.analytics import refresh as refreshing
from omnisight_lab.analytics.engines import DuckDBEngine
from omnisight_lab.analytics.mirror import Mirror
from omnisight_lab.analytics.tables import LOGICAL, SCHEMA, LogicalTable
from omnisight_lab.db.session import Database
from omnisight_lab.errors import DatabaseUnreachable, MirrorError, StorageError
from omnisight_lab.lab import Lab
from omnisight_lab.settings import Paths
from tests.analytics.conftest import Site, at

Follows = Callable[..., int]


@pytest.fixture
def mirror(paths: Paths) -> Mirror:
    return Mirror(paths.mirror)


@pytest.fixture
def three_days(site: Site) -> Site:
    """A camera with footage over three days, an event with two boxes on each, a gap."""
    camera = site.camera("yard", "Europe/Berlin")
    site.expect(camera, "2026-10-01T00:00")
    for day in (1, 2, 3):
        site.footage(camera, f"2026-10-0{day}T12:00", f"2026-10-0{day}T13:00", seconds=600)
        site.event(camera, f"2026-10-0{day}T12:30", tracks=("1", None))
    site.gap(camera, "2026-10-01T13:00", "2026-10-01T14:00", "stalled")
    return site


def contents(mirror: Mirror) -> dict[str, list[str]]:
    manifest = mirror.manifest()
    assert manifest is not None
    engine = DuckDBEngine(mirror.store, manifest)
    rows = {
        name: sorted(str(row) for row in engine.fetch_sql(f"SELECT * FROM {SCHEMA}.{name}").to_pylist())
        for name in LOGICAL
    }
    engine.close()
    return rows


def in_postgres(database: Database) -> dict[str, list[str]]:
    with postgres.connection(database) as connection:
        return {name: sorted(map(str, _rows(connection, table))) for name, table in LOGICAL.items()}


def _rows(connection: Any, table: LogicalTable) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(table.columns)} FROM {SCHEMA}.{table.name}")
        return list(cursor.fetch_arrow_table().to_pylist())


@pytest.fixture
def follows(mirror: Mirror, database: Database) -> Follows:
    """Refreshes, checks that the mirror holds what PostgreSQL holds, and gives the number of parts written."""

    def check(**how: bool) -> int:
        done = mirror.refresh(database, **how)
        assert contents(mirror) == in_postgres(database)
        return done.parts

    return check


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


def test_writers_at_once_leave_one_whole_mirror(
    three_days: Site, follows: Follows, paths: Paths, database: Database
) -> None:
    writers = [threading.Thread(target=Mirror(paths.mirror).refresh, args=(database,)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert follows() == 0


KILLED = """
import sys, time
from pathlib import Path
from omnisight_lab.analytics.mirror import Mirror
from omnisight_lab.db.session import Database

def stop(done, total):
    if done > total / 2:
        print("half", flush=True)
        time.sleep(600)

Mirror(Path(sys.argv[1])).refresh(Database(sys.argv[2]), rebuild=True, progress=stop)
"""


def test_a_writer_that_is_killed_leaves_the_old_mirror(
    three_days: Site, follows: Follows, mirror: Mirror, database: Database
) -> None:
    follows()
    before = mirror.manifest()
    arguments = [sys.executable, "-c", KILLED, str(mirror.store.local), database.url]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == "half\n"
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
    assert mirror.manifest() == before
    assert follows() == 0, "the lock went with the writer"


def test_a_young_mirror_is_left_alone(three_days: Site, follows: Follows, mirror: Mirror, database: Database) -> None:
    follows()
    three_days.run(CHANGES["new event"][0])
    assert mirror.refresh(database, max_age=600).parts == 0
    assert mirror.refresh(database, max_age=0).parts == 1


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
    }


def test_no_secret_reaches_the_mirror(three_days: Site, follows: Follows, mirror: Mirror) -> None:
    three_days.run("""UPDATE "Camera" SET password = 'geheim-7', "rtspUrl" = 'rtsp://u:geheim-7@host/x'""")
    follows()
    assert "geheim-7" not in str(contents(mirror))


def test_a_folder_that_cannot_be_written_is_said(database: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for max_age in (None, 5):
        with pytest.raises(StorageError, match="can't be written"):
            Mirror(tmp_path / "file" / "mirror").refresh(database, max_age=max_age)


def test_a_database_that_is_down_is_said_without_its_password(tmp_path: Path) -> None:
    database = Database("postgresql://me:geheim-7@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnreachable, match="no database at") as told:
        Mirror(tmp_path).refresh(database)
    assert "geheim-7" not in str(told.value)
