from __future__ import annotations

import numpy as np
import pytest

from omnisight_lab.vision.boxes import areas, crops_around, iou, suppress


def test_iou_of_half_covered_boxes() -> None:
    first = np.array([[0, 0, 10, 10]], np.float32)
    second = np.array([[5, 0, 15, 10], [20, 20, 30, 30], [0, 0, 10, 10]], np.float32)
    assert iou(first, second)[0] == pytest.approx([1 / 3, 0, 1])
    assert areas(second).tolist() == [100, 100, 100]


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        ([(0, 0, 100, 100), (4, 4, 104, 104)], [0]),
        ([(0, 0, 100, 200), (20, 10, 80, 80)], [0]),
        ([(0, 0, 100, 100), (70, 0, 170, 100)], [0, 1]),
        ([], []),
    ],
    ids=["same object", "torso inside a person", "neighbours", "none"],
)
def test_suppress(rows: list[tuple[float, ...]], kept: list[int]) -> None:
    corners = np.array(rows, np.float32).reshape(-1, 4)
    assert suppress(corners, np.linspace(0.9, 0.5, len(corners), dtype=np.float32)) == kept


def test_crops_are_square_inside_the_frame_and_hold_their_boxes() -> None:
    wanted = [(700.0, 10.0, 760.0, 130.0), (5.0, 300.0, 45.0, 420.0), (720.0, 60.0, 740.0, 100.0)]
    crops = crops_around(wanted, 768, 432)
    assert len(crops) == 2, "the third box lies in the first one's crop"
    for x1, y1, x2, y2 in crops:
        assert x2 - x1 == y2 - y1 >= 240
        assert x1 >= 0 and y1 >= 0 and x2 <= 768 and y2 <= 432
    for box in wanted:
        assert any(c[0] <= box[0] and c[1] <= box[1] and c[2] >= box[2] and c[3] >= box[3] for c in crops)


def test_no_crop_for_what_fills_the_frame_and_no_more_than_six() -> None:
    assert crops_around([(0, 0, 700, 430)], 768, 432) == []
    assert len(crops_around([(300.0 * n, 0, 300.0 * n + 50, 100) for n in range(12)], 3840, 2160)) == 6
