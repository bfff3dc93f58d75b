"""Detection and tracking on one file, without a database: what `omnisight analyse` shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from omnisight_lab.ingest.analysis import Analyser, Counters, Settings, load_detector
from omnisight_lab.media.source import DecodedFrame, FileSource, StreamInfo, group
from omnisight_lab.types import EventDraft, Track, TrackPoint
from omnisight_lab.vision.watch import Seen


@dataclass(slots=True)
class Found:
    """One object: `points` in order of time, `label` the one that most of them had."""

    id: int
    label: str
    points: list[TrackPoint]


@dataclass(slots=True)
class FileAnalysis:
    """What was found in a file. `frames` has the number, from 1, of each frame that was looked at, by its time."""

    info: StreamInfo
    start: datetime
    counters: Counters
    frames: dict[datetime, int] = field(default_factory=dict)
    tracks: dict[int, Found] = field(default_factory=dict)
    events: dict[str, EventDraft] = field(default_factory=dict)

    def see(self, frame: DecodedFrame, seen: Seen) -> None:
        """Takes in a frame that was looked at."""
        self.frames[frame.time] = frame.number
        for track in seen.tracks:
            self._add(track)

    def seconds(self, time: datetime) -> float:
        """Where `time` lies in the file."""
        return round((time - self.start).total_seconds(), 3)

    def _add(self, track: Track) -> None:
        found = self.tracks.setdefault(track.id, Found(track.id, track.label, []))
        found.label = track.label
        found.points += track.points


def analyse_file(
    path: Path, settings: Settings, progress: Callable[[float], None] = lambda seconds: None, *, whole: bool = True
) -> FileAnalysis:
    """What happens in the video; NotAVideo or ModelError. `progress` takes the seconds that are done.

    A file that is cut off is refused where it has to be `whole`.
    """
    with FileSource(path, whole=whole) as source:
        detector = load_detector(settings)
        analysis: FileAnalysis | None = None

        def observe(frame: DecodedFrame, seen: Seen) -> None:
            assert analysis is not None
            analysis.see(frame, seen)

        analyser = Analyser("file", settings, None, lambda: detector, observe)
        for gop in group(source.info, source.packets()):
            if analysis is None:
                analysis = FileAnalysis(source.info, gop.start, analyser.counters)
            analysis.events |= {event.id: event for event in analyser.analyse(gop, "file")}
            progress(analysis.seconds(gop.end))
        assert analysis is not None, "a source gives at least one packet"
        analysis.events |= {event.id: event for event in analyser.finish()}
    return analysis


def mot_lines(analysis: FileAnalysis) -> Iterator[str]:
    """MOTChallenge lines (frame, id, x, y, width, height, confidence, -1, -1, -1), in order of frame and id."""
    rows = [
        (analysis.frames[point.time], track.id, point)
        for track in analysis.tracks.values()
        for point in track.points
        if point.time in analysis.frames
    ]
    for frame, track_id, point in sorted(rows, key=lambda row: row[:2]):
        box = point.box
        place = f"{box.x:.2f},{box.y:.2f},{box.width:.2f},{box.height:.2f}"
        yield f"{frame},{track_id},{place},{point.confidence:.4f},-1,-1,-1\n"
