"""A seeded site, and a folder of notebooks that go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest

from omnisight_lab.db.session import Database
from omnisight_lab.settings import Paths
from tests.conftest import DatabaseMaker
from tests.reports.site import Site, small_site


@pytest.fixture(scope="session")
def site(database_maker: DatabaseMaker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The small site, made once: reports only add rows to the run ledger."""
    url = database_maker.new("omnisight")
    database = Database(url)
    yield small_site(database, tmp_path_factory.mktemp("site"))
    database.close()
    database_maker.drop(url)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path, tmp_path / "media")


@pytest.fixture
def write_report(paths: Paths) -> Callable[..., str]:
    """Writes a notebook of the user: a parameters cell (None: without), then code cells; gives its name."""

    def write(*cells: str, parameters: str | None = "", name: str = "own") -> str:
        notebook = nbformat.v4.new_notebook()
        notebook.cells.append(nbformat.v4.new_markdown_cell(f"# {name}\n\nA test."))
        if parameters is not None:
            notebook.cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
        notebook.cells += [nbformat.v4.new_code_cell(cell) for cell in cells]
        paths.notebooks.mkdir(exist_ok=True)
        nbformat.write(notebook, paths.notebooks / f"{name}.ipynb")
        return name

    return write
