"""The Parquet mirror: the logical tables by UTC day in immutable files, named by one manifest.

A refresh compares a fingerprint of each day (rows, sum of updatedAt) with the manifest, reads the days that differ
whole, all in one snapshot of PostgreSQL, and replaces the manifest. Deletes and rows committed late are seen; an UPDATE
that leaves updatedAt alone is not: that is what `rebuild` is for. Files that nobody names any more stay for a while,
for readers in flight.
"""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import duckdb

from omnisight_lab.analytics import manifest as manifests
from omnisight_lab.analytics import postgres
from omnisight_lab.analytics.manifest import File, Fingerprint, Manifest, Part
from omnisight_lab.analytics.tables import STORED, StoredTable, schema_version
from omnisight_lab.db.session import Database
from omnisight_lab.errors import MirrorError, StorageError

WHOLE = "all"
RECENT_DAYS = 2
CHECK_SHARE = 20
"""All days are looked at again after so many times what it took: at most 5 % of the time goes there."""
RETIRED_FOR = timedelta(minutes=15)
LOCK_SECONDS = 600

Progress = Callable[[int, int], None]
"""Called with rows done and rows to do."""

Days = dict[str, dict[str, Fingerprint]]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did: rows read, days and files written, and the manifest that stands now."""

    manifest: Manifest
    rows: int
    parts: int


@dataclass(frozen=True, slots=True)
class MirrorStatus:
    """Where the mirror is, how old its snapshot, and how much it holds; `snapshot` None: there is none yet."""

    path: str
    snapshot: datetime | None
    age_seconds: float | None
    days: int
    files: int
    bytes: int
    rows: dict[str, int]


class Mirror:
    """The mirror in the folder `root`. Any number of processes may read it and refresh it at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()

    def manifest(self) -> Manifest | None:
        return manifests.read(self.root)

    def status(self, now: datetime) -> MirrorStatus:
        found = self.manifest()
        if found is None:
            return MirrorStatus(str(self.root), None, None, 0, 0, 0, {})
        files = found.files()
        days = {day for parts in found.tables.values() for day in parts if day != WHOLE}
        return MirrorStatus(
            str(self.root),
            found.snapshot,
            max(0.0, (now - found.snapshot).total_seconds()),
            len(days),
            len(files),
            sum(file.bytes for file in files),
            {name: sum(part.rows for part in parts.values()) for name, parts in found.tables.items()},
        )

    def refresh(
        self,
        database: Database,
        *,
        rebuild: bool = False,
        recent: bool = False,
        max_age: float | None = None,
        progress: Progress | None = None,
    ) -> Refreshed:
        """Brings the mirror to the database's state.

        `recent` looks at the last two days only, unless looking at all of them is cheap or due. With `max_age`
        (seconds) a mirror that somebody else has refreshed meanwhile is left as it is.
        """
        with self._lock:
            if (young := self._young(max_age)) is not None:
                return Refreshed(young, 0, 0)
            with self._writer(database) as connection:
                if (young := self._young(max_age)) is not None:
                    return Refreshed(young, 0, 0)
                old = None if rebuild else self._kept(connection)
                return _Refresh(self.root, connection, old, recent, progress).run()

    def _young(self, max_age: float | None) -> Manifest | None:
        """The manifest, if its snapshot is no older than `max_age` seconds."""
        found = self.manifest() if max_age is not None else None
        return found if found and _age(found) <= (max_age or 0) else None

    @contextmanager
    def _writer(self, database: Database) -> Iterator[Any]:
        """A connection that holds the right to write this mirror; the server takes it back when we die."""
        key = int.from_bytes(hashlib.sha256(f"mirror {self.root.resolve()}".encode()).digest()[:8], signed=True)
        with _storage(self.root), postgres.connection(database) as connection:
            postgres.run(connection, f"SET lock_timeout = '{LOCK_SECONDS}s'")
            try:
                postgres.rows(connection, f"SELECT pg_advisory_lock({key}) IS NULL")
            except Exception as error:
                if getattr(error, "sqlstate", None) not in postgres.CANCELLED:
                    raise
                raise MirrorError(
                    f"another process has been refreshing the mirror for {LOCK_SECONDS // 60} minutes"
                ) from error
            yield connection

    def _kept(self, connection: Any) -> Manifest | None:
        """The manifest, if it is of this schema and database."""
        found = self.manifest()
        same = found and found.schema == schema_version() and found.database == _identity(connection)
        return found if same else None


def _age(manifest: Manifest) -> float:
    return (datetime.now(UTC) - manifest.snapshot).total_seconds()


def _identity(connection: Any) -> str:
    """Tells this database from any other, also from a restored copy under the same address."""
    sql = """SELECT (SELECT system_identifier::text FROM pg_control_system()), oid::bigint, current_schema()
             FROM pg_database WHERE datname = current_database()"""
    return "/".join(str(value) for value in postgres.rows(connection, sql)[0])


