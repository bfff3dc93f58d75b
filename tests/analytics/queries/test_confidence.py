"""Confidences of objects, worked out by hand, on both engines."""

from __future__ import annotations

import pytest

from omnisight_lab.errors import UsageError
from omnisight_lab.lab import Lab
from tests.analytics.conftest import Site, ask, table

DAY = ("2026-10-20", "2026-10-21")
HERE = ((0.0, 0.5, 0.5),)


@pytest.fixture
def yard(site: Site, lab: Lab) -> Lab:
    """Five cars of 0.15, 0.15, 0.30, 0.95 and 1.0, one of them by its second box; a person of 0.42; a false one."""
    site.camera("yard", "Europe/Berlin")
    event = site.path("yard", "2026-10-20T08:00", *HERE, label="car", confidence=0.1)
    site.path("yard", "", (0.5, 0.5, 0.5), label="car", confidence=0.15, event=event)
    site.path("yard", "", *HERE, label="car", track="2", confidence=0.15, event=event)
    for time, confidence in (("08:05", 0.3), ("09:00", 0.95), ("09:10", 1.0)):
        site.path("yard", f"2026-10-20T{time}", *HERE, label="car", confidence=confidence)
    site.path("yard", "2026-10-20T08:10", *HERE, label="person", track=None, confidence=0.42)
    site.verdict(site.path("yard", "2026-10-20T08:15", *HERE, label="car", confidence=0.61), "false")
    lab.refresh()
    return lab


def test_each_object_counts_by_its_best_box_in_bins_with_exact_borders(yard: Lab) -> None:
    rows = ask(yard, "confidence", *DAY)
    assert table(rows, "label", "from_confidence", "to_confidence", "objects", "share", "cumulative_share") == [
        ("car", 0.15, 0.2, 2, 0.4, 0.4),
        ("car", 0.3, 0.35, 1, 0.2, 0.6),
        ("car", 0.95, 1.0, 2, 0.4, 1.0),
        ("person", 0.4, 0.45, 1, 1.0, 1.0),
    ]
    rows = ask(yard, "confidence", *DAY, by=(), bins=2)
    assert table(rows, "from_confidence", "objects", "cumulative_share") == [(0.0, 4, 4 / 6), (0.5, 2, 1.0)]


def test_a_rejected_event_counts_where_it_is_asked_for(yard: Lab) -> None:
    rows = ask(yard, "confidence", *DAY, labels="car", bins=1)
    assert table(rows, "objects") == [(5,)]
    rows = ask(yard, "confidence", *DAY, labels="car", bins=1, include_rejected=True)
    assert table(rows, "objects") == [(6,)]


def test_distributions_by_local_hour(yard: Lab) -> None:
    rows = ask(yard, "confidence", *DAY, by="camera,hour_of_day", labels="car")
    assert table(rows, "hour_of_day", "camera", "from_confidence", "share") == [
        (10, "yard", 0.15, 2 / 3),
        (10, "yard", 0.3, 1 / 3),
        (11, "yard", 0.95, 1.0),
    ]
    rows = ask(yard, "confidence", *DAY, by="label", where="hour_of_day=11")
    assert table(rows, "label", "objects") == [("car", 2)]


def test_percentiles_lie_between_values(yard: Lab) -> None:
    """Of 0.15, 0.15, 0.30, 0.95, 1.0: p5 at place 0.2, p25 at 1, p50 at 2, p75 at 3, p95 at 3.8."""
    wanted = {"objects": 5, "p5": 0.15, "p25": 0.15, "p50": 0.3, "p75": 0.95, "p95": 0.99}
    car, person = ask(yard, "confidence_percentiles", *DAY)
    assert {name: car[name] for name in wanted} == pytest.approx(wanted, abs=1e-9)
    assert [person[name] for name in wanted] == [1, 0.42, 0.42, 0.42, 0.42, 0.42]


def test_percentiles_by_local_hour_and_of_all(yard: Lab) -> None:
    rows = ask(yard, "confidence_percentiles", *DAY, by="label,hour_of_day", labels="car")
    assert table(rows, "hour_of_day", "label", "objects", "p50") == [(10, "car", 3, 0.15), (11, "car", 2, 0.975)]
    assert table(ask(yard, "confidence_percentiles", *DAY, by=()), "objects") == [(6,)]


def test_percentiles_within_a_zone(site: Site, lab: Lab) -> None:
    site.camera("yard")
    site.zone("yard", "left", (0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    site.path("yard", "2026-10-20T08:00", (0, 0.25, 0.5), confidence=0.5)
    site.path("yard", "2026-10-20T08:00", (0, 0.75, 0.5), confidence=0.75)
    lab.refresh()
    assert table(ask(lab, "confidence_percentiles", *DAY, by="zone"), "zone", "p50") == [("left", 0.5)]
    assert table(ask(lab, "confidence", *DAY, by="zone", bins=4), "zone", "from_confidence") == [("left", 0.5)]


def test_bins_are_a_whole_number(yard: Lab) -> None:
    with pytest.raises(UsageError, match="parameter bins: 0 is not between 1 and 100"):
        yard.query("confidence", *DAY, bins=0)
