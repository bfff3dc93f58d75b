"""One moment of the database, seen through the views of schema `lab`: fingerprints, and rows as Parquet files.

Everything that a refresh reads comes from one REPEATABLE READ transaction, so that the tables of a mirror fit together.
Rows stream from PostgreSQL (ADBC) through DuckDB into files of the staging folder, and are then put in their place.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from omnisight_lab.analytics import postgres
from omnisight_lab.analytics.manifest import WHOLE, File, Fingerprint
from omnisight_lab.analytics.store import Store
from omnisight_lab.analytics.tables import SCHEMA, StoredTable, text

Progress = Callable[[int, int], None]
"""Called with rows done and rows to do."""

PARQUET = "FORMAT parquet, COMPRESSION zstd, RETURN_STATS"


class Snapshot:
    """`time`: the moment, aware UTC. `duckdb`: a connection that reads the mirror's files. `rows_read`: by now."""

    def __init__(self, connection: Any, store: Store, staged: Path) -> None:
        self.store = store
        self.duckdb = duckdb.connect()
        store.open_in(self.duckdb)
        self.rows_read = 0
        self._connection, self._staged = connection, staged
        # Else PostgreSQL, which thinks of slow disks, reads all boxes there are to find those of two days
        postgres.run(connection, "SET LOCAL random_page_cost = 1.1")
        self.time: datetime = self._rows("SELECT timezone('UTC', now())")[0][0].replace(tzinfo=UTC)

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return postgres.rows(self._connection, sql)

    def fingerprints(
        self, table: StoredTable, start: str | None = None, end: str | None = None
    ) -> dict[str, Fingerprint]:
        """Of each day from `start` to before `end` that has rows; a table without days has the one day "all"."""
        if table.fingerprint is None:
            return {}
        if table.day is None:
            watched = table.watched or f"{SCHEMA}.{table.name}"
            return {WHOLE: tuple(self._rows(f"SELECT {table.fingerprint} FROM {watched} t")[0])}
        bounds = [f"{table.day} >= '{start}'"] if start else []
        bounds += [f"{table.day} < '{end}'"] if end else []
        sql = (
            f"SELECT to_char({table.day}::date, 'YYYY-MM-DD'), {table.fingerprint} FROM {SCHEMA}.{table.name} "
            f"{'WHERE ' if bounds else ''}{' AND '.join(bounds)} GROUP BY {table.day}::date"
        )
        return {day: tuple(rest) for day, *rest in self._rows(sql)}

    def changed(self, table: StoredTable, day: str, since_ms: int, owners: list[str]) -> pa.Table:
        """The day's rows that were updated at `since_ms` or later, or that belong to one of `owners`."""
        wanted = f"updated_at >= timestamp 'epoch' + {since_ms} * interval '1 millisecond'"
        if table.owner and owners:
            wanted += f" OR {table.owner} IN ({', '.join(map(text, owners))})"
        first = date.fromisoformat(day)
        with self._connection.cursor() as cursor:
            cursor.execute(f"{_select(table, first, first)} AND ({wanted})")
            rows = cursor.fetch_arrow_table()
        self.rows_read += len(rows)
        return rows

    def whole(self, table: StoredTable) -> list[File]:
        """A table without days, in one file."""
        query = f"SELECT {columns(table)} FROM {SCHEMA}.{table.name}"
        with self._streamed(query) as rows:
            return [self.write(table, WHOLE, rows)]

    def days(self, table: StoredTable, first: date, last: date) -> list[tuple[str, File]]:
        """Files of the days from `first` to `last`, read by one statement."""
        target = self._staged / table.name
        target.mkdir(exist_ok=True)
        with self._streamed(_select(table, first, last)) as rows:
            stats = self.duckdb.execute(
                f"COPY (SELECT *, strftime({table.day}, '%Y-%m-%d') AS day FROM {rows}) TO {text(target)} "
                f"({PARQUET}, PARTITION_BY (day), FILENAME_PATTERN '{{uuid}}', APPEND)"
            ).fetchall()
        written = [(keys["day"], self._file(name, count, size)) for name, count, size, _, _, keys, *_ in stats]
        self.put([file for _, file in written])
        return written

    @contextmanager
    def _streamed(self, query: str) -> Iterator[str]:
        """The name under which DuckDB sees the rows of a query to PostgreSQL, once."""
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            self.duckdb.register("streamed", cursor.fetch_record_batch())
            try:
                yield "streamed"
            finally:
                self.duckdb.unregister("streamed")

    def write(self, table: StoredTable, day: str, rows: str, put: bool = True) -> File:
        """One file of what `rows` is in DuckDB, a table or a SELECT in brackets; staged only, unless `put`."""
        folder = table.name if day == WHOLE else f"{table.name}/day={day}"
        target = self._staged / folder / f"{uuid.uuid4()}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        stats = self.duckdb.execute(f"COPY (FROM {rows}) TO {text(target)} ({PARQUET})").fetchall()
        file = self._file(*stats[0][:3])
        if put:
            self.put([file])
        return file

    def _file(self, name: str, rows: int, size: int) -> File:
        return File(Path(name).relative_to(self._staged).as_posix(), rows, size)

    def put(self, files: list[File]) -> None:
        """Staged files into the mirror."""
        self.store.put(self._staged, [file.path for file in files])

    def staged(self, file: File) -> str:
        """Where a file is that has not been put."""
        return str(self._staged / file.path)


def columns(table: StoredTable) -> str:
    return ", ".join(f'"{name}"' for name in table.columns)


def _select(table: StoredTable, first: date, last: date) -> str:
    """The rows of the days from `first` to `last`; more conditions may follow."""
    start, end = f"'{first}'::timestamp", f"'{last + timedelta(days=1)}'::timestamp"
    source = (table.source or f"{SCHEMA}.{table.name}").format(start=start, end=end)
    return f"SELECT {columns(table)} FROM {source} WHERE {table.day} >= {start} AND {table.day} < {end}"
