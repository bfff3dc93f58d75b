"""How measurements are taken and shown."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


def seconds(work: Callable[[], Any], repeats: int = 3) -> tuple[float, Any]:
    """The least wall-clock seconds of `repeats` runs, and the last result."""
    best, result = float("inf"), None
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    return best, result


def cpu_seconds(work: Callable[[], Any]) -> float:
    """User and system seconds of `work` in a forked child, threads included; its failure is ours."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 - whatever it was, the child must not run on as a copy of us
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError(f"{work} failed in its child process")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def show(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """`rows` as a table under `title`, on stdout."""
    table = Table(*rows[0], title=title, title_justify="left")
    for row in rows:
        table.add_row(*[f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()])
    Console(width=120).print(table)
