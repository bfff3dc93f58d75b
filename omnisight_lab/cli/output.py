"""What commands print: rows and JSON on stdout, everything for people on stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def plain(value: Any) -> Any:
    """`value` as JSON has it: times in ISO 8601 with their offset, NaN as null, enums and paths as text."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return str(value) if isinstance(value, Path) else value


def print_json(value: Any) -> None:
    """One line of JSON on stdout."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None, as_json: bool = False) -> None:
    """`rows` as a JSON array, or as a table that fits the terminal; says so when there are none."""
    if as_json:
        print_json(list(rows))
        return
    if not rows:
        say("nothing to list yet")
        return
    columns = list(columns or rows[0])
    table = Table(*[column.replace("_", " ") for column in columns], box=None, header_style="bold", pad_edge=False)
    for row in rows:
        # As it stands: a name such as [/] would be read as markup
        table.add_row(*[Text(_cell(row.get(column))) for column in columns])
    print_table(table)


def print_table(table: Table) -> None:
    """The table as wide as the terminal; in a pipe there is no width to fit: rich would cut cells at 80 columns."""
    console = Console() if sys.stdout.isatty() else Console(width=10_000)
    console.print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, float):
        return f"{value:,.2f}"
    return str(plain(value))


def say(text: str) -> None:
    """One line for the person at the terminal, on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


@contextmanager
def progress(description: str, total: float | None) -> Iterator[Callable[[float], None]]:
    """Yields a function that takes how much is done: a bar on a terminal, a line each tenth otherwise."""
    if not sys.stderr.isatty():
        yield _lines(description, total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=total)
        yield lambda done: bar.update(task, completed=done)


def share(bar: Callable[[float], None]) -> Callable[[int, int], None]:
    """Takes how much is done, and of how much, and gives `bar`, whose total is 1, the share."""
    return lambda done, total: bar(min(done / total, 1.0) if total else 1.0)


def _lines(description: str, total: float | None) -> Callable[[float], None]:
    said = -1

    def update(done: float) -> None:
        nonlocal said
        tenth = int(done * 10 / total) if total else 0
        if tenth > said:
            said = tenth
            say(f"{description}: {min(tenth, 10) * 10} %" if total else f"{description} …")

    return update
