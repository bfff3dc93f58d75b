"""The command line as a process: exit codes, one line for what is wrong, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.homes import new_home


def omnisight(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "OMNISIGHT_HOME": str(home), **environment}
    variables.pop("DATABASE_URL", None)
    variables.update(environment)
    command = [sys.executable, "-m", "omnisight_lab.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=variables, timeout=120, check=False)


@pytest.fixture(scope="module")
def prepared() -> Iterator[Path]:
    """A data folder with a database."""
    with new_home() as home:
        assert omnisight("init", home=home).returncode == 0
        yield home


def test_version_and_help(tmp_path: Path) -> None:
    assert omnisight("--version", home=tmp_path).stdout.startswith("omnisight-lab ")
    result = omnisight("--help", home=tmp_path)
    assert result.returncode == 0
    for verb in ("init", "demo", "worker", "query", "report", "dashboards"):
        assert verb in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["no-such-verb"], 2),
        (["query", "activity", "--no-such-option"], 2),
        (["import"], 2),
        (["demo", "--seconds", "soon"], 2),
        (["query", "no-such-query"], 2),
        (["query", "activity", "-p", "no_such=1"], 2),
        (["query", "activity", "--from", "2026-01-02T00:00:00Z", "--to", "2026-01-01T00:00:00Z"], 2),
        (["query", "activity", "--from", "2026-01-02T00:00:00"], 2),
        (["query", "activity", "--tz", "Mars/Olympus"], 2),
        (["settings", "get", "no.such"], 2),
        (["settings", "set", "site.timezone", "Mars/Olympus"], 2),
        (["camera", "test", "no such camera"], 2),
        (["camera", "add", "Hof", "http://127.0.0.1/"], 2),
        (["worker", "--camera", "no such camera"], 2),
        (["import", "missing.mp4", "--camera", "Hof", "--start", "2026-01-01T00:00:00Z"], 1),
        (["analyse", "missing.mp4"], 1),
        (["report", "run", "no_such_report"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_what_is_wrong_takes_one_line(arguments: list[str], code: int, prepared: Path) -> None:
    result = omnisight(*arguments, home=prepared)
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr and "unexpected" not in result.stderr
    assert result.stderr.startswith("omnisight: ") and len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["camera", "list"], ["query", "activity"], ["up"], ["worker"]], ids=" ".join)
def test_a_missing_database_is_one_line_with_what_to_do(arguments: list[str], tmp_path: Path) -> None:
    result = omnisight(*arguments, home=tmp_path)
    assert result.returncode == 1 and len(result.stderr.splitlines()) == 1
    assert "omnisight init" in result.stderr


def test_a_database_that_does_not_answer_is_one_line_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://somebody:geheim@127.0.0.1:9/omnisight?connection_limit=3"
    result = omnisight("camera", "list", home=tmp_path, DATABASE_URL=url)
    assert result.returncode == 1 and len(result.stderr.splitlines()) == 1
    assert "geheim" not in result.stderr and "127.0.0.1" in result.stderr
