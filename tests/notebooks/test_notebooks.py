"""The notebooks that come along: how they are written, and that they run."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from omnisight_lab import resources
from omnisight_lab.db.session import Database
from tests.reports.site import small_site

FOLDER = resources.folder("notebooks")
NOTEBOOKS = sorted(FOLDER.rglob("*.ipynb"))
ALLOWED = {"omnisight_lab", "holoviews", "hvplot", "matplotlib", "numpy", "pandas"}
LONGEST_CELL = 6


def named(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


def imports(source: str) -> Iterator[str]:
    lines = [line for line in source.splitlines() if not line.startswith("%")]
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield str(node.module)


def test_there_are_notebooks() -> None:
    assert {"start_here.ipynb", "reports/daily_activity.ipynb"} <= {named(path) for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_notebook_is_clean(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    assert cells[0].cell_type == "markdown" and cells[0].source.startswith("# ")
    before = None
    for cell in cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None, cell.source
            assert before == "markdown", f"no prose before: {cell.source}"
            assert len([line for line in cell.source.splitlines() if line.strip()]) <= LONGEST_CELL, cell.source
        before = cell.cell_type


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_notebook_imports_the_public_names_alone(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        for module in imports(cell.source) if cell.cell_type == "code" else ():
            top, _, deeper = module.partition(".")
            assert top in ALLOWED and not (top == "omnisight_lab" and deeper), module


@pytest.mark.parametrize("filled", [True, False], ids=["site", "empty"])
def test_start_here_runs(filled: bool, database: Database, tmp_path: Path) -> None:
    if filled:
        small_site(database, tmp_path)
    environment = {**os.environ, "OMNISIGHT_HOME": str(tmp_path), "DATABASE_URL": database.prisma_url}
    environment.pop("OMNISIGHT_MEDIA", None)
    output = tmp_path / "executed.ipynb"
    command = [sys.executable, "-m", "papermill", str(FOLDER / "start_here.ipynb"), str(output)]
    options = ["--engine", "omnisight", "--kernel", "python3", "--cwd", str(tmp_path), "--no-progress-bar"]
    done = subprocess.run([*command, *options], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    cells = nbformat.read(output, as_version=4).cells
    shown = {cell.source.splitlines()[-1]: str(cell.outputs) for cell in cells if cell.cell_type == "code"}
    assert "Warning" not in str(list(shown.values()))
    pictures = "image/jpeg" in shown['lab.thumbnail(surest) if surest else "no events yet"']
    assert (pictures, "video/mp4" in shown["clip"]) == (filled, filled)
    assert "True" in shown["live.df().equals(activity.df())"]
