from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from omnisight_lab.cli.output import plain, print_rows, progress
from omnisight_lab.types import GapCause


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (float("inf"), None),
        (1.5, 1.5),
        (datetime(2026, 3, 29, 1, tzinfo=UTC), "2026-03-29T01:00:00+00:00"),
        (GapCause.STALLED, "stalled"),
        (Path("a/b"), "a/b"),
        ({"a": (1, float("nan"))}, {"a": [1, None]}),
    ],
)
def test_plain_is_what_json_can_hold(value: Any, expected: Any) -> None:
    assert plain(value) == expected
    json.dumps(plain(value), allow_nan=False)


def test_rows_come_as_json_array(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"name": "Hof", "share": 0.5}], as_json=True)
    assert json.loads(capsys.readouterr().out) == [{"name": "Hof", "share": 0.5}]


def test_rows_in_a_pipe_are_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"name": "x" * 300, "nothing": None}])
    out = capsys.readouterr().out
    assert "x" * 300 in out and "-" in out


def test_names_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"name": "[/x] [red]gate"}])
    assert "[/x] [red]gate" in capsys.readouterr().out


def test_no_rows_are_said_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([])
    captured = capsys.readouterr()
    assert captured.out == "" and "nothing" in captured.err


def test_progress_off_a_terminal_is_a_line_each_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("import", 100) as update:
        for done in range(101):
            update(done)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "import: 0 %" and lines[-1] == "import: 100 %" and len(lines) == 11
