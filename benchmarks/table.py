"""How measurements are taken, compared and shown."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table

ENOUGH_SECONDS = 5.0
"""What takes this long is measured once: its scatter is small beside it."""


@dataclass(frozen=True, slots=True)
class Used:
    """What a piece of work took: CPU seconds (user and system, threads and children included), wall-clock seconds, the
    most memory resident at once in bytes, and what it returned."""

    cpu: float
    wall: float
    peak: int
    result: Any


def seconds(
    work: Callable[[], Any], repeats: int = 3, clock: Callable[[], float] = time.perf_counter
) -> tuple[float, Any]:
    """The least seconds (by the wall's clock, if no other is given) of up to `repeats` runs, and the last result."""
    best, result, spent = float("inf"), None, 0.0
    while repeats and spent < ENOUGH_SECONDS:
        start = clock()
        result = work()
        took = clock() - start
        best, spent, repeats = min(best, took), spent + took, repeats - 1
    return best, result


def in_child(work: Callable[..., Any], *arguments: Any) -> Used:
    """What `work` took in a fresh process: nothing that was measured before weighs on it."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_used, work, *arguments).result()


def _used(work: Callable[..., Any], *arguments: Any) -> Used:
    cpu, wall = _cpu(), time.perf_counter()
    result = work(*arguments)
    return Used(_cpu() - cpu, time.perf_counter() - wall, peak_memory(), result)


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def peak_memory() -> int:
    """Bytes resident at most since the process began, or since `forget_peak`; getrusage's figure would hold the memory
    of the parent at the moment of the fork."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def require_equal(ours: pa.Table, theirs: pa.Table) -> None:
    """AssertionError unless both have the same rows in the same order, floats within 1e-9."""
    assert ours.num_rows == theirs.num_rows, f"{ours.num_rows} rows against {theirs.num_rows}"
    for name in ours.column_names:
        left, right = ours[name].combine_chunks(), theirs[name].combine_chunks()
        if pa.types.is_floating(left.type):
            equal = np.isclose(_floats(left), _floats(right), rtol=1e-9, atol=1e-12, equal_nan=True)
        else:
            both_null = pc.and_(pc.is_null(left), pc.is_null(right))
            equal = pc.or_(pc.fill_null(pc.equal(left, right.cast(left.type)), False), both_null).to_numpy(False)
        if not equal.all():
            row = int(np.argmin(equal))
            raise AssertionError(f"{int((~equal).sum())} of {len(equal)} {name}, first {left[row]} and {right[row]}")


def _floats(values: pa.Array) -> np.ndarray:
    return values.cast(pa.float64()).to_numpy(zero_copy_only=False)


def show(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """`rows` as a table under `title`, on stdout."""
    table = Table(*rows[0], title=title, title_justify="left")
    for row in rows:
        table.add_row(*[f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()])
    Console(width=140).print(table)
