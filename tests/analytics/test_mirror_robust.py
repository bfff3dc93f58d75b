"""What must not hurt the mirror: killed and competing writers, a full or read-only disk, a database that goes away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from omnisight_lab.analytics import manifest as manifests
from omnisight_lab.analytics import refresh as refreshing
from omnisight_lab.analytics.mirror import Mirror
from omnisight_lab.analytics.store import STAGING
from omnisight_lab.db.session import Database
from omnisight_lab.errors import DatabaseUnreachable, StorageError
from omnisight_lab.lab import Lab
from omnisight_lab.settings import Paths
from tests.analytics.conftest import Site
from tests.analytics.mirrors import Follows, contents, following

CHILD = """
import sys, time
from pathlib import Path
from omnisight_lab.analytics import manifest
from omnisight_lab.analytics.mirror import Mirror
from omnisight_lab.db.session import Database

def stop(*_):
    print("here", flush=True)
    time.sleep(600)

def half(done, total):
    if done > total / 2:
        stop()

root, url, point = sys.argv[1:]
if point == "before the manifest":
    manifest.write = stop
if point == "while files are moved":
    Path.replace = stop
Mirror(Path(root)).refresh(Database(url), rebuild=point != "nowhere", progress=half if point == "half read" else None)
"""


@contextmanager
def writer(mirror: Mirror, database: Database, point: str = "nowhere") -> Iterator[subprocess.Popen[str]]:
    """Another process that refreshes; it says `here` where it was told to stop."""
    arguments = [sys.executable, "-c", CHILD, str(mirror.store.local), database.url, point]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("point", ["half read", "while files are moved", "before the manifest"])
def test_a_writer_that_is_killed_leaves_the_old_mirror(
    three_days: Site,
    follows: Follows,
    mirror: Mirror,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    point: str,
) -> None:
    follows()
    before = mirror.manifest()
    three_days.event("yard", "2026-10-02T15:00", tracks=("1",))
    with writer(mirror, database, point) as process:
        assert process.stdout
        assert process.stdout.readline() == "here\n"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert before
    assert mirror.manifest() == before
    left = mirror.store.sizes().keys() - {file.path for file in before.files()}
    assert (mirror.store.local / STAGING).exists()
    monkeypatch.setattr(refreshing, "RETIRED_FOR", timedelta(0))
    assert follows() == 2, "the lock went with the writer"
    assert not (mirror.store.local / STAGING).exists()
    follows()
    assert not left & mirror.store.sizes().keys(), "what it left behind is gone"
    assert bool(left) == (point != "while files are moved")


def test_writers_of_several_processes_leave_one_whole_mirror(
    three_days: Site, follows: Follows, mirror: Mirror, database: Database
) -> None:
    with writer(mirror, database) as one, writer(mirror, database) as other:
        assert (one.wait(), other.wait()) == (0, 0)
    assert follows() == 0


def test_a_page_does_not_wait_for_another_process_that_rebuilds(
    three_days: Site, follows: Follows, mirror: Mirror, database: Database
) -> None:
    follows()
    before = mirror.manifest()
    three_days.event("yard", datetime.now(UTC))
    with writer(mirror, database, "half read") as process:
        assert process.stdout
        assert process.stdout.readline() == "here\n"
        assert mirror.refresh(database, recent=True).manifest == before
    assert follows(recent=True) > 0


def test_a_reader_in_flight_reads_on_while_another_process_writes(
    three_days: Site, mirror: Mirror, database: Database, lab: Lab
) -> None:
    lab.refresh()
    early = lab.events("2026-10-01", "2026-10-04")
    three_days.run("""DELETE FROM "DetectedObject"; DELETE FROM "Event" """)
    with writer(mirror, database) as process:
        assert process.wait() == 0
    assert len(early.rows()) == 3
    lab.refresh()
    assert lab.events("2026-10-01", "2026-10-04").count() == 0


def mount(disk: Path, options: str) -> None:
    """A small disk of its own, which only root can have."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    disk.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")


