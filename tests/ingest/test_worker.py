"""A worker, its camera processes and a camera that fails, on a real database."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import pytest
from sqlalchemy import select

from omnisight_lab.db import migrate, reads, writes
from omnisight_lab.db.lab_models import Gap
from omnisight_lab.db.models import Camera, CameraStatus, Event, Recording, RecordingStatus, Segment, Stream
from omnisight_lab.db.server import EmbeddedServer
from omnisight_lab.db.session import Database
from omnisight_lab.errors import UnknownName
from omnisight_lab.ingest import worker as worker_module
from omnisight_lab.ingest.worker import Worker
from omnisight_lab.settings import Paths
from omnisight_lab.sim.camera import SimulatedCamera
from omnisight_lab.types import GapCause
from tests.ingest.conftest import RATE, add, eventually, running

pytestmark = pytest.mark.usefixtures("quick")


def rows(database: Database, table: type, order: Any = None) -> list[Any]:
    with database.session() as session:
        return list(session.scalars(select(table).order_by(order if order is not None else table.id)))


def segments(database: Database) -> list[Segment]:
    return rows(database, Segment, Segment.start_time)


def recordings(database: Database) -> list[Recording]:
    return rows(database, Recording, Recording.start_time)


def gaps(database: Database) -> list[Gap]:
    return rows(database, Gap, Gap.start)


def status(database: Database) -> CameraStatus:
    return rows(database, Camera)[0].status


def pid(worker: Worker) -> int:
    (child,) = worker.children.values()
    assert child.process.pid
    return child.process.pid


def length(path: Path) -> float:
    """Seconds of pictures that can be decoded from the file."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0)) / RATE


def recorded_again(database: Database, runs: int) -> bool:
    """Whether the camera is in its `runs`-th recording, and that has a segment."""
    found = recordings(database)
    return len(found) == runs and segments(database)[-1].recording_id == found[-1].id


def test_all_that_happens_to_a_camera(
    database: Database, camera: Camera, simulated: SimulatedCamera, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Footage, a dead camera, a stalled one, a disk below the floor, a clean stop: each second is accounted for."""
    monkeypatch.delenv("OMNISIGHT_RECORDING_FREE_SPACE_FLOOR_MB")

    def floor(megabytes: int) -> None:
        writes.set_setting(database, "recording.free_space_floor_mb", str(megabytes))

    floor(1)
    troubles = [
        (lambda: simulated.fault("kill"), lambda: simulated.fault("kill", on=False), CameraStatus.OFFLINE),
        (lambda: simulated.fault("stall"), lambda: simulated.fault("stall", on=False), CameraStatus.OFFLINE),
        (lambda: floor(10**9), lambda: floor(1), CameraStatus.ERROR),
    ]
    moments = []
    with running(Worker(database, paths)):
        eventually(lambda: len(segments(database)) >= 2)
        assert status(database) is CameraStatus.ONLINE
        assert recordings(database)[0].status is RecordingStatus.RECORDING
        for runs, (strike, mend, wanted) in enumerate(troubles, start=2):
            strike()
            began = datetime.now(UTC)
            eventually(lambda wanted=wanted: status(database) is wanted)
            assert not list(paths.media.rglob("*.part*"))
            mend()
            moments.append((began, datetime.now(UTC)))
            eventually(lambda runs=runs: recorded_again(database, runs) and status(database) is CameraStatus.ONLINE)
    assert status(database) is CameraStatus.OFFLINE
    assert not list(paths.media.rglob("*.part*"))
    assert not list(paths.journal.glob("*"))
    assert "less than the floor of 1000000000 MB" in (paths.logs / "front.log").read_text()
    check_footage(database, paths)
    check_account(database, camera)
    check_troubles(database, moments)


def check_footage(database: Database, paths: Paths) -> None:
    """Rows and files agree, and segments follow each other."""
    streams = {stream.id for stream in rows(database, Stream) if stream.ended_at}
    for recording in recordings(database):
        found = [segment for segment in segments(database) if segment.recording_id == recording.id]
        assert (recording.start_time, recording.end_time) == (found[0].start_time, found[-1].end_time)
        assert recording.stream_id in streams
        assert all(segment.end_time == following.start_time for segment, following in itertools.pairwise(found))
    for segment in segments(database):
        file = paths.media / segment.file_path
        assert file.stat().st_size == segment.file_size
        assert length(file) == pytest.approx((segment.end_time - segment.start_time).total_seconds(), abs=0.25)
        assert (paths.media / segment.thumbnail_path).is_file()
    assert len(segments(database)) == len(list(paths.media.rglob("*.mp4")))


def check_account(database: Database, camera: Camera) -> None:
    """From the camera's first moment on, each span of footage or gap begins where the one before it ended."""
    footage = [(recording.start_time, recording.end_time) for recording in recordings(database)]
    spans = sorted([*footage, *((gap.start, gap.end) for gap in gaps(database))], key=lambda span: span[0])
    with database.session() as session:
        (period,) = reads.periods(session, camera.id)
    assert spans[0][0] == period.start
    assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))
    assert spans[-1][1] is None, "after a clean stop the worker is down"


