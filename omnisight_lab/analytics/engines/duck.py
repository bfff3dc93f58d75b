"""DuckDB as an engine: in memory, over the files of one generation of the mirror."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import ibis.expr.types as ir
import pyarrow as pa

from omnisight_lab.addresses import redact
from omnisight_lab.analytics.engines.base import addresses, compiled, damaged, seen, typed
from omnisight_lab.analytics.manifest import Manifest
from omnisight_lab.analytics.store import SPILL, Store
from omnisight_lab.analytics.tables import LOGICAL, SCHEMA, STORED, text
from omnisight_lab.errors import QueryError

TYPES = {
    "string": "VARCHAR",
    "timestamp": "TIMESTAMP",
    "float64": "DOUBLE",
    "int64": "BIGINT",
    "boolean": "BOOLEAN",
}
SPILL_SIZE = "10GB"
BATCH = 100_000
LOCAL_TIME = f"CREATE MACRO {SCHEMA}.local_time(zone, utc) AS timezone(zone, timezone('UTC', utc))"
MEMORY = "1GB"
"""What is larger goes to the disk: with Python's own 0.35 GB no query over 10 million boxes takes more than 1.4 GB,
where some took 2.5; the slowest of these takes half as long again."""


class DuckDBEngine:
    """DuckDB in memory over the files of one generation of the mirror; safe to use from several threads.

    `cameras`: the only ones (ids) whose rows it has; None: all.
    """

    name = "duckdb"

    def __init__(self, store: Store, manifest: Manifest, cameras: tuple[str, ...] | None = None) -> None:
        self.store, self.generation, self.snapshot = store, manifest.generation, manifest.snapshot
        self.cameras = cameras
        self._files = [address for name in STORED for address in addresses(store, manifest, name)]
        self._largest: int | None = None
        self._connection = duckdb.connect()
        store.open_in(self._connection)
        spill = text(store.local / SPILL)
        self._connection.execute(
            f"SET GLOBAL TimeZone = 'UTC'; SET temp_directory = {spill}; SET memory_limit = '{MEMORY}'; "
            f"CREATE SCHEMA {SCHEMA}"
        )
        self._connection.execute(LOCAL_TIME)
        with _translated(store):
            self._make_views(manifest, cameras)
        self._connection.execute(f"USE memory.{SCHEMA}")

    def _make_views(self, manifest: Manifest, cameras: tuple[str, ...] | None) -> None:
        """The stored tables, and over them the logical ones."""
        for name in STORED:
            rows = _stored(name, addresses(self.store, manifest, name)) + seen(name, cameras)
            self._connection.execute(f"CREATE VIEW {SCHEMA}.{name} AS {rows}")
        self._connection.execute(f"CREATE MACRO {SCHEMA}.zone_of(camera) AS {self._zones()}[camera]")
        judged = bool(addresses(self.store, manifest, "verdicts"))
        for name, table in LOGICAL.items():
            if sql := table.sql if judged else table.unjudged:
                self._connection.execute(f"CREATE VIEW {SCHEMA}.{name} AS {sql}")

    def _zones(self) -> str:
        """The zone of each camera as a literal map: they are few, and a join would cost every query."""
        rows = self._connection.execute(f"SELECT id, timezone FROM {SCHEMA}.cameras").fetchall()
        pairs = ", ".join(f"{text(id)}: {text(zone)}" for id, zone in rows)
        return f"MAP {{{pairs}}}" if rows else "CAST(MAP {} AS MAP(VARCHAR, VARCHAR))"

    def lock_down(self, memory: str, threads: int, largest: int = 2_000_000_000) -> None:
        """From now on only the mirror's files can be read, nothing can be written, and no setting changed.

        `largest`: bytes that an answer may take.
        """
        self._largest = largest
        self._connection.execute(
            f"""SET memory_limit = '{memory}'; SET threads = {threads}; SET max_temp_directory_size = '{SPILL_SIZE}';
                SET python_enable_replacements = false; SET allowed_paths = [{", ".join(map(text, self._files))}];
                SET enable_external_access = false; SET autoinstall_known_extensions = false;
                SET autoload_known_extensions = false; SET lock_configuration = true"""
        )

    def fetch(self, expression: ir.Table) -> pa.Table:
        return typed(self.fetch_sql(compiled(expression, "duckdb")), expression)

    def fetch_sql(self, sql: str, seconds: float | None = None) -> pa.Table:
        """All rows of `sql`; QueryError after `seconds`, or where they take more than the `largest` answer allowed."""
        cursor = self._connection.cursor()
        cursor.execute(f"USE memory.{SCHEMA}")
        timer = threading.Timer(seconds, cursor.interrupt) if seconds else None
        if timer:
            timer.start()
        try:
            with _translated(self.store, seconds):
                rows = cursor.sql(sql)
                return _gathered(rows, self._largest) if self._largest else rows.to_arrow_table()
        finally:
            if timer:
                timer.cancel()
            cursor.close()

    def close(self) -> None:
        self._connection.close()


def _gathered(rows: duckdb.DuckDBPyRelation, largest: int) -> pa.Table:
    """All rows; QueryError where they take more than so many bytes, which DuckDB's limit of memory does not count."""
    reader = rows.to_arrow_reader(BATCH)
    batches, size = [], 0
    for batch in reader:
        size += batch.nbytes
        if size > largest:
            raise QueryError(f"the answer is larger than {largest / 1e9:g} GB; ask for fewer rows or columns")
        batches.append(batch)
    return pa.Table.from_batches(batches, reader.schema)


@contextmanager
def _translated(store: Store, seconds: float | None = None) -> Iterator[None]:
    """DuckDB's errors as ours, in one line."""
    try:
        yield
    except duckdb.InterruptException as error:
        raise QueryError(f"the query was stopped after {seconds:g} seconds") from error
    except duckdb.PermissionException as error:
        raise QueryError("a query may read the mirror's tables only, no other file or address") from error
    except duckdb.Error as error:
        line = " ".join(str(error).split("\n\n")[0].split())
        if isinstance(error, duckdb.IOException | duckdb.InvalidInputException) and store.address() in line:
            raise damaged(store) from error
        raise QueryError(f"the query failed: {redact(line)}") from error


def _stored(name: str, files: list[str]) -> str:
    """SELECT of a stored table."""
    columns = STORED[name].columns
    if not files:
        nothing = ", ".join(f'NULL::{TYPES[kind]} AS "{column}"' for column, kind in columns.items())
        return f"SELECT * FROM (SELECT {nothing} WHERE false)"
    chosen = ", ".join(f'"{column}"' for column in columns)
    return f"SELECT {chosen} FROM read_parquet([{', '.join(map(text, files))}], hive_partitioning = false)"
