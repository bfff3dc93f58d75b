"""The catalogue on DuckDB over the mirror against the same questions put to PostgreSQL; answers must be equal."""

from __future__ import annotations

from typing import Any

import pandas as pd

from benchmarks.generate import Size, generated
from benchmarks.table import seconds, show
from omnisight_lab.lab import Lab

NAMES = ("activity", "detections", "coverage", "storage")


def run(events: int = 1_000_000) -> None:
    """Prints a row a query: seconds on both engines, and their ratio."""
    size = Size(events=events, segments=max(1800, events * 3 // 10))
    database, paths = generated(size)
    try:
        with Lab(database, paths) as lab:
            build, _ = seconds(lambda: lab.refresh(rebuild=True), repeats=1)
            unchanged, _ = seconds(lab.refresh)
            rows = [_measure(lab, name) for name in NAMES]
        total = {name: sum(row[name] for row in rows) for name in ("DuckDB s", "PostgreSQL s")}
        rows.append(
            {"query": "sum", **total, "PostgreSQL / DuckDB": total["PostgreSQL s"] / total["DuckDB s"], "rows": ""}
        )
        show(f"{size.events:,} events, {size.events * 3:,} boxes, {size.segments:,} segments", rows)
        show("mirror", [{"full build s": build, "no change s": unchanged, "no change / build": unchanged / build}])
    finally:
        database.close()
        database.stop_server_if_started()


def _measure(lab: Lab, name: str) -> dict[str, Any]:
    def ask(engine: str) -> pd.DataFrame:
        return lab.query(name, "2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z", engine=engine).df()

    fast, ours = seconds(lambda: ask("duckdb"))
    slow, theirs = seconds(lambda: ask("postgres"), repeats=1)
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-9, check_dtype=False)
    return {
        "query": name,
        "DuckDB s": fast,
        "PostgreSQL s": slow,
        "PostgreSQL / DuckDB": slow / fast,
        "rows": len(ours),
    }
