"""A worker, its camera processes and a camera that fails, on a real database."""

from __future__ import annotations

import itertools
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import pytest
from sqlalchemy import select

from omnisight_lab.db import reads, writes
from omnisight_lab.db.lab_models import Gap
from omnisight_lab.db.models import Camera, CameraStatus, Event, Recording, RecordingStatus, Segment, Stream
from omnisight_lab.db.session import Database
from omnisight_lab.ingest.worker import Worker
from omnisight_lab.settings import Paths
from omnisight_lab.sim.camera import SimulatedCamera
from omnisight_lab.types import GapCause
from tests.ingest.conftest import RATE, add, eventually, running

pytestmark = pytest.mark.usefixtures("quick")


def rows(database: Database, table: type, order: object = None) -> list:
    with database.session() as session:
        return list(session.scalars(select(table).order_by(order if order is not None else table.id)))


def segments(database: Database) -> list[Segment]:
    return rows(database, Segment, Segment.start_time)


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


def test_footage_becomes_files_and_rows_that_agree(database: Database, camera: Camera, paths: Paths) -> None:
    began = datetime.now(UTC)
    with running(Worker(database, paths)):
        eventually(lambda: len(segments(database)) >= 3)
        assert status(database) is CameraStatus.ONLINE
        (recording,) = rows(database, Recording)
        assert recording.status is RecordingStatus.RECORDING
    found = segments(database)
    for segment, following in itertools.pairwise(found):
        assert segment.end_time == following.start_time
    for segment in found:
        file = paths.media / segment.file_path
        assert file.stat().st_size == segment.file_size
        assert length(file) == pytest.approx((segment.end_time - segment.start_time).total_seconds(), abs=0.15)
        assert segment.thumbnail_path
        assert (paths.media / segment.thumbnail_path).is_file()
    (recording,), (stream,) = rows(database, Recording), rows(database, Stream)
    assert recording.status is RecordingStatus.COMPLETED
    assert (recording.start_time, recording.end_time) == (found[0].start_time, found[-1].end_time)
    assert abs(recording.start_time - began) < timedelta(seconds=8)
    assert stream.ended_at
    assert recording.stream_id == stream.id
    assert not list(paths.media.rglob("*.part*"))
    assert status(database) is CameraStatus.OFFLINE
    first, last = gaps(database)
    assert first.cause == last.cause == GapCause.WORKER_DOWN
    assert (first.end, last.start, last.end) == (recording.start_time, recording.end_time, None)
    assert not (paths.journal / f"{camera.id}.jsonl").exists()


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
        eventually(lambda: len({s.recording_id for s in segments(database)}) == 2)
    before = [s for s in segments(database) if s.start_time < at]
    assert timedelta(0) < at - before[-1].end_time < timedelta(seconds=0.5 + 2 / RATE)
    kept = (before[-1].end_time - before[-1].start_time).total_seconds()
    assert length(paths.media / before[-1].file_path) == pytest.approx(kept, abs=0.15)
    first, second = rows(database, Recording, Recording.start_time)
    assert (first.status, first.end_time) == (RecordingStatus.ERROR, before[-1].end_time)
    gap = gaps(database)[1]
    assert (gap.start, gap.end, gap.cause) == (first.end_time, second.start_time, GapCause.WORKER_DOWN)
    assert not list(paths.media.rglob("*.part*"))


def test_file_without_a_row_gets_one(database: Database, camera: Camera, paths: Paths) -> None:
    with running(Worker(database, paths)):
        eventually(lambda: len(segments(database)) >= 2)
    lost = segments(database)[0]
    writes.delete_recording(database, lost.recording_id)
    with running(Worker(database, paths)):
        eventually(lambda: any(s.id == lost.id for s in segments(database)))
    (again,) = [s for s in segments(database) if s.id == lost.id]
    assert (again.start_time, again.file_size, again.meta["sha256"]) == (
        lost.start_time,
        lost.file_size,
        lost.meta["sha256"],
    )


