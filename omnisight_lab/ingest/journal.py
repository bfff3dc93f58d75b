"""Rows of one camera on their way to the database: written at once, or kept in a file while it is away.

The recorder hands a row over and goes on; a thread of the journal's own writes it. While the database does not
answer, rows go into an append-only file of JSON lines, each fsynced, and are replayed in order when it is back.
Every operation is idempotent, so a replay that was cut short simply starts again.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from pydantic import ValidationError, validate_call
from pydantic_core import to_json
from sqlalchemy import exc

from omnisight_lab.db.session import Database
from omnisight_lab.errors import DatabaseError

log = logging.getLogger(__name__)

Operation = Callable[..., object]
"""A function of `db.writes`: the database first, then arguments that JSON can carry."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row to be: the operation's name and its arguments."""

    operation: str
    arguments: Mapping[str, Any]

    def line(self) -> bytes:
        return b'{"operation":"%s","arguments":%s}\n' % (
            self.operation.encode(),
            to_json(dict(self.arguments)),
        )


class Journal:
    """Takes rows by `put`, which never waits; `close` waits until they are in the database or in the file."""

    def __init__(
        self, database: Database, path: Path, operations: Mapping[str, Operation], retry_seconds: float = 1.0
    ) -> None:
        self._database, self._path, self._retry_seconds = database, path, retry_seconds
        self._operations = operations
        # From JSON an operation gets its types back by its own annotations
        typed = validate_call(config={"arbitrary_types_allowed": True})
        self._from_json = {name: typed(operation) for name, operation in operations.items()}
        self._queue: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._behind = _mend(path)
        self._replayed_bytes = 0
        self._next_try = 0.0
        self._closing = self._lost = False
        self.refused = 0
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def put(self, operation: str, **arguments: Any) -> None:
        """Hand one row over; the operation must be one that the journal was made with."""
        if operation not in self._operations:
            raise KeyError(operation)
        self._queue.put(Entry(operation, arguments))

    def close(self, timeout: float = 30.0) -> bool:
        """True when all rows are in the database or in the file within `timeout` seconds."""
        self._closing = True
        self._queue.put(None)
        self._thread.join(timeout)
        return not (self._thread.is_alive() or self._lost)

    def _run(self) -> None:
        while True:
            self._replay()
            try:
                entry = self._queue.get(timeout=self._retry_seconds if self._behind else None)
            except queue.Empty:
                continue
            if entry is None:
                self._replay(at_once=True)
                return
            self._carry(entry)

    def _carry(self, entry: Entry) -> None:
        while not self._is_safe(entry):
            if self._closing:
                self._lost = True
                log.error("a row is lost (%s): neither the database nor the disk takes it", entry.operation)
                return
            time.sleep(self._retry_seconds)
            self._replay()

    def _is_safe(self, entry: Entry) -> bool:
        """Whether the row could be written, to the database where no older row waits, or to the file."""
        if not self._behind:
            try:
                self._write(entry.line(), lambda: self._apply(entry))
                return True
            except DatabaseError as error:
                log.warning("the database takes no rows, they go to %s: %s", self._path, error)
                self._next_try = time.monotonic() + self._retry_seconds
        if not self._append(self._path, entry.line()):
            return False
        self._behind = True
        return True

    def _apply(self, entry: Entry) -> None:
        self._operations[entry.operation](self._database, **entry.arguments)

    def _write(self, line: bytes, write: Callable[[], None]) -> None:
        """Run `write`; a DatabaseError comes through when it is worth trying again.

        A row that the database will never take (its camera was deleted) goes to a file beside the journal, and
        does not hold up the others.
        """
        try:
            write()
        except DatabaseError as error:
            if not _is_final(error):
                raise
            log.error("a row is set aside: %s", error)
        except Exception:  # a line of another version, or damaged: it must not hold up what follows
            log.exception("a row is set aside")
        else:
            return
        self.refused += 1
        self._append(self._path.with_suffix(".refused.jsonl"), line)

    def _append(self, path: Path, line: bytes) -> bool:
        """Whether `line` is safely at the end of the file."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            log.error("%s can't be written: %s", path, error.strerror)
            with suppress(OSError):  # it is the same trouble
                _mend(path)
            return False
        return True

    def _replay(self, at_once: bool = False) -> None:
        """Bring the file's rows to the database, oldest first; stops where the database goes away again."""
        if not self._behind or (time.monotonic() < self._next_try and not at_once):
            return
        count = 0
        try:
            for line in self._lines():
                self._write(line, partial(self._apply_line, line))
                self._replayed_bytes, count = self._replayed_bytes + len(line), count + 1
            self._path.unlink()
        except FileNotFoundError:
            log.error("%s was taken away with the rows that waited there", self._path)
        except (DatabaseError, OSError) as error:
            if isinstance(error, OSError):
                log.error("%s can't be read: %s", self._path, error.strerror)
            self._next_try = time.monotonic() + self._retry_seconds  # an attempt may take long: pause after it
            return
        self._behind, self._replayed_bytes = False, 0
        log.info("the database is back: %d rows came from the journal", count)

    def _apply_line(self, line: bytes) -> None:
        entry = json.loads(line)
        try:
            self._from_json[entry["operation"]](self._database, **entry["arguments"])
        except ValidationError as error:
            raise ValueError(f"not an entry of this version: {error.error_count()} fields differ") from error

    def _lines(self) -> Iterator[bytes]:
        """Lines not yet replayed."""
        with self._path.open("rb") as file:
            file.seek(self._replayed_bytes)
            yield from file


def _is_final(error: DatabaseError) -> bool:
    """Whether the same row will be refused again: by a key, a check, a type; a full disk or a crash passes."""
    return isinstance(error.__cause__, exc.IntegrityError | exc.DataError | psycopg.IntegrityError | psycopg.DataError)


def _mend(path: Path) -> bool:
    """Cut off a last line that a crash tore; whether whole lines are left."""
    try:
        with path.open("r+b") as file:
            content = file.read()
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                file.truncate(whole)
            return whole > 0
    except FileNotFoundError:
        return False
