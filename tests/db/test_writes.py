from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text

from omnisight_lab.db import reads, writes
from omnisight_lab.db.columns import INT32_MAX, now
from omnisight_lab.db.lab_models import CameraPeriod, Gap, Verdict
from omnisight_lab.db.models import (
    Base,
    Camera,
    CameraStatus,
    DetectedObject,
    Event,
    Recording,
    RecordingStatus,
    Segment,
    Stream,
    StreamStatus,
    SystemSetting,
    User,
    UserRole,
)
from omnisight_lab.db.session import Database
from omnisight_lab.errors import DatabaseError, UnknownName, UsageError
from omnisight_lab.types import GapCause, TimeRange
from tests.db.conftest import START, Site, after, seen


def _all(database: Database, kind: type[Any]) -> list[Any]:
    with database.session() as session:
        return list(session.scalars(select(kind)))


def _snapshot(database: Database) -> dict[str, int]:
    with database.session() as session:
        return {
            str(table): session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


def test_a_new_camera(site: Site) -> None:
    (camera,) = _all(site.database, Camera)
    assert (camera.rtsp_url, camera.username, camera.password) == ("rtsp://192.0.2.1:554/main", "viewer", "geheim")
    assert camera.ip_address == "192.0.2.1" and camera.status is CameraStatus.OFFLINE and camera.enabled
    (period,) = _all(site.database, CameraPeriod)
    assert period.end is None and period.start <= now()


def test_a_camera_for_imports_expects_nothing(database: Database) -> None:
    camera = writes.add_camera(database, name="files", rtsp_url="")
    assert not camera.enabled and _all(database, CameraPeriod) == []


def test_names_of_cameras_are_unique(site: Site) -> None:
    for name in ("gate", "  "):
        with pytest.raises(UsageError, match=r"already|needs a name"):
            writes.add_camera(site.database, name=name, rtsp_url="")
    other = writes.add_camera(site.database, name="yard", rtsp_url="")
    with pytest.raises(UsageError, match="already"):
        writes.update_camera(site.database, other.id, name="gate")


def test_pause_and_enable(site: Site) -> None:
    for _ in range(2):
        assert not writes.update_camera(site.database, site.camera.id, enabled=False).enabled
    assert [period.end is None for period in _all(site.database, CameraPeriod)] == [False]
    for _ in range(2):
        assert writes.update_camera(site.database, site.camera.id, enabled=True).enabled
    assert sorted(period.end is None for period in _all(site.database, CameraPeriod)) == [False, True]


def test_change_of_address_keeps_the_login(site: Site) -> None:
    camera = writes.update_camera(site.database, site.camera.id, rtsp_url="rtsp://192.0.2.9/sub")
    assert (camera.ip_address, camera.username, camera.password) == ("192.0.2.9", "viewer", "geheim")
    camera = writes.update_camera(site.database, site.camera.id, timezone="Europe/Berlin")
    assert camera.settings == {"timezone": "Europe/Berlin"} and camera.rtsp_url == "rtsp://192.0.2.9/sub"
    with pytest.raises(UnknownName):
        writes.update_camera(site.database, "nobody", name="x")


def test_a_status_that_stays_does_not_touch_the_row(site: Site) -> None:
    writes.set_camera_status(site.database, site.camera.id, CameraStatus.ONLINE)
    (first,) = _all(site.database, Camera)
    writes.set_camera_status(site.database, site.camera.id, CameraStatus.ONLINE)
    (second,) = _all(site.database, Camera)
    assert first.status is CameraStatus.ONLINE and first.updated_at == second.updated_at


def test_everything_may_be_said_twice(site: Site) -> None:
    """As a journal does that is replayed from its start."""

    def say_all() -> None:
        database, camera = site.database, site.camera.id
        writes.start_stream(database, camera, "s1", START, {"codec": "h264"})
        writes.start_recording(database, "r1", camera, "s1", START)
        writes.close_segment(database, site.segment("g1", 0, 60))
        writes.save_events(database, [site.event("e1", seen("o1")), site.event("e2")])
        writes.open_gap(database, camera, after(60), GapCause.STALLED, "gap1")
        writes.touch_gap(database, "gap1", after(70))
        writes.close_gap(database, "gap1", after(80))
        writes.add_gap(database, camera, TimeRange(after(100), after(110)), GapCause.WORKER_DOWN)
        writes.expect(database, camera, TimeRange(after(0), after(60)))
        writes.expect(database, camera, after(0))
        writes.end_recording(database, "r1", after(60))
        writes.end_stream(database, "s1", after(60))

    say_all()
    before = _snapshot(site.database)
    assert before["Event"] == 2 and before["lab.gap"] == 2 and before["lab.camera_period"] == 2
    say_all()
    assert _snapshot(site.database) == before
    (recording,) = _all(site.database, Recording)
    assert (recording.end_time, recording.duration) == (after(60), 60)
    assert recording.status is RecordingStatus.COMPLETED
    assert next(gap for gap in _all(site.database, Gap) if gap.id == "gap1").end == after(80)


def test_a_segment_takes_its_last_values(site: Site) -> None:
    segment = replace(site.segment("g1", 0, 59.6), size=3 * 2**31)
    writes.close_segment(site.database, segment)
    writes.close_segment(site.database, replace(segment, motion=((0, 255),), wall_clock_error_ms=12))
    (row,) = _all(site.database, Segment)
    assert (row.duration, row.file_size) == (60, INT32_MAX)
    assert row.meta["motion"] == [[0, 255]] and row.meta["wallClockErrorMs"] == 12
    assert row.meta["frame"] == {"width": 1920, "height": 1080} and row.created_at is not None


def test_an_event_grows_and_closes(site: Site) -> None:
    writes.save_event(site.database, site.event("e1", seen("o1", "car", 0.4, best=True)))
    (event,) = _all(site.database, Event)
    assert event.meta["label"] == "car" and "endTime" not in event.meta
    grown = site.event("e1", seen("o1", "car", 0.4), seen("o2", "person", 0.8, at=2.5, best=True), end=4)
    writes.save_events(site.database, [site.event("e1", seen("o1")), grown])
    (event,) = _all(site.database, Event)
    assert event.meta["label"] == "person" and event.meta["endTime"] == "2026-03-29T00:50:04.000Z"
    objects = {row.id: row for row in _all(site.database, DetectedObject)}
    assert objects["o2"].meta == {
        "trackId": 7,
        "offsetMs": 2500,
        "best": True,
        "frame": {"width": 1920, "height": 1080},
    }
    assert objects["o1"].meta["best"] is False
    writes.save_event(site.database, site.event("e1", seen("o2", best=True), end=4))
    assert [row.id for row in _all(site.database, DetectedObject)] == ["o2"]


def test_numbers_that_json_can_not_carry(site: Site) -> None:
    draft = replace(site.event("e1", seen("o1", confidence=float("nan"))), confidence=float("inf"), extra={"n": 2**60})
    writes.save_event(site.database, draft)
    (event,) = _all(site.database, Event)
    assert event.confidence is None and event.meta["n"] == str(2**60)
    assert _all(site.database, DetectedObject)[0].confidence == 0


def test_a_refused_row_undoes_its_whole_batch(site: Site) -> None:
    with pytest.raises(DatabaseError, match="violates foreign key"):
        writes.save_events(site.database, [site.event("e1"), replace(site.event("e2"), recording_id="nowhere")])
    assert _all(site.database, Event) == []


def test_more_objects_and_paths_than_a_statement_takes_parameters(site: Site) -> None:
    """A busy hour of an import is one batch; PostgreSQL takes 65,535 parameters."""
    many = [seen(f"o{number}") for number in range(66_000)]
    for objects in (many, many[:3]):
        writes.save_event(site.database, site.event("e1", *objects))
    assert {row.id for row in _all(site.database, DetectedObject)} == {"o0", "o1", "o2"}
    with site.database.session() as session:
        assert reads.known_paths(session, [f"segments/{number}.mp4" for number in range(66_000)]) == set()


def test_a_whole_import(site: Site) -> None:
    span = TimeRange(after(3600), after(3660))
    job: dict[str, Any] = {"recording_id": "r2", "camera_id": site.camera.id, "span": span}
    segments = [site.segment("g1", 3600, 3660, "r2")]
    with pytest.raises(DatabaseError):
        writes.save_import(site.database, **job, segments=segments, events=[replace(site.event(), recording_id="x")])
    assert _all(site.database, Segment) == []
    for _ in range(2):
        writes.save_import(site.database, **job, segments=segments, events=[replace(site.event(), recording_id="r2")])
    assert _snapshot(site.database)["lab.camera_period"] == 2
    assert writes.delete_recording(site.database, "r2") == ["thumbnails/e1.jpg", segments[0].path]
    assert _all(site.database, Event) == [] and _all(site.database, Segment) == []


def test_what_a_killed_worker_left_is_finished(site: Site) -> None:
    database, camera = site.database, site.camera.id
    assert writes.finish_left_behind(database, writes.add_camera(database, name="n", rtsp_url="").id, START) is None
    writes.close_segment(database, site.segment("g1", 0, 60))
    writes.save_events(database, [site.event("e1", seen("o1", at=1), seen("o2", at=3)), site.event("e2", end=9)])
    writes.open_gap(database, camera, after(60), GapCause.STALLED, "seen")
    writes.touch_gap(database, "seen", after(90))
    writes.open_gap(database, camera, after(95), GapCause.STALLED, "never seen")
    for _ in range(2):
        assert writes.finish_left_behind(database, camera, after(200)) == after(90)
    (recording,) = _all(database, Recording)
    assert (recording.status, recording.end_time) == (RecordingStatus.ERROR, after(60))
    (stream,) = _all(database, Stream)
    assert (stream.status, stream.ended_at) == (StreamStatus.ERROR, after(200))
    assert [(gap.id, gap.end) for gap in _all(database, Gap)] == [("seen", after(90))]
    ends = {event.id: event.meta["endTime"] for event in _all(database, Event)}
    assert ends == {"e1": "2026-03-29T00:50:03.000Z", "e2": "2026-03-29T00:50:09.000Z"}
    with database.session() as session:
        assert reads.open_gaps(session, camera) == []


def test_a_gap_without_length_is_none(site: Site) -> None:
    gap = writes.open_gap(site.database, site.camera.id, after(10), GapCause.STALLED)
    writes.close_gap(site.database, gap, after(10))
    assert _all(site.database, Gap) == []


def test_leases(site: Site) -> None:
    database, camera = site.database, site.camera.id
    assert writes.take_lease(database, camera, "a", 30)
    assert writes.take_lease(database, camera, "a", 30)
    assert not writes.take_lease(database, camera, "b", 30)
    assert not writes.renew_lease(database, camera, "b", 30)
    assert writes.renew_lease(database, camera, "a", -1)  # it runs out
    with database.session() as session:
        assert reads.lease(session, camera) is None
    assert writes.take_lease(database, camera, "b", 30)
    assert not writes.renew_lease(database, camera, "a", 30)
    writes.release_lease(database, camera, "a")
    with database.session() as session:
        lease = reads.lease(session, camera)
        assert lease is not None and lease.worker == "b"
        assert timedelta(seconds=20) < lease.expires_at - now() <= timedelta(seconds=30)
    writes.release_lease(database, camera, "b")
    assert writes.take_lease(database, camera, "a", 30)


def test_a_camera_goes_only_with_its_footage(site: Site) -> None:
    writes.close_segment(site.database, site.segment("g1", 0, 60))
    writes.save_events(site.database, [site.event("e1", seen("o1")), replace(site.event("e2"), recording_id=None)])
    with site.database.engine.begin() as connection:
        connection.execute(
            Verdict.__table__.insert(), {"id": "v", "event_id": "e1", "verdict": "confirm", "created_at": now()}
        )
    with pytest.raises(UsageError, match="1 recordings and 2 events"):
        writes.remove_camera(site.database, site.camera.id)
    files = writes.remove_camera(site.database, site.camera.id, with_footage=True)
    assert sorted(files) == sorted([site.segment("g1", 0, 1).path, "thumbnails/e1.jpg", "thumbnails/e1.jpg"])
    left = {table: count for table, count in _snapshot(site.database).items() if count}
    assert left == {"lab.installation": 1}


def test_users(database: Database) -> None:
    admin = writes.add_user(database, username="admin", email="a@x", password_hash="$2b$", role=UserRole.ADMIN)
    bob = writes.add_user(database, username="bob", email="b@x", password_hash="$2b$")
    assert bob.role is UserRole.USER and bob.is_active
    for name, email in (("bob", "c@x"), ("carl", "b@x")):
        with pytest.raises(UsageError, match="already"):
            writes.add_user(database, username=name, email=email, password_hash="$2b$")
    for change in ({"role": UserRole.VIEWER}, {"is_active": False}):
        with pytest.raises(UsageError, match="last active ADMIN"):
            writes.update_user(database, admin.id, **change)
    writes.update_user(database, bob.id, role=UserRole.ADMIN)
    assert not writes.update_user(database, admin.id, is_active=False).is_active
    assert [user.username for user in _all(database, User) if user.is_active] == ["bob"]


def test_settings_are_typed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    assert writes.set_setting(database, "recording.segment_seconds", "10") == 10
    assert writes.set_setting(database, "recording.segment_seconds", "20", updated_by="u1") == 20
    writes.set_setting(database, "detection.labels", "person, car")
    with database.session() as session:
        settings = reads.site_settings(session)
        assert settings["recording.segment_seconds"] == 20 and settings["detection.labels"] == ("person", "car")
        row = session.scalars(select(SystemSetting).where(SystemSetting.key == "recording.segment_seconds")).one()
        assert (row.category, row.updated_by) == ("recording", "u1") and row.description
        monkeypatch.setenv("OMNISIGHT_RECORDING_SEGMENT_SECONDS", "30")
        assert reads.site_settings(session)["recording.segment_seconds"] == 30
    for key, value, error in (("site.timezone", "Mars", UsageError), ("no.such", "1", UnknownName)):
        with pytest.raises(error):
            writes.set_setting(database, key, value)


def test_other_services_settings_are_left_alone(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(
            text('INSERT INTO "SystemSettings" VALUES (:i, :k, :v, :c, NULL, NULL, now())'),
            {"i": "1", "k": "theirs", "v": "x", "c": "y"},
        )
    with database.session() as session:
        assert "theirs" not in list(reads.site_settings(session))


def test_reads(site: Site) -> None:
    writes.close_segment(site.database, site.segment("g1", 0, 60))
    writes.close_segment(site.database, site.segment("g2", 60, 120))
    with site.database.session() as session:
        assert reads.last_recorded(session, site.camera.id) == after(120)
        assert reads.camera_by_name(session, "gate").id == reads.camera_by_name(session, site.camera.id).id
        found = reads.segments_between(session, site.camera.id, TimeRange(after(59), after(60)))
        assert [segment.id for segment in found] == ["g1"]
        path = site.segment("g1", 0, 60).path
        assert reads.known_paths(session, [path, "stray.mp4"]) == {path}
        for ask, name in ((reads.camera_by_name, "gaet"), (reads.user_by_name, "x"), (reads.event, "x")):
            with pytest.raises(UnknownName, match="there is no"):
                ask(session, name)
        with pytest.raises(UnknownName, match="did you mean 'gate'"):
            reads.camera_by_name(session, "gaet")


def test_missing_files_are_marked_once_and_leave_gaps(site: Site) -> None:
    """Of 0 to 40 s in four segments the files of the first two and the last are gone; another service noted nothing."""
    database = site.database
    for number in range(4):
        segment = site.segment(f"s{number}", number * 10, number * 10 + 10)
        writes.close_segment(database, replace(segment, dropped_frames=number or None))
    with database.session() as session:
        session.execute(text("UPDATE \"Segment\" SET metadata = NULL WHERE id = 's1'"))
        session.commit()
    assert writes.mark_missing(database, ["s0", "s1", "s3", "no such one"]) == 3
    before = _snapshot(database)
    assert writes.mark_missing(database, ["s0", "s3"]) == 0
    assert _snapshot(database) == before
    gaps = sorted((gap.start, gap.end, gap.cause) for gap in _all(database, Gap))
    assert gaps == [(after(0), after(20), "missing_file"), (after(30), after(40), "missing_file")]
    segments = {segment.id: segment for segment in _all(database, Segment)}
    assert [(segments[f"s{number}"].meta or {}).get("missing") for number in range(4)] == [True, True, None, True]
    assert segments["s3"].meta["codec"] == "h264", "the rest of its metadata stays"
    assert [(segments[id_].meta or {}).get("droppedFrames") for id_ in ("s0", "s2", "s3")] == [None, 2, 3]