@pytest.mark.parametrize(
    ("fault", "cause"), [("kill", GapCause.CAMERA_UNREACHABLE), ("stall", GapCause.STALLED)], ids=["kill", "stall"]
)
def test_camera_that_fails_and_comes_back_leaves_a_gap(
    database: Database, camera: Camera, simulated: SimulatedCamera, paths: Paths, fault: str, cause: GapCause
) -> None:
    with running(Worker(database, paths)):
        eventually(lambda: len(segments(database)) >= 1)
        simulated.fault(fault)
        began = datetime.now(UTC)
        eventually(lambda: status(database) is CameraStatus.OFFLINE)
        (open_gap,) = [gap for gap in gaps(database) if gap.end is None]
        assert open_gap.cause == cause
        simulated.fault(fault, on=False)
        ended = datetime.now(UTC)
        eventually(lambda: len(rows(database, Recording)) == 2 and status(database) is CameraStatus.ONLINE)
        eventually(lambda: segments(database)[-1].start_time > ended)
    (gap,) = [gap for gap in gaps(database) if gap.cause != GapCause.WORKER_DOWN]
    first, second = rows(database, Recording, Recording.start_time)
    assert (gap.start, gap.end) == (first.end_time, second.start_time)
    assert abs(gap.start - began) < timedelta(seconds=1)
    assert ended - timedelta(seconds=0.5) < gap.end < ended + timedelta(seconds=4)
    offline, online = rows(database, Event, Event.timestamp)
    assert (offline.event_type, online.event_type) == ("camera_offline", "camera_online")
    assert (offline.timestamp, online.timestamp) == (gap.start, gap.end)
    assert (offline.recording_id, online.recording_id) == (first.id, second.id)
    assert offline.meta["cause"] == cause


def test_every_second_is_footage_or_gap(
    database: Database, camera: Camera, simulated: SimulatedCamera, paths: Paths
) -> None:
    with running(Worker(database, paths)):
        eventually(lambda: len(segments(database)) >= 1)
        simulated.fault("kill")
        eventually(lambda: status(database) is CameraStatus.OFFLINE)
        simulated.fault("kill", on=False)
        eventually(lambda: len(rows(database, Recording)) == 2 and len(segments(database)) >= 3)
    spans = sorted(
        [(r.start_time, r.end_time) for r in rows(database, Recording)] + [(g.start, g.end) for g in gaps(database)],
        key=lambda span: span[0],
    )
    with database.session() as session:
        (period,) = reads.periods(session, camera.id)
    assert spans[0][0] == period.start
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert end == start


@pytest.mark.parametrize(
    ("address", "password", "cause", "wanted"),
    [
        ("/stream", "wrong", GapCause.WRONG_CREDENTIALS, CameraStatus.ERROR),
        ("/other", "s3cret/:@", GapCause.STREAM_NOT_FOUND, CameraStatus.OFFLINE),
    ],
)
def test_camera_that_refuses_is_told_from_one_that_is_gone(
    database: Database,
    simulated: SimulatedCamera,
    paths: Paths,
    address: str,
    password: str,
    cause: GapCause,
    wanted: CameraStatus,
    capfd: pytest.CaptureFixture[str],
) -> None:
    url = simulated.url.replace("/stream", address)
    camera = writes.add_camera(database, name="front", rtsp_url=url, username="viewer", password=password)
    with running(Worker(database, paths)):
        eventually(lambda: any(gap.cause == cause for gap in gaps(database)))
        eventually(lambda: status(database) is wanted)
        writes.update_camera(database, camera.id, rtsp_url=simulated.url, password="s3cret/:@")
        eventually(lambda: segments(database))
    logged = capfd.readouterr().err + "".join(path.read_text() for path in paths.logs.glob("*.log"))
    assert "front is not recorded" in logged
    assert "s3cret" not in logged
    assert "wrong" not in logged.replace("wrong_credentials", "")


