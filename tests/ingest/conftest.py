"""A drawn clip, a simulated camera that plays it, a worker that records it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from omnisight_lab.db import writes
from omnisight_lab.db.models import Camera
from omnisight_lab.db.server import EmbeddedServer
from omnisight_lab.db.session import Database
from omnisight_lab.ingest import worker as worker_module
from omnisight_lab.ingest.worker import Worker
from omnisight_lab.settings import Paths, SiteSettings
from omnisight_lab.sim.camera import SimulatedCamera
from omnisight_lab.sim.scenes import Scene

RATE, SECONDS = 10, 6


def draw_clip(path: Path, seconds: float = SECONDS, size: tuple[int, int] = (320, 240), keyframes: int = 5) -> Path:
    """An H.264 clip with a bright square that crosses a still, textured ground in the middle third."""
    width, height = size
    ground = np.random.default_rng(7).integers(60, 120, (height // 8, width // 8, 3), np.uint8)
    ground = ground.repeat(8, axis=0).repeat(8, axis=1)
    count = round(seconds * RATE)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = keyframes
        stream.codec_context.time_base = Fraction(1, RATE)
        stream.options = {"preset": "ultrafast", "bf": "0", "sc_threshold": "0"}
        for number in range(count):
            image = ground.copy()
            if count // 3 <= number < 2 * count // 3:
                x = int((number - count // 3) * (width - 60) / (count // 3))
                image[80:140, x : x + 60] = (40, 220, 240)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_clip(tmp_path_factory.mktemp("clip") / "square.mp4")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "home", tmp_path / "media")


@pytest.fixture(autouse=True)
def attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that look often, so that tests wait less."""
    monkeypatch.setattr(worker_module, "_LOOK_SECONDS", 0.25)
    monkeypatch.setattr(worker_module, "_TICK_SECONDS", 0.05)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> SiteSettings:
    """Short segments and short tempers, by the environment, so that child processes have them too."""
    for name, value in {
        "RECORDING_SEGMENT_SECONDS": "1",
        "RECORDING_FREE_SPACE_FLOOR_MB": "1",
        "CAMERA_TIMEOUT_SECONDS": "1",
        "CAMERA_RETRY_SECONDS": "0.5",
        "DETECTION_ENABLED": "false",
    }.items():
        monkeypatch.setenv(f"OMNISIGHT_{name}", value)
    return SiteSettings()


@pytest.fixture
def own_server(home: Path) -> EmbeddedServer:
    """A server that a test may stop."""
    return EmbeddedServer(home / "database")


@pytest.fixture
def simulated(clip: Path) -> Iterator[SimulatedCamera]:
    with SimulatedCamera(clip, username="viewer", password="s3cret/:@") as camera:
        yield camera


@pytest.fixture
def camera(database: Database, simulated: SimulatedCamera) -> Camera:
    """The simulated camera, added to the database."""
    return add(database, "front", simulated)


def add(database: Database, name: str, simulated: SimulatedCamera) -> Camera:
    username, password = simulated.credentials
    return writes.add_camera(database, name=name, rtsp_url=simulated.url, username=username, password=password)


@contextmanager
def running(worker: Worker) -> Iterator[Worker]:
    """The worker on a thread; at the end it has stopped cleanly."""
    stop = threading.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            worker.run(stop)
        except BaseException as error:  # noqa: BLE001 - handed to the test below
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield worker
    finally:
        stop.set()
        thread.join(40)
        assert not thread.is_alive(), "the worker does not stop"
    if failed:
        raise failed[0]


def eventually(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Returns when `condition` holds; fails when it does not within `seconds`."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"still not so after {seconds:g} s"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def park_scene() -> Scene:
    """A car park that one car drives through while another one is parked."""
    return Scene("car_park", seconds=7.5, rate=12)


@pytest.fixture(scope="session")
def park(park_scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return park_scene.render(tmp_path_factory.mktemp("park") / "park.mp4")
