"""Which notebooks are reports, and what their parameters take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from omnisight_lab.errors import UnknownName, UsageError
from omnisight_lab.reports import catalog
from omnisight_lab.settings import Paths

CELL = """
day: str = ""  # local day
limit: int = 5  # how many
share: float | None = None
cameras: list[str] = []  # names
strict = False
"""


def test_reports_that_come_along_are_described(paths: Paths) -> None:
    report = next(report for report in catalog.reports(paths) if report.name == "daily_activity")
    assert report.title == "Daily activity" and "cameras saw" in report.description
    assert [(p.name, p.kind, p.default) for p in report.parameters] == [
        ("day", "str", ""),
        ("cameras", "list[str]", []),
        ("timezone", "str", ""),
    ]
    assert all(parameter.help for parameter in report.parameters)


def test_own_notebook_is_a_report_once_it_has_parameters(paths: Paths, write_report: Callable[..., str]) -> None:
    write_report(parameters=CELL, name="with")
    write_report(parameters=None, name="without")
    names = [report.name for report in catalog.reports(paths)]
    assert "with" in names and "without" not in names
    with pytest.raises(UsageError, match="none of its cells has the tag `parameters`"):
        catalog.find(paths, "without")


def test_own_notebook_does_not_stand_in_for_one_that_comes_along(
    paths: Paths, write_report: Callable[..., str]
) -> None:
    write_report(name="daily_activity")
    assert catalog.find(paths, "daily_activity").path.parent != paths.notebooks


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({}, {"day": "", "limit": 5, "share": None, "cameras": [], "strict": False}),
        ({"limit": "7", "strict": "True", "share": "0.5"}, {"limit": 7, "strict": True, "share": 0.5}),
        ({"cameras": "Gate, Yard"}, {"cameras": ["Gate", "Yard"]}),
        ({"cameras": '["a, b"]'}, {"cameras": ["a, b"]}),
        ({"cameras": ""}, {"cameras": []}),
    ],
)
def test_texts_become_values(
    given: dict[str, Any], values: dict[str, Any], paths: Paths, write_report: Callable[..., str]
) -> None:
    report = catalog.find(paths, write_report(parameters=CELL))
    typed = report.typed(given)
    assert list(typed) == ["day", "limit", "share", "cameras", "strict"]
    assert {name: typed[name] for name in values} == values


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"limit": "many"}, "parameter limit is 'many', but it takes int"),
        ({"limit": "1.5"}, "takes int"),
        ({"share": "half"}, "takes float"),
        ({"strict": "perhaps"}, "takes bool"),
        ({"day": 3}, "takes str"),
        ({"cameras": "[1"}, "no JSON array"),
        ({"camera": "Gate"}, "there is no parameter of own 'camera'; did you mean 'cameras'?"),
    ],
)
def test_wrong_values_are_named(
    given: dict[str, Any], says: str, paths: Paths, write_report: Callable[..., str]
) -> None:
    report = catalog.find(paths, write_report(parameters=CELL))
    with pytest.raises(UsageError) as caught:
        report.typed(given)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("day = ", "can't be read"),
        ("import os", "line 1 is no `name: type = value`"),
        ("day: str = today()", "can't be read"),
        ("span: tuple = (1, 2)", "span has type tuple"),
        ("limit: int = 'five'", "takes int"),
        ("smtp_password: str = ''", "looks like a secret"),
    ],
)
def test_cells_that_are_no_parameters(cell: str, says: str, paths: Paths, write_report: Callable[..., str]) -> None:
    with pytest.raises(UsageError) as caught:
        catalog.find(paths, write_report(parameters=cell))
    assert says in str(caught.value)


def test_unknown_report_and_broken_notebook(paths: Paths) -> None:
    with pytest.raises(UnknownName, match="did you mean 'daily_activity'"):
        catalog.find(paths, "daily_activty")
    paths.notebooks.mkdir()
    (paths.notebooks / "broken.ipynb").write_text("{")
    with pytest.raises(UsageError, match="no notebook that can be read"):
        catalog.find(paths, "broken")
    assert "daily_activity" in [report.name for report in catalog.reports(paths)]
