"""Clips to measure on, drawn once and kept in `benchmarks/.cache`."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av

from benchmarks.generate import CACHE
from omnisight_lab.sim.scenes import Scene

QUIET_SECONDS = 60
QUIET_RATE = 30


def busy() -> Path:
    """768x432, 12 fps, 48 s: people walk past, with an empty stretch."""
    return Scene("yard").cached(CACHE / "clips")


def quiet() -> Path:
    """1920x1080, 30 fps, 60 s of sensor noise over a yard where nobody is: what most cameras see most of the time."""
    path = CACHE / "clips" / "quiet_1080p30.mp4"
    if path.exists():
        return path
    scene = Scene("yard", width=1920, height=1080, rate=QUIET_RATE)
    empty = [second / 2 for second in range(round(2 * scene.seconds)) if not scene.truth(second / 2)]
    pictures = [scene.picture(empty[0] + number / QUIET_RATE) for number in range(12)]
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.mp4")
    with av.open(str(part), "w") as container:
        stream = container.add_stream(
            "libx264", rate=QUIET_RATE, options={"preset": "veryfast", "crf": "23", "g": "60"}
        )
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for number in range(QUIET_SECONDS * QUIET_RATE):
            # the noise of 12 pictures in an order that does not repeat within a group
            frame = av.VideoFrame.from_ndarray(pictures[(number * 7 + number // 12) % 12], format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, QUIET_RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return part.rename(path)
