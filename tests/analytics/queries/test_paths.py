"""The ways of objects, worked out by hand, on both engines."""

from __future__ import annotations

from typing import Any

import pytest

from omnisight_lab.lab import Lab
from tests.analytics.conftest import Site, ask, at, table

DAY = ("2026-10-20", "2026-10-21")


def near(**wanted: Any) -> dict[str, Any]:
    return {name: pytest.approx(value, abs=1e-9) for name, value in wanted.items()}


def test_a_way_there_and_half_back(site: Site, lab: Lab) -> None:
    """The frame is twice as wide as high: 0.4 of its height are 0.2 of its width. 0.5 there, 0.25 back, in 5 s."""
    site.camera("yard", "Europe/Berlin")
    points = ((1, 0.2, 0.2), (3, 0.6, 0.8), (6, 0.4, 0.5))
    site.path("yard", "2026-10-20T08:00", *points, label="car")
    lab.refresh()
    (row,) = ask(lab, "paths", *DAY)
    assert (row["camera"], row["label"], row["track_id"], row["points"]) == ("yard", "car", "1", 3)
    assert (row["start"], row["end"]) == (at("2026-10-20T08:00:01"), at("2026-10-20T08:00:06"))
    assert row["local"].isoformat() == "2026-10-20T10:00:01+02:00"
    wanted = near(seconds=5, start_x=0.2, start_y=0.2, end_x=0.4, end_y=0.5, distance=0.25, length=0.75, speed=0.15)
    assert {name: row[name] for name in wanted} == wanted
    # 0.2 to the right and 0.15 down
    assert row["degrees"] == pytest.approx(90 + 36.869897645844)
    assert row["direction"] == "down right"


DIRECTIONS = [
    (0.5, 0.25, 0, "up"),
    (0.75, 0.0, 45, "up right"),
    (0.75, 0.5, 90, "right"),
    (0.75, 1.0, 135, "down right"),
    (0.5, 0.75, 180, "down"),
    (0.25, 1.0, 225, "down left"),
    (0.25, 0.5, 270, "left"),
    (0.25, 0.0, 315, "up left"),
    (0.46875, 0.0, 352.8749836510982, "up"),
    (0.5, 0.5, None, None),
]
"""Where it goes from the middle of the frame, which is twice as wide as high."""


def test_directions_are_those_of_the_picture(site: Site, lab: Lab) -> None:
    site.camera("yard")
    for number, (x, y, *_) in enumerate(DIRECTIONS):
        site.path("yard", f"2026-10-20T08:{59 - number}", (0, 0.5, 0.5), (1, x, y))
    lab.refresh()
    rows = ask(lab, "paths", *DAY)
    assert [row["degrees"] for row in rows] == [
        None if degrees is None else pytest.approx(degrees, abs=1e-9) for _, _, degrees, _ in DIRECTIONS
    ]
    assert [row["direction"] for row in rows] == [direction for *_, direction in DIRECTIONS]


def test_a_single_box_goes_nowhere(site: Site, lab: Lab) -> None:
    site.camera("yard")
    event = site.path("yard", "2026-10-20T08:00", (2, 0.5, 0.5))
    site.path("yard", "", (0, 0.25, 0.25), track=None, event=event)
    lab.refresh()
    rows = ask(lab, "paths", *DAY)
    columns = ("start", "seconds", "points", "distance", "length", "degrees", "direction", "speed")
    assert table(rows, *columns) == [
        (at("2026-10-20T08:00:02"), 0.0, 1, 0.0, 0.0, None, None, None),
        (at("2026-10-20T08:00:00"), 0.0, 1, 0.0, 0.0, None, None, None),
    ]
    assert rows[1]["track_id"].startswith("object-"), "a box without a track is an object of its own"


def test_the_best_box_is_no_second_point(site: Site, lab: Lab) -> None:
    site.camera("yard")
    event = site.path("yard", "2026-10-20T08:00", (0, 0.25, 0.5), (1, 0.5, 0.5), (2, 0.75, 0.5))
    site.path("yard", "", (1, 0.5, 0.5), event=event, confidence=0.9)
    lab.refresh()
    assert table(ask(lab, "paths", *DAY), "points", "length", "speed") == [(3, 0.5, 0.25)]


def test_newest_first_and_nothing_of_rejected_events_or_boxes_without_a_frame(site: Site, lab: Lab) -> None:
    site.camera("yard")
    way = ((0, 0.25, 0.5), (1, 0.5, 0.5))
    for hour in (8, 9, 10):
        event = site.path("yard", f"2026-10-20T{hour:02}:00", *way, track=str(hour))
    site.verdict(event, "false")
    site.event("yard", "2026-10-20T11:00", tracks=("1",))
    lab.refresh()
    assert table(ask(lab, "paths", *DAY), "track_id") == [("9",), ("8",)]
    assert table(ask(lab, "paths", *DAY, include_rejected=True), "track_id") == [("10",), ("9",), ("8",)]
    assert list(lab.query("paths", *DAY).page(1, 5)["track_id"]) == ["8"]


def test_ways_are_counted_by_direction(site: Site, lab: Lab) -> None:
    site.camera("yard")
    for number, x in enumerate((0.75, 0.75, 0.25)):
        site.path("yard", f"2026-10-20T08:0{number}", (0, 0.5, 0.5), (2, x, 0.5))
    lab.refresh()
    rows = lab.query("paths", *DAY).by("direction").rows()
    assert table(rows, "direction", "rows", "seconds", "length") == [("left", 1, 2.0, 0.25), ("right", 2, 4.0, 0.5)]
