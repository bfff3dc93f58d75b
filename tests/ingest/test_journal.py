"""Rows survive a database that is away, in order, and come in once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select

from omnisight_lab.db import writes
from omnisight_lab.db.lab_models import Gap
from omnisight_lab.db.models import Camera, DetectedObject, Event, Recording, Segment
from omnisight_lab.db.session import Database
from omnisight_lab.errors import DatabaseUnreachable
from omnisight_lab.ingest.journal import Journal
from omnisight_lab.ingest.resume import OPERATIONS
from omnisight_lab.types import Box, EventDraft, EventType, FrameSize, GapCause, ObjectDraft, SegmentFile
from tests.ingest.conftest import eventually

T0 = datetime(2026, 3, 29, 0, 59, 59, 999_000, tzinfo=UTC)
NOWHERE = Database("postgresql://nobody@127.0.0.1:1/nothing")


@pytest.fixture
def site(database: Database) -> Camera:
    return writes.add_camera(database, name="yard", rtsp_url="", username=None, password=None)


def put_all(journal: Journal, camera_id: str) -> tuple[str, str]:
    """A row of each kind; gives the ids of recording and gap."""
    recording, gap, end = str(uuid4()), str(uuid4()), T0 + timedelta(seconds=60)
    segment = SegmentFile(
        str(uuid4()), camera_id, recording, "segments/a/b.mp4", T0, end, 1234, "ab" * 32, "h264", 600, 30,
        FrameSize(640, 360), motion=((0, 255), (1, 2)),
    )  # fmt: skip
    found = ObjectDraft(str(uuid4()), "person", 0.75, Box(1.5, 2, 30, 40), 7, T0, True)
    event = EventDraft(
        str(uuid4()), camera_id, recording, EventType.OBJECT_DETECTED, T0, end, 0.75, None, 7, T0,
        FrameSize(640, 360), ("door",), {"name": "ssd", "version": "1"}, (found,), {"cause": "test"},
    )  # fmt: skip
    journal.put("start_recording", recording_id=recording, camera_id=camera_id, stream_id=None, start=T0)
    journal.put("close_segment", segment=segment)
    journal.put("save_events", events=[event])
    journal.put("open_gap", camera_id=camera_id, start=end, cause=GapCause.STALLED, gap_id=gap)
    journal.put("end_recording", recording_id=recording, end=end, error=False)
    return recording, gap


def counts(database: Database) -> list[int]:
    with database.session() as session:
        return [len(session.scalars(select(table)).all()) for table in (Recording, Segment, Event, DetectedObject, Gap)]


def test_rows_go_straight_to_a_database_that_answers(database: Database, site: Camera, tmp_path: Path) -> None:
    journal = Journal(database, tmp_path / "rows.jsonl", OPERATIONS)
    recording, _ = put_all(journal, site.id)
    assert journal.close()
    assert counts(database) == [1, 1, 1, 1, 1]
    assert not (tmp_path / "rows.jsonl").exists()
    with database.session() as session:
        row = session.get_one(Recording, recording)
        assert (row.start_time, row.end_time, row.duration) == (T0, T0 + timedelta(seconds=60), 60)


def test_rows_wait_in_the_file_and_come_in_once(database: Database, site: Camera, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    away = Journal(NOWHERE, path, OPERATIONS, retry_seconds=0.1)
    put_all(away, site.id)
    assert away.close()
    assert len(path.read_bytes().splitlines()) == 5
    kept = path.read_bytes()
    for _ in range(2):  # a replay that was cut short is repeated from the start
        path.write_bytes(kept)
        journal = Journal(database, path, OPERATIONS)
        eventually(lambda: not path.exists())
        assert journal.close()
        assert journal.refused == 0
        assert counts(database) == [1, 1, 1, 1, 1]
    with database.session() as session:
        event = session.scalars(select(Event)).one()
        assert event.timestamp == T0
        assert session.scalars(select(DetectedObject)).one().bounding_box == {
            "x": 1.5,
            "y": 2,
            "width": 30,
            "height": 40,
        }


@pytest.mark.parametrize("torn", [b"", b'{"operation":"close_gap","argu', b"\x00\x00\x00"])
def test_a_torn_last_line_is_left_out(database: Database, site: Camera, tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    away = Journal(NOWHERE, path, OPERATIONS)
    _, gap = put_all(away, site.id)
    assert away.close()
    path.write_bytes(path.read_bytes() + torn)
    journal = Journal(database, path, OPERATIONS)
    journal.put("close_gap", gap_id=gap, end=T0 + timedelta(seconds=90))  # behind the torn line, in order
    assert journal.close()
    assert not path.exists()
    with database.session() as session:
        assert session.get_one(Gap, gap).end == T0 + timedelta(seconds=90)


def test_a_row_that_the_database_refuses_does_not_hold_up_the_others(
    database: Database, site: Camera, tmp_path: Path
) -> None:
    journal = Journal(database, tmp_path / "rows.jsonl", OPERATIONS)
    journal.put("start_recording", recording_id=str(uuid4()), camera_id="gone", stream_id=None, start=T0)
    put_all(journal, site.id)
    assert journal.close()
    assert journal.refused == 1
    assert counts(database) == [1, 1, 1, 1, 1]


def test_rows_wait_in_memory_for_the_database_or_the_disk(tmp_path: Path) -> None:
    """Neither takes them at first; whichever comes back first gets them, and nothing is lost."""
    answers, noted = threading.Event(), list[int]()

    def note(database: Database, number: int) -> None:
        if not answers.is_set():
            raise DatabaseUnreachable("away")
        noted.append(number)

    folder = tmp_path / "journal"
    journal = Journal(NOWHERE, folder / "rows.jsonl", {"note": note}, retry_seconds=0.05)
    folder.touch()  # a file where the journal's folder should be
    journal.put("note", number=1)
    journal.put("note", number=2)
    answers.set()
    eventually(lambda: noted == [1, 2])
    answers.clear()
    journal.put("note", number=3)
    folder.unlink()
    eventually(lambda: (folder / "rows.jsonl").exists())
    answers.set()
    eventually(lambda: noted == [1, 2, 3])
    answers.clear()
    eventually(lambda: not (folder / "rows.jsonl").exists())
    folder.rmdir()
    folder.touch()
    journal.put("note", number=4)
    assert not journal.close(), "a row that is lost is told"


def test_putting_a_row_never_waits_for_the_database(tmp_path: Path) -> None:
    """A listening socket that never answers: each attempt to connect takes seconds."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        silent = Database(f"postgresql://nobody@127.0.0.1:{port}/nothing?connect_timeout=2")
        journal = Journal(silent, tmp_path / "rows.jsonl", OPERATIONS)
        done = threading.Event()

        def put() -> None:
            for _ in range(50):
                journal.put("close_gap", gap_id="x", end=T0)
            done.set()

        threading.Thread(target=put).start()
        assert done.wait(0.5)
        assert journal.close()
        assert len((tmp_path / "rows.jsonl").read_bytes().splitlines()) == 50
