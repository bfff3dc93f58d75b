"""Stored video through the pipeline of a camera, at full speed, with the wall-clock times it was taken at.

Files are written first and rows last, in one transaction a video: an import that fails leaves nothing in the
database, and its files are removed. A Recording's id follows from camera, content and start, so a second import of
the same video is noticed.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from omnisight_lab.db import reads, writes
from omnisight_lab.db.models import Camera, Recording
from omnisight_lab.db.session import Database
from omnisight_lab.errors import NotAVideo, OmniSightError, UnknownName, UsageError
from omnisight_lab.ingest.analysis import Analyser, load_detector
from omnisight_lab.ingest.areas import areas_of
from omnisight_lab.ingest.run import Analysis, Run, Target
from omnisight_lab.ingest.worker import LEASE_SECONDS
from omnisight_lab.media.files import sha256
from omnisight_lab.media.source import FileSource, probe
from omnisight_lab.ops import storage
from omnisight_lab.settings import Paths, SiteSettings
from omnisight_lab.types import EventDraft, SegmentFile, TimeRange, utc
from omnisight_lab.vision.detector import Detector

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
"""How often free space is looked at, the lease renewed and progress told."""


@dataclass(frozen=True, slots=True)
class Video:
    """A file to import: `seconds` by its own word, `start` None where it follows the file before it.

    One that is cut off is refused where it has to be `whole`.
    """

    path: Path
    sha256: str
    seconds: float
    start: datetime | None = None
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a video; `already` where it had been imported before, and nothing was written."""

    path: Path
    recording_id: str
    start: datetime
    end: datetime
    segments: int
    events: int
    already: bool = False


@dataclass(slots=True)
class Collected:
    """The rows of one import, held until all is well; of a segment or event written again, the last counts."""

    segments: dict[str, SegmentFile] = field(default_factory=dict)
    events: dict[str, EventDraft] = field(default_factory=dict)

    def put(self, operation: str, **arguments: Any) -> None:
        """Takes what a Run and its analysis write; start and end of the recording follow from the segments."""
        if operation == "close_segment":
            self.segments[arguments["segment"].id] = arguments["segment"]
        elif operation == "save_events":
            self.events |= {event.id: event for event in arguments["events"]}

    def files(self) -> Iterator[str]:
        """Paths, relative to the media root, of all that was written."""
        for segment in self.segments.values():
            yield segment.path
            if segment.thumbnail_path:
                yield segment.thumbnail_path
        yield from (event.thumbnail_path for event in self.events.values() if event.thumbnail_path)


def examine(files: Sequence[Path], starts: Sequence[datetime], *, whole: bool = True) -> list[Video]:
    """The files with their starts, after each was found to be a video; UsageError or NotAVideo before any is read.

    Unless `whole`, what is left of files that were cut off is imported too.
    """
    if not starts:
        raise UsageError("say when the first picture was taken, as --start 2026-03-29T08:00:00+02:00")
    if len(starts) > len(files):
        raise UsageError(f"there are {len(starts)} starts for {len(files)} file(s)")
    durations = [probe(path).duration or 0.0 for path in files]
    padded = [*(utc(start) for start in starts), *[None] * (len(files) - len(starts))]
    return [
        Video(path, sha256(path), seconds, start, whole)
        for path, seconds, start in zip(files, durations, padded, strict=True)
    ]


def import_files(
    database: Database,
    paths: Paths,
    videos: Sequence[Video],
    camera_name: str,
    *,
    create: bool = False,
    progress: Callable[[float], None] = lambda seconds: None,
) -> list[Imported]:
    """Import `videos` under the camera, one after the other; `progress` takes the video seconds that are done.

    UsageError where the camera is unknown and not to be created, is being recorded, or has other footage of that time.
    """
    with database.session() as session:
        settings = reads.site_settings(session)
    storage.prepare(paths.media)
    storage.require_room(paths.media, settings["recording.free_space_floor_mb"])
    detector = load_detector(settings)
    done: list[Imported] = []
    with _camera(database, camera_name, create) as camera, _lease(database, camera) as keep_lease:
        for video in videos:
            start = video.start or done[-1].end
            tell = partial(_tell, progress, sum(earlier.seconds for earlier in videos[: len(done)]))
            job = _Import(database, paths.media, settings, camera, video, start, detector, keep_lease, tell)
            done.append(job.run())
            tell(video.seconds)
    return done


def _tell(progress: Callable[[float], None], before: float, seconds: float) -> None:
    progress(before + seconds)


