"""The manifest: which immutable files make up the mirror, written whole or not at all."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from omnisight_lab.analytics.store import Store

NAME = "manifest.json"
VERSION = 3
WHOLE = "all"
"""The one day of a table without days."""

Fingerprint = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class File:
    """One Parquet file; `path` is relative to the mirror."""

    path: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Part:
    """A day of a table, or a whole one: what PostgreSQL's fingerprint was, and the files.

    `deltas`: how many of the files are small ones that came in while the day went on.
    """

    fingerprint: Fingerprint
    files: tuple[File, ...]
    deltas: int = 0

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)


Parts = dict[str, Part]


@dataclass(frozen=True, slots=True)
class Manifest:
    """One generation of the mirror: table -> day (ISO, or "all") -> part.

    `snapshot`: time of the database's snapshot, aware UTC. `checked`: that of the last one by which every day had been
    looked at once more. `looked`: the day up to which the round that is under way has come. `day_seconds`: what looking
    at one day takes. `generation` is another one whenever files change. `retired`: files of earlier ones and when they
    were replaced.
    """

    schema: str
    database: str
    generation: str
    snapshot: datetime
    checked: datetime
    looked: str
    day_seconds: float
    tables: dict[str, Parts]
    retired: dict[str, datetime] = field(default_factory=dict)

    def files(self, table: str | None = None) -> list[File]:
        parts = self.tables.values() if table is None else [self.tables.get(table, {})]
        return [file for days in parts for part in days.values() for file in part.files]

    def young(self, now: datetime, seconds: float) -> bool:
        """Whether its snapshot is at most `seconds` old. One of a time to come is not: of a database whose clock is
        ahead nobody here knows how old it is."""
        return abs(now - self.snapshot) <= timedelta(seconds=seconds)

    @property
    def days(self) -> list[str]:
        """Every day of any table, in order."""
        return sorted({day for parts in self.tables.values() for day in parts if day != WHOLE})

    @property
    def look_seconds(self) -> float:
        """About what it takes to look at every day once more."""
        return self.day_seconds * len(self.days)


def read(store: Store) -> Manifest | None:
    """The current manifest; None where there is none, or one that can't be read: the mirror is then built anew."""
    data = store.read(NAME)
    try:
        return _decoded(json.loads(data)) if data else None
    except (ValueError, KeyError, TypeError):
        return None


def write(store: Store, manifest: Manifest) -> None:
    """Replaces the manifest: after a crash there is the old one or the new one."""
    store.replace(NAME, json.dumps({"version": VERSION, **asdict(manifest)}, default=datetime.isoformat).encode())


def _decoded(data: dict[str, Any]) -> Manifest | None:
    if data["version"] != VERSION:
        return None
    return Manifest(
        data["schema"],
        data["database"],
        data["generation"],
        datetime.fromisoformat(data["snapshot"]),
        datetime.fromisoformat(data["checked"]),
        data["looked"],
        data["day_seconds"],
        {table: {day: _part(part) for day, part in days.items()} for table, days in data["tables"].items()},
        {path: datetime.fromisoformat(time) for path, time in data["retired"].items()},
    )


def _part(data: dict[str, Any]) -> Part:
    return Part(tuple(data["fingerprint"]), tuple(File(**file) for file in data["files"]), data["deltas"])
