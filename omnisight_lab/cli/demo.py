"""`omnisight demo`: the whole path on this machine, from simulated cameras to dashboards and a report."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from omnisight_lab import settings
from omnisight_lab.cli.output import JsonOption, print_json, progress, say
from omnisight_lab.cli.services import Services
from omnisight_lab.processes import Stop, stop_on_signals

if TYPE_CHECKING:
    from omnisight_lab.db.session import Database
    from omnisight_lab.sim.camera import SimulatedCamera

SCENES = {"Yard": "yard", "Car park": "car_park"}
REPORT_AFTER_SECONDS = 60
"""When the pages are served, the report is written once that much is recorded, while recording goes on."""
SEGMENT_SECONDS = 15
"""A minute's wait for the first segment would be long for somebody who watches."""
FIGURES = """
SELECT c.name,
       (SELECT count(*) FROM segments s WHERE s.camera_id = c.id) AS segments,
       (SELECT round(coalesce(sum(seconds), 0), 3) FROM recorded r WHERE r.camera_id = c.id) AS recorded_seconds,
       (SELECT count(*) FROM events e WHERE e.camera_id = c.id) AS events,
       (SELECT count(DISTINCT (o.event_id, coalesce(o.track_id, o.id))) FROM objects o
        WHERE o.camera_id = c.id) AS objects,
       (SELECT count(*) FROM objects o WHERE o.camera_id = c.id) AS detections
FROM cameras c
"""
"""What was recorded and found at each camera, in all runs of the demo in this folder."""


@dataclass(frozen=True, slots=True)
class Login:
    username: str
    password: str


