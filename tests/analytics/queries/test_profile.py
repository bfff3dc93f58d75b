"""The hours of the week, worked out by hand, on both engines."""

from __future__ import annotations

import pytest

from omnisight_lab.errors import UsageError
from omnisight_lab.lab import Lab
from tests.analytics.conftest import Site, ask, table

WEEKS = ("2026-10-12", "2026-10-26")
"""Two weeks from Monday on."""


@pytest.fixture
def yard(site: Site, lab: Lab) -> Lab:
    """Monday 8 h twice (1 + 3 events), Tuesday 22 h (3), Wednesday 10 h for 10 minutes (1), Sunday 8 h (2); Thursday
    11 h is not recorded (5). A second camera sees nothing on Friday."""
    yard, door = site.camera("yard"), site.camera("door")
    for start, end, events in (
        ("2026-10-12T08:00", "2026-10-12T09:00", 1),
        ("2026-10-19T08:00", "2026-10-19T09:00", 3),
        ("2026-10-13T22:00", "2026-10-13T23:00", 3),
        ("2026-10-14T10:00", "2026-10-14T10:10", 1),
        ("2026-10-18T08:00", "2026-10-18T09:00", 2),
    ):
        site.footage(yard, start, end)
        for number in range(events):
            site.event(yard, f"{start}:0{number}")
    for number in range(5):
        site.event(yard, f"2026-10-15T11:0{number}")
    site.footage(door, "2026-10-16T12:00", "2026-10-16T13:00")
    lab.refresh()
    return lab


def test_the_profile_of_a_week_sets_no_rate_where_nothing_was_recorded(yard: Lab) -> None:
    rows = ask(yard, "weekly_profile", *WEEKS, cameras="yard")
    assert table(rows, "weekday", "hour_of_day", "events", "recorded_hours", "rate") == [
        (1, 8, 4, 2.0, 2.0),
        (2, 22, 3, 1.0, 3.0),
        (3, 10, 1, 1 / 6, 1 / (1 / 6)),
        (4, 11, 5, 0.0, None),
        (7, 8, 2, 1.0, 2.0),
    ]
    # Garwood's limits of a count of 4 are 1.0899 and 10.2416
    assert (rows[0]["rate_low"], rows[0]["rate_high"]) == pytest.approx((0.54495, 5.1208), abs=1e-4)
    assert rows[3]["rate_high"] is None


def test_the_busiest_hours_of_each_camera(yard: Lab) -> None:
    columns = ("camera", "rank", "weekday", "hour_of_day", "rate")
    rows = ask(yard, "busiest_hours", *WEEKS)
    # Ten minutes on Wednesday are too little, Thursday was not recorded; of equal rates Monday comes before Sunday
    assert table(rows, *columns) == [
        ("door", 1, 5, 12, 0.0),
        ("yard", 1, 2, 22, 3.0),
        ("yard", 2, 1, 8, 2.0),
        ("yard", 3, 7, 8, 2.0),
    ]
    assert rows[1]["rate_low"] < 3 < rows[1]["rate_high"]
    two = ask(yard, "busiest_hours", *WEEKS, cameras="yard", top=2, min_hours=0)
    assert table(two, "rank", "weekday", "recorded_hours") == [(1, 3, 1 / 6), (2, 2, 1.0)]


def test_the_busiest_hours_of_some_days_or_labels(yard: Lab) -> None:
    assert table(ask(yard, "busiest_hours", *WEEKS, cameras="yard", where="weekday=6,7"), "weekday") == [(7,)]
    assert {row["rate"] for row in ask(yard, "busiest_hours", *WEEKS, labels="zebra")} == {0.0}
    with pytest.raises(UsageError, match="top: 0 is not between 1 and 168"):
        yard.query("busiest_hours", top=0)
