"""Thumbnails and drawing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from omnisight_lab.errors import StorageError
from omnisight_lab.media.draw import draw_boxes
from omnisight_lab.media.thumbnails import thumbnail, write_thumbnail
from omnisight_lab.types import Box

GREY = np.full((720, 1280, 3), 128, np.uint8)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((720, 1280), (180, 320)), ((1080, 1920), (180, 320)), ((1280, 720), (569, 320)), ((90, 160), (90, 160))],
)
def test_thumbnails_are_320_wide_at_most(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    assert thumbnail(np.zeros((*shape, 3), np.uint8)).shape == (*expected, 3)


def test_thumbnail_with_box_is_written_whole(tmp_path: Path) -> None:
    path = write_thumbnail(tmp_path, "thumbnails/camera/a.jpg", GREY, Box(320, 180, 640, 360))
    image = cv2.imread(str(tmp_path / path))
    assert image.shape == (180, 320, 3)
    assert np.ptp(image[70:110, 78:83]) > 60  # the left edge
    assert np.ptp(image[60:120, 100:220]) < 12  # inside
    assert [file.name for file in (tmp_path / "thumbnails/camera").iterdir()] == ["a.jpg"]


def test_thumbnail_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "thumbnails").touch()
    with pytest.raises(StorageError):
        write_thumbnail(tmp_path, "thumbnails/a.jpg", GREY)


@pytest.mark.parametrize(
    "box", [Box(100, 100, 50, 80), Box(-20, -20, 60, 60), Box(1250, 700, 60, 60), Box(0, 0, 1280, 720)]
)
def test_boxes_are_drawn_on_a_copy(box: Box) -> None:
    drawn = draw_boxes(GREY, [(box, "person .71")])
    assert (GREY == 128).all()
    assert (drawn != 128).any()
