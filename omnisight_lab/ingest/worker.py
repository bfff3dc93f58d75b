"""The supervisor: one process a camera, started, watched, restarted and stopped; leases share cameras among workers."""

from __future__ import annotations

import logging
import multiprocessing
import os
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any
from uuid import uuid4

from omnisight_lab.db import reads, writes
from omnisight_lab.db.session import Database
from omnisight_lab.errors import DatabaseError, OmniSightError, UnknownName
from omnisight_lab.ingest import camera_process
from omnisight_lab.ingest.areas import areas_of
from omnisight_lab.ingest.camera_process import STOP_SECONDS, Beat, Job
from omnisight_lab.ingest.pipeline import CameraAddress
from omnisight_lab.ingest.presence import StopReason
from omnisight_lab.processes import Stop
from omnisight_lab.settings import Paths, SiteSettings, log_level

log = logging.getLogger(__name__)

LEASE_SECONDS = 20.0
_LOOK_SECONDS = 2.0
_TICK_SECONDS = 0.25
_START_SECONDS = 120.0
"""Silence that is allowed to a process that repairs what its predecessor left."""
_GRACE_SECONDS = 15.0
"""Silence that is allowed beyond what time-outs explain."""
_LONGEST_PAUSE = 60.0
_LIVE = frozenset({"recording.free_space_floor_mb", "camera.retry_seconds"})
"""Settings that a camera process takes up while it runs; another one starts with the others."""
_STEADY_SECONDS = 60.0
"""A process that ran this long before it died is started again without a pause."""


@dataclass(slots=True)
class CameraChild:
    """One camera process and what was last heard of it (seconds of the monotonic clock)."""

    camera: CameraAddress
    process: SpawnProcess
    connection: Connection
    settings: SiteSettings
    started: float
    heard: float
    beat: Beat | None = None
    stop_until: float | None = None
    """When a process that was asked to stop is killed."""


@dataclass(slots=True)
class Restart:
    """When a camera whose process died may have another one."""

    failures: int = 0
    at: float = 0.0


