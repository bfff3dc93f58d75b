"""From a group of packets to events: as little decoding and as few detector calls as the footage allows.

    gate (sizes of packets) -> decode -> motion -> detector on moving frames -> tracker -> events -> thumbnails

No database: what comes out are drafts.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omnisight_lab.media.source import Gop
from omnisight_lab.types import EventDraft, SegmentFile

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counters:
    """What the analysis did since it began, in frames; `detector_calls` counts whole frames and crops."""

    frames: int = 0
    decoded: int = 0
    moving: int = 0
    detector_calls: int = 0
    dropped: int = 0


class Analyser:
    """Takes groups of packets of one camera in order of time."""

    def __init__(self, camera_id: str, settings: Mapping[str, Any], media_root: Path | None) -> None:
        self._camera_id, self._settings, self._media_root = camera_id, settings, media_root
        self.counters = Counters()

    def analyse(self, gop: Gop, recording_id: str) -> list[EventDraft]:
        """Events that began, grew or ended in this group."""
        self.counters.frames += len(gop.packets)
        return []

    def describe(self, segment: SegmentFile) -> SegmentFile:
        """`segment` with what was seen in it."""
        return segment

    def finish(self) -> list[EventDraft]:
        """Events that end because the footage ends."""
        return []