def command(
    seconds: Annotated[float | None, typer.Option(min=5, help="End by itself after so many seconds.")] = None,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Record and report only, without dashboards.")] = False,
    video: Annotated[
        list[Path] | None, typer.Option(help="Play this file as a camera instead of the drawn scenes; may be repeated.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port of the dashboards.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show it all: simulated cameras, recording, detection, dashboards, a report. Ctrl-C ends it."""
    paths = _own_home()
    if no_serve and seconds is None:
        seconds = 90.0
    with stop_on_signals() as stop, _stack(paths) as (database, services):
        login = _new_login(database)
        with _cameras(database, paths, video or []) as cameras, _recording(database, services, cameras):
            if not no_serve:
                services.verb("dashboards", *(["--port", str(port)] if port is not None else []))
                _invite(database, login, port)
            report = _watch(stop, services, lambda: _write_report(database, paths), seconds, early_report=not no_serve)
        if report is None and not stop.is_set():
            report = _write_report(database, paths)
        summary = _summary(database, paths, list(cameras), report)
    if as_json:
        print_json(summary)
    else:
        _tell(summary)


def _own_home() -> settings.Paths:
    """OMNISIGHT_HOME, else a folder of the demo's own; for this process and its children. DATABASE_URL is left out, and
    OMNISIGHT_MIRROR: simulated cameras never land in a database that other services use, nor in the mirror of it."""
    os.environ.pop("OMNISIGHT_MIRROR", None)
    paths = settings.paths() if settings.home_is_set() else settings.paths(settings.default_home("omnisight-demo"))
    os.environ["OMNISIGHT_HOME"] = str(paths.home)
    os.environ.pop("DATABASE_URL", None)
    os.environ.setdefault(settings.SETTINGS["recording.segment_seconds"].variable, str(SEGMENT_SECONDS))
    return paths


@contextmanager
def _stack(paths: settings.Paths) -> Iterator[tuple[Database, Services]]:
    """The database and the children; both are gone afterwards, but for a server that had run before."""
    from omnisight_lab.db.session import open_database

    say(f"data folder: {paths.home}")
    database = open_database(paths, create=True)
    services = Services(paths.logs)
    try:
        yield database, services
    finally:
        services.stop()
        database.close()
        database.stop_server_if_started()


def _new_login(database: Database) -> Login:
    """The user `demo` with a new password; who runs the demo is a user, too, so that notebooks and reports may ask."""
    from omnisight_lab.access import accounts
    from omnisight_lab.access.passwords import hash_password, new_password
    from omnisight_lab.db import reads, writes
    from omnisight_lab.db.models import UserRole

    login = Login("demo", new_password())
    hashed = hash_password(login.password)
    with database.session() as session:
        known = {user.username: user.id for user in reads.users(session)}
    if login.username in known:
        writes.update_user(database, known[login.username], password=hashed, is_active=True)
    else:
        writes.add_user(
            database, username=login.username, email="demo@localhost", password_hash=hashed, role=UserRole.ADMIN
        )
    accounts.add_operator(database, settings.user_name())
    return login


@contextmanager
def _cameras(database: Database, paths: settings.Paths, videos: Sequence[Path]) -> Iterator[dict[str, str]]:
    """Name -> id of the simulated cameras, which play until the end."""
    from omnisight_lab.access.passwords import new_password
    from omnisight_lab.sim.camera import SimulatedCamera

    with ExitStack() as playing:
        ids = {}
        for name, file in _footage(paths, videos).items():
            camera = playing.enter_context(SimulatedCamera(file, "demo", new_password()))
            ids[name] = _enlist(database, name, camera)
        yield ids


@contextmanager
def _recording(database: Database, services: Services, cameras: Mapping[str, str]) -> Iterator[None]:
    """A worker at work. At the end the cameras are paused first: what is not expected any more leaves no gap."""
    from omnisight_lab.db import writes

    services.verb("worker")
    try:
        yield
    finally:
        for camera_id in cameras.values():
            writes.update_camera(database, camera_id, enabled=False)
        services.stop("worker")


def _footage(paths: settings.Paths, videos: Sequence[Path]) -> Mapping[str, Path]:
    """Camera name -> file: the user's own clips, else the drawn scenes (drawn once, then kept)."""
    from omnisight_lab.media.source import probe
    from omnisight_lab.sim.scenes import Scene

    if videos:
        for video in videos:
            probe(video)
        names = [_name_of(number, videos) for number in range(len(videos))]
        return dict(zip(names, videos, strict=True))
    files = {}
    with progress("drawing the scenes", len(SCENES)) as update:
        for number, (name, scene) in enumerate(SCENES.items()):
            update(number)
            files[name] = Scene(scene).cached(paths.home / "scenes")
        update(len(SCENES))
    return files


def _name_of(number: int, videos: Sequence[Path]) -> str:
    """The file's name without its ending, with a number where several are called so."""
    same = [index for index, video in enumerate(videos) if video.stem == videos[number].stem]
    return videos[number].stem if len(same) == 1 else f"{videos[number].stem} {same.index(number) + 1}"


def _enlist(database: Database, name: str, camera: SimulatedCamera) -> str:
    """The id of camera `name`, which has the simulated camera's address of today."""
    from omnisight_lab.db import reads, writes

    with database.session() as session:
        known = {known.name: known.id for known in reads.cameras(session)}
    if name not in known:
        known[name] = writes.add_camera(database, name=name, rtsp_url=camera.url, model="simulated").id
    username, password = camera.credentials
    writes.update_camera(database, known[name], enabled=True, rtsp_url=camera.url, username=username, password=password)
    return known[name]


def _invite(database: Database, login: Login, port: int | None) -> None:
    from omnisight_lab.db import reads

    with database.session() as session:
        site = reads.site_settings(session)
    address = f"http://{site['dashboards.address']}:{port if port is not None else site['dashboards.port']}"
    say(f"dashboards: {address}   login: {login.username}   password: {login.password}")
    say("Ctrl-C ends the demo")


def _watch(
    stop: Stop,
    services: Services,
    write_report: Callable[[], Path | None],
    seconds: float | None,
    *,
    early_report: bool,
) -> Path | None:
    """Waits until the time is over or somebody ends it; the report, where it was written on the way."""
    started = time.monotonic()
    report = None
    with progress("recording", seconds) as update:
        while not stop.wait(0.5):
            passed = time.monotonic() - started
            services.expect_alive()
            update(min(passed, seconds or passed))
            if seconds is not None and passed >= seconds:
                break
            if early_report and report is None and passed >= REPORT_AFTER_SECONDS:
                report = write_report()
                say(f"report: {report}")
    return report


def _write_report(database: Database, paths: settings.Paths) -> Path | None:
    from omnisight_lab.reports.run import run_report

    say("writing the report")
    return run_report(database, paths, "daily_activity").html


def _summary(database: Database, paths: settings.Paths, names: Sequence[str], report: Path | None) -> dict[str, Any]:
    from omnisight_lab.lab import Lab

    with Lab(database, paths) as lab:
        lab.refresh()
        rows = lab.sql(FIGURES).df().to_dict("records")
    cameras = {row.pop("name"): row for row in rows}
    return {
        "cameras": {name: cameras[name] for name in names},
        "report": report,
        "database": database.safe_url,
        "home": paths.home,
    }


def _tell(summary: Mapping[str, Any]) -> None:
    for name, figures in summary["cameras"].items():
        say(
            f"{name}: {figures['segments']} segments, {figures['recorded_seconds']:.0f} s recorded, "
            f"{figures['events']} events, {figures['objects']} objects in {figures['detections']} boxes"
        )
    if summary["report"]:
        say(f"report: {summary['report']}")
    say(f"look again: OMNISIGHT_HOME={summary['home']} omnisight dashboards")