@contextmanager
def _storage(root: Path) -> Iterator[None]:
    """Errors of the disk as one sentence."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"the mirror in {root} can't be written: {error.strerror or error}") from error
    except duckdb.IOException as error:
        raise StorageError(f"the mirror in {root} can't be written: {str(error).splitlines()[0]}") from error


class _Refresh:
    """One refresh: what has changed, reading it in one snapshot, and publishing the next generation."""

    def __init__(
        self, root: Path, connection: Any, old: Manifest | None, recent: bool, progress: Progress | None
    ) -> None:
        self.root, self.connection, self.old, self.progress = root, connection, old, progress
        due = timedelta(seconds=CHECK_SHARE * old.check_seconds) if old else timedelta(0)
        self.recent = recent and old is not None and datetime.now(UTC) - old.checked < due
        self.done = self.total = 0
        self.check_seconds = 0.0
        self.duckdb = duckdb.connect()

    def run(self) -> Refreshed:
        self.connection.adbc_connection.set_autocommit(False)
        try:
            postgres.run(self.connection, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            snapshot = postgres.rows(self.connection, "SELECT timezone('UTC', now())")[0][0].replace(tzinfo=UTC)
            since = (snapshot - timedelta(days=RECENT_DAYS - 1)).date() if self.recent else None
            began = monotonic()
            found = {name: self._fingerprints(table, since) for name, table in STORED.items()}
            self.check_seconds = monotonic() - began
            tables, parts = self._tables(found, since)
        finally:
            self.connection.rollback()
            self.connection.adbc_connection.set_autocommit(True)
            self.duckdb.close()
        return Refreshed(self._publish(snapshot, tables, parts), self.done, parts)

    def _fingerprints(self, table: StoredTable, since: date | None) -> dict[str, Fingerprint]:
        """Day -> (rows, sum, last end in ms); a table without days has the one day "all"."""
        if table.fingerprint is None:
            return {}
        if table.day is None:
            sql = f"SELECT {table.fingerprint} FROM lab.{table.name} t"
            return {WHOLE: tuple(postgres.rows(self.connection, sql)[0])}
        where = f"WHERE {table.day} >= '{since}'" if since else ""
        sql = (
            f"SELECT to_char({table.day}::date, 'YYYY-MM-DD'), {table.fingerprint} "
            f"FROM lab.{table.name} t {where} GROUP BY {table.day}::date"
        )
        return {day: tuple(rest) for day, *rest in postgres.rows(self.connection, sql)}

    def _tables(self, found: Days, since: date | None) -> tuple[dict[str, dict[str, Part]], int]:
        """The parts of every table as they are now, and how many of them were written."""
        dirty = {name: self._dirty(STORED[name], days, since) for name, days in found.items()}
        for name, table in STORED.items():
            if table.family:
                members = [other for other, its in STORED.items() if its.family == table.family]
                dirty[name] = set().union(*(dirty[member] for member in members))
        self.total = sum(found[name].get(day, (0,))[0] for name, days in dirty.items() for day in days)
        tables = {}
        for name, table in STORED.items():
            kept = {day: part for day, part in self._parts(name).items() if day not in dirty[name]}
            tables[name] = kept | self._written(table, dirty[name], found[name])
        return tables, sum(map(len, dirty.values()))

    def _parts(self, name: str) -> Mapping[str, Part]:
        return self.old.tables.get(name, {}) if self.old else {}

    def _dirty(self, table: StoredTable, found: dict[str, Fingerprint], since: date | None) -> set[str]:
        """Days whose fingerprint or files are not what the manifest says, days gone, and days they reach into."""
        known = {day: part for day, part in self._parts(table.name).items() if not since or day >= str(since)}
        if table.fingerprint is None:
            return {day for day, part in known.items() if self._damaged(part)}
        dirty = {
            day
            for day in found.keys() | known.keys()
            if day not in known or known[day].fingerprint != found.get(day) or self._damaged(known[day])
        }
        for day in list(dirty):
            ends = [found.get(day, (0, 0, 0))[2], known[day].fingerprint[2] if day in known else 0]
            dirty |= _days_until(day, max(end or 0 for end in ends))
        return dirty

    def _damaged(self, part: Part) -> bool:
        return any(_size(self.root / file.path) != file.bytes for file in part.files)

    def _written(self, table: StoredTable, days: set[str], found: dict[str, Fingerprint]) -> dict[str, Part]:
        """New parts for `days`; a day without rows has none."""
        if not days:
            return {}
        if table.day is None:
            return {WHOLE: Part(found[WHOLE], self._whole(table))}
        files: dict[str, list[File]] = {}
        for first, last in _runs(days):
            for day, file in self._run(table, first, last):
                files.setdefault(day, []).append(file)
        for day in days & found.keys():
            if (read := sum(file.rows for file in files.get(day, []))) != found[day][0]:
                raise MirrorError(f"{table.name} of {day}: read {read} rows where PostgreSQL counted {found[day][0]}")
        return {day: Part(found.get(day, ()), tuple(its)) for day, its in files.items()}

    def _whole(self, table: StoredTable) -> tuple[File, ...]:
        path = f"{table.name}/{uuid.uuid4()}.parquet"
        (self.root / table.name).mkdir(parents=True, exist_ok=True)
        sql = f"COPY (SELECT * FROM rows) TO {_text(self.root / path)} (FORMAT parquet, COMPRESSION zstd, RETURN_STATS)"
        return tuple(file for _, file in self._copied(table, f"SELECT {_columns(table)} FROM lab.{table.name}", sql))

    def _run(self, table: StoredTable, first: date, last: date) -> list[tuple[str, File]]:
        """Files of the days from `first` to `last`, read by one statement."""
        start, end = f"'{first}'::timestamp", f"'{last + timedelta(days=1)}'::timestamp"
        source = (table.source or f"lab.{table.name}").format(start=start, end=end)
        query = f"SELECT {_columns(table)} FROM {source} WHERE {table.day} >= {start} AND {table.day} < {end}"
        folder = self.root / table.name
        folder.mkdir(parents=True, exist_ok=True)
        copy = (
            f"COPY (SELECT *, strftime({table.day}, '%Y-%m-%d') AS day FROM rows) TO {_text(folder)} "
            "(FORMAT parquet, COMPRESSION zstd, PARTITION_BY (day), FILENAME_PATTERN '{uuid}', APPEND, RETURN_STATS)"
        )
        return self._copied(table, query, copy)

    def _copied(self, table: StoredTable, query: str, copy: str) -> list[tuple[str, File]]:
        """Streams `query` of PostgreSQL through `copy` of DuckDB; the files are on the disk for good."""
        with self.connection.cursor() as cursor:
            cursor.execute(query)
            self.duckdb.register("rows", cursor.fetch_record_batch())
            stats = self.duckdb.execute(copy).fetchall()
            self.duckdb.unregister("rows")
        written = []
        for name, rows, size, _, _, keys, *_ in stats:
            manifests.sync(Path(name))
            path = Path(name).relative_to(self.root).as_posix()
            written.append(((keys or {}).get("day", WHOLE), File(path, rows, size)))
            if table.fingerprint is not None:
                self.done += rows
        if self.progress:
            self.progress(self.done, self.total)
        return written

    def _publish(self, snapshot: datetime, tables: dict[str, dict[str, Part]], parts: int) -> Manifest:
        """The next manifest, in place; files that it does not name are retired, those retired long ago deleted."""
        old = self.old
        new = Manifest(
            schema_version(),
            old.database if old else _identity(self.connection),
            old.generation if old and not parts else uuid.uuid4().hex,
            snapshot,
            old.checked if old and self.recent else snapshot,
            old.check_seconds if old and self.recent else self.check_seconds,
            tables,
            old.retired if old else {},
        )
        if parts or not self.recent:
            retired, expired = self._retired(new)
            new = replace(new, retired=retired)
            manifests.write(self.root, new)
            for path in [*map(self.root.joinpath, expired), *self.root.glob(manifests.UNFINISHED)]:
                path.unlink(missing_ok=True)
        else:
            manifests.write(self.root, new)
        return new

    def _retired(self, new: Manifest) -> tuple[dict[str, datetime], list[str]]:
        """Files on the disk that the manifest does not name: when each was first seen so, and those due to go."""
        now = datetime.now(UTC)
        named = {file.path for file in new.files()}
        present = {path.relative_to(self.root).as_posix() for path in self.root.glob("*/**/*.parquet")} - named
        seen = {path: new.retired.get(path, now) for path in present}
        expired = [path for path, since in seen.items() if now - since > RETIRED_FOR]
        return {path: since for path, since in seen.items() if path not in expired}, expired


def _columns(table: StoredTable) -> str:
    return ", ".join(f'"{name}"' for name in table.columns)


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


def _days_until(day: str, end_ms: int) -> set[str]:
    """The days after `day` into which footage reaches that ends `end_ms` after the epoch."""
    if end_ms <= 0 or day == WHOLE:
        return set()
    first = date.fromisoformat(day)
    last = datetime.fromtimestamp(end_ms / 1000, UTC).date()
    return {str(first + timedelta(days=n)) for n in range(1, (last - first).days + 1)}


def _runs(days: set[str]) -> Iterator[tuple[date, date]]:
    """Consecutive days as (first, last)."""
    ordered = sorted(date.fromisoformat(day) for day in days)
    first = last = ordered[0]
    for day in ordered[1:]:
        if day - last > timedelta(days=1):
            yield first, last
            first = day
        last = day
    yield first, last
