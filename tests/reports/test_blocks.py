"""Words and markup of the blocks."""

from __future__ import annotations

import pytest

from omnisight_lab.reports.blocks import Card, duration, facts, gallery, note, share, table
from omnisight_lab.reports.child import WINDOW
from omnisight_lab.types import TimeRange
from tests.reports.site import at


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (4.04, "4.0 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (124, "2 min 4 s"),
        (3599.7, "1 h"),
        (7080, "1 h 58 min"),
        (86_400 * 50, "1,200 h"),
    ],
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"), [(None, "–"), (1, "100.0 %"), (0.99999, "99.9 %"), (0.8039, "80.4 %"), (0, "0.0 %")]
)
def test_share_is_whole_only_where_nothing_is_missing(value: float | None, words: str) -> None:
    assert share(value) == words


def test_names_from_the_database_are_no_markup() -> None:
    bad = "<script>alert('x')</script>"
    for block in (note(bad), table([bad], [[bad]]), facts({bad: bad}), gallery([Card(b"", bad, bad)])):
        assert "<script>" not in block.html and "&lt;script&gt;" in block.html and bad in block.text


def test_block_that_names_the_window_says_it_in_the_notebook() -> None:
    window = TimeRange(at(0), at(24))
    assert WINDOW not in note("nothing")._repr_mimebundle_()
    assert facts({}, window)._repr_mimebundle_()[WINDOW] == {
        "start": "2026-03-28T22:00:00+00:00",
        "end": "2026-03-29T22:00:00+00:00",
    }
