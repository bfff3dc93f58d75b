"""CPU seconds per video-second of the whole pipeline, beside its floors (remux, decode) and its peers."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import cv2

from benchmarks import clips
from benchmarks.generate import CACHE
from benchmarks.table import Used, in_child, show
from omnisight_lab.db import migrate
from omnisight_lab.db.server import EmbeddedServer
from omnisight_lab.db.session import Database
from omnisight_lab.ingest.importer import examine, import_files
from omnisight_lab.media.source import probe
from omnisight_lab.settings import Paths

START = datetime(2026, 1, 1, tzinfo=UTC)
DVR_SCAN = CACHE / "dvr-scan"


def run() -> None:
    """Prints a table a clip; `x decode` is the ratio to decoding the same file by PyAV on one thread."""
    for clip in (clips.busy(), clips.quiet()):
        _measure(clip)


def _measure(clip: Path) -> None:
    seconds = probe(clip).duration or 1.0
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        Path(folder).chmod(0o755)
        contenders: dict[str, tuple[Any, ...]] = {
            "PyAV remux only (floor)": (remux, clip, Path(folder) / "copy.mp4"),
            "PyAV decode only": (decode, clip),
            "OpenCV MOG2 alone, 320 wide, 5 fps": (mog2, clip),
        }
        if installed_dvr_scan():
            contenders["dvr-scan, default"] = (dvr_scan, clip)
            contenders["dvr-scan -df 6 -fs 5"] = (dvr_scan, clip, "-df", "6", "-fs", "5")
        used = {name: in_child(*work).cpu for name, work in contenders.items()}
        imported = _import(clip, Path(folder))
        used["OmniSight Lab, from file to rows"] = imported.cpu
    decoded = used["PyAV decode only"]
    rows: list[dict[str, Any]] = [
        {"what": name, "CPU-s a video-s": cpu / seconds, "x decode": cpu / decoded} for name, cpu in used.items()
    ]
    show(f"{clip.name}: {seconds:.0f} s; imported at {seconds / imported.wall:.1f} x real time", rows)


def remux(clip: Path, target: Path) -> None:
    with av.open(str(clip)) as source, av.open(str(target), "w") as copy:
        stream = source.streams.video[0]
        out = copy.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = out
                copy.mux(packet)


def decode(clip: Path) -> None:
    with av.open(str(clip)) as source:
        source.streams.video[0].codec_context.thread_count = 1
        for _ in source.decode(video=0):
            pass


def mog2(clip: Path) -> None:
    cv2.setNumThreads(1)
    subtractor = cv2.createBackgroundSubtractorMOG2()
    due = 0.0
    with av.open(str(clip)) as source:
        source.streams.video[0].codec_context.thread_count = 1
        for frame in source.decode(video=0):
            if frame.time is not None and frame.time >= due:
                due += 0.2
                height = round(frame.height * 320 / frame.width)
                subtractor.apply(frame.reformat(320, height, "gray").to_ndarray())


def installed_dvr_scan() -> bool:
    """Whether dvr-scan stands in an environment of its own: it brings a second OpenCV wheel."""
    if not (DVR_SCAN / "bin" / "dvr-scan").exists():
        venv.create(DVR_SCAN, with_pip=True)
        pip = [
            DVR_SCAN / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "dvr-scan",
            "opencv-contrib-python-headless",
        ]
        if subprocess.run(pip, check=False).returncode:
            sys.stderr.write("dvr-scan can't be installed here; it is left out\n")
            return False
    return True


def dvr_scan(clip: Path, *options: str) -> None:
    command = [DVR_SCAN / "bin" / "dvr-scan", "-i", clip, "--scan-only", "-q", *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _import(clip: Path, folder: Path) -> Used:
    server = EmbeddedServer(folder / "database")
    url = server.start()
    try:
        with Database(url) as database:
            migrate.upgrade(database)
        return in_child(import_clip, url, clip, folder)
    finally:
        server.stop()


def import_clip(url: str, clip: Path, home: Path) -> None:
    import_files(Database(url), Paths(home, home / "media"), examine([clip], [START]), "bench", create=True)
