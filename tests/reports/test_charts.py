"""Charts: the right hours, classes and bars, in colours that a page can turn."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from omnisight_lab.lab import Lab
from omnisight_lab.plots.colours import CAUSES
from omnisight_lab.reports import charts
from omnisight_lab.types import GapCause, TimeRange
from tests.reports.site import ZONE, Site, at


def local_day(year: int, month: int, day: int, start_utc: int, hours: int) -> TimeRange:
    first = datetime(year, month, day, tzinfo=UTC).timestamp() + start_utc * 3600
    return TimeRange(datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(first + hours * 3600, UTC))


@pytest.mark.parametrize(
    ("window", "zone", "count", "repeated"),
    [
        (local_day(2026, 3, 29, -1, 23), ZONE, 23, set()),
        (local_day(2026, 10, 25, -2, 25), ZONE, 25, {"02"}),
        (local_day(2026, 6, 1, 0, 24), "UTC", 24, set()),
    ],
)
def test_hours_of_a_day(window: TimeRange, zone: str, count: int, repeated: set[str]) -> None:
    found = charts.hours(window, zone)
    labels = [hour.label for hour in found]
    assert len(found) == count and len({hour.key for hour in found}) == count
    assert {label for label in labels if labels.count(label) > 1} == repeated


def test_half_hour_zones_have_whole_local_hours() -> None:
    start = datetime(2026, 6, 1, 18, 15, tzinfo=UTC)  # midnight in Kathmandu, UTC + 5:45
    found = charts.hours(TimeRange(start, start.replace(day=2)), "Asia/Kathmandu")
    assert [hour.label for hour in found] == [f"{hour:02d}" for hour in range(24)]
    assert all((after.start - before.start).total_seconds() == 3600 for before, after in pairwise(found))


@pytest.mark.parametrize(
    ("largest", "classes"),
    [
        (0, [0.05, 0.1, 0.2, 0.5, 1]),
        (9, [0.5, 1, 2, 5, 10]),
        (10, [0.5, 1, 2, 5, 10]),
        (10.1, [1, 2, 5, 10, 20]),
        (0.3, [0.02, 0.05, 0.1, 0.2, 0.5]),
        (8411, [500, 1000, 2000, 5000, 10000]),
    ],
)
def test_classes_are_round_and_hold_the_largest(largest: float, classes: list[float]) -> None:
    assert charts._classes(largest) == classes
    assert charts._level(0, classes) == 0 and charts._level(None, classes) == 0 and charts._level(largest, classes) <= 5
    for number, bound in enumerate(classes, 1):
        assert charts._level(bound, classes) == number


@pytest.mark.parametrize(("count", "words"), [(0, "0"), (999, "999"), (1234, "1.2k"), (9960, "10k"), (123_456, "123k")])
def test_counts_fit_their_cell(count: int, words: str) -> None:
    assert charts._brief(count) == words


def test_every_cause_has_its_colour() -> None:
    assert {cause.value for cause in GapCause} < set(CAUSES)
    assert len(set(CAUSES.values())) == len(CAUSES)


def test_names_are_no_formulas() -> None:
    figure = charts._figure(1)
    figure.add_subplot().set_yticks([0], [charts._short(r"$\foo$")])
    assert r"$\foo$" in charts._block(figure, "").html


def test_days_mark_a_long_span() -> None:
    week = [label for _, label in charts._ticks(TimeRange(at(0), at(7 * 24)), ZONE)]
    assert week == ["29 Mar", "30 Mar", "31 Mar", "1 Apr", "2 Apr", "3 Apr", "4 Apr", "5 Apr"]
    quarter = list(charts._ticks(TimeRange(at(0), at(90 * 24)), ZONE))
    assert 8 <= len(quarter) <= 13


@pytest.fixture(scope="module")
def lab(site: Site) -> Lab:
    return Lab(site.database, site.paths)


def test_every_colour_is_the_pages(lab: Lab) -> None:
    coverage = lab.coverage(at(0), at(24), tz=ZONE)
    svg = charts.coverage_chart(coverage).html
    assert set(re.findall(r"(?<!, )#[0-9a-f]{6}", svg)) == {
        CAUSES[c] for c in ("camera_unreachable", "wrong_credentials")
    }
    assert "var(--recorded, #009e73)" in svg and "xmlns" not in svg and "http" not in svg
    assert 'aria-label="Recorded time by camera; 2 gaps, 3 h 20 min in all"' in svg


def test_lanes_show_the_time_in_which_recording_was_expected(lab: Lab) -> None:
    svg = charts.coverage_chart(lab.coverage(at(0), at(24), cameras="Yard", tz=ZONE)).html
    assert re.findall(r">(\d\d:\d\d)</text>", svg) == [f"{8 + q // 4:02d}:{q % 4 * 15:02d}" for q in range(9)]


def test_gap_that_is_too_short_to_be_seen_is_drawn_wider() -> None:
    shown = TimeRange(at(0), at(24))
    start, width = charts._gap_bar(shown, {"start": at(24, 0, -5), "seconds": 5.0})
    assert width == pytest.approx(86_400 * 0.003) and start + width == pytest.approx(86_400)
    assert charts._gap_bar(shown, {"start": at(6), "seconds": 7200.0}) == (21_600, 7200)


def test_labels_beyond_the_first_are_summed(lab: Lab) -> None:
    detections = lab.detections(at(0), at(24), tz=ZONE)
    assert charts.label_chart(detections).text == "Objects by class: car 7, person 6, bicycle 5"
    assert charts.label_chart(detections, most=1).text == "Objects by class: car 7, 2 others 11"
