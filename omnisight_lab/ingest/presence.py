"""What the database says about a camera being there: status, gaps in its footage, offline and online events."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from uuid import uuid4

from omnisight_lab.db.models import CameraStatus
from omnisight_lab.ingest.run import Rows
from omnisight_lab.types import EventDraft, EventType, GapCause

log = logging.getLogger(__name__)

_STATUS = {GapCause.DISK_FULL: CameraStatus.ERROR, GapCause.WRONG_CREDENTIALS: CameraStatus.ERROR}
"""Status while a cause lasts; OFFLINE for the others. These two need a person, the others may end by themselves."""


_OURS = {GapCause.DISK_FULL, GapCause.WORKER_DOWN}
"""Causes on this side: the camera itself is not offline."""


class StopReason(Enum):
    """Why a camera is no longer recorded by this process; only the first leaves a gap behind."""

    WORKER_ENDS = "worker_ends"
    PAUSED = "paused_or_removed"
    LEASE_LOST = "another_worker_holds_it"


@dataclass(slots=True)
class _OpenGap:
    id: str
    start: datetime
    cause: GapCause


class Presence:
    """Follows one camera from the moment its worker starts; every second without footage is in some gap.

    Begins at `now` inside a gap by the worker that was down, whose row `resume` writes under `gap_id`: it ends
    with the first footage, or with the first attempt that fails for another cause.
    """

    def __init__(self, camera_id: str, rows: Rows, now: datetime) -> None:
        self._camera_id, self._rows = camera_id, rows
        self._recording_id: str | None = None
        self._offline: EventDraft | None = None
        self.gap_id = str(uuid4())
        self._gap: _OpenGap | None = _OpenGap(self.gap_id, now, GapCause.WORKER_DOWN)

    @property
    def cause(self) -> GapCause | None:
        """Why nothing is recorded now; None while something is."""
        return self._gap.cause if self._gap else None

    def recording(self, at: datetime, recording_id: str) -> None:
        """Footage begins at `at`."""
        self._recording_id = recording_id
        if self._gap is None:
            return
        self._close(at)
        self._status(CameraStatus.ONLINE)
        if self._offline:
            self._event(replace(self._offline, end=max(at, self._offline.start)))
            self._event(self._draft(EventType.CAMERA_ONLINE, at))
            self._offline = None

    def lost(self, end_of_footage: datetime | None, now: datetime, cause: GapCause) -> None:
        """Nothing is recorded since `end_of_footage` (None: since before) because of `cause`, seen at `now`."""
        start = end_of_footage or now
        if self._gap is None:
            self._open(start, cause)
        elif self._gap.cause is not cause:
            self._close(now)
            self._open(now, cause)
        else:
            self.still(now)
            return
        self._status(_STATUS.get(cause, CameraStatus.OFFLINE))
        if self._offline is None and cause not in _OURS:
            self._offline = replace(self._draft(EventType.CAMERA_OFFLINE, start), extra={"cause": cause.value})
            self._event(self._offline)

    def still(self, now: datetime) -> None:
        """The gap is still open at `now`: what a crash leaves then says so."""
        if self._gap:
            self._rows.put("touch_gap", gap_id=self._gap.id, at=now)

    def leave(self, end_of_footage: datetime | None, now: datetime, reason: StopReason) -> None:
        """Recording ends on request, at the end of the footage or, where there is none, now."""
        end = now if self._gap or end_of_footage is None else end_of_footage
        self._close(now)
        if reason is StopReason.WORKER_ENDS:
            self._open(end, GapCause.WORKER_DOWN)
        if reason is not StopReason.LEASE_LOST:
            self._status(CameraStatus.OFFLINE)

    def _open(self, start: datetime, cause: GapCause) -> None:
        self._gap = _OpenGap(str(uuid4()), start, cause)
        self._rows.put("open_gap", camera_id=self._camera_id, start=start, cause=cause, gap_id=self._gap.id)

    def _close(self, end: datetime) -> None:
        if self._gap:
            self._rows.put("close_gap", gap_id=self._gap.id, end=max(end, self._gap.start))
            self._gap = None

    def _status(self, status: CameraStatus) -> None:
        self._rows.put("set_camera_status", camera_id=self._camera_id, status=status)

    def _draft(self, kind: EventType, at: datetime) -> EventDraft:
        return EventDraft(str(uuid4()), self._camera_id, self._recording_id, kind, at)

    def _event(self, event: EventDraft) -> None:
        self._rows.put("save_events", events=[event])
