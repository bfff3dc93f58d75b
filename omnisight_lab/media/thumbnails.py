"""Small JPEG pictures for lists."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import cv2

from omnisight_lab.errors import MediaError
from omnisight_lab.media.draw import draw_boxes
from omnisight_lab.media.files import write_whole
from omnisight_lab.types import Box, Image

WIDTH = 320
_QUALITY = 85


def write_thumbnail(media_root: Path, relative_path: str, image: Image, box: Box | None = None) -> str:
    """Writes `image` (BGR), 320 px wide, with `box` (pixels of `image`) drawn; gives `relative_path` back.

    DiskFull or StorageError where that fails.
    """
    write_whole(media_root / relative_path, jpeg(thumbnail(image, box)))
    return relative_path


def thumbnail(image: Image, box: Box | None = None) -> Image:
    """`image` 320 px wide (smaller ones as they are), the `box` drawn after shrinking so that its line is thin."""
    height, width = image.shape[:2]
    scale = min(1.0, WIDTH / width)
    size = (round(width * scale), max(1, round(height * scale)))
    small = cast(Image, cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    if box is None:
        return small
    return draw_boxes(small, [(Box(*(side * scale for side in (box.x, box.y, box.width, box.height))), "")])


def jpeg(image: Image, quality: int = _QUALITY) -> bytes:
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise MediaError("a picture could not be written as JPEG")
    return data.tobytes()
