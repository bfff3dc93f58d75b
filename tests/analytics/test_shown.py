"""How rows look to a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from omnisight_lab.analytics.queries.registry import Column
from omnisight_lab.analytics.shown import cell, duration, folded, html_table, in_bytes

RATE = tuple(Column(name, "number", "events", "1/h") for name in ("rate", "rate_low", "rate_high"))
SHARE = tuple(Column(name, "share", "right") for name in ("precision", "precision_low", "precision_high"))


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2.5e12, "2.5 TB"), (9e15, "9,000.0 TB")]
)
def test_bytes_are_written_short(value: float, text: str) -> None:
    assert in_bytes(value) == text


CELLS: list[tuple[Any, Column, str]] = [
    (None, RATE[0], "–"),
    (0.0, RATE[0], "0.00"),
    (1234.5, RATE[0], "1,234.50"),
    (0.00123, RATE[0], "0.0012"),
    (1234, Column("n", "integer", ""), "1,234"),
    (True, Column("open", "boolean", ""), "yes"),
    (110_507_299.76, Column("bytes_per_hour", "number", "", "B/h"), "110.5 MB"),
    ("x" * 121, Column("label", "text", ""), "x" * 119 + "…"),
    (0.5, SHARE[0], "50.0 %"),
    (datetime(2026, 10, 25, 1, 2, 3, tzinfo=UTC), Column("start", "utc", ""), "2026-10-25 01:02:03Z"),
    (
        datetime(2026, 10, 25, 1, 2, 3, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
        Column("local", "local", ""),
        "2026-10-25 01:02:03 -03:30",
    ),
]


@pytest.mark.parametrize(("value", "column", "text"), CELLS)
def test_cells(value: Any, column: Column, text: str) -> None:
    assert cell(value, column) == text


def test_an_interval_stands_in_the_cell_of_its_figure() -> None:
    (rate,) = folded(RATE, frozenset())
    assert rate.heading == "rate [1/h]"
    assert rate.cell({"rate": 5.0, "rate_low": 2.398, "rate_high": 9.195}) == "5.00 (2.40 to 9.20)"
    assert rate.cell({"rate": None, "rate_low": None, "rate_high": None}) == "–"
    (share,) = folded(SHARE, frozenset())
    assert share.cell({"precision": 0.9, "precision_low": 0.596, "precision_high": 0.982}) == "90.0 % (59.6 to 98.2 %)"
    alone = [column.column.name for column in folded(RATE[:2], frozenset({"rate"}))]
    assert alone == ["rate_low"], "one limit without the other is a column of its own"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (2e5, "2 d")])
def test_ages(seconds: float, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text


def test_text_is_no_markup_and_a_picture_that_is_gone_is_a_dash() -> None:
    columns = folded([Column("name", "text", 'the "name"')], frozenset())
    rows = [{"name": "<b>"}, {"name": "gone"}]
    page = html_table(columns, rows, "a & b", lambda row: None if row["name"] == "gone" else b"jpeg")
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
    assert "a &amp; b" in page
    assert page.count("data:image/jpeg;base64,anBlZw==") == 1
    assert "<td>–</td>" in page
