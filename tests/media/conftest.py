from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from omnisight_lab.sim.camera import SimulatedCamera
from tests.media.footage import encode

PASSWORD = "p@ss/w:rd?&"


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 s of H.264 at 10 a second, a keyframe a second, no B-frames."""
    return encode(tmp_path_factory.mktemp("footage") / "plain.mp4")


@pytest.fixture(scope="session")
def reordered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with two B-frames between others."""
    return encode(tmp_path_factory.mktemp("footage") / "reordered.mp4", b_frames=2)


@pytest.fixture(scope="session")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the camera plays: 5 s at 20 a second, a keyframe every half second."""
    return encode(tmp_path_factory.mktemp("footage") / "loop.mp4", frames=100, rate=20, gop=10)


@pytest.fixture
def camera(loop: Path) -> Iterator[SimulatedCamera]:
    with SimulatedCamera(loop, "operator", PASSWORD) as camera:
        yield camera