def test_rows_come_by_the_journal_when_the_database_was_away(
    clip: Path, paths: Paths, tmp_path_factory: pytest.TempPathFactory, simulated: SimulatedCamera
) -> None:
    from omnisight_lab.db import migrate
    from omnisight_lab.db.server import EmbeddedServer

    folder = tmp_path_factory.mktemp("away")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    server = EmbeddedServer(folder / "database")
    database = Database(server.start())
    try:
        migrate.upgrade(database)
        camera = add(database, "front", simulated)
        with running(Worker(database, paths)):
            eventually(lambda: len(segments(database)) >= 1)
            known = len(segments(database))
            server.stop()
            journal = paths.journal / f"{camera.id}.jsonl"
            eventually(lambda: journal.exists() and journal.read_text().count('"close_segment"') >= 2)
            assert server.start() == database.address.uri()
            eventually(lambda: not journal.exists())
            eventually(lambda: len(segments(database)) > known + 2)
        assert len(rows(database, Recording)) == 1, "the recording goes on"
        found = segments(database)
        assert all(a.end_time == b.start_time for a, b in itertools.pairwise(found))
        assert {s.file_path for s in found} == {str(p.relative_to(paths.media)) for p in paths.media.rglob("*.mp4")}
    finally:
        database.close()
        server.stop()


def test_recording_stops_at_the_floor_and_goes_on_by_itself(
    database: Database, camera: Camera, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMNISIGHT_RECORDING_FREE_SPACE_FLOOR_MB")
    writes.set_setting(database, "recording.free_space_floor_mb", "1")
    with running(Worker(database, paths)):
        eventually(lambda: len(segments(database)) >= 1)
        writes.set_setting(database, "recording.free_space_floor_mb", str(10**9))
        eventually(lambda: status(database) is CameraStatus.ERROR)
        (full,) = [gap for gap in gaps(database) if gap.end is None]
        assert full.cause == GapCause.DISK_FULL
        assert not list(paths.media.rglob("*.part*"))
        assert segments(database)[-1].end_time == full.start
        writes.set_setting(database, "recording.free_space_floor_mb", "1")
        eventually(lambda: len(rows(database, Recording)) == 2 and status(database) is CameraStatus.ONLINE)
    assert "less than the floor of 1000000000 MB" in (paths.logs / "front.log").read_text()


def test_two_workers_share_one_camera(database: Database, camera: Camera, paths: Paths) -> None:
    first, second = Worker(database, paths), Worker(database, paths)
    with running(second):
        with running(first):
            eventually(lambda: len(segments(database)) >= 2)
            assert len(first.children) + len(second.children) == 1
            holder = first if first.children else second
        eventually(lambda: second.children)
        count = len(segments(database))
        eventually(lambda: len(segments(database)) > count)
    found = segments(database)
    assert all(a.end_time <= b.start_time for a, b in itertools.pairwise(found)), "nothing recorded twice"
    assert holder.children == {}


def test_cameras_are_added_paused_and_removed_while_it_runs(
    database: Database, simulated: SimulatedCamera, paths: Paths
) -> None:
    worker = Worker(database, paths)
    with running(worker):
        camera = add(database, "front", simulated)
        eventually(lambda: len(segments(database)) >= 1)
        writes.update_camera(database, camera.id, enabled=False)
        eventually(lambda: not worker.children)
        assert [gap for gap in gaps(database) if gap.end is None] == []
        paused = datetime.now(UTC)
        writes.update_camera(database, camera.id, enabled=True)
        eventually(lambda: len(rows(database, Recording)) == 2 and segments(database)[-1].start_time > paused)
        gap = gaps(database)[-1]
        assert gap.start > paused - timedelta(seconds=0.1), "a pause is no gap"
        writes.remove_camera(database, camera.id, with_footage=True)
        eventually(lambda: not worker.children)


def test_a_camera_without_address_is_left_alone(database: Database, camera: Camera, paths: Paths) -> None:
    writes.add_camera(database, name="imports", rtsp_url="", username=None, password=None)
    worker = Worker(database, paths)
    with running(worker):
        eventually(lambda: len(segments(database)) >= 1)
        assert set(worker.children) == {camera.id}
