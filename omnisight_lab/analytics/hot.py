"""A changed day is brought up to date by its changed rows, without reading the day again.

Read from PostgreSQL are the rows that were updated since a little before the newest one that the mirror has (and the
boxes of changed events, because those may have been taken away). Where they replace others, the files that hold those
are written anew without them; else they are one more small file, a delta. The fingerprint of the result must be that of
PostgreSQL in the same snapshot, else there is none, and the day is read whole: rows deleted, or committed very late. So
it is where boxes changed and their event did not, as only other services write them: its label may be another one.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from omnisight_lab.analytics.manifest import File, Fingerprint, Part
from omnisight_lab.analytics.snapshot import Snapshot, columns
from omnisight_lab.analytics.tables import StoredTable, text

OVERLAP_MS = 60_000
"""Rows that are committed this much later than their updatedAt are still seen."""
MAX_DELTAS = 24
"""More of them are joined to one file of the day: each costs a reader about 1 ms a query."""


@dataclass(frozen=True, slots=True)
class Brought:
    """A day's new part, the files of it that are not in the mirror yet, and the ids of the rows that changed."""

    part: Part
    staged: tuple[File, ...]
    ids: list[str]


def bring(
    snapshot: Snapshot, table: StoredTable, day: str, part: Part, now: Fingerprint, owners: list[str]
) -> Brought | None:
    """`part` as PostgreSQL's fingerprint `now` has it, `owners` having changed; None where changed rows don't do."""
    newest = part.fingerprint[2] if len(part.fingerprint) > 2 else None
    if newest is None:
        return None
    read = snapshot.changed(table, day, newest - OVERLAP_MS, owners)
    ids = _changed(snapshot, table, part, read, owners)
    if _of_others(snapshot, table):
        return None
    joined = part.deltas >= MAX_DELTAS
    old = list(part.files) if joined else _holders(snapshot, table, part)
    return _checked(snapshot, table, day, part, now, old, ids)


def compacted(snapshot: Snapshot, table: StoredTable, day: str, part: Part) -> Part:
    """The same rows in one file."""
    rows = f"(SELECT {columns(table)} FROM {_files(snapshot, list(part.files))} ORDER BY {table.day})"
    return Part(part.fingerprint, (snapshot.write(table, day, rows),))


def _changed(snapshot: Snapshot, table: StoredTable, part: Part, read: pa.Table, owners: list[str]) -> list[str]:
    """Makes the tables `fresh` (rows that the mirror has not like this) and `gone` (ids that it must forget)."""
    run = snapshot.duckdb.execute
    snapshot.duckdb.register("read", read)
    have = _files(snapshot, list(part.files))
    run("CREATE OR REPLACE TEMP TABLE owners AS SELECT unnest($1::VARCHAR[]) AS id", [owners])
    owned = f"{table.owner} IN (FROM owners)" if table.owner and owners else "false"
    run(
        f"CREATE OR REPLACE TEMP TABLE fresh AS SELECT {columns(table)} FROM read WHERE {owned} "
        f"OR NOT EXISTS (FROM {have} h WHERE h.id = read.id AND h.updated_at = read.updated_at)"
    )
    run(
        "CREATE OR REPLACE TEMP TABLE gone AS SELECT DISTINCT id, file FROM "
        f"(SELECT id, filename AS file FROM {have} WHERE id IN (SELECT id FROM fresh) OR {owned})"
    )
    snapshot.duckdb.unregister("read")
    return [id for (id,) in run("SELECT id FROM fresh").fetchall()]


def _of_others(snapshot: Snapshot, table: StoredTable) -> bool:
    """Whether rows changed whose owner did not: an event that says no label has that of its best box."""
    others = f"FROM fresh WHERE {table.owner} NOT IN (FROM owners) LIMIT 1"
    return table.owner is not None and bool(snapshot.duckdb.execute(others).fetchall())


def _holders(snapshot: Snapshot, table: StoredTable, part: Part) -> list[File]:
    """The files with rows that must go."""
    found = [name for (name,) in snapshot.duckdb.execute("SELECT DISTINCT file FROM gone").fetchall()]
    return [file for file in part.files if any(name.endswith(file.path) for name in found)]


def _checked(
    snapshot: Snapshot, table: StoredTable, day: str, part: Part, now: Fingerprint, old: list[File], ids: list[str]
) -> Brought | None:
    """The part with the files `old` made anew, if its fingerprint is right."""
    kept = [file for file in part.files if file not in old]
    staged: list[File] = []
    if ids or old:
        rows = f"SELECT {columns(table)} FROM fresh"
        if old:
            left = f"FROM {_files(snapshot, old)} WHERE id NOT IN (SELECT id FROM gone)"
            rows += f" UNION ALL SELECT {columns(table)} {left}"
        staged = [snapshot.write(table, day, f"({rows})", put=False)]
    sources = [snapshot.store.address(file.path) for file in kept] + [snapshot.staged(file) for file in staged]
    sql = f"SELECT {table.fingerprint} FROM {_parquet(sources)}"
    if not sources or snapshot.duckdb.execute(sql).fetchall() != [now]:
        return None
    base, deltas = part.files[: len(part.files) - part.deltas], part.files[len(part.files) - part.deltas :]
    whole = any(file in base for file in old)  # what is made anew of the day's first files takes their place
    small = sum(file in kept for file in deltas) + (0 if whole else len(staged))
    return Brought(Part(now, tuple([*staged, *kept] if whole else [*kept, *staged]), small), tuple(staged), ids)


def _files(snapshot: Snapshot, files: list[File]) -> str:
    return _parquet([snapshot.store.address(file.path) for file in files])


def _parquet(sources: list[str]) -> str:
    return f"read_parquet([{', '.join(map(text, sources))}], filename = true, hive_partitioning = false)"
