"""One Recording in the making, the same for a camera and for a file: packets in; segments, rows and GOPs out."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from omnisight_lab.errors import MediaError, StorageError
from omnisight_lab.ingest.analysis import Analyser
from omnisight_lab.media.recorder import Recorder
from omnisight_lab.media.source import Gop, Packet, StreamInfo
from omnisight_lab.types import EventDraft, SegmentFile

log = logging.getLogger(__name__)

LONGEST = timedelta(hours=24)
"""A Recording is cut at this length, so that a page about one stays a page."""

_SAY_SECONDS = 60.0
"""Least time between two remarks that frames are dropped."""

_LONGEST_GOP = 1800
"""Packets; a GOP that grows beyond (a camera that sends no more keyframes) is analysed in what came so far."""


class Rows(Protocol):
    """Where rows go: the journal of a camera, or the list of an import."""

    def put(self, operation: str, **arguments: Any) -> None: ...


class Analysis:
    """Runs the analyser where it is called and hands its events to `rows`: what an import wants."""

    def __init__(self, analyser: Analyser, rows: Rows) -> None:
        self.analyser, self._rows = analyser, rows

    def gop(self, gop: Gop, recording_id: str) -> None:
        """Analyse `gop`; its events become rows."""
        self._save(self.analyser.analyse(gop, recording_id))

    def segment(self, segment: SegmentFile, *, dropped: int = 0) -> None:
        """Write the row of `segment` again: with its motion grid, or with how many frames of it were `dropped`."""
        described = self.analyser.describe(segment, whole=not dropped)
        self._rows.put("close_segment", segment=replace(described, dropped_frames=dropped))

    def interrupt(self) -> None:
        """The footage ends here or has a hole: close what is open."""
        self._save(self.analyser.finish())

    def close(self) -> None:
        """Nothing comes any more."""
        self.interrupt()

    def _save(self, events: list[EventDraft]) -> None:
        if events:
            self._rows.put("save_events", events=events)


@dataclass(frozen=True, slots=True)
class _Group:
    gop: Gop
    recording_id: str


@dataclass(frozen=True, slots=True)
class _Closed:
    segment: SegmentFile
    dropped: int


_Item = _Group | _Closed | None
"""What waits for the analysis; None is an interruption."""


class BackgroundAnalysis(Analysis):
    """The same on a thread of its own, so that a slow detector never delays the recorder.

    At most `capacity` GOPs wait; one more is dropped and counted. Segments and interruptions always get through.
    """

    def __init__(self, analyser: Analyser, rows: Rows, capacity: int = 4) -> None:
        super().__init__(analyser, rows)
        self._capacity = capacity
        self._waiting: deque[_Item] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._dropped = 0
        """Frames of the present segment that were dropped."""
        self._say_again = 0.0
        self.failures = 0
        self._thread = threading.Thread(target=self._run, name="analysis", daemon=True)
        self._thread.start()

    def gop(self, gop: Gop, recording_id: str) -> None:
        with self._changed:
            if sum(isinstance(item, _Group) for item in self._waiting) >= self._capacity:
                self._drop(gop)
                return
        self._offer(_Group(gop, recording_id))

    def _drop(self, gop: Gop) -> None:
        counters = self.analyser.counters
        counters.dropped += len(gop.packets)
        self._dropped += len(gop.packets)
        if time.monotonic() >= self._say_again:
            self._say_again = time.monotonic() + _SAY_SECONDS
            log.warning("the analysis is behind; %d frames were recorded but not looked at so far", counters.dropped)

    def segment(self, segment: SegmentFile, *, dropped: int = 0) -> None:
        self._offer(_Closed(segment, dropped + self._dropped))
        self._dropped = 0

    def interrupt(self) -> None:
        self._offer(None)

    def close(self, timeout: float = 15.0) -> None:
        """Wait until what was handed over is analysed."""
        self._offer(None)
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout)

    def _offer(self, item: _Item) -> None:
        with self._changed:
            self._waiting.append(item)
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                item = self._waiting.popleft()
            try:
                self._analyse(item)
            except Exception:  # footage that can't be analysed must not end the analysis of what follows
                self.failures += 1
                log.exception("a part of the footage could not be analysed")

    def _analyse(self, item: _Item) -> None:
        if item is None:
            super().interrupt()
        elif isinstance(item, _Closed):
            super().segment(item.segment, dropped=item.dropped)
        else:
            super().gop(item.gop, item.recording_id)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a run's footage and rows go."""

    camera_id: str
    media_root: Path
    segment_seconds: int
    rows: Rows
    analysis: Analysis


@dataclass(slots=True)
class Run:
    """One uninterrupted run: `write` packets from a keyframe on, then `finish`."""

    target: Target
    stream_id: str | None
    info: StreamInfo
    recording_id: str = field(default_factory=lambda: str(uuid4()))
    start: datetime | None = None
    end: datetime | None = None
    """End of the last closed segment, or of what an unfinished one holds at most."""
    broken: bool = False
    """Whether a file was left unfinished, because the disk or the camera's packets are bad."""
    _last: datetime | None = None
    _recorder: Recorder | None = None
    _packets: list[Packet] = field(default_factory=list)

    def due(self, packet: Packet) -> bool:
        """Whether this run must be followed by another one from `packet` on."""
        return packet.keyframe and self.start is not None and packet.time - self.start >= LONGEST

    def write(self, packet: Packet) -> None:
        """Record `packet`; StorageErrors, and the MediaError of one that no file takes, come from the recorder."""
        if self._recorder is None:
            self._begin(packet)
        if self._packets and (packet.keyframe or len(self._packets) >= _LONGEST_GOP):
            self._hand_over()
        with self._watched(packet.time):
            assert self._recorder is not None
            if closed := self._recorder.cut(packet):
                self._segment(closed)
            self._recorder.write(packet)
        if self._packets or packet.keyframe:
            self._packets.append(packet)

    def finish(self, error: bool = False) -> None:
        """Close the segment and the Recording; what was written stays, also after an error."""
        if self._recorder is None or self.start is None:
            return
        recorder, self._recorder = self._recorder, None
        try:
            self._hand_over()
            with self._watched(self._last):
                closed = recorder.close()
            if closed:
                self._segment(closed)
        finally:
            self.target.rows.put(
                "end_recording", recording_id=self.recording_id, end=self.end or self.start, error=error
            )

    @contextmanager
    def _watched(self, at: datetime | None) -> Iterator[None]:
        """Notes that the file stays unfinished, with footage up to `at`, where writing fails."""
        try:
            yield
        except (StorageError, MediaError):
            self.broken, self.end = True, at
            raise
        self._last = at

    def _begin(self, packet: Packet) -> None:
        target = self.target
        self.start = self._last = packet.time
        self._recorder = Recorder(
            target.media_root,
            target.camera_id,
            self.recording_id,
            self.info,
            target.segment_seconds,
            thumbnails=True,
        )
        target.rows.put(
            "start_recording",
            recording_id=self.recording_id,
            camera_id=target.camera_id,
            stream_id=self.stream_id,
            start=packet.time,
        )

    def _segment(self, segment: SegmentFile) -> None:
        self.end = segment.end
        # The row is written at once, and again with its motion grid when the analysis has come that far
        self.target.rows.put("close_segment", segment=segment)
        self.target.analysis.segment(segment)

    def _hand_over(self) -> None:
        if self._packets:
            self.target.analysis.gop(Gop(self.info, tuple(self._packets)), self.recording_id)
            self._packets.clear()