@contextmanager
def _camera(database: Database, name: str, create: bool) -> Iterator[Camera]:
    """The camera; where there is none and `create` says so, a new one without an address, if footage comes of it."""
    try:
        with database.session() as session:
            camera = reads.camera_by_name(session, name)
    except UnknownName as error:
        if not create:
            raise UsageError(
                f"{error}; --create makes a camera for imports, `omnisight camera add {name} rtsp://…` one to record"
            ) from error
    else:
        yield camera
        return
    camera = writes.add_camera(database, name=name, rtsp_url="", username=None, password=None)
    try:
        yield camera
    except BaseException:
        with suppress(OmniSightError):  # it has footage of a file before the one that failed, or the database is away
            writes.remove_camera(database, camera.id)
        raise


@contextmanager
def _lease(database: Database, camera: Camera) -> Iterator[Callable[[], None]]:
    """Keep workers and other imports off the camera; yields a function to be called now and then."""
    name = f"import:{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
    if not writes.take_lease(database, camera.id, name, LEASE_SECONDS):
        raise UsageError(
            f"camera {camera.name!r} is being recorded or imported to right now; pause it, or use another name"
        )
    try:
        yield lambda: _require_lease(database, camera, name)
    finally:
        writes.release_lease(database, camera.id, name)


def _require_lease(database: Database, camera: Camera, name: str) -> None:
    if not writes.renew_lease(database, camera.id, name, LEASE_SECONDS):
        raise UsageError(f"another process has taken camera {camera.name!r} over; the import ends")


@dataclass(slots=True)
class _Import:
    """One video on its way into the database."""

    database: Database
    media_root: Path
    settings: SiteSettings
    camera: Camera
    video: Video
    start: datetime
    detector: Detector | None
    keep_lease: Callable[[], None]
    progress: Callable[[float], None]
    rows: Collected = field(default_factory=Collected)

    @property
    def recording_id(self) -> str:
        """The same for the same video at the same time under the same camera."""
        return str(
            uuid5(NAMESPACE_URL, f"omnisight:{self.camera.id}/{self.video.sha256}/{utc(self.start).isoformat()}")
        )

    def run(self) -> Imported:
        """Import it, unless it is there already; after an error nothing of it is left."""
        if there := self._already():
            return there
        self._discard()  # of an earlier attempt that was killed
        try:
            with FileSource(self.video.path, self.start, whole=self.video.whole) as source:
                end = self._record(source)
            self._save(end)
        except BaseException:
            self._discard()
            raise
        return Imported(
            self.video.path, self.recording_id, self.start, end, len(self.rows.segments), len(self.rows.events)
        )

    def _record(self, source: FileSource) -> datetime:
        """Write segments and thumbnails, and collect the rows; gives the end of the footage."""
        with self.database.session() as session:
            areas = areas_of(reads.zones(session, self.camera.id), self.camera.id)
        analyser = Analyser(self.camera.id, self.settings, self.media_root, lambda: self.detector, areas=areas)
        analysis = Analysis(analyser, self.rows)
        seconds = self.settings["recording.segment_seconds"]
        target = Target(self.camera.id, self.media_root, seconds, self.rows, analysis)
        run = Run(target, None, source.info, self.recording_id)
        look = 0.0
        try:
            for packet in source.packets():
                run.write(packet)
                if time.monotonic() >= look:
                    self._look(packet.time)
                    look = time.monotonic() + _LOOK_SECONDS
        finally:
            run.finish()
        analysis.close()
        if run.end is None:
            raise NotAVideo(f"{self.video.path} holds no pictures")
        return run.end

    def _look(self, at: datetime) -> None:
        self.progress(min((at - self.start).total_seconds(), self.video.seconds))
        self.keep_lease()
        storage.require_room(self.media_root, self.settings["recording.free_space_floor_mb"])

    def _already(self) -> Imported | None:
        """This very video where it is in the database; UsageError where other footage lies in its span."""
        length = timedelta(seconds=self.video.seconds)
        with self.database.session() as session:
            recording = session.get(Recording, self.recording_id)
            if recording and recording.end_time:
                segments, events = len(recording.segments), len(recording.events)
                return Imported(
                    self.video.path, recording.id, recording.start_time, recording.end_time, segments, events, True
                )
            others = reads.segments_between(session, self.camera.id, TimeRange(self.start, self.start + length))
        if others:
            raise UsageError(
                f"camera {self.camera.name!r} has other footage from {others[0].start_time.isoformat()} "
                f"to {others[-1].end_time.isoformat()}; {self.video.path} would lie over it"
            )
        return None

    def _save(self, end: datetime) -> None:
        writes.save_import(
            self.database,
            recording_id=self.recording_id,
            camera_id=self.camera.id,
            span=TimeRange(self.start, end),
            segments=list(self.rows.segments.values()),
            events=list(self.rows.events.values()),
        )

    def _discard(self) -> None:
        """Remove all files of this import, unfinished ones and those of a killed attempt too."""
        written = {self.media_root / path for path in self.rows.files()}
        folder = self.media_root / "segments" / self.camera.id
        for path in written | set(folder.glob(f"*/*_{self.recording_id}_*")):
            path.unlink(missing_ok=True)
