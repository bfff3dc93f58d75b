"""Zones and lines: what is drawn, what is refused, and their versions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from omnisight_lab.db import reads, writes
from omnisight_lab.errors import AccessDenied, UnknownName, UsageError
from omnisight_lab.lab import Lab
from omnisight_lab.review.zones import checked_points
from tests.analytics.conftest import Site

AskAs = Callable[[str], Lab]
SQUARE = ((0.1, 0.1), (0.5, 0.1), (0.5, 0.5), (0.1, 0.5))
ARROW = ((0.0, 0.0), (1.0, 0.0), (0.2, 0.2), (0.0, 1.0))
"""A corner points inwards, which is fine."""


@pytest.mark.parametrize("points", [SQUARE, tuple(reversed(SQUARE)), ARROW, SQUARE[:3]])
def test_zones_that_are_fine(points: tuple[tuple[float, float], ...]) -> None:
    assert checked_points(points) == points


@pytest.mark.parametrize(
    ("points", "line", "says"),
    [
        (((0, 0), (1, 1), (1, 0), (0, 1)), False, "may not cross each other"),
        (((0, 0), (1, 0), (0.5, 0)), False, "may not cross each other"),
        (((0, 0), (1, 0), (0.5, 0), (0.5, 1)), False, "may not cross each other"),
        (((0, 0), (0.5, 0.5), (1, 0), (1, 1), (0.5, 0.5), (0, 1)), False, "points of a zone differ"),
        (((0, 0), (1, 0), (1, 1), (0, 0)), False, "closed by itself, without its first point again"),
        (((0, 0), (1, 0)), False, "a zone has at least 3 points, not 2"),
        (((0, 0),), True, "a line has at least 2 points, not 1"),
        (((0, 0), (0, 0)), True, "points of a line differ"),
        (((0, 0), (1.5, 0), (1, 1)), False, r"from 0 to 1; \(1.5, 0\) lies outside"),
        (((0, 0), (float("nan"), 0), (1, 1)), False, "lies outside"),
        (((0, 0), (1,), (1, 1)), False, "pairs of numbers"),
        (((0, 0), ("a", "b"), (1, 1)), False, "pairs of numbers"),
        (7, False, "pairs of numbers"),
    ],
)
def test_points_that_are_refused(points: Any, line: bool, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        checked_points(points, line=line)


def test_a_change_is_a_new_version(ask_as: AskAs, site: Site) -> None:
    zones = ask_as("bob").zones
    first = zones.add("gate", " door ", SQUARE)
    zones.add("gate", "way", [(0, 0.5), (1, 0.5)], line=True)
    second = zones.add("gate", "door", ARROW)
    assert [(zone.name, zone.kind, zone.version, zone.points) for zone in zones] == [
        ("door", "zone", 2, ARROW),
        ("way", "line", 1, ((0.0, 0.5), (1.0, 0.5))),
    ]
    everything = zones.list("gate", retired=True)
    assert [(zone.version, zone.retired) for zone in everything if zone.name == "door"] == [
        (1, second.created),
        (2, None),
    ]
    assert first.camera == "gate" and len(zones) == 2
    zones.remove("gate", "door")
    with pytest.raises(UnknownName, match="there is no zone or line 'door'; known: way"):
        zones.remove("gate", "door")
    assert zones.add("gate", "door", SQUARE).version == 3
    with site.database.session() as session:
        bob = reads.user_by_name(session, "bob")
        assert {zone.created_by for zone in reads.zones(session, retired=True)} == {bob.id}


def test_a_zone_of_today_counts_in_the_past(ask_as: AskAs, site: Site) -> None:
    bob = ask_as("bob")
    bob.zones.add("gate", "door", SQUARE)
    bob.refresh()
    edges = "SELECT zone, edge, x1, y1, x2, y2 FROM zone_edges ORDER BY edge"
    assert [tuple(row.values()) for row in bob.sql(edges).rows()] == [
        ("door", 0, 0.1, 0.1, 0.5, 0.1),
        ("door", 1, 0.5, 0.1, 0.5, 0.5),
        ("door", 2, 0.5, 0.5, 0.1, 0.5),
        ("door", 3, 0.1, 0.5, 0.1, 0.1),
    ]


def test_it_shows_itself_as_a_table(ask_as: AskAs) -> None:
    zones = ask_as("bob").zones
    assert "no zones or lines yet" in repr(zones) and "no zones" in zones._repr_html_()
    zones.add("gate", "<door>", SQUARE)
    assert "gate <door> zone" in " ".join(repr(zones).split())
    assert "&lt;door&gt;" in zones._repr_html_()


def test_who_may_draw_and_see(ask_as: AskAs, lab: Lab, site: Site) -> None:
    bob = ask_as("bob")
    bob.zones.add("gate", "door", SQUARE)
    bob.zones.add("yard", "path", SQUARE)
    with pytest.raises(AccessDenied, match=r"eve \(VIEWER\) may not draw zones and lines"):
        ask_as("eve").zones.add("gate", "door", SQUARE)
    with pytest.raises(AccessDenied, match="nobody asks here"):
        lab.zones.remove("gate", "door")
    with pytest.raises(UsageError, match="a zone needs a name"):
        bob.zones.add("gate", " ", SQUARE)
    assert [zone.name for zone in lab.zones] == ["door", "path"]
    with site.database.session() as session:
        user = reads.user_by_name(session, "bob")
    writes.set_rights(site.database, user.id, ["yard"])
    assert [zone.name for zone in bob.zones] == ["path"]
    with pytest.raises(UnknownName, match="there is no camera 'gate'; known: yard"):
        bob.zones.add("gate", "door", SQUARE)
