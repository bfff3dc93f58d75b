"""The Parquet mirror: the stored tables by UTC day in immutable files, named by one manifest.

`Mirror` is what everybody else uses: the manifest for readers, `refresh` for writers (one at a time, by an advisory
lock of PostgreSQL, which a writer that is killed gives back), `status`, and `verify`. What a refresh does stands in
`refresh`, what it reads in `snapshot`, the changed rows of a day in `hot`, the files in `store`. Deletes and rows
committed late are seen; an UPDATE that leaves updatedAt alone is not: `verify` finds it and `rebuild` repairs it.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from omnisight_lab.analytics import manifest as manifests
from omnisight_lab.analytics import postgres, verify
from omnisight_lab.analytics.manifest import Manifest
from omnisight_lab.analytics.refresh import Looks, Refresh, Refreshed, recent
from omnisight_lab.analytics.snapshot import Progress, Snapshot
from omnisight_lab.analytics.store import open_store, staging
from omnisight_lab.analytics.tables import schema_version
from omnisight_lab.analytics.verify import Compared
from omnisight_lab.db.session import Database
from omnisight_lab.errors import MirrorError, StorageError

__all__ = ["Mirror", "MirrorStatus", "Progress", "Refreshed"]

LOCK_SECONDS = 600


@dataclass(frozen=True, slots=True)
class MirrorStatus:
    """Where the mirror is, how old its snapshot, and how much it holds; `snapshot` None: there is none yet.

    `checked`: when every day had last been looked at once more. `deltas`: small files of days that go on.
    """

    path: str
    snapshot: datetime | None
    age_seconds: float | None
    checked: datetime | None
    days: int
    files: int
    deltas: int
    bytes: int
    rows: dict[str, int]


class Mirror:
    """The mirror of one database in a folder or at an fsspec address. Any number of processes may read it and refresh
    it at once.

    `local`: a folder of this machine, needed beside an address.
    """

    def __init__(self, root: Path | str, local: Path | None = None) -> None:
        self.store = open_store(root, local)
        self._lock = threading.Lock()
        self._identity: str | None = None
        """Which database was last found here; what another one has put there is not taken for its mirror."""

    def manifest(self) -> Manifest | None:
        return manifests.read(self.store)

    def status(self, now: datetime) -> MirrorStatus:
        found = self.manifest()
        if found is None:
            return MirrorStatus(self.store.shown, None, None, None, 0, 0, 0, 0, {})
        files = found.files()
        return MirrorStatus(
            self.store.shown,
            found.snapshot,
            max(0.0, (now - found.snapshot).total_seconds()),
            found.checked,
            len(found.days),
            len(files),
            sum(part.deltas for parts in found.tables.values() for part in parts.values()),
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

        `recent` looks at the last two days, and at some of the others in turn; while another process writes it leaves
        the mirror as it is, so that no page waits for a rebuild. With `max_age` (seconds) so is one that somebody else
        has refreshed meanwhile.
        """
        with self._lock:
            if (young := self._young(max_age)) is not None:
                return Refreshed(young, 0, 0)
            with _told(self.store.shown), postgres.connection(database) as connection:
                self._identity = _identity(connection)
                present = self._kept() if recent else None
                if present and not postgres.rows(connection, f"SELECT pg_try_advisory_lock({self._key})")[0][0]:
                    return Refreshed(present, 0, 0)
                if not present:
                    self._wait(connection)
                if (young := self._young(max_age)) is not None:
                    return Refreshed(young, 0, 0)
                old = None if rebuild else self._kept()
                with staging(self.store) as staged:
                    return self._refreshed(connection, staged, self._identity, old, recent, progress)

    def verify(self, database: Database, days: set[str] | None = None) -> list[Compared]:
        """Every table and day (or those of `days`, ISO) of the mirror beside PostgreSQL's; MirrorError without one."""
        found = self.manifest()
        if found is None:
            raise MirrorError(f"there is no mirror in {self.store.shown} yet; run `omnisight mirror refresh`")
        with postgres.connection(database) as connection, postgres.snapshot(connection):
            return verify.compared(connection, self.store, found, days)

    def _refreshed(
        self,
        connection: Any,
        staged: Path,
        identity: str,
        old: Manifest | None,
        partly: bool,
        progress: Progress | None,
    ) -> Refreshed:
        with postgres.snapshot(connection):
            snapshot = Snapshot(connection, self.store, staged)
            looks = recent(old, snapshot.time) if partly and old else Looks()
            refresh = Refresh(snapshot, self.store, identity, old, looks, progress)
            tables = refresh.read()
        # The transaction has ended well, so the lock is still ours
        return Refreshed(refresh.publish(tables), snapshot.rows_read, refresh.parts)

    def young(self, manifest: Manifest, now: datetime, seconds: float) -> bool:
        """Whether it is of the database that was refreshed here, and its snapshot at most `seconds` old."""
        return self._ours(manifest) and manifest.young(now, seconds)

    def _young(self, max_age: float | None) -> Manifest | None:
        """The manifest, if its snapshot is no older than `max_age` seconds."""
        if max_age is None:
            return None
        found = self.manifest()
        return found if found and self.young(found, datetime.now(UTC), max_age) else None

    @property
    def _key(self) -> int:
        """Of PostgreSQL's lock, which gives the right to write: the same for all who write this mirror."""
        name = self.store.shown if "://" in self.store.shown else str(Path(self.store.shown).resolve())
        return int.from_bytes(hashlib.sha256(f"mirror {name}".encode()).digest()[:8], signed=True)

    def _wait(self, connection: Any) -> None:
        postgres.run(connection, f"SET lock_timeout = '{LOCK_SECONDS}s'")
        try:
            postgres.rows(connection, f"SELECT pg_advisory_lock({self._key}) IS NULL")
        except Exception as error:
            if getattr(error, "sqlstate", None) not in postgres.CANCELLED:
                raise
            raise MirrorError(
                f"another process has been refreshing the mirror for {LOCK_SECONDS // 60} minutes"
            ) from error

    def _kept(self) -> Manifest | None:
        """The manifest, if it is of this schema and database."""
        found = self.manifest()
        return found if found and self._ours(found) else None

    def _ours(self, manifest: Manifest) -> bool:
        return (manifest.schema, manifest.database) == (schema_version(), self._identity)


def _identity(connection: Any) -> str:
    """Tells this database from any other, also from a restored copy under the same address."""
    sql = """SELECT (SELECT system_identifier::text FROM pg_control_system()), oid::bigint, current_schema()
             FROM pg_database WHERE datname = current_database()"""
    return "/".join(str(value) for value in postgres.rows(connection, sql)[0])


@contextmanager
def _told(shown: str) -> Iterator[None]:
    """Errors of DuckDB's reading and writing as one sentence."""
    try:
        yield
    except duckdb.IOException as error:
        raise StorageError(f"the mirror in {shown} can't be written: {str(error).splitlines()[0]}") from error
