"""DuckDB as an engine: in memory, over the files of one generation of the mirror."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import ibis.expr.types as ir
import pyarrow as pa

from omnisight_lab.analytics.engines.base import addresses, compiled, text, typed
from omnisight_lab.analytics.manifest import Manifest
from omnisight_lab.analytics.tables import LOGICAL, SCHEMA, STORED
from omnisight_lab.errors import MirrorError, QueryError

TYPES = {
    "string": "VARCHAR",
    "timestamp": "TIMESTAMP",
    "float64": "DOUBLE",
    "int64": "BIGINT",
    "boolean": "BOOLEAN",
}
LOCAL_TIME = f"CREATE MACRO {SCHEMA}.local_time(zone, utc) AS timezone(zone, timezone('UTC', utc))"


class DuckDBEngine:
    """DuckDB in memory over the files of one generation of the mirror; safe to use from several threads.

    `cameras`: the only ones (ids) whose rows it has; None: all.
    """

    name = "duckdb"

    def __init__(self, root: Path, manifest: Manifest, cameras: tuple[str, ...] | None = None) -> None:
        self.root, self.generation, self.snapshot = root, manifest.generation, manifest.snapshot
        self.cameras = cameras
        self._connection = duckdb.connect()
        spill = text(root / ".spill")
        self._connection.execute(f"SET GLOBAL TimeZone = 'UTC'; SET temp_directory = {spill}; CREATE SCHEMA {SCHEMA}")
        self._connection.execute(LOCAL_TIME)
        with _translated(root):
            self._make_views(manifest, cameras)
        self._connection.execute(f"USE memory.{SCHEMA}")

    def _make_views(self, manifest: Manifest, cameras: tuple[str, ...] | None) -> None:
        """The stored tables, and over them the logical ones."""
        for name in STORED:
            rows = _stored(name, addresses(self.root, manifest, name)) + _seen(name, cameras)
            self._connection.execute(f"CREATE VIEW {SCHEMA}.{name} AS {rows}")
        judged = bool(addresses(self.root, manifest, "verdicts"))
        for name, table in LOGICAL.items():
            if table.sql:
                sql = table.sql if judged else table.unjudged
                self._connection.execute(f"CREATE VIEW {SCHEMA}.{name} AS {sql}")

    def lock_down(self, memory: str, threads: int) -> None:
        """From now on nothing outside the mirror can be read or written, and no setting changed."""
        self._connection.execute(
            f"""SET memory_limit = '{memory}'; SET threads = {threads};
                SET allowed_directories = [{text(self.root)}]; SET enable_external_access = false;
                SET autoinstall_known_extensions = false; SET autoload_known_extensions = false;
                SET lock_configuration = true"""
        )

    def fetch(self, expression: ir.Table) -> pa.Table:
        return typed(self.fetch_sql(compiled(expression, "duckdb")), expression)

    def fetch_sql(self, sql: str, seconds: float | None = None) -> pa.Table:
        """All rows of `sql`; QueryError after `seconds`."""
        cursor = self._connection.cursor()
        cursor.execute(f"USE memory.{SCHEMA}")
        timer = threading.Timer(seconds, cursor.interrupt) if seconds else None
        if timer:
            timer.start()
        try:
            with _translated(self.root, seconds):
                return cursor.sql(sql).to_arrow_table()
        finally:
            if timer:
                timer.cancel()
            cursor.close()

    def close(self) -> None:
        self._connection.close()


@contextmanager
def _translated(root: Path, seconds: float | None = None) -> Iterator[None]:
    """DuckDB's errors as ours, in one line."""
    try:
        yield
    except duckdb.InterruptException as error:
        raise QueryError(f"the query was stopped after {seconds:g} seconds") from error
    except duckdb.PermissionException as error:
        raise QueryError("a query may read the mirror's tables only, no other file or address") from error
    except duckdb.Error as error:
        line = " ".join(str(error).split("\n\n")[0].split())
        if isinstance(error, duckdb.IOException | duckdb.InvalidInputException) and str(root) in line:
            raise MirrorError(
                f"the mirror in {root} is damaged or has moved on; run `omnisight mirror refresh` and ask again"
            ) from error
        raise QueryError(f"the query failed: {line}") from error


def _stored(name: str, files: list[str]) -> str:
    """SELECT of a stored table."""
    columns = STORED[name].columns
    if not files:
        nothing = ", ".join(f'NULL::{TYPES[kind]} AS "{column}"' for column, kind in columns.items())
        return f"SELECT * FROM (SELECT {nothing} WHERE false)"
    chosen = ", ".join(f'"{column}"' for column in columns)
    return f"SELECT {chosen} FROM read_parquet([{', '.join(map(text, files))}], hive_partitioning = false)"


def _seen(name: str, cameras: tuple[str, ...] | None) -> str:
    """The condition that a row belongs to one of `cameras`, as `tables.visible` has it."""
    if cameras is None:
        return ""
    columns = STORED[name].columns
    own = f"IN ({', '.join(map(text, cameras)) or 'NULL'})"
    if name == "cameras":
        return f" WHERE id {own}"
    if name == "policies":
        return f" WHERE camera_id {own} OR camera_id IS NULL"
    if "camera_id" in columns:
        return f" WHERE camera_id {own}"
    return f" WHERE event_id IN (SELECT id FROM {SCHEMA}.detected_events)" if "event_id" in columns else ""
