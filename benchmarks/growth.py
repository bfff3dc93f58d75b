"""How the catalogue's time on DuckDB grows with the history of a site."""

from __future__ import annotations

import math
import sys
import time
from typing import Any

from benchmarks.generate import SIZES, generated
from benchmarks.queries import Site
from benchmarks.table import seconds, show
from omnisight_lab.analytics.queries import QUERIES
from omnisight_lab.lab import Lab

REPEATS = 3


def run(size: str = "10M", names: tuple[str, ...] = ()) -> None:
    """Prints a row a query: CPU-seconds at each size up to this one, and the exponent of their growth (1: linear).

    CPU time of all threads, because it is the work that must not grow faster than the history, and what else the
    machine does falls on it less.
    """
    steps = _up_to(size)
    took = {step: _catalogue(step, names or tuple(QUERIES)) for step in steps}
    days = SIZES[steps[-1]].days / SIZES[steps[0]].days
    rows = [_row(query, [took[step][query] for step in steps], steps, days) for query in took[size]]
    rows.append(_row("sum", [sum(took[step].values()) for step in steps], steps, days))
    show("CPU-seconds on DuckDB, by the number of boxes", rows)


def _up_to(size: str) -> list[str]:
    """The sizes to compare: all but the tiny one, where start-up is all that is measured."""
    every = list(SIZES)
    return every[1 : every.index(size) + 1] or [size]


def _row(query: str, values: list[float], steps: list[str], times: float) -> dict[str, Any]:
    measured = {f"{step} CPU-s": value for step, value in zip(steps, values, strict=True)}
    exponent = math.log(values[-1] / values[0], times) if times > 1 else ""
    return {"query": query, **measured, "exponent": exponent}


def _catalogue(size: str, names: tuple[str, ...]) -> dict[str, float]:
    """Query -> CPU-seconds, over the whole history."""
    with generated(size) as (database, paths), Lab(database, paths) as lab:
        lab.refresh()
        site = Site(lab, size, lab.engine())
        found = {}
        for name in names:
            sys.stderr.write(f"{size} {name} …\n")
            found[name], _ = seconds(lambda name=name: site.ask(name, site.duckdb), REPEATS, time.process_time)
    return found
