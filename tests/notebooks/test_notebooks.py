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
from tests.asker import add_asker
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


EXPLORE = [path for path in NOTEBOOKS if path.parent.name == "explore"]


def test_there_are_notebooks() -> None:
    assert {"start_here.ipynb", "reports/daily_activity.ipynb"} <= {named(path) for path in NOTEBOOKS}
    assert {path.stem for path in EXPLORE} == {"activity", "coverage", "paths", "quality", "storage"}


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


def executed(notebook: Path, database: Database, home: Path) -> dict[str, str]:
    """Last line of each code cell -> its outputs, after a run without an error and without a warning."""
    environment = {**os.environ, "OMNISIGHT_HOME": str(home), "DATABASE_URL": database.prisma_url}
    environment.pop("OMNISIGHT_MEDIA", None)
    output = home / "executed.ipynb"
    command = [sys.executable, "-m", "papermill", str(notebook), str(output)]
    options = ["--engine", "omnisight", "--kernel", "python3", "--cwd", str(home), "--no-progress-bar"]
    done = subprocess.run([*command, *options], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    cells = nbformat.read(output, as_version=4).cells
    shown = {cell.source.splitlines()[-1]: str(cell.outputs) for cell in cells if cell.cell_type == "code"}
    assert "Warning" not in str(list(shown.values()))
    return shown


@pytest.mark.parametrize("filled", [True, False], ids=["site", "empty"])
def test_start_here_runs(filled: bool, database: Database, tmp_path: Path) -> None:
    if filled:
        small_site(database, tmp_path)
    else:
        add_asker(database)
    shown = executed(FOLDER / "start_here.ipynb", database, tmp_path)
    pictures = "image/jpeg" in shown['lab.thumbnail(surest) if surest else "no events yet"']
    assert (pictures, "video/mp4" in shown["clip"]) == (filled, filled)
    assert "True" in shown["live.df().equals(activity.df())"]


@pytest.mark.parametrize("notebook", EXPLORE, ids=lambda path: path.stem)
def test_exploring_runs(notebook: Path, database: Database, tmp_path: Path) -> None:
    small_site(database, tmp_path)
    shown = executed(notebook, database, tmp_path)
    charts = [outputs for line, outputs in shown.items() if line.endswith(".plot()")]
    assert charts and all("bokeh" in outputs.lower() for outputs in charts)
    assert all(outputs != "[]" for line, outputs in shown.items() if line.startswith("lab.queries"))
