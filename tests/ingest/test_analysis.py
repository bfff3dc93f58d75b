"""From packets to events on a drawn car park whose truth is known."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from omnisight_lab.errors import ModelError
from omnisight_lab.ingest.analysis import Analyser, Counters, load_detector, load_if_possible
from omnisight_lab.ingest.run import BackgroundAnalysis
from omnisight_lab.media.source import FileSource, Gop, group
from omnisight_lab.settings import SiteSettings
from omnisight_lab.sim.scenes import Scene
from omnisight_lab.types import Box, EventDraft, EventType, FrameSize, SegmentFile
from omnisight_lab.vision.detector import Detector
from tests.ingest.conftest import eventually

START = datetime(2026, 6, 1, 12, tzinfo=UTC)


def gops(path: Path) -> list[Gop]:
    with FileSource(path, START) as source:
        return list(group(source.info, source.packets()))


def segment(start: datetime, end: datetime) -> SegmentFile:
    return SegmentFile("s", "c", "r", "s.mp4", start, end, 1, "", "h264", 1, 1, FrameSize(768, 432))


def overlap(one: Box, other: Box) -> float:
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    common = max(width, 0) * max(height, 0)
    return common / (one.width * one.height + other.width * other.height - common)


def test_a_car_that_passes_is_one_event_with_its_picture(park: Path, park_scene: Scene, tmp_path: Path) -> None:
    detector = load_detector(SiteSettings())
    analyser = Analyser("lot", SiteSettings(), tmp_path, lambda: detector)
    drafts: list[EventDraft] = []
    for gop in gops(park):
        drafts += analyser.analyse(gop, "recording")
    described = analyser.describe(segment(START, START + timedelta(seconds=park_scene.seconds)))
    drafts += analyser.finish()
    (event,) = {draft.id: draft for draft in drafts}.values()
    assert (event.event_type, event.recording_id, event.camera_id) == (EventType.OBJECT_DETECTED, "recording", "lot")
    car = next(actor for actor in park_scene.actors if not actor.parked)
    assert event.end
    assert car.stops[0][0] <= (event.start - START).total_seconds() < car.stops[0][0] + 1.5
    assert car.stops[-1][0] - 2 < (event.end - START).total_seconds() <= car.stops[-1][0] + 0.5
    best = next(item for item in event.objects if item.best)
    (truth,) = [seen for seen in park_scene.truth((best.time - START).total_seconds()) if seen.id == car.id]
    assert (best.label, truth.label) == ("vehicle", "vehicle")
    assert overlap(best.box, truth.box) > 0.6
    assert event.thumbnail_path
    assert drafts[-1].thumbnail_path == event.thumbnail_path
    assert cv2.imread(str(tmp_path / event.thumbnail_path)).shape[1] == 320
    assert np.array(described.motion).shape == (16, 16)
    assert np.array(described.motion).max() > 100
    counted = analyser.counters
    assert counted.frames == park_scene.frames
    assert 0 < counted.moving < counted.decoded < counted.frames
    assert counted.detector_calls > 0
    assert counted.dropped == 0


def test_without_a_detector_motion_is_found_all_the_same(park: Path, tmp_path: Path) -> None:
    analyser = Analyser("lot", SiteSettings(), tmp_path, lambda: None)
    drafts = [draft for gop in gops(park) for draft in analyser.analyse(gop, "recording")] + analyser.finish()
    assert {draft.event_type for draft in drafts} == {EventType.MOTION}
    assert len({draft.id for draft in drafts}) == 1


class Listed(list[tuple[str, dict[str, Any]]]):
    """Rows in the order in which they come."""

    def put(self, operation: str, **arguments: Any) -> None:
        self.append((operation, arguments))


def blocked() -> tuple[Callable[[], Detector | None], threading.Event]:
    go = threading.Event()

    def load() -> None:
        assert go.wait(20)

    return load, go


def test_a_slow_analysis_drops_groups_and_counts_them(clip: Path) -> None:
    """The first group waits for its detector; two may wait behind it, and what follows never delays the recorder."""
    load, go = blocked()
    rows = Listed()
    analysis = BackgroundAnalysis(Analyser("c", SiteSettings(), None, load), rows, capacity=2)
    groups = gops(clip)
    analysis.gop(groups[0], "r")
    eventually(lambda: analysis.analyser.counters.frames)
    for gop in groups[1:]:
        analysis.gop(gop, "r")
    analysis.segment(segment(groups[0].start, groups[-1].end))
    counters = analysis.analyser.counters
    assert counters.dropped == sum(len(gop.packets) for gop in groups[3:])
    assert rows == []
    go.set()
    analysis.close()
    assert counters.frames == sum(len(gop.packets) for gop in groups[:3])
    (closed,) = [arguments["segment"] for operation, arguments in rows if operation == "close_segment"]
    assert closed.motion == (), "what was not looked at in full has no grid"
    assert closed.dropped_frames == counters.dropped


def test_the_segment_of_a_dropped_group_has_no_grid_and_the_one_before_has(clip: Path) -> None:
    load, go = blocked()
    rows = Listed()
    analysis = BackgroundAnalysis(Analyser("c", SiteSettings(), None, load), rows, capacity=2)
    groups = gops(clip)
    analysis.gop(groups[0], "r")
    eventually(lambda: analysis.analyser.counters.frames)
    analysis.gop(groups[1], "r")
    first, second = segment(groups[0].start, groups[1].end), segment(groups[2].start, groups[3].end)
    analysis.segment(replace(first, id="first"))
    for gop in groups[2:4]:
        analysis.gop(gop, "r")
    analysis.segment(replace(second, id="second"))
    go.set()
    analysis.close()
    closed = {row["segment"].id: row["segment"] for operation, row in rows if operation == "close_segment"}
    assert analysis.analyser.counters.dropped == len(groups[3].packets)
    assert closed["first"].motion != () and closed["first"].dropped_frames == 0
    assert closed["second"].motion == () and closed["second"].dropped_frames == len(groups[3].packets)


def test_footage_that_can_t_be_analysed_does_not_end_the_analysis(clip: Path) -> None:
    attempts = []

    def load() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise MemoryError

    analysis = BackgroundAnalysis(Analyser("c", SiteSettings(), None, load), Listed())
    for gop in gops(clip)[:2]:
        analysis.gop(gop, "r")
    analysis.close()
    assert analysis.failures == 1
    assert analysis.analyser.counters.decoded > 0


def test_weights_that_can_t_be_read_stop_an_import_but_not_a_camera(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "weights.onnx").write_text("none")
    (tmp_path / "labels.txt").write_text("person\n")
    settings = SiteSettings(
        {"detection.model": str(tmp_path / "weights.onnx"), "detection.label_file": str(tmp_path / "labels.txt")}
    )
    with pytest.raises(ModelError):
        load_detector(settings)
    assert load_if_possible(settings) is None
    assert "nothing is detected, only motion" in caplog.text
    assert load_detector(SiteSettings({"detection.enabled": "false"})) is None


_PROCESS = """
import sys
from pathlib import Path
from omnisight_lab.ingest import camera_process, importer
from omnisight_lab.ingest.file_analysis import analyse_file
from omnisight_lab.settings import SiteSettings
analyse_file(Path(sys.argv[1]), SiteSettings())
heavy = {"pandas", "duckdb", "ibis", "panel", "holoviews", "bokeh", "matplotlib", "pyarrow", "jupyterlab", "typer"}
print(sorted(name for name in sys.modules if name.partition(".")[0] in heavy or name.startswith("omnisight_lab.an")))
"""


def test_a_camera_process_loads_nothing_of_the_analysts(clip: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROCESS, str(clip)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_counters_begin_at_nothing() -> None:
    assert Counters() == Counters(frames=0, decoded=0, moving=0, detector_calls=0, dropped=0)
