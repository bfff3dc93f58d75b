"""What is usual at an hour of the week, worked out by hand, on both engines."""

from __future__ import annotations

from datetime import timedelta

import pytest

from omnisight_lab.errors import UsageError
from omnisight_lab.lab import Lab
from tests.analytics.conftest import Site, ask, at, table

THURSDAY = ("2026-10-29", "2026-10-30")
PAST = ("2026-10-22", "2026-10-15", "2026-10-08", "2026-10-01")
"""The four Thursdays before, by summer time."""


def hour(site: Site, day: str, local: int, events: int, minutes: int = 60) -> None:
    """So many minutes of footage and events from a full hour of the wall clock on."""
    start = at(f"{day}T{local:02}:00+{'01' if day > '2026-10-25' else '02'}:00")
    end = start + timedelta(minutes=minutes)
    if minutes:
        site.footage("yard", start.isoformat(), end.isoformat())
    for number in range(events):
        site.event("yard", start + timedelta(seconds=number))


@pytest.fixture
def yard(site: Site, lab: Lab) -> Lab:
    """From 10 to 14 h on the Thursday after the clock changed, and on the four before."""
    site.camera("yard", "Europe/Berlin")
    for day, ten, eleven in zip(PAST, (2, 4, 4, 10), (0, 10, 20, 30), strict=True):
        hour(site, day, 10, ten)
        hour(site, day, 11, eleven)
        hour(site, day, 12, 1 if day != PAST[0] else 0, minutes=60 if day != PAST[0] else 0)
        hour(site, day, 13, 0)
        hour(site, day, 14, 3)
    hour(site, THURSDAY[0], 10, 14)
    hour(site, THURSDAY[0], 11, 3, minutes=30)
    hour(site, THURSDAY[0], 12, 5)
    hour(site, THURSDAY[0], 13, 2)
    hour(site, THURSDAY[0], 14, 40, minutes=0)
    lab.refresh()
    return lab


def test_unusual_hours_are_ranked(yard: Lab) -> None:
    rows = ask(yard, "baseline", *THURSDAY)
    columns = ("rank", "events", "recorded_hours", "weeks", "median_rate", "mad", "expected")
    # 10 h: 2 4 4 10; 13 h: four zeros; 11 h: 0 10 20 30, and half an hour now. 12 h has three weeks, 14 h no footage
    assert table(rows, *columns) == [
        (1, 14, 1.0, 4, 4.0, 1.0, 4.0),
        (2, 2, 1.0, 4, 0.0, 0.0, 0.0),
        (3, 3, 0.5, 4, 15.0, 10.0, 7.5),
    ]
    assert [row["hour"].isoformat() for row in rows] == [f"2026-10-29T{h}:00:00+01:00" for h in (10, 13, 11)]
    # Noise of a count of 4 is 2, more than the spread of 1.48; of none it is 1; 10/h spread over half an hour is 7.41
    assert [row["score"] for row in rows] == pytest.approx([10 / 2, 2 / 1, -4.5 / (1.4826 * 10 / 2)])


def test_only_so_many_weeks_count(yard: Lab, site: Site) -> None:
    hour(site, "2026-09-24", 10, 100)
    yard.refresh()
    assert table(ask(yard, "baseline", *THURSDAY, weeks=4), "weeks", "score")[0] == (4, 5.0)
    (first, *_) = ask(yard, "baseline", *THURSDAY, weeks=5)
    # 2 4 4 10 100: median 4, deviations 2 0 0 6 96, so MAD 2
    assert (first["weeks"], first["mad"], first["score"]) == (5, 2.0, pytest.approx(10 / (1.4826 * 2)))


def test_weeks_and_hours_without_coverage_are_left_out(yard: Lab) -> None:
    three = ask(yard, "baseline", *THURSDAY, least_weeks=3)
    assert table(three, "rank", "weeks", "events", "expected", "score")[1] == (2, 3, 5, 1.0, 4.0)
    assert all(row["hour"].hour != 14 for row in three)
    # Half an hour is too little now, and so it would be in the past
    strict = ask(yard, "baseline", *THURSDAY, min_hours=0.75)
    assert [row["hour"].hour for row in strict] == [10, 13]
    assert ask(yard, "baseline", *THURSDAY, least_weeks=5) == []


def test_equal_scores_share_a_rank(yard: Lab) -> None:
    rows = ask(yard, "baseline", *THURSDAY, labels="zebra")
    assert table(rows, "rank", "events", "expected", "score") == [(rank, 0, 0.0, 0.0) for rank in (1, 2, 3)], (
        "the earlier hour first"
    )
    assert len(ask(yard, "baseline", *THURSDAY, min_score=1)) == 2


def test_an_hour_that_comes_twice_is_one_in_the_past_and_two_now(site: Site, lab: Lab) -> None:
    """Sundays at 2 h; on 25 October the hour comes twice, with 6 and 2 events: 4 an hour."""
    site.camera("yard", "Europe/Berlin")
    for day, events in (("2026-09-27", 1), ("2026-10-04", 3), ("2026-10-11", 5), ("2026-10-18", 7)):
        hour(site, day, 2, events)
    for start, events in (("2026-10-25T00:00", 6), ("2026-10-25T01:00", 2)):
        site.footage("yard", start, start.replace(":00", ":59"))
        for number in range(events):
            site.event("yard", at(start) + timedelta(seconds=number))
    hour(site, "2026-11-01", 2, 4)
    lab.refresh()
    now = ask(lab, "baseline", "2026-10-25", "2026-10-26", min_hours=0.5)
    assert table(now, "utc_offset", "events", "median_rate") == [(120, 6, 4.0), (60, 2, 4.0)]
    (later,) = ask(lab, "baseline", "2026-11-01", "2026-11-02", weeks=5)
    # 1 3 5 7 and 8 events in 118 minutes
    assert (later["weeks"], later["median_rate"]) == (5, pytest.approx(8 / 118 * 60, abs=1e-6))


def test_what_a_baseline_is_asked_wrongly_is_said(lab: Lab) -> None:
    with pytest.raises(UsageError, match="weeks: 52 is not between 4 and 12"):
        lab.query("baseline", weeks=52)