def check_troubles(database: Database, moments: list[tuple[datetime, datetime]]) -> None:
    first, dead, stalled, full, last = gaps(database)
    assert [gap.cause for gap in (first, dead, stalled, full, last)] == [
        GapCause.WORKER_DOWN,
        GapCause.CAMERA_UNREACHABLE,
        GapCause.STALLED,
        GapCause.DISK_FULL,
        GapCause.WORKER_DOWN,
    ]
    for gap, (began, ended) in zip((dead, stalled, full), moments, strict=True):
        assert abs(gap.start - began) < timedelta(seconds=2.5)
        assert ended - timedelta(seconds=0.5) < gap.end < ended + timedelta(seconds=8)
    events = [event for event in rows(database, Event, Event.timestamp) if event.event_type.startswith("camera_")]
    # With a full disk the camera is there all the time
    assert [event.event_type for event in events] == ["camera_offline", "camera_online"] * 2
    assert [event.timestamp for event in events] == [dead.start, dead.end, stalled.start, stalled.end]
    one, two, three, _ = (recording.id for recording in recordings(database))
    assert [event.recording_id for event in events] == [one, two, two, three]
    assert events[0].meta["cause"] == "camera_unreachable"
    assert events[0].meta["endTime"][:19] == dead.end.isoformat()[:19]


def test_killed_recording_is_playable_and_has_its_row(
    database: Database, camera: Camera, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMNISIGHT_RECORDING_SEGMENT_SECONDS", "5")
    worker = Worker(database, paths)
    with running(worker):
        eventually(lambda: any(part.stat().st_size > 30_000 for part in paths.media.rglob("*.part.mp4")))
        killed = pid(worker)
        at = datetime.now(UTC)
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: worker.children and pid(worker) != killed)
        eventually(lambda: len(recordings(database)) == 2)
    before = [segment for segment in segments(database) if segment.start_time < at]
    assert timedelta(0) < at - before[-1].end_time < timedelta(seconds=0.5 + 2 / RATE)
    kept = (before[-1].end_time - before[-1].start_time).total_seconds()
    assert length(paths.media / before[-1].file_path) == pytest.approx(kept, abs=0.15)
    first, second = recordings(database)
    assert (first.status, first.end_time) == (RecordingStatus.ERROR, before[-1].end_time)
    gap = gaps(database)[1]
    assert (gap.start, gap.end, gap.cause) == (first.end_time, second.start_time, GapCause.WORKER_DOWN)
    assert not list(paths.media.rglob("*.part.mp4"))
    check_account(database, camera)


def test_hanging_process_is_killed_and_lost_rows_are_made_anew(
    database: Database, camera: Camera, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "_GRACE_SECONDS", 0.0)
    worker = Worker(database, paths)
    with running(worker):
        eventually(lambda: len(segments(database)) >= 2)
        lost = segments(database)[0]
        hung = pid(worker)
        os.kill(hung, signal.SIGSTOP)
        writes.delete_recording(database, lost.recording_id)
        eventually(lambda: worker.children and pid(worker) != hung)
        eventually(lambda: any(segment.id == lost.id for segment in segments(database)))
    (again,) = [segment for segment in segments(database) if segment.id == lost.id]
    fields = ("recording_id", "start_time", "file_path", "file_size")
    assert [getattr(again, field) for field in fields] == [getattr(lost, field) for field in fields]
    assert again.meta["sha256"] == lost.meta["sha256"]


def test_cameras_that_refuse_are_told_from_those_that_are_gone(
    database: Database, simulated: SimulatedCamera, paths: Paths, capfd: pytest.CaptureFixture[str]
) -> None:
    def camera(name: str, url: str, password: str) -> str:
        return writes.add_camera(database, name=name, rtsp_url=url, username="viewer", password=password).id

    nowhere = simulated.url.replace("/stream", "/other")
    refused, absent = camera("front", simulated.url, "sesame!"), camera("back", nowhere, "s3cret/:@")
    wanted = {refused: (GapCause.WRONG_CREDENTIALS, "ERROR"), absent: (GapCause.STREAM_NOT_FOUND, "OFFLINE")}

    def causes() -> dict[str, tuple[str, str]]:
        states = {camera.id: camera.status.value for camera in rows(database, Camera)}
        return {gap.camera_id: (gap.cause, states[gap.camera_id]) for gap in gaps(database) if gap.end is None}

    with running(Worker(database, paths)):
        eventually(lambda: causes() == wanted)
        writes.update_camera(database, refused, password="s3cret/:@")
        eventually(lambda: segments(database))
        writes.remove_camera(database, absent, with_footage=True)
    logged = capfd.readouterr().err + "".join(path.read_text() for path in paths.logs.glob("*.log"))
    assert "front is not recorded" in logged
    assert "back is not recorded" in logged
    assert "sesame" not in logged
    assert "s3cret" not in logged


