"""The process of one camera: sets up what the pipeline needs, and obeys the supervisor at the other end of a pipe."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection

from omnisight_lab import logs
from omnisight_lab.clock import SystemClock
from omnisight_lab.db import writes
from omnisight_lab.db.session import Database
from omnisight_lab.errors import OmniSightError
from omnisight_lab.ingest.analysis import Analyser, Counters, load_if_possible
from omnisight_lab.ingest.journal import Journal
from omnisight_lab.ingest.pipeline import CameraAddress, Pipeline
from omnisight_lab.ingest.presence import Presence, StopReason
from omnisight_lab.ingest.resume import OPERATIONS, left_behind
from omnisight_lab.ingest.run import BackgroundAnalysis
from omnisight_lab.processes import Stop
from omnisight_lab.settings import Paths, SiteSettings

log = logging.getLogger(__name__)

STOP_SECONDS = 50.0
"""How long a camera process may take to close its files and rows; then it ends without. Longer than a slow detector
(15 s) and a database that hangs (30 s) take together."""

_BEAT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Job:
    """All that a camera process is told; pickled once."""

    camera: CameraAddress
    paths: Paths
    settings: SiteSettings
    database: Database
    worker: str
    log_level: str


@dataclass(frozen=True, slots=True)
class Beat:
    """Proof that the recording loop turns: sent at least every few seconds, also while it waits."""

    state: str
    frames: int
    decoded: int
    detector_calls: int
    dropped: int


class Control:
    """The camera process's end of the pipe. The supervisor's death closes the other end, and means stop too."""

    def __init__(self, connection: Connection, settings: SiteSettings) -> None:
        self._connection = connection
        self.settings = settings
        self.stop, self.orphaned = Stop(), threading.Event()
        self.reason = StopReason.WORKER_ENDS
        self._next_beat = 0.0
        threading.Thread(target=self._listen, name="control", daemon=True).start()

    def beat(self, state: str, counters: Counters) -> None:
        """Send a Beat unless one went a moment ago."""
        if time.monotonic() < self._next_beat:
            return
        self._next_beat = time.monotonic() + _BEAT_SECONDS
        try:
            self._connection.send(
                Beat(state, counters.frames, counters.decoded, counters.detector_calls, counters.dropped)
            )
        except OSError:  # the listening thread finds the supervisor gone, too, and stops this process
            return

    def _listen(self) -> None:
        while not self.stop.is_set():
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                log.warning("the worker is gone, this camera process ends")
                self.orphaned.set()
                break
            if isinstance(message, SiteSettings):
                self.settings = message
            elif isinstance(message, StopReason):
                self.reason = message
                break
        self.stop.set()
        # A call into a library may hang for good; nothing may keep an unwanted process alive
        time.sleep(STOP_SECONDS)
        log.error("this camera process did not end in %.0f s and is cut off", STOP_SECONDS)
        logging.shutdown()
        os._exit(1)


def main(job: Job, connection: Connection) -> None:
    """Target of the process: record one camera until told to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor stops us in order
    logs.configure(job.camera.name, job.log_level, job.paths.logs)
    control = Control(connection, job.settings)
    signal.signal(signal.SIGTERM, lambda *_: control.stop.set())
    journal = Journal(job.database, job.paths.journal / f"{job.camera.id}.jsonl", OPERATIONS)
    try:
        _record(job, control, journal)
    except Exception:  # the supervisor starts a successor; the log, unlike multiprocessing's traceback, is redacted
        log.exception("the camera process fails")
        sys.exit(1)
    finally:
        journal.close()
        if control.orphaned.is_set():
            with suppress(OmniSightError):  # without a database the lease ends by itself
                writes.release_lease(job.database, job.camera.id, job.worker)
        job.database.close()


def _record(job: Job, control: Control, journal: Journal) -> None:
    clock, media_root = SystemClock(), job.paths.media
    detector = partial(load_if_possible, job.settings)
    analyser = Analyser(job.camera.id, job.settings, media_root, detector, areas=job.camera.areas)
    analysis = BackgroundAnalysis(analyser, journal)
    presence = Presence(job.camera.id, journal, clock.now())
    pipeline = Pipeline(
        job.camera,
        media_root,
        lambda: control.settings,
        journal,
        analysis,
        presence,
        clock,
        lambda state: control.beat(state, analyser.counters),
    )
    journal.put("resume", gap_id=presence.gap_id, **left_behind(media_root, job.camera.id, clock.now()))
    try:
        pipeline.run(control.stop)
        presence.leave(pipeline.end, clock.now(), control.reason)
    finally:
        analysis.close()