@pytest.fixture
def disk(paths: Paths) -> Iterator[Path]:
    """The mirror's folder is a disk of 512 kB."""
    mount(paths.mirror, "size=512k")
    yield paths.mirror
    subprocess.run(["umount", str(paths.mirror)], check=True)


@pytest.fixture
def today(database: Database, paths: Paths) -> Iterator[Lab]:
    """A lab that goes by the clock of the machine, as snapshots do."""
    with Lab(database, paths) as lab:
        yield lab


def an_hour_old(mirror: Mirror) -> datetime:
    """Sets the mirror's time back; the new one."""
    manifest = mirror.manifest()
    assert manifest
    snapshot = manifest.snapshot - timedelta(hours=1)
    manifests.write(mirror.store, replace(manifest, snapshot=snapshot))
    return snapshot


def test_questions_keep_the_mirror_hot(
    three_days: Site, mirror: Mirror, today: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the pages ask, every few seconds: the last days at once, one of the others at a time."""
    monkeypatch.setattr(refreshing, "SLICE_SECONDS", 0)
    assert today.events().count() == 0
    for number in (1, 2):
        three_days.event("yard", datetime.now(UTC), tracks=("1",))
        an_hour_old(mirror)
        assert today.events().count() == number
        manifest = mirror.manifest()
        assert manifest
        assert manifest.looked == f"2026-10-0{number + 1}"
    assert mirror.status(datetime.now(UTC)).deltas == 2


def test_a_full_disk_leaves_the_old_mirror(
    disk: Path, three_days: Site, mirror: Mirror, database: Database, today: Lab
) -> None:
    mirror.refresh(database)
    an_hour_old(mirror)
    before = contents(mirror)
    three_days.events("yard", "2026-10-04", "2026-10-05", 2)
    three_days.run("""UPDATE "Event" SET id = sha512(id::bytea)::text WHERE "timestamp" >= '2026-10-04'""")
    with pytest.raises(StorageError, match=r"can't be written: .*[Nn]o space left"):
        mirror.refresh(database)
    assert contents(mirror) == before
    assert not list(disk.glob(f"{STAGING}/**/*.parquet")), "what was on its way has given its room back"
    assert today.events("2026-10-01", "2026-10-06").count() == 3, "the figures of before, with their age"
    subprocess.run(["mount", "-o", "remount,size=100m", str(disk)], check=True)
    mirror.refresh(database)
    assert today.events("2026-10-01", "2026-10-06").count() == 3 + 43200


def test_a_home_that_cannot_be_written_gives_the_figures_of_before(
    disk: Path, three_days: Site, mirror: Mirror, database: Database, today: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    mirror.refresh(database)
    snapshot = an_hour_old(mirror)
    three_days.event("yard", "2026-10-02T15:00")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    found = today.events("2026-10-01", "2026-10-04")
    assert found.count() == 3
    assert found.snapshot == snapshot == today.mirror_status().snapshot
    assert today.sql("SELECT count(*) AS n FROM events").rows()[0]["n"] == 3
    assert [record.message for record in caplog.records if "as it stands" in record.message]
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    mirror.refresh(database)
    assert today.events("2026-10-01", "2026-10-04").count() == 4


def test_without_a_mirror_a_home_that_cannot_be_written_is_said(disk: Path, lab: Lab) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(StorageError, match="can't be written"):
        lab.events()


def test_a_database_that_goes_away_leaves_the_old_mirror(three_days: Site, mirror: Mirror, database: Database) -> None:
    mirror.refresh(database)
    before = mirror.manifest()

    def end(done: int, total: int) -> None:
        if done > total / 2:
            three_days.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                "AND datname = current_database()"
            )

    with pytest.raises(DatabaseUnreachable):
        mirror.refresh(database, rebuild=True, progress=end)
    assert mirror.manifest() == before
    assert following(mirror, database)() == 0


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
