"""One camera's story: open the source, record it, tell the database, and begin again when it breaks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from omnisight_lab.clock import Clock
from omnisight_lab.errors import MediaError, SourceError, StorageError
from omnisight_lab.ingest.areas import Areas
from omnisight_lab.ingest.presence import Presence
from omnisight_lab.ingest.resume import illustrated
from omnisight_lab.ingest.run import Analysis, Rows, Run, Target
from omnisight_lab.media.recover import recover
from omnisight_lab.media.source import RtspSource, StreamInfo
from omnisight_lab.ops import storage
from omnisight_lab.processes import Stop
from omnisight_lab.types import GapCause, TimeRange

log = logging.getLogger(__name__)

_SHORTEST_WAIT = 0.25
_FLOOR_SECONDS = 1.0
"""How often the free space is looked at while recording."""


@dataclass(frozen=True, slots=True)
class CameraAddress:
    """Which camera, and how to reach it."""

    id: str
    name: str
    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    areas: Areas = field(default_factory=Areas)


class Pipeline:
    """Records and analyses one camera until told to stop. `settings` is called for the values that hold now."""

    def __init__(
        self,
        camera: CameraAddress,
        media_root: Path,
        settings: Callable[[], Mapping[str, Any]],
        rows: Rows,
        analysis: Analysis,
        presence: Presence,
        clock: Clock,
        beat: Callable[[str], None] = lambda state: None,
    ) -> None:
        self._camera, self._media_root, self._settings = camera, media_root, settings
        self._rows, self._analysis, self._presence = rows, analysis, presence
        self._clock, self._beat = clock, beat
        self.end: datetime | None = None
        """End of the footage that was recorded last."""
        self._failures = 0
        self._broken: Run | None = None

    def run(self, stop: Stop) -> None:
        """Until `stop` is set."""
        while not stop.is_set():
            try:
                storage.require_room(self._media_root, self._settings()["recording.free_space_floor_mb"])
                self._recover()
                self._record(stop)
            except (MediaError, StorageError) as error:
                self._lost(error)
                self._wait(stop)

    def _record(self, stop: Stop) -> None:
        """Returns when told to stop; raises what breaks the stream."""
        camera, settings = self._camera, self._settings()
        timeout = settings["camera.timeout_seconds"]
        self._beat("connecting")
        with (
            RtspSource(camera.url, camera.username, camera.password, timeout, self._clock) as source,
            self._stream(source.info) as stream_id,
        ):
            self._follow(source, stream_id, stop)

    def _follow(self, source: RtspSource, stream_id: str, stop: Stop) -> None:
        """Record the packets of `source` in one Recording after the other, each at most 24 h long."""
        run = self._new_run(stream_id, source.info)
        look = self._clock.monotonic()
        error = True
        try:
            for packet in source.packets():
                if stop.is_set():
                    error = False
                    return
                if run.due(packet):
                    self._finish(run)
                    run = self._new_run(stream_id, source.info)
                if self._clock.monotonic() >= look:
                    look = self._clock.monotonic() + _FLOOR_SECONDS
                    storage.require_room(self._media_root, self._settings()["recording.free_space_floor_mb"])
                    self._beat("recording")
                run.write(packet)
                if self._presence.cause is not None:
                    self._presence.recording(packet.time, run.recording_id)
                    self._failures = 0
                    log.info("%s is recorded", self._camera.name)
        finally:
            try:
                self._finish(run, error)
            finally:
                self._analysis.interrupt()
        raise SourceError("the camera ended the stream", GapCause.CAMERA_UNREACHABLE)

    def _new_run(self, stream_id: str, info: StreamInfo) -> Run:
        seconds = self._settings()["recording.segment_seconds"]
        target = Target(self._camera.id, self._media_root, seconds, self._rows, self._analysis)
        return Run(target, stream_id, info)

    def _finish(self, run: Run, error: bool = False) -> None:
        try:
            run.finish(error)
        finally:
            self.end = run.end or self.end
            if run.broken:
                self._broken = run

    def _recover(self) -> None:
        """Finish the file that a full disk, or a camera without keyframes, broke off; what it lacks joins the gap."""
        if self._broken is None:
            return
        run, cause = self._broken, self._presence.cause or GapCause.DISK_FULL
        for segment in recover(self._media_root, self._camera.id):
            self._rows.put("close_segment", segment=illustrated(self._media_root, segment))
            if segment.recording_id == run.recording_id and run.end and segment.end < run.end:
                self._rows.put("end_recording", recording_id=run.recording_id, end=segment.end, error=True)
                lost = TimeRange(segment.end, run.end)
                self._rows.put("add_gap", camera_id=self._camera.id, span=lost, cause=cause)
        self._broken = None

    @contextmanager
    def _stream(self, info: StreamInfo) -> Iterator[str]:
        """A Stream row for as long as the connection lasts."""
        stream_id = str(uuid4())
        details = {"codec": info.codec, "width": info.size.width, "height": info.size.height, "rate": info.rate}
        self._rows.put(
            "start_stream", camera_id=self._camera.id, stream_id=stream_id, at=self._clock.now(), metadata=details
        )
        try:
            yield stream_id
        except BaseException:
            self._rows.put("end_stream", stream_id=stream_id, at=self._clock.now(), error=True)
            raise
        self._rows.put("end_stream", stream_id=stream_id, at=self._clock.now(), error=False)

    def _lost(self, error: MediaError | StorageError) -> None:
        """Say once why nothing is recorded; the same cause again only moves the gap's last sight."""
        cause = error.cause if isinstance(error, SourceError) else GapCause.STREAM_NOT_FOUND
        if isinstance(error, StorageError):
            cause = GapCause.DISK_FULL
        if self._presence.cause is not cause:
            log.warning("%s is not recorded: %s", self._camera.name, error)
        self._presence.lost(self.end, self._clock.now(), cause)

    def _wait(self, stop: Stop) -> None:
        """Twice as long after each failure, up to the setting; ends early when told to stop."""
        longest = self._settings()["camera.retry_seconds"]
        until = self._clock.monotonic() + min(longest, _SHORTEST_WAIT * 2 ** min(self._failures, 16))
        self._failures += 1
        while (left := until - self._clock.monotonic()) > 0 and not stop.is_set():
            self._beat("waiting")
            stop.wait(min(left, 1.0))