def test_rows_come_by_the_journal_when_the_database_was_away(
    own_server: EmbeddedServer, paths: Paths, simulated: SimulatedCamera
) -> None:
    database = Database(own_server.start())
    migrate.upgrade(database)
    camera = add(database, "front", simulated)
    journal = paths.journal / f"{camera.id}.jsonl"
    with running(Worker(database, paths)):
        eventually(lambda: len(segments(database)) >= 1)
        known = len(segments(database))
        assert own_server.stop()
        eventually(lambda: journal.exists() and journal.read_text().count('"close_segment"') >= 2)
        own_server.start()
        eventually(lambda: not journal.exists())
        eventually(lambda: len(segments(database)) > known + 2)
    assert len(recordings(database)) == 1, "the recording goes on"
    check_footage(database, paths)
    database.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk can be mounted by root alone")
def test_full_disk_loses_half_a_second_at_most(
    database: Database, camera: Camera, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMNISIGHT_RECORDING_FREE_SPACE_FLOOR_MB", "0")
    monkeypatch.setenv("OMNISIGHT_RECORDING_SEGMENT_SECONDS", "600")
    paths.media.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", paths.media], check=True)
    try:
        ballast = paths.media / "ballast"
        ballast.write_bytes(bytes(980_000))
        with running(Worker(database, paths)):
            eventually(lambda: any(gap.cause == GapCause.DISK_FULL for gap in gaps(database)))
            ballast.unlink()
            eventually(lambda: len(recordings(database)) >= 2 and status(database) is CameraStatus.ONLINE)
            eventually(lambda: segments(database))
        check_footage(database, paths)
        check_account(database, camera)
        full = [gap for gap in gaps(database) if gap.cause == GapCause.DISK_FULL]
        assert full[0].start == segments(database)[0].end_time
        assert len(full) == 1 or full[1].start - full[0].start < timedelta(seconds=1)
    finally:
        subprocess.run(["umount", paths.media], check=True)


def test_two_workers_share_cameras_that_come_and_go(
    database: Database, simulated: SimulatedCamera, paths: Paths
) -> None:
    writes.add_camera(database, name="imports", rtsp_url="", username=None, password=None)
    first, second = Worker(database, paths), Worker(database, paths)
    with running(second):
        with running(first):
            camera = add(database, "front", simulated)
            eventually(lambda: segments(database))
            assert {*first.children, *second.children} == {camera.id}, "a camera without address is for imports"
            assert len(first.children) + len(second.children) == 1
        eventually(lambda: second.children)
        count = len(segments(database))
        eventually(lambda: len(segments(database)) > count)
        found = segments(database)
        assert all(one.end_time <= two.start_time for one, two in itertools.pairwise(found)), "recorded once"
        writes.update_camera(database, camera.id, enabled=False)
        eventually(lambda: not second.children)
        assert [gap for gap in gaps(database) if gap.end is None] == []
        paused, runs = datetime.now(UTC), len(recordings(database))
        writes.update_camera(database, camera.id, enabled=True)
        eventually(lambda: recorded_again(database, runs + 1))
        assert gaps(database)[-1].start > paused - timedelta(seconds=0.1), "a pause is no gap"
        writes.remove_camera(database, camera.id, with_footage=True)
        eventually(lambda: not second.children)


def command(database: Database, paths: Paths) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "DATABASE_URL": database.prisma_url, "OMNISIGHT_HOME": str(paths.home)}
    environment["OMNISIGHT_MEDIA"] = str(paths.media)
    return subprocess.Popen([sys.executable, "-m", "omnisight_lab.cli", "worker"], env=environment)


def children_of(process: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_camera_processes_end_cleanly_with_their_worker(
    database: Database, camera: Camera, paths: Paths, number: signal.Signals
) -> None:
    worker = command(database, paths)
    try:
        eventually(lambda: segments(database))
        processes = children_of(worker.pid)
        assert processes
        worker.send_signal(number)
        assert worker.wait(20) == (0 if number == signal.SIGTERM else -signal.SIGKILL)
        eventually(lambda: not any(Path(f"/proc/{process}/cmdline").exists() for process in processes))
    finally:
        worker.kill()
    assert not list(paths.media.rglob("*.part*"))
    assert recordings(database)[-1].status is RecordingStatus.COMPLETED
    check_footage(database, paths)
    check_account(database, camera)
    with database.session() as session:
        assert reads.lease(session, camera.id) is None


def test_changed_settings_reach_a_camera_that_is_recorded(
    database: Database, camera: Camera, paths: Paths, caplog: pytest.LogCaptureFixture
) -> None:
    """By a new process, whose start is accounted for; a setting that another service has spoilt stops nobody."""
    with running(Worker(database, paths)):
        eventually(lambda: segments(database))
        writes.set_setting(database, "event.close_seconds", "2")
        eventually(lambda: recorded_again(database, 2))
        with database.engine.begin() as connection:
            connection.exec_driver_sql("""UPDATE "SystemSettings" SET "settingValue" = 'often'""")
        eventually(lambda: "'often' is no number" in caplog.text)
        eventually(lambda: recorded_again(database, 3))  # by the default
    check_account(database, camera)


def test_an_unknown_camera_is_an_error(database: Database, camera: Camera, paths: Paths) -> None:
    import threading

    with pytest.raises(UnknownName, match="did you mean 'front'"):
        Worker(database, paths, cameras=["frond"]).run(threading.Event())
