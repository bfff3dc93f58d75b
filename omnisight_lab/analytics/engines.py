"""Engines: each answers the same ibis expressions over the same logical tables, with equal rows.

`duckdb` reads the mirror's files, `postgres` the views of schema `lab`, live. Expressions are compiled from unbound
tables, so that an engine is no more than a dialect and a way to fetch Arrow.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import duckdb
import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa

from omnisight_lab.analytics import postgres
from omnisight_lab.analytics.manifest import Manifest
from omnisight_lab.analytics.tables import LOGICAL, SCHEMA
from omnisight_lab.db.session import Database
from omnisight_lab.errors import MirrorError, QueryError

ENGINES = ("duckdb", "postgres")

DUCKDB_TYPES = {
    "string": "VARCHAR",
    "timestamp": "TIMESTAMP",
    "float64": "DOUBLE",
    "int64": "BIGINT",
    "boolean": "BOOLEAN",
}


class Engine(Protocol):
    """Answers expressions. `snapshot`: the moment whose data it shows, aware UTC."""

    name: str

    @property
    def snapshot(self) -> datetime: ...

    def fetch(self, expression: ir.Table) -> pa.Table:
        """All rows of `expression`, in the types that it declares."""
        ...

    def fetch_sql(self, sql: str) -> pa.Table:
        """All rows of `sql` in the engine's own dialect."""
        ...


def compiled(expression: ir.Table, dialect: str) -> str:
    """`expression` as SQL of `dialect`."""
    return _compiled(expression.op(), dialect)


@lru_cache(maxsize=256)
def _compiled(operation: ops.Node, dialect: str) -> str:
    """Kept, because a page that refreshes asks the same again, and ibis takes 50 to 100 ms to write one query."""
    return str(ibis.to_sql(operation.to_expr(), dialect=dialect))


def _typed(rows: pa.Table, expression: ir.Table) -> pa.Table:
    """`rows` with the columns and types that `expression` declares; a view may have more columns than that."""
    schema = expression.schema().to_pyarrow()
    return rows.select(schema.names).cast(schema)


class DuckDBEngine:
    """DuckDB in memory over the files of one generation of the mirror; safe to use from several threads."""

    name = "duckdb"

    def __init__(self, root: Path, manifest: Manifest) -> None:
        self.root, self.generation, self.snapshot = root, manifest.generation, manifest.snapshot
        self._connection = duckdb.connect()
        spill = _text(root / ".spill")
        self._connection.execute(f"SET GLOBAL TimeZone = 'UTC'; SET temp_directory = {spill}; CREATE SCHEMA {SCHEMA}")
        with _translated(root):
            for name in LOGICAL:
                self._connection.execute(_view(root, manifest, name))
        self._connection.execute(f"USE memory.{SCHEMA}")

    def lock_down(self, memory: str, threads: int) -> None:
        """From now on nothing outside the mirror can be read or written, and no setting changed."""
        self._connection.execute(
            f"""SET memory_limit = '{memory}'; SET threads = {threads};
                SET allowed_directories = [{_text(self.root)}]; SET enable_external_access = false;
                SET autoinstall_known_extensions = false; SET autoload_known_extensions = false;
                SET lock_configuration = true"""
        )

    def fetch(self, expression: ir.Table) -> pa.Table:
        return _typed(self.fetch_sql(compiled(expression, "duckdb")), expression)

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


def _view(root: Path, manifest: Manifest, name: str) -> str:
    columns = LOGICAL[name].columns
    files = ", ".join(_text(root / file.path) for file in manifest.files(name))
    if not files:
        nothing = ", ".join(f'NULL::{DUCKDB_TYPES[kind]} AS "{column}"' for column, kind in columns.items())
        return f"CREATE VIEW {SCHEMA}.{name} AS SELECT {nothing} WHERE false"
    chosen = ", ".join(f'"{column}"' for column in columns)
    return f"CREATE VIEW {SCHEMA}.{name} AS SELECT {chosen} FROM read_parquet([{files}], hive_partitioning = false)"


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


class PostgresEngine:
    """The views of schema `lab`, live."""

    name = "postgres"

    def __init__(self, database: Database, now: datetime) -> None:
        self.database, self.snapshot = database, now.astimezone(UTC)

    def fetch(self, expression: ir.Table) -> pa.Table:
        return _typed(self.fetch_sql(compiled(expression, "postgres")), expression)

    def fetch_sql(self, sql: str) -> pa.Table:
        with postgres.connection(self.database) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetch_arrow_table()
