from __future__ import annotations

import pytest

from omnisight_lab.types import Box, FrameSize
from omnisight_lab.vision.zones import Direction, Line, Point, Zone, foot

L_SHAPE = Zone("yard", ((0.1, 0.1), (0.5, 0.1), (0.5, 0.5), (0.9, 0.5), (0.9, 0.9), (0.1, 0.9)))


@pytest.mark.parametrize(
    ("point", "inside"),
    [((0.3, 0.3), True), ((0.7, 0.3), False), ((0.7, 0.7), True), ((0.1, 0.5), True), ((0.05, 0.5), False)],
)
def test_a_zone_may_be_concave_and_holds_its_edge(point: Point, inside: bool) -> None:
    assert L_SHAPE.contains(point) is inside


@pytest.mark.parametrize(
    ("before", "after", "way"),
    [
        ((0.4, 0.5), (0.6, 0.5), Direction.TO_RIGHT),
        ((0.6, 0.5), (0.4, 0.5), Direction.TO_LEFT),
        ((0.4, 0.9), (0.6, 0.9), None),
        ((0.2, 0.5), (0.4, 0.5), None),
    ],
    ids=["over it", "back", "past its end", "short of it"],
)
def test_a_line_upwards_is_crossed(before: Point, after: Point, way: Direction | None) -> None:
    assert Line("gate", (0.5, 0.8), (0.5, 0.2)).crossed(before, after) is way


def test_stopping_on_the_line_counts_once() -> None:
    line = Line("gate", (0.5, 0.8), (0.5, 0.2))
    ways = [line.crossed((0.4, 0.5), (0.5, 0.5)), line.crossed((0.5, 0.5), (0.6, 0.5))]
    assert [way for way in ways if way] == [Direction.TO_RIGHT]


def test_foot_is_the_middle_of_the_lower_edge_in_fractions() -> None:
    assert foot(Box(100, 50, 40, 150), FrameSize(400, 400)) == (0.3, 0.5)
