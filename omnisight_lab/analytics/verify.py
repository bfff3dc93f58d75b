"""Proof that the mirror holds what PostgreSQL holds: a content hash per table and day, computed alike by both.

A row's canonical text has one column after the other; its hash are 60 bits of its md5; those of a day are added up
modulo 2^60, so that order does not matter. Times count as microseconds since the epoch. A double is written
with 15 digits, and what these leave of it once more, so that every bit counts and both engines print it alike.
Days that have changed since the mirror's snapshot are `behind`: there equality can't be told before a refresh.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import duckdb

from omnisight_lab.analytics import postgres
from omnisight_lab.analytics.manifest import WHOLE, Manifest
from omnisight_lab.analytics.snapshot import Snapshot
from omnisight_lab.analytics.store import Store
from omnisight_lab.analytics.tables import SCHEMA, STORED, StoredTable, text
from omnisight_lab.errors import MirrorError

Hashes = dict[str, tuple[int, int]]
"""Day -> rows, and the sum of their hashes."""
State = Literal["equal", "differs", "behind"]

MODULO = 2**60


@dataclass(frozen=True, slots=True)
class Dialect:
    """The few expressions that are spelled otherwise: microseconds of a time, 15 digits of a double, bits of an md5."""

    time: str
    digits: str
    bits: str
    day: str

    def row(self, table: StoredTable) -> str:
        """The hash of a row, from 0 to below 2^60."""
        return self.bits.format(
            " || ',' || ".join(self._column(f't."{name}"', kind) for name, kind in table.columns.items())
        )

    def _column(self, name: str, kind: str) -> str:
        """A column as text; only strings may have a comma, so they have their length before them."""
        if kind == "string":
            return f"coalesce(length({name})::text || ':' || {name}, '-')"
        if kind == "float64":
            return f"coalesce({self.double(name)}, '-')"
        return f"coalesce({self.time.format(name) if kind == 'timestamp' else f'{name}::text'}, '-')"

    def double(self, value: str) -> str:
        """Every bit of a double as text: what 15 digits leave of it follows them. (The largest ones have no rest.)"""
        digits = self.digits.format(value)
        rest = f"({value} - ({digits})::double precision)"
        return (
            f"CASE WHEN {value} = 'NaN'::double precision THEN 'nan' WHEN abs({value}) > 1e308 THEN "
            f"CASE {value} WHEN 'Infinity'::double precision THEN 'inf' WHEN '-Infinity'::double precision THEN '-inf' "
            f"ELSE {digits} END WHEN {rest} = 0 THEN {digits} ELSE {digits} || '~' || {self.digits.format(rest)} END"
        )

    def sums(self, table: StoredTable, source: str) -> str:
        day = self.day.format(f't."{table.day}"') if table.day else f"'{WHOLE}'"
        return f"SELECT {day}, count(*), (sum({self.row(table)}) % {MODULO})::bigint FROM {source} t GROUP BY 1"


DUCKDB = Dialect(
    "epoch_us({0})::text",
    "printf('%.15g', {0})",
    "('0x' || left(md5({0}), 15))::bigint",
    "strftime({0}, '%Y-%m-%d')",
)
POSTGRES = Dialect(
    "(extract(epoch FROM {0}) * 1000000)::bigint::text",
    "({0})::text",
    "('x' || left(md5({0}), 15))::bit(60)::bigint",
    "to_char({0}, 'YYYY-MM-DD')",
)
"""With extra_float_digits 0, by which a double has 15 digits as text."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One day of one table on both sides."""

    table: str
    day: str
    rows: int
    rows_in_database: int
    state: State


def compared(connection: Any, store: Store, manifest: Manifest, days: set[str] | None = None) -> list[Compared]:
    """Every table and day (or those of `days`), in order; `connection` is in a snapshot."""
    postgres.run(connection, "SET LOCAL extra_float_digits = 0")
    snapshot = Snapshot(connection, store, store.local)
    stale = _stale(snapshot, manifest)
    found = []
    for name, table in STORED.items():
        files = [store.address(file.path) for file in manifest.files(name)]
        with _damage(store):
            ours = _mirrored(snapshot.duckdb, table, files)
        theirs = _hashes(postgres.rows(connection, POSTGRES.sums(table, f"{SCHEMA}.{name}")))
        for day in sorted(day for day in ours.keys() | theirs.keys() if days is None or day in days):
            state: State = "equal" if ours.get(day) == theirs.get(day) else "differs"
            if state == "differs" and (table.family or name, day) in stale:
                state = "behind"
            found.append(Compared(name, day, ours.get(day, (0, 0))[0], theirs.get(day, (0, 0))[0], state))
    return found


def _mirrored(duck: duckdb.DuckDBPyConnection, table: StoredTable, files: list[str]) -> Hashes:
    if not files:
        return {}
    source = f"read_parquet([{', '.join(map(text, files))}], hive_partitioning = false)"
    return _hashes(duck.execute(DUCKDB.sums(table, source)).fetchall())


def _hashes(rows: list[tuple[Any, ...]]) -> Hashes:
    return {day: (count, total) for day, count, total in rows if count}


def _stale(snapshot: Snapshot, manifest: Manifest) -> set[tuple[str, str]]:
    """Families and days whose fingerprint is another one by now."""
    stale = set()
    for name, table in STORED.items():
        now = snapshot.fingerprints(table)
        known = {day: part.fingerprint for day, part in manifest.tables.get(name, {}).items() if table.fingerprint}
        stale |= {(table.family or name, day) for day in now.keys() | known.keys() if now.get(day) != known.get(day)}
    return stale


@contextmanager
def _damage(store: Store) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise MirrorError(
            f"the mirror in {store.shown} is damaged or has moved on; run `omnisight mirror refresh` and ask again"
        ) from error
