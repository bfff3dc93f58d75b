"""What a run hands over when the disk, the camera or the analysis fails in the middle."""

from __future__ import annotations

import resource
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from omnisight_lab.errors import SourceError, StorageError
from omnisight_lab.ingest.analysis import Analyser
from omnisight_lab.ingest.resume import left_behind
from omnisight_lab.ingest.run import Analysis, Run, Target
from omnisight_lab.media.source import FileSource, Packet, StreamInfo
from omnisight_lab.settings import SiteSettings

START = datetime(2026, 6, 1, 23, 59, 58, tzinfo=UTC)


class Listed(list[tuple[str, dict[str, Any]]]):
    def put(self, operation: str, **arguments: Any) -> None:
        self.append((operation, arguments))


def begun(media_root: Path, clip: Path) -> tuple[Run, Listed, list[Packet]]:
    """A run of segments of a second, its rows, and the packets for it."""
    with FileSource(clip, START) as source:
        info: StreamInfo = source.info
        packets = list(source.packets())
    rows = Listed()
    analysis = Analysis(Analyser("c", SiteSettings(), None, lambda: None), rows)
    return Run(Target("c", media_root, 1, rows, analysis), None, info), rows, packets


def test_a_segment_has_its_row_though_the_next_one_can_t_be_begun(tmp_path: Path, clip: Path) -> None:
    """The next day's folder can't be made: the disk is full just there."""
    run, rows, packets = begun(tmp_path, clip)
    day = tmp_path / "segments" / "c" / "2026-06-02"
    day.parent.mkdir(parents=True)
    day.touch()
    with pytest.raises(StorageError):
        for packet in packets:
            run.write(packet)
    run.finish(error=True)
    closed = {arguments["segment"].id: arguments["segment"] for name, arguments in rows if name == "close_segment"}
    assert [segment.start.second for segment in closed.values()] == [58, 59]
    assert len(closed) == len(list(tmp_path.rglob("*.mp4")))


def broken_off(media_root: Path, clip: Path) -> tuple[Run, Packet]:
    """A run whose file was left unfinished at a packet that does not fit into it."""
    run, _, packets = begun(media_root, clip)
    with pytest.raises(SourceError, match="2 GB"):
        for packet in packets:
            run.write(replace(packet, keyframe=packet is packets[0], size=2_000_000_001 * (packet is packets[-1])))
    run.finish(error=True)
    return run, packets[-1]


def test_a_packet_that_no_file_takes_leaves_a_file_to_be_recovered(tmp_path: Path, clip: Path) -> None:
    run, last = broken_off(tmp_path, clip)
    assert (run.broken, run.end) == (True, last.time)
    (segment,) = left_behind(tmp_path, "c", START)["repaired"]
    assert timedelta() <= last.time - segment.end <= timedelta(seconds=0.5)


def test_on_a_full_disk_what_was_left_behind_waits(tmp_path: Path, clip: Path) -> None:
    broken_off(tmp_path, clip)
    (part,) = tmp_path.rglob("*.part.mp4")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (part.stat().st_size // 2, before[1]))
    try:
        assert left_behind(tmp_path, "c", START)["repaired"] == ()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(left_behind(tmp_path, "c", START)["repaired"]) == 1
