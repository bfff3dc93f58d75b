"""How measurements are taken and shown."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
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


def in_child(work: Callable[..., Any], *arguments: Any) -> tuple[float, float]:
    """CPU seconds (user and system, threads and children included) and wall-clock seconds of `work`.

    It runs in a fresh process: neither the memory nor the threads of what was measured before weigh on it.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_timed, work, *arguments).result()


def _timed(work: Callable[..., Any], *arguments: Any) -> tuple[float, float]:
    cpu, wall = _cpu(), time.perf_counter()
    work(*arguments)
    return _cpu() - cpu, time.perf_counter() - wall


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def show(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """`rows` as a table under `title`, on stdout."""
    table = Table(*rows[0], title=title, title_justify="left")
    for row in rows:
        table.add_row(*[f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()])
    Console(width=120).print(table)
