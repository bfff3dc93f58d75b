"""How the system does, worked out by hand, on both engines."""

from __future__ import annotations

from omnisight_lab.db.lab_models import ReportRun
from omnisight_lab.db.models import Notification, Stream, StreamStatus
from omnisight_lab.lab import Lab
from tests.analytics.conftest import Site, ask, at, table

DAY = ("2026-10-20", "2026-10-21")


def stream(site: Site, camera: str, id: str, start: str, end: str | None, status: StreamStatus) -> None:
    site.add(Stream(id=id, camera_id=camera, started_at=at(start), ended_at=at(end) if end else None, status=status))


def test_ingest_lag_by_local_day(site: Site, lab: Lab) -> None:
    """Rows 1, 2, 3, 4, 10 and 20 s after their segments on one local day, 7.5 s on the next; an import counts not."""
    gate, files = site.camera("gate", "Europe/Berlin"), site.camera("files")
    stream(site, gate, "s1", "2026-10-20T20:00", None, StreamStatus.ACTIVE)
    site.run("UPDATE \"Recording\" SET \"streamId\" = 's1' WHERE id = 'recording-gate'")
    ids = site.footage(gate, "2026-10-20T21:00", "2026-10-20T22:00", seconds=600)
    ids += site.footage(gate, "2026-10-20T22:00", "2026-10-20T22:10")
    for id, lag in zip(ids, (10, 2, 20, 1, 4, 3, 7.5), strict=True):
        site.run(f'UPDATE "Segment" SET "createdAt" = "endTime" + interval \'{lag} s\' WHERE id = \'{id}\'')
    site.footage(files, "2026-10-20T21:00", "2026-10-20T22:00")
    lab.refresh()
    rows = ask(lab, "ingest_lag", "2026-10-20", "2026-10-22")
    assert [(str(row["day"]), row["camera"], row["segments"]) for row in rows] == [
        ("2026-10-20", "gate", 6),
        ("2026-10-21", "gate", 1),
    ]
    # Of six the 95th percentile lies three quarters of the way from the fifth to the sixth
    assert table(rows, "p50_seconds", "p95_seconds", "max_seconds") == [(3.5, 17.5, 20.0), (7.5, 7.5, 7.5)]


def test_dropped_frames(site: Site, lab: Lab) -> None:
    gate = site.camera("gate")
    ids = site.footage(gate, "2026-10-20T10:00", "2026-10-20T13:00")
    for id, noted in zip(
        ids, ('"frames": 100, "droppedFrames": 10', '"frames": 300, "droppedFrames": 0'), strict=False
    ):
        site.run(f"UPDATE \"Segment\" SET metadata = '{{{noted.replace(':', chr(92) + ':')}}}' WHERE id = '{id}'")
    site.run(f"UPDATE \"Segment\" SET metadata = '{{\"frames\"\\: 900}}' WHERE id = '{ids[2]}'")
    lab.refresh()
    columns = ("camera", "segments", "frames", "dropped", "share")
    assert table(ask(lab, "dropped_frames", *DAY), *columns) == [("gate", 2, 400, 10, 0.025)]
    assert table(ask(lab, "dropped_frames", *DAY, by="hour_of_day"), "hour_of_day", "dropped", "share") == [
        (10, 10, 0.1),
        (11, 0, 0.0),
    ]


def test_reconnects(site: Site, lab: Lab) -> None:
    gate, door = site.camera("gate", "Europe/Berlin"), site.camera("door")
    stream(site, gate, "s1", "2026-10-20T10:00", "2026-10-20T12:00", StreamStatus.INACTIVE)
    stream(site, gate, "s2", "2026-10-20T12:01", "2026-10-20T13:01", StreamStatus.ERROR)
    stream(site, gate, "s3", "2026-10-20T22:30", None, StreamStatus.ACTIVE)
    stream(site, door, "s4", "2026-10-20T00:00", "2026-10-20T00:30", StreamStatus.ERROR)
    lab.refresh()
    rows = ask(lab, "reconnects", "2026-10-20", "2026-10-22")
    assert [
        (str(row["day"]), *row_)
        for row, row_ in zip(
            rows, table(rows, "camera", "connections", "broken_off", "ended", "mean_hours"), strict=True
        )
    ] == [
        ("2026-10-20", "door", 1, 1, 1, 0.5),
        ("2026-10-20", "gate", 2, 1, 2, 1.5),
        ("2026-10-21", "gate", 1, 0, 0, None),
    ]
    assert table(ask(lab, "reconnects", "2026-10-20", "2026-10-22", by="camera"), "connections") == [(1,), (3,)]


def test_what_became_of_notifications(site: Site, lab: Lab) -> None:
    gate, door = site.camera("gate"), site.camera("door")
    events = {gate: site.event(gate, "2026-10-20T10:00"), door: site.event(door, "2026-10-20T10:00")}
    for number, (camera, kind, status, delay) in enumerate(
        [(gate, "push", "sent", "01"), (door, "push", "sent", "03"), (gate, "push", "failed", None)]
    ):
        made, sent = at("2026-10-20T10:00"), at(f"2026-10-20T10:00:{delay}") if delay else None
        site.add(
            Notification(
                id=f"n{number}",
                event_id=events[camera],
                title="",
                message="",
                type=kind,
                status=status,
                created_at=made,
                sent_at=sent,
            )
        )
    lab.refresh()
    columns = ("type", "status", "notifications", "p50_seconds", "max_seconds")
    assert table(ask(lab, "notifications", *DAY), *columns) == [
        ("push", "failed", 1, None, None),
        ("push", "sent", 2, 2.0, 3.0),
    ]
    assert table(ask(lab, "notifications", *DAY, cameras="door"), *columns) == [("push", "sent", 1, 3.0, 3.0)]
    assert ask(lab, "notifications", "2026-10-21", "2026-10-22") == []


def test_what_became_of_reports(site: Site, lab: Lab) -> None:
    for number, (name, status, end) in enumerate(
        [("daily", "done", "10"), ("daily", "done", "20"), ("daily", "failed", "02"), ("weekly", "running", None)]
    ):
        site.add(
            ReportRun(
                id=f"r{number}",
                name=name,
                status=status,
                version="1",
                started_at=at(f"2026-10-20T1{number}:00"),
                ended_at=at(f"2026-10-20T1{number}:00:{end}") if end else None,
            )
        )
    lab.refresh()
    columns = ("name", "status", "runs", "last_start", "p50_seconds", "max_seconds")
    assert table(ask(lab, "report_runs", *DAY), *columns) == [
        ("daily", "done", 2, at("2026-10-20T11:00"), 15.0, 20.0),
        ("daily", "failed", 1, at("2026-10-20T12:00"), 2.0, 2.0),
        ("weekly", "running", 1, at("2026-10-20T13:00"), None, None),
    ]
