"""Boxes and labels on pictures."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import cv2

from omnisight_lab.types import Box, Image

_COLOURS = (  # BGR; told apart by most colour-blind people (Okabe and Ito 2008)
    (0, 159, 230),
    (233, 180, 86),
    (115, 158, 0),
    (66, 228, 240),
    (178, 114, 0),
    (0, 94, 213),
    (167, 121, 204),
)


def colour_of(name: str) -> tuple[int, int, int]:
    """BGR colour of a label: the same in every process."""
    return _COLOURS[zlib.crc32(name.encode()) % len(_COLOURS)]


def draw_boxes(image: Image, boxes: Iterable[tuple[Box, str]]) -> Image:
    """A copy of `image` with each box (pixels of `image`) and its label, `""` for none."""
    drawn = image.copy()
    line = max(2, round(image.shape[1] / 480))
    for box, label in boxes:
        colour = colour_of(label.split(" ")[0])
        corner = (round(box.x), round(box.y))
        opposite = (round(box.x + box.width), round(box.y + box.height))
        # A dark edge around the line keeps it visible on any ground.
        cv2.rectangle(drawn, corner, opposite, (0, 0, 0), line + 2)
        cv2.rectangle(drawn, corner, opposite, colour, line)
        if label:
            _write(drawn, label, corner, colour)
    return drawn


def _write(image: Image, text: str, corner: tuple[int, int], colour: tuple[int, int, int]) -> None:
    """`text` on a filled bar above `corner`, or below it at the picture's upper edge; kept inside at the right."""
    scale = max(0.4, image.shape[1] / 1600)
    (width, height), rest = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    x = max(0, min(corner[0], image.shape[1] - width - 4))
    y = corner[1] - rest - 2 if corner[1] > height + rest + 4 else corner[1] + height + 4
    cv2.rectangle(image, (x, y - height - 2), (x + width + 4, y + rest), colour, cv2.FILLED)
    cv2.putText(image, text, (x + 2, y), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)
