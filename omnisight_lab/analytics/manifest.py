"""The manifest: which immutable files make up the mirror, written whole or not at all."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

NAME = "manifest.json"
UNFINISHED = f".{NAME}.*"
"""What a writer that was killed may leave behind."""
VERSION = 2

Fingerprint = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class File:
    """One Parquet file; `path` is relative to the mirror."""

    path: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Part:
    """A day of a table, or a whole one: what PostgreSQL's fingerprint was, and the files."""

    fingerprint: Fingerprint
    files: tuple[File, ...]

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One generation of the mirror: table -> day (ISO, or "all") -> part.

    `snapshot`: time of the database's snapshot, aware UTC; `checked`: that of the last one that looked at every day,
    which took `check_seconds`.
    `generation` is another one whenever files change. `retired`: files of earlier ones and when they were replaced.
    """

    schema: str
    database: str
    generation: str
    snapshot: datetime
    checked: datetime
    check_seconds: float
    tables: dict[str, dict[str, Part]]
    retired: dict[str, datetime] = field(default_factory=dict)

    def files(self, table: str | None = None) -> list[File]:
        parts = self.tables.values() if table is None else [self.tables.get(table, {})]
        return [file for days in parts for part in days.values() for file in part.files]


def read(root: Path) -> Manifest | None:
    """The current manifest; None where there is none, or one that can't be read: the mirror is then built anew."""
    try:
        return _decoded(json.loads((root / NAME).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(root: Path, manifest: Manifest) -> None:
    """Replaces the manifest: after a crash there is the old one or the new one, never a part."""
    root.mkdir(parents=True, exist_ok=True)
    temporary = root / f".{NAME}.{os.getpid()}"
    with temporary.open("w") as out:
        json.dump({"version": VERSION, **asdict(manifest)}, out, default=datetime.isoformat)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(root / NAME)
    sync(root)


def sync(path: Path) -> None:
    """Forces a file or the entries of a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _decoded(data: dict[str, Any]) -> Manifest | None:
    if data["version"] != VERSION:
        return None
    return Manifest(
        data["schema"],
        data["database"],
        data["generation"],
        datetime.fromisoformat(data["snapshot"]),
        datetime.fromisoformat(data["checked"]),
        data["check_seconds"],
        {table: {day: _part(part) for day, part in days.items()} for table, days in data["tables"].items()},
        {path: datetime.fromisoformat(time) for path, time in data["retired"].items()},
    )


def _part(data: dict[str, Any]) -> Part:
    return Part(tuple(data["fingerprint"]), tuple(File(**file) for file in data["files"]))
