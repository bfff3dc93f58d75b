"""Small real videos, encoded on the spot: the brightness of each picture tells its number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

SIZE = (160, 96)
STEP = 4
"""Grey levels from one picture to the next."""


def picture(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """BGR picture `number` (from 0): even grey with a bright bar that wanders."""
    width, height = size
    image = np.full((height, width, 3), level(number), np.uint8)
    image[:8, (number * 8) % (width - 8) :][:, :8] = 255
    return image


def level(number: int) -> int:
    return 20 + number * STEP % 200


def number_of(image: np.ndarray, encodings: int = 1) -> int:
    """Which picture (modulo 50) a decoded one is; colour conversion takes off 2 to 3 levels at each encoding."""
    return round((float(np.median(image[16:])) + 2.5 * encodings - 20) / STEP)


def encode(
    path: Path,
    *,
    codec: str = "libx264",
    frames: int = 40,
    rate: int = 10,
    gop: int = 10,
    b_frames: int = 0,
    times: Sequence[float] | None = None,
    keep: Callable[[av.Packet], bool] = lambda packet: True,
    size: tuple[int, int] = SIZE,
    container: dict[str, str] | None = None,
    rotation: int = 0,
    closed: bool = True,
) -> Path:
    """Writes `frames` pictures; `times` are their seconds where they are not evenly `rate` a second."""
    options = {"g": str(gop), "bf": str(b_frames), "preset": "ultrafast", "sc_threshold": "0", "b_strategy": "0"}
    if codec == "libx264":
        options |= {"x264-params": f"scenecut=0:keyint={gop}:min-keyint={gop}"}
    if codec == "libx265":
        options = {
            "preset": "ultrafast",
            "x265-params": f"log-level=none:keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0",
        }
    if codec == "mpeg4":
        options = {"g": str(gop), "b": "2000000"}
    with av.open(str(path), "w", options=container or {}) as output:
        stream = output.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        if rotation:
            stream.set_display_rotation(rotation)
        stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(frames):
            frame = VideoFrame.from_ndarray(picture(number, size), format="bgr24")
            seconds = times[number] if times is not None else number / rate
            frame.pts, frame.time_base = round(seconds * 1000), Fraction(1, 1000)
            for packet in stream.encode(frame):
                if keep(packet):
                    output.mux(packet)
        for packet in stream.encode(None):
            if keep(packet):
                output.mux(packet)
    return path


def count(path: Path) -> int:
    """Pictures that a player would show: it passes over what can't be decoded."""
    shown = 0
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            with suppress(av.InvalidDataError):
                shown += len(packet.decode())
    return shown
