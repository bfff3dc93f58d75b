"""`omnisight analyse`: detection and tracking on a file, without a database."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from omnisight_lab import logs, settings
from omnisight_lab.cli.output import JsonOption, print_json, print_rows, progress, say
from omnisight_lab.errors import StorageError
from omnisight_lab.ingest.file_analysis import FileAnalysis, analyse_file, mot_lines
from omnisight_lab.media.source import probe


def command(
    file: Annotated[Path, typer.Argument(help="Video to look through.")],
    mot: Annotated[Path | None, typer.Option(help="Write a MOTChallenge file of what was found here.")] = None,
    threshold: Annotated[float | None, typer.Option(help="Lowest confidence, 0 to 1.")] = None,
    fps: Annotated[float | None, typer.Option(help="Frames a second to look at.")] = None,
    labels: Annotated[str | None, typer.Option(help="Labels to keep, by commas.")] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Take what is left of a file that was cut off.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Find and follow objects in a video; nothing is stored but what you ask for."""
    logs.configure("analyse", "WARNING")
    given = {"detection.threshold": threshold, "detection.frames_per_second": fps, "detection.labels": labels}
    chosen = {key: settings.parse(key, str(value)) for key, value in given.items() if value is not None}
    if mot and not os.access(mot.parent, os.W_OK):
        raise StorageError(f"{mot} can't be written: no such folder, or it is read-only")
    with progress(f"analysing {file.name}", probe(file).duration) as done:
        analysis = analyse_file(file, {**settings.SiteSettings(), **chosen}, done, whole=not partial)
    if mot:
        _write(mot, "".join(mot_lines(analysis)))
    summary = _summary(file, analysis)
    if as_json:
        print_json(summary)
        return
    print_rows(summary["tracks"])
    calls = analysis.counters.detector_calls
    say(
        f"{summary['analysed_frames']} of {summary['frames']} frames looked at, {calls} detector calls, "
        f"{len(summary['tracks'])} tracks, {len(summary['events'])} events"
    )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="ascii")
    except OSError as error:
        raise StorageError(f"{path} can't be written: {error.strerror}") from error


def _summary(file: Path, analysis: FileAnalysis) -> dict[str, Any]:
    info = analysis.info
    return {
        "file": file,
        "codec": info.codec,
        "width": info.size.width,
        "height": info.size.height,
        "frames_per_second": round(info.rate, 3),
        "frames": analysis.counters.frames,
        "analysed_frames": len(analysis.frames),
        "counters": asdict(analysis.counters),
        "tracks": [
            {
                "id": track.id,
                "label": track.label,
                "first_frame": analysis.frames[track.points[0].time],
                "last_frame": analysis.frames[track.points[-1].time],
                "first_second": analysis.seconds(track.points[0].time),
                "last_second": analysis.seconds(track.points[-1].time),
                "points": len(track.points),
                "confidence": round(max(point.confidence for point in track.points), 4),
            }
            for track in analysis.tracks.values()
        ],
        "events": [
            {
                "type": event.event_type,
                "track": event.track_id,
                "label": next((item.label for item in event.objects if item.best), None),
                "start": analysis.seconds(event.start),
                "end": analysis.seconds(event.end) if event.end else None,
                "confidence": event.confidence,
            }
            for event in sorted(analysis.events.values(), key=lambda event: event.start)
        ],
    }
