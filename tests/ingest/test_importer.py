"""Stored video gets the times it was taken at, comes in once, and leaves nothing behind when it fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import pytest
from sqlalchemy import func, select

from omnisight_lab.db import migrate, reads, writes
from omnisight_lab.db.models import Camera, DetectedObject, Event, Recording, RecordingStatus, Segment
from omnisight_lab.db.server import EmbeddedServer
from omnisight_lab.db.session import Database
from omnisight_lab.errors import DatabaseUnreachable, DiskFull, NotAVideo, UsageError
from omnisight_lab.ingest.importer import Imported, examine, import_files
from omnisight_lab.media.source import probe
from omnisight_lab.settings import Paths
from tests.ingest.conftest import RATE, SECONDS, draw_clip, eventually

START = datetime(2026, 3, 29, 0, 59, 57, tzinfo=UTC)
LENGTH = timedelta(seconds=SECONDS)

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def yard(database: Database) -> Camera:
    return writes.add_camera(database, name="yard", rtsp_url="", username=None, password=None)


def run(database: Database, paths: Paths, *files: Path, start: datetime = START) -> list[Imported]:
    return import_files(database, paths, examine(files, [start]), "yard")


def counts(database: Database) -> tuple[int, ...]:
    with database.session() as session:
        return tuple(
            session.scalar(select(func.count()).select_from(table)) or 0
            for table in (Recording, Segment, Event, DetectedObject)
        )


def files_of(paths: Paths) -> list[str]:
    return sorted(path.name for path in paths.media.rglob("*") if path.is_file())


def test_footage_lies_where_it_was_taken(
    database: Database, yard: Camera, paths: Paths, clip: Path, tmp_path: Path
) -> None:
    second = draw_clip(tmp_path / "second.mp4", seconds=3)
    done: list[float] = []
    first, following = import_files(database, paths, examine([clip, second], [START]), "yard", progress=done.append)
    assert (first.start, first.end) == (START, START + LENGTH)
    assert (following.start, following.end) == (first.end, first.end + timedelta(seconds=3))
    assert done == sorted(done)
    assert done[-1] == pytest.approx(SECONDS + 3, abs=0.1)
    with database.session() as session:
        recordings = session.scalars(select(Recording).order_by(Recording.start_time)).all()
        assert [(r.status, r.start_time, r.end_time) for r in recordings] == [
            (RecordingStatus.COMPLETED, first.start, first.end),
            (RecordingStatus.COMPLETED, following.start, following.end),
        ]
        segments = session.scalars(select(Segment).order_by(Segment.start_time)).all()
        assert segments[0].start_time == START
        assert [segment.start_time.microsecond for segment in segments] == [0] * len(segments)
        assert [period.start for period in reads.periods(session, yard.id)] == [first.start, following.start]
        (square,) = session.scalars(select(Event).where(Event.recording_id == first.recording_id))
    assert square.event_type == "motion"
    middle = START + LENGTH / 3
    assert middle - timedelta(seconds=0.5) <= square.timestamp <= middle + timedelta(seconds=1)
    assert (paths.media / square.thumbnail_path).is_file()
    for segment in segments:
        with av.open(str(paths.media / segment.file_path)) as container:
            frames = sum(1 for _ in container.decode(video=0))
        assert frames / RATE == pytest.approx((segment.end_time - segment.start_time).total_seconds(), abs=0.01)
    moved = [max(map(max, segment.meta["motion"])) for segment in segments[:SECONDS]]
    assert (moved[0], moved[1], moved[5]) == (0, 0, 0)
    assert moved[2] > 0
    assert moved[3] > 0


def test_own_starts_of_several_files(
    database: Database, yard: Camera, paths: Paths, clip: Path, tmp_path: Path
) -> None:
    other = draw_clip(tmp_path / "other.mp4", seconds=2)
    later = START + timedelta(hours=1)
    imported = import_files(database, paths, examine([clip, other], [START, later]), "yard")
    assert [video.start for video in imported] == [START, later]


def test_more_starts_than_files_or_none_are_refused(clip: Path) -> None:
    with pytest.raises(UsageError, match="2 starts for 1 file"):
        examine([clip], [START, START])
    with pytest.raises(UsageError, match="say when the first picture was taken"):
        examine([clip], [])


def test_the_same_video_comes_in_once(database: Database, yard: Camera, paths: Paths, clip: Path) -> None:
    (first,) = run(database, paths, clip)
    before, files = counts(database), files_of(paths)
    (again,) = run(database, paths, clip)
    assert again == Imported(clip, first.recording_id, first.start, first.end, first.segments, first.events, True)
    assert (counts(database), files_of(paths)) == (before, files)
    with pytest.raises(UsageError, match="has other footage from 2026-03-29T00:59:59"):
        run(database, paths, clip, start=START + timedelta(seconds=2))
    assert (counts(database), files_of(paths)) == (before, files)


def test_a_killed_import_is_made_good_by_the_next(
    database: Database, yard: Camera, paths: Paths, tmp_path: Path
) -> None:
    long = draw_clip(tmp_path / "long.mp4", seconds=300)
    environment = {**os.environ, "DATABASE_URL": database.prisma_url, "OMNISIGHT_HOME": str(paths.home)}
    environment["OMNISIGHT_MEDIA"] = str(paths.media)
    verb = [sys.executable, "-m", "omnisight_lab.cli", "import", str(long), "--camera", "yard"]
    with subprocess.Popen([*verb, "--start", START.isoformat()], env=environment) as process:
        eventually(lambda: len(list(paths.media.rglob("*.mp4"))) > 2)
        process.send_signal(signal.SIGKILL)
    assert counts(database) == (0, 0, 0, 0)
    assert files_of(paths)
    with database.session() as session:
        held = reads.lease(session, yard.id)
    assert held, "the dead import's lease lasts a little longer"
    with pytest.raises(UsageError, match="is being recorded or imported to"):
        run(database, paths, long)
    writes.release_lease(database, yard.id, held.worker)
    (imported,) = run(database, paths, long)
    assert imported.end - imported.start == timedelta(seconds=300)
    assert counts(database)[:2] == (1, imported.segments)
    assert len(list(paths.media.rglob("*.mp4"))) == imported.segments
    assert not list(paths.media.rglob("*.part*"))


class Interrupted(Exception):
    pass


def interrupt(seconds: float) -> None:
    raise Interrupted


def test_an_interrupted_import_leaves_nothing(database: Database, yard: Camera, paths: Paths, clip: Path) -> None:
    with pytest.raises(Interrupted):
        import_files(database, paths, examine([clip], [START]), "yard", progress=interrupt)
    assert counts(database) == (0, 0, 0, 0)
    assert files_of(paths) == []
    with database.session() as session:
        assert reads.lease(session, yard.id) is None
        assert reads.periods(session, yard.id) == []


def test_an_import_whose_database_goes_away_leaves_nothing(
    own_server: EmbeddedServer, paths: Paths, clip: Path
) -> None:
    database = Database(own_server.start())
    migrate.upgrade(database)
    writes.add_camera(database, name="yard", rtsp_url="", username=None, password=None)
    with pytest.raises(DatabaseUnreachable):
        import_files(database, paths, examine([clip], [START]), "yard", progress=lambda seconds: own_server.stop())
    assert files_of(paths) == []
    own_server.start()
    assert counts(database) == (0, 0, 0, 0)
    database.close()


def test_below_the_floor_nothing_is_imported(
    database: Database, yard: Camera, paths: Paths, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMNISIGHT_RECORDING_FREE_SPACE_FLOOR_MB", str(10**9))
    with pytest.raises(DiskFull, match="less than the floor of 1000000000 MB"):
        run(database, paths, clip)
    assert (counts(database), files_of(paths)) == ((0, 0, 0, 0), [])


def test_a_camera_that_is_recorded_takes_no_import(database: Database, yard: Camera, paths: Paths, clip: Path) -> None:
    assert writes.take_lease(database, yard.id, "worker", 60)
    with pytest.raises(UsageError, match="is being recorded or imported to right now"):
        run(database, paths, clip)
    assert files_of(paths) == []


def test_an_unknown_camera_is_made_on_request_alone(database: Database, paths: Paths, clip: Path) -> None:
    videos = examine([clip], [START])
    with pytest.raises(UsageError, match=r"there is no camera 'yard'; .*--create"):
        import_files(database, paths, videos, "yard")
    with pytest.raises(Interrupted):
        import_files(database, paths, videos, "yard", create=True, progress=interrupt)
    with database.session() as session:
        assert reads.cameras(session) == [], "what was made for a failed import goes with it"
    import_files(database, paths, videos, "yard", create=True)
    with database.session() as session:
        (camera,) = reads.cameras(session)
    assert (camera.name, camera.enabled) == ("yard", False)


def cut(clip: Path, folder: Path) -> Path:
    path = folder / "cut.mp4"
    path.write_bytes(clip.read_bytes()[:3000])
    return path


def text(clip: Path, folder: Path) -> Path:
    path = folder / "notes.mp4"
    path.write_text("no video " * 1000)
    return path


def empty(clip: Path, folder: Path) -> Path:
    path = folder / "empty.mp4"
    path.touch()
    return path


def without_keyframes(clip: Path, folder: Path) -> Path:
    path = folder / "inter.ts"
    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size and not packet.is_keyframe:
                packet.stream = stream
                target.mux(packet)
    return path


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (cut, "is not a video, or is cut off before its index"),
        (text, "is not a video"),
        (empty, "is empty"),
        (without_keyframes, "no keyframe|no video"),
        (lambda clip, folder: folder / "absent.mp4", "does not exist"),
        (lambda clip, folder: folder, "is a folder"),
    ],
)
def test_bad_files_are_told_before_anything_is_written(
    database: Database,
    yard: Camera,
    paths: Paths,
    clip: Path,
    tmp_path: Path,
    bad: Callable[[Path, Path], Path],
    message: str,
) -> None:
    with pytest.raises(NotAVideo, match=message):
        run(database, paths, clip, bad(clip, tmp_path))
    assert (counts(database), files_of(paths)) == ((0, 0, 0, 0), [])


def test_a_video_that_is_cut_off_is_refused_unless_a_part_will_do(
    database: Database, yard: Camera, paths: Paths, clip: Path, tmp_path: Path
) -> None:
    path = tmp_path / "cut.mp4"
    with av.open(str(clip)) as source, av.open(str(path), "w", options={"movflags": "+faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(NotAVideo, match=r"cut off: .* can be read"):
        import_files(database, paths, examine([path], [START]), "yard")
    assert (counts(database), files_of(paths)) == ((0, 0, 0, 0), [])
    (imported,) = import_files(database, paths, examine([path], [START], whole=False), "yard")
    assert imported.segments and imported.end - imported.start < timedelta(seconds=probe(clip).duration or 0)


def omnisight(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "omnisight_lab.cli", *map(str, arguments)]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_command_prints_rows(database: Database, yard: Camera, paths: Paths, clip: Path) -> None:
    home = {"DATABASE_URL": database.prisma_url, "OMNISIGHT_HOME": str(paths.home)}
    done = omnisight("import", clip, "--camera", "yard", "--start", "2026-03-29T02:59:57+02:00", "--json", **home)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["start"], row["end"]) == ("2026-03-29T00:59:57+00:00", "2026-03-29T01:00:03+00:00")
    assert row["already"] is False


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--camera", "yard", "--start", "2026-03-29T08:00:00"], 2, "has no time zone"),
        (["--camera", "yard", "--start", "yesterday"], 2, "'yesterday' is no time"),
        (["--camera", "yart", "--start", "2026-03-29T08:00:00Z"], 2, "did you mean 'yard'?"),
        (
            ["--camera", "yard", "--start", "2026-03-29T08:00:00Z", "--start", "2026-03-29T09:00:00Z"],
            2,
            "2 starts for 1",
        ),
    ],
)
def test_the_command_used_wrongly_says_so_in_one_line(
    database: Database, yard: Camera, paths: Paths, clip: Path, arguments: list[str], code: int, message: str
) -> None:
    home = {"DATABASE_URL": database.prisma_url, "OMNISIGHT_HOME": str(paths.home)}
    done = omnisight("import", clip, *arguments, **home)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert (counts(database), files_of(paths)) == ((0, 0, 0, 0), [])
