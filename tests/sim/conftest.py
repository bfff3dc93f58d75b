"""Small clips for the simulated camera, and a client as others write it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.container import InputContainer

from omnisight_lab.sim.camera import SimulatedCamera
from omnisight_lab.sim.scenes import Scene

USERNAME, PASSWORD = "viewer", "s3cret/:@ü"


def encode(path: Path, codec: str = "libx264", *, frames: int = 36, rate: int = 24, **options: str) -> Path:
    """A clip of plain grey pictures, each a little brighter than the one before."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.options = options
        for number in range(frames):
            image = np.full((96, 160, 3), (20 + number * 5) % 256, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1.5 s, 36 pictures, a keyframe every half second, with B-frames."""
    path = tmp_path_factory.mktemp("sim") / "clip.mp4"
    return encode(path, g="12", bf="2", sc_threshold="0")


@pytest.fixture
def camera(clip: Path) -> Iterator[SimulatedCamera]:
    with SimulatedCamera(clip, USERNAME, PASSWORD) as camera:
        yield camera


@pytest.fixture(scope="session")
def small_yard() -> Scene:
    return Scene("yard", width=320, height=180, seconds=3)


def connect(url: str, timeout: float = 5.0) -> InputContainer:
    """`url` as PyAV opens it over TCP."""
    options = {"rtsp_transport": "tcp", "timeout": str(round(timeout * 1e6)), "analyzeduration": "100000"}
    return av.open(url, options=options, timeout=(timeout, timeout))