class Worker:
    """Records every camera that no other worker holds (or only those named in `cameras`)."""

    def __init__(
        self,
        database: Database,
        paths: Paths,
        cameras: Iterable[str] | None = None,
    ) -> None:
        self._database, self._paths = database, paths
        self._settings = SiteSettings()
        self._only = frozenset(cameras) if cameras else None
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        self.children: dict[str, CameraChild] = {}
        self._restarts: dict[str, Restart] = {}
        self._away = False

    def run(self, stop: Stop) -> None:
        """Until `stop` is set; then every camera process has closed its files and rows."""
        self._check()
        log.info("worker %s starts", self.name)
        try:
            while not stop.is_set():
                self._look()
                self._tend(stop, _LOOK_SECONDS)
        finally:
            for child in self.children.values():
                self._ask(child, StopReason.WORKER_ENDS)
            never = Stop()
            while self.children:
                self._tend(never, _TICK_SECONDS)
            log.info("worker %s ends", self.name)

    def _check(self) -> None:
        """Settings that can't be read, and cameras that are unknown, are told at once."""
        with self._database.session() as session:
            self._settings = reads.site_settings(session)
            known = {camera.name for camera in reads.cameras(session)}
        for name in sorted((self._only or frozenset()) - known):
            raise UnknownName("camera", name, known)

    def _look(self) -> None:
        """Compare what runs with what the database wants; without a database what runs goes on."""
        try:
            with self._database.session() as session:
                self._settings = reads.site_settings(session)
                cameras, drawn = reads.cameras(session), reads.zones(session)
            wanted = {
                camera.id: CameraAddress(
                    camera.id,
                    camera.name,
                    camera.rtsp_url,
                    camera.username,
                    camera.password,
                    areas_of(drawn, camera.id),
                )
                for camera in cameras
                if camera.enabled and (self._only is None or camera.name in self._only)
            }
            self._stop_unwanted(wanted)
            self._keep_leases()
            self._start_missing(wanted)
            if self._away:
                log.info("the database can be read again")
            self._away = False
        except DatabaseError as error:
            if not self._away:
                log.warning("cameras go on as they are: %s", error)
            self._away = True

    def _stop_unwanted(self, wanted: Mapping[str, CameraAddress]) -> None:
        """Stop what was paused or removed, and what has another address, other zones or other settings now."""
        for id_, child in self.children.items():
            if id_ not in wanted:
                self._ask(child, StopReason.PAUSED)
            elif child.camera != wanted[id_] or _at_start(child.settings) != _at_start(self._settings):
                self._ask(child, StopReason.WORKER_ENDS)
            elif child.settings != self._settings:
                child.settings = self._settings
                _tell(child, self._settings)

    def _keep_leases(self) -> None:
        for id_, child in self.children.items():
            if not writes.renew_lease(self._database, id_, self.name, LEASE_SECONDS):
                self._ask(child, StopReason.LEASE_LOST)

    def _start_missing(self, wanted: Mapping[str, CameraAddress]) -> None:
        for id_, camera in wanted.items():
            restart = self._restarts.setdefault(id_, Restart())
            if id_ in self.children or time.monotonic() < restart.at:
                continue
            if writes.take_lease(self._database, id_, self.name, LEASE_SECONDS):
                self.children[id_] = self._start(camera)

    def _start(self, camera: CameraAddress) -> CameraChild:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        job = Job(camera, self._paths, self._settings, self._database, self.name, log_level())
        process = context.Process(
            target=camera_process.main, args=(job, theirs), name=f"camera {camera.name}", daemon=True
        )
        process.start()
        theirs.close()
        now = time.monotonic()
        log.info("camera %s: process %s records it", camera.name, process.pid)
        return CameraChild(camera, process, ours, self._settings, now, now)

    def _ask(self, child: CameraChild, reason: StopReason) -> None:
        """Have `child` end by itself; `_tend` sees to it that it does."""
        if child.stop_until is None:
            log.info("camera %s: its process is to stop (%s)", child.camera.name, reason.value.replace("_", " "))
            _tell(child, reason)
            child.stop_until = time.monotonic() + STOP_SECONDS + 2

    def _tend(self, stop: Stop, seconds: float) -> None:
        """For `seconds`, or until `stop` or a death: hear the processes, kill the hung, note the dead."""
        until, living = time.monotonic() + seconds, len(self.children)
        while time.monotonic() < until and not stop.is_set() and len(self.children) == living:
            for id_, child in list(self.children.items()):
                _hear(child)
                if child.process.is_alive() and self._hangs(child):
                    log.error("camera %s: its process hangs and is killed", child.camera.name)
                    child.process.kill()
                    child.process.join()
                if not child.process.is_alive():
                    self._bury(id_, child)
            stop.wait(_TICK_SECONDS)

    def _hangs(self, child: CameraChild) -> bool:
        """No beat for longer than a time-out of FFmpeg, which takes up to twice its setting, can explain."""
        now = time.monotonic()
        if child.stop_until is not None:
            return now > child.stop_until
        patience = 3 * float(self._settings["camera.timeout_seconds"]) + _GRACE_SECONDS
        return now - child.heard > (_START_SECONDS if child.beat is None else patience)

    def _bury(self, id_: str, child: CameraChild) -> None:
        """Note the end of a process: one that was not asked to stop gets a successor, sooner or later."""
        child.connection.close()
        del self.children[id_]
        if child.stop_until is not None:
            self._release(id_)
            return
        restart = self._restarts[id_]
        if time.monotonic() - child.started > _STEADY_SECONDS:
            restart.failures = 0
        pause = min(_LONGEST_PAUSE, 2.0**restart.failures - 1)
        restart.failures += 1
        restart.at = time.monotonic() + pause
        message = "camera %s: its process ended (exit %s), another one starts in %.0f s"
        log.error(message, child.camera.name, child.process.exitcode, pause)

    def _release(self, id_: str) -> None:
        try:
            writes.release_lease(self._database, id_, self.name)
        except OmniSightError as error:
            log.warning("a lease stays until it expires: %s", error)


def _at_start(settings: SiteSettings) -> dict[str, Any]:
    """What a camera process takes from the settings once."""
    kinds = ("recording.", "camera.", "detection.", "event.")
    return {key: value for key, value in settings.items() if key.startswith(kinds) and key not in _LIVE}


def _hear(child: CameraChild) -> None:
    try:
        while child.connection.poll():
            child.beat, child.heard = child.connection.recv(), time.monotonic()
    except (EOFError, OSError):
        return  # it died: the next look at the process shows it


def _tell(child: CameraChild, message: SiteSettings | StopReason) -> None:
    try:
        child.connection.send(message)
    except OSError:
        return  # it died: the next look at the process shows it
