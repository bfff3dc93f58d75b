"""The process of one report run: papermill, then the pages. Its order comes on stdin, its news go to stdout as JSON."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from omnisight_lab import errors
from omnisight_lab.processes import die_with_parent

WINDOW = "application/vnd.omnisight.window+json"
"""Output in which a report says what window its figures are for: {"start", "end"}."""

Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What to run and where to put it; `formats` is of html and pdf, `cell_seconds` the longest time of one cell."""

    parent: int
    notebook: str
    folder: str
    parameters: dict[str, Any]
    formats: list[str]
    cell_seconds: float


def main() -> None:
    """Tells {"cell", "cells"} before each cell, and at last {"window"} or {"error"}."""
    tell = _own_stdout()
    order = Order(**json.load(sys.stdin))
    signal.signal(signal.SIGTERM, _leave)
    die_with_parent(order.parent)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    # jsonschema would compile a grammar of URIs for 0.9 s of CPU, which no notebook is checked with
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    from papermill.exceptions import PapermillExecutionError

    try:
        tell({"window": _run(order, tell)})
    except PapermillExecutionError as error:
        tell({"error": sentence(error.ename, error.evalue)})
    except errors.OmniSightError as error:
        tell({"error": str(error)})


def _own_stdout() -> Tell:
    """Tells on what is stdout now; whatever the kernel and libraries print goes to stderr from here on."""
    pipe = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def tell(news: dict[str, Any]) -> None:
        pipe.write(json.dumps(news) + "\n")

    return tell


def _leave(number: int, frame: FrameType | None) -> None:
    """SIGTERM unwinds the stack, so that the kernel is shut down and the partial notebook is saved."""
    raise SystemExit(128 + number)


def _run(order: Order, tell: Tell) -> dict[str, str] | None:
    """Executes the notebook, writes the pages, and gives the window that the notebook said."""
    import nbformat
    from papermill import execute_notebook

    from omnisight_lab.reports import render

    folder = Path(order.folder)
    source = nbformat.read(order.notebook, as_version=4)  # type: ignore[no-untyped-call]
    notebook = execute_notebook(
        source,
        str(folder / "notebook.ipynb"),
        parameters=order.parameters,
        engine_name="omnisight",
        kernel_name="python3",
        language="python",
        cwd=str(Path(order.notebook).parent),
        progress_bar=False,
        execution_timeout=order.cell_seconds,
        on_cell_start=partial(_progress, tell, len(source.cells) + 1),
    )
    page = render.page(notebook)
    (folder / "report.html").write_text(page, encoding="utf-8")
    if "pdf" in order.formats:
        (folder / "report.pdf").write_bytes(render.pdf(page))
    return _window(notebook)


def _progress(tell: Tell, cells: int, cell: Any, cell_index: int) -> None:
    tell({"cell": cell_index, "cells": cells})


def _window(notebook: Any) -> dict[str, str] | None:
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if window := output.get("data", {}).get(WINDOW):
                return dict(window)
    return None


def sentence(name: str, text: str) -> str:
    """One line for an error of a notebook: our own errors are sentences already."""
    line = " ".join(str(text).split())
    own = isinstance(getattr(errors, name, None), type) or name in ("CellTimeout", "KernelDied")
    return line if own else f"{name}: {line}"


if __name__ == "__main__":
    main()
