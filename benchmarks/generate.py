"""Generated OmniSight databases, each made once and kept with its embedded server in `benchmarks/.cache`."""

from __future__ import annotations

import fcntl
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
from sqlalchemy import Connection

from benchmarks.rows import Progress, Span, fill_site, fill_span
from omnisight_lab.db import migrate
from omnisight_lab.db.server import EmbeddedServer
from omnisight_lab.db.session import Database, translated
from omnisight_lab.settings import Paths

CACHE = Path(__file__).parent / ".cache"

END = datetime(2026, 4, 1)  # noqa: DTZ001 - as the database keeps it: naive UTC
"""Europe and America have changed their clocks in the weeks before."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much history there is, up to `END`; about three boxes come to an event."""

    days: int
    cameras: int = 50
    events_a_day: int = 37_000
    slots: int = 224
    """Segments of one camera in a day."""

    @property
    def span(self) -> Span:
        start = END - timedelta(days=self.days)
        return Span(start, float(self.days), self.cameras, self.days * self.events_a_day, self.slots)


SIZES = {
    "tiny": Size(days=2, cameras=4, events_a_day=400, slots=48),
    "1M": Size(days=9),
    "10M": Size(days=90),
    "30M": Size(days=270),
}
"""By the number of boxes. One site after 9, 90 and 270 days: history grows, and a day stays a day."""

LOADED = ("Stream", "Recording", "Segment", "Event", "DetectedObject", "Notification")

WHILE_LOADING = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "8GB",
    "autovacuum": "off",
    "maintenance_work_mem": "1GB",
    "work_mem": "256MB",
}
"""Lost with the machine's power, and then made anew: what is half made has another name."""

TUNED = {
    "shared_buffers": "2GB",
    "effective_cache_size": "8GB",
    "work_mem": "64MB",
    "random_page_cost": "1.1",
    "max_wal_size": "4GB",
}
"""What somebody who knows PostgreSQL gives a machine of 16 GB or more, so that it is a fair peer."""


@contextmanager
def generated(name: str) -> Iterator[tuple[Database, Paths]]:
    """The database of `SIZES[name]` with the folders that belong to it, made where the cache has none yet.

    One process at a time has it: what two measure at once says nothing. Its server is stopped in the end if it was
    started here.
    """
    home = CACHE / f"generated_{name}"
    with _alone(home.with_suffix(".lock")):
        if not home.exists():
            _make(SIZES[name], home)
        server = EmbeddedServer(home / "database")
        database = Database(server.start())
        database.server = server
        try:
            migrate.upgrade(database)
            yield database, Paths(home, home / "media")
        finally:
            database.close()
            database.stop_server_if_started()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time, the others wait; who dies lets go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(size: Size, home: Path) -> None:
    """The database in a folder of another name, renamed when it is whole: an interrupted one starts anew."""
    part = home.with_name(home.name + ".part")
    server = EmbeddedServer(part / "database")
    server.stop()
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        with Database(_configured(server, WHILE_LOADING)) as database:
            migrate.upgrade(database)
            _load(database, size)
        _configured(server, TUNED)
    finally:
        server.stop()
    part.rename(home)


def _configured(server: EmbeddedServer, values: Mapping[str, str]) -> str:
    """The address of the server, started anew with these settings and no others of ours."""
    with psycopg.connect(server.start(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM RESET ALL")
        for name, value in values.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    server.stop()
    return server.start()


def _load(database: Database, size: Size) -> None:
    began = time.perf_counter()

    def progress(step: str) -> None:
        sys.stderr.write(f"generating {size.days} days (once): {time.perf_counter() - began:4.0f} s  {step}\n")

    with translated(database):
        with database.engine.begin() as connection:
            fill_site(connection, size.span)
            with _bare(connection, progress):
                fill_span(connection, size.span, progress)
        progress("vacuum")
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
            connection.exec_driver_sql("CHECKPOINT")
    progress("done")


@contextmanager
def _bare(connection: Connection, progress: Progress) -> Iterator[None]:
    """The loaded tables without keys and indexes meanwhile, and truncated, so that no write-ahead log is written."""
    tables = ", ".join(f"'\"{name}\"'::regclass" for name in LOADED)
    keys = connection.exec_driver_sql(
        f"""SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint
            WHERE contype IN ('p', 'f') AND (conrelid IN ({tables}) OR confrelid IN ({tables}))
            ORDER BY contype = 'f'"""
    ).all()
    indexes = connection.exec_driver_sql(
        f"""SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
            WHERE indrelid IN ({tables}) AND NOT indisprimary"""
    ).all()
    for index, _ in indexes:
        connection.exec_driver_sql(f"DROP INDEX {index}")
    for table, key, _ in reversed(keys):
        connection.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT {key}")
    connection.exec_driver_sql("TRUNCATE " + ", ".join(f'"{name}"' for name in LOADED))
    yield
    for table, key, definition in keys:
        progress(f"key {key}")
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD CONSTRAINT {key} {definition}")
    for index, definition in indexes:
        progress(f"index {index}")
        connection.exec_driver_sql(definition)
