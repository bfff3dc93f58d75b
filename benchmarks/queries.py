"""The catalogue on DuckDB over the mirror against the same questions put to PostgreSQL; answers must be equal."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from benchmarks.generate import END, SIZES, generated
from benchmarks.table import forget_peak, in_child, peak_memory, require_equal, seconds, show
from omnisight_lab.analytics.engines import Engine, PostgresEngine
from omnisight_lab.analytics.frames import Result
from omnisight_lab.analytics.queries import QUERIES
from omnisight_lab.db.session import Database
from omnisight_lab.errors import OmniSightError
from omnisight_lab.lab import Lab
from omnisight_lab.settings import Paths

PATIENCE_SECONDS = 300
"""PostgreSQL's answer to one query is not waited for any longer."""

DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Site:
    """A generated site that is looked at: its lab, and one engine whose mirror is not looked after meanwhile."""

    lab: Lab
    size: str
    duckdb: Engine

    def result(self, name: str, engine: Engine) -> Result:
        """The query with its default parameters over the whole history."""
        start, end = SIZES[self.size].span.start.replace(tzinfo=UTC), END.replace(tzinfo=UTC)
        return self.lab.query(name, start, end, engine=engine)

    def ask(self, name: str, engine: Engine) -> pa.Table:
        """All its rows; of the list of events the newest ones, as a reader asks for them."""
        result = self.result(name, engine)
        if QUERIES[name].newest_first:
            return pa.Table.from_pandas(result.page(0, 1000), preserve_index=False)
        return result.arrow()


def run(size: str = "10M", names: tuple[str, ...] = ()) -> None:
    """Prints a row a query: seconds on both engines and their ratio, then the memory that DuckDB takes."""
    with generated(size) as (database, paths), Lab(database, paths) as lab:
        lab.refresh()
        site = Site(lab, size, lab.engine())
        rows = [_measure(site, name) for name in names or QUERIES]
        show(f"{size} boxes: DuckDB over the mirror, PostgreSQL over its indexes", [*rows, _total(rows)])
        _show_memory(database, paths, size, names)
    if wrong := [row["query"] for row in rows if row["note"].startswith(DIFFERENT)]:
        sys.exit(f"the engines answer differently: {', '.join(wrong)}")


def _measure(site: Site, name: str) -> dict[str, Any]:
    fast, ours = seconds(lambda: site.ask(name, site.duckdb))
    sys.stderr.write(f"{name}: {fast:.3f} s; PostgreSQL … ")
    patient = Database(site.lab.database.address.uri(extra={"options": f"-c statement_timeout={PATIENCE_SECONDS}s"}))
    live = PostgresEngine(patient, datetime.now(UTC))
    try:
        slow, theirs = seconds(lambda: site.ask(name, live))
        sys.stderr.write(f"{slow:.3f} s\n")
        require_equal(ours, theirs)
    except OmniSightError as error:
        return _row(name, fast, float("nan"), ours.num_rows, str(error))
    except AssertionError as error:
        return _row(name, fast, slow, ours.num_rows, f"{DIFFERENT}: {error}")
    finally:
        patient.close()
    return _row(name, fast, slow, ours.num_rows)


def _row(name: str, fast: float, slow: float, rows: int, note: str = "") -> dict[str, Any]:
    return {
        "query": name,
        "DuckDB s": fast,
        "PostgreSQL s": slow,
        "PostgreSQL / DuckDB": slow / fast,
        "rows": rows,
        "note": note,
    }


def _total(rows: list[dict[str, Any]]) -> dict[str, Any]:
    both = [row for row in rows if not math.isnan(row["PostgreSQL s"])]
    return _row("sum", *(sum(row[name] for row in both) for name in ("DuckDB s", "PostgreSQL s")), len(both))


def _show_memory(database: Database, paths: Paths, size: str, names: tuple[str, ...]) -> None:
    used = in_child(peaks, database, paths, size, names)
    rows = [{"query": name, "peak MB": round(peak / 1e6)} for name, peak in used.result.items()]
    show(f"{size} boxes: memory of one process that asks the whole catalogue", rows)


def peaks(database: Database, paths: Paths, size: str, names: tuple[str, ...]) -> dict[str, int]:
    """Bytes resident at most during each query, one after the other on one engine; first without any."""
    with Lab(database, paths) as lab:
        site = Site(lab, size, lab.engine())
        found = {"none yet": peak_memory()}
        for name in names or QUERIES:
            forget_peak()
            site.ask(name, site.duckdb)
            found[name] = peak_memory()
    return found
