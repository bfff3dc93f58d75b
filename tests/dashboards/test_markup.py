"""How figures are written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dashboards.markup import clock_text, duration, in_bytes, percent


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (7_260, "2 h 1 min"),
        (90_000, "1 d 1 h"),
        (86_400, "1 d"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [
        (None, 0, "–"),
        (1, 1, "100.0 %"),
        (0.9997, 1, "99.9 %"),
        (0.9999999, 0, "99 %"),
        (0.29, 0, "29 %"),
        (0.5, 0, "50 %"),
        (0, 1, "0.0 %"),
    ],
)
def test_less_than_all_is_never_a_hundred(share: float | None, digits: int, text: str) -> None:
    assert percent(share, digits) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (999, "999 B"), (12_345, "12.3 kB"), (4e12, "4.0 TB"), (4e15, "4,000.0 TB")]
)
def test_bytes(value: float, text: str) -> None:
    assert in_bytes(value) == text


def test_clocks_show_what_is_needed() -> None:
    today = datetime(2026, 3, 10, 8, 5, 1, tzinfo=UTC)
    assert clock_text(today, today) == "08:05:01"
    assert clock_text(today.replace(day=9), today) == "Mon 09 Mar 08:05:01"
    assert clock_text(today.replace(year=2025), today) == "10 Mar 2025 08:05:01"
