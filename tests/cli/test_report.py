"""`omnisight report`, as a shell sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from omnisight_lab.db.session import Database

Shell = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def shell(database: Database, tmp_path: Path) -> Shell:
    environment = {**os.environ, "OMNISIGHT_HOME": str(tmp_path), "DATABASE_URL": database.prisma_url}
    environment.pop("OMNISIGHT_MEDIA", None)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "omnisight_lab.cli", "report", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def own(tmp_path: Path) -> str:
    """A report of the user that needs nothing but a kernel."""
    cells = [
        nbformat.v4.new_markdown_cell("# Own"),
        nbformat.v4.new_code_cell("limit: int = 5  # how many", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("100 // limit"),
    ]
    (tmp_path / "notebooks").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "notebooks" / "own.ipynb")
    return "own"


def test_list_names_parameters(shell: Shell) -> None:
    listed = json.loads(shell("list", "--json").stdout)
    daily = next(report for report in listed if report["name"] == "daily_activity")
    assert [parameter["name"] for parameter in daily["parameters"]] == ["day", "cameras", "timezone"]
    assert "-p cameras=…  list[str]: names of cameras; empty: all" in shell("list").stdout


def test_run_prints_one_object_and_history_has_it(shell: Shell, own: str, tmp_path: Path) -> None:
    done = shell("run", own, "-p", "limit=20", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert Path(said["html"]).is_relative_to(tmp_path / "reports" / own) and Path(said["html"]).is_file()
    assert (said["status"], said["parameters"], said["pdf"]) == ("done", {"limit": 20}, None)
    assert said["seconds"] > 0
    assert json.loads(shell("history", "--json").stdout) == [said]


def test_failed_run_is_one_line(shell: Shell, own: str) -> None:
    done = shell("run", own, "-p", "limit=0")
    assert done.returncode == 1 and not done.stdout
    last = done.stderr.splitlines()[-1]
    assert last.startswith("omnisight: report own failed: ZeroDivisionError: ") and "Traceback" not in done.stderr
    (run,) = json.loads(shell("history", own, "--json").stdout)
    assert run["status"] == "failed" and run["error"].startswith("ZeroDivisionError")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "daily_activty"), "there is no report 'daily_activty'; did you mean 'daily_activity'?"),
        (("run", "daily_activity", "-p", "days=1"), "did you mean 'day'?"),
        (("run", "daily_activity", "-p", "day"), "'day' is no parameter; write it as key=value"),
        (("run", "own", "-p", "limit=few"), "parameter limit is 'few', but it takes int"),
    ],
)
def test_wrong_use_is_one_line(arguments: tuple[str, ...], says: str, shell: Shell, own: str) -> None:
    done = shell(*arguments)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.count("\n") == 1 and says in done.stderr
