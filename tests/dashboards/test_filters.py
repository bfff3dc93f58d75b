"""Filters and the address they stand in."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from dashboards.filters import Filters, parse

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    "filters",
    [
        Filters(),
        Filters(cameras=("Front gate", "Quay <east> & café"), labels=("person",), type="motion", period="today"),
        Filters(min_confidence=0.5, page=7, event="0b8a-1"),
        Filters(start=datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1), end=datetime(2026, 10, 26, tzinfo=BERLIN)),
    ],
)
def test_an_address_gives_its_filters_back(filters: Filters) -> None:
    found = parse(filters.search(), "Europe/Berlin")
    assert found == filters
    assert found.problems == ()
    if filters.start and found.start:
        assert found.start.utcoffset() == filters.start.utcoffset()


def test_the_default_leaves_the_address_bare() -> None:
    assert Filters().search() == ""


@pytest.mark.parametrize(
    ("search", "problem"),
    [
        ("?type=explosion", "there is no type 'explosion'"),
        ("?period=999d", "there is no period '999d'"),
        ("?min=2", "min is not between 0 and 1"),
        ("?min=nan", "min is not between 0 and 1"),
        ("?page=0", "page is not between 1 and 1e+06"),
        ("?page=x", "page is not between 1 and 1e+06"),
        ("?event=../../etc/passwd", "the event's id can't be one"),
        ("?from=yesterday", "'yesterday' is no time"),
        ("?from=0001-01-01T00:00", "'0001-01-01T00:00' is no time"),
        ("?from=2026-03-02T00:00&to=2026-03-01T00:00", "the span ends before it starts"),
        ("?" + "&".join(f"camera={n}" for n in range(300)), "the address holds too many filters"),
    ],
)
def test_what_does_not_fit_is_left_out_and_named(search: str, problem: str) -> None:
    found = parse(search, "Europe/Berlin")
    assert found.problems == (problem,)
    assert found == Filters()


def test_times_without_offset_are_of_the_site() -> None:
    found = parse("?from=2026-03-29T08:00", "Europe/Berlin")
    assert found.start == datetime(2026, 3, 29, 8, tzinfo=BERLIN)
    assert found.search() == "?from=2026-03-29T08%3A00%2B02%3A00"


@pytest.mark.parametrize(
    ("period", "window"),
    [
        ("today", ("2026-03-30T00:00:00+02:00", "2026-03-31T00:00:00+02:00")),
        ("yesterday", ("2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00")),
        ("7d", ("2026-03-24T00:00:00+01:00", "2026-03-31T00:00:00+02:00")),
        ("30d", ("2026-03-01T00:00:00+01:00", "2026-03-31T00:00:00+02:00")),
        ("all", ("2000-01-01T00:00:00+01:00", "2026-03-31T00:00:00+02:00")),
    ],
)
def test_periods_are_whole_local_days(period: str, window: tuple[str, str]) -> None:
    found = Filters(period=period).window(datetime(2026, 3, 30, 15, tzinfo=BERLIN))
    assert tuple(moment.isoformat() for moment in found if moment) == window


def test_a_control_changes_one_filter_and_goes_back_to_the_first_page() -> None:
    filters = Filters(cameras=("A", "B"), page=3, event="x", start=datetime(2026, 3, 1, tzinfo=BERLIN))
    zone = "Europe/Berlin"
    assert filters.changed("camera", "C", zone, checked=True).cameras == ("A", "B", "C")
    assert filters.changed("camera", "A", zone, checked=False).cameras == ("B",)
    less = filters.changed("min", "0.5", zone)
    assert (less.min_confidence, less.page, less.event, less.start) == (0.5, 1, "", filters.start)
    assert filters.changed("period", "today", zone).start is None
    assert filters.changed("from", "", zone).start is None
    assert filters.changed("min", "seven", zone).problems == ("min is not between 0 and 1",)
