"""Every error that OmniSight Lab raises on purpose, drawn as a tree.

OmniSightError                 one clear sentence; the command line prints it and exits with `exit_code`
├── UsageError                 asked wrongly (exit 2)
│   ├── UnknownName            no such camera, query, setting, report, user, …
│   └── BadTime                a time without zone, or a span that ends before it starts
├── DatabaseError
│   ├── DatabaseUnreachable    nobody answers at the address
│   └── SchemaMismatch         tables or columns are missing; carries the SQL that would add them
├── AccessDenied               wrong password, inactive user, or a role that may not do this
│   └── TooManyAttempts        failed logins; carries the seconds to wait
├── MediaError
│   ├── NotAVideo              not a video, empty, truncated beyond use, or without keyframes
│   └── SourceError            a camera that gives no pictures; carries the gap cause
├── ModelError                 detector weights that can't be read or don't fit their family
├── StorageError               a data folder that can't be used
│   └── DiskFull               less free space than the floor
├── MirrorError                the Parquet mirror is absent or damaged
├── QueryError                 a query that failed or was refused
└── ReportFailed               a report run that ended without its page
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omnisight_lab.types import GapCause


class OmniSightError(Exception):
    """Base of the tree; `str()` is one sentence for the user, without secrets."""

    exit_code = 1

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback: the sentence is meant for the one who typed the cell."""
        return [f"{type(self).__name__}: {self}"]


class UsageError(OmniSightError):
    exit_code = 2


class UnknownName(UsageError):
    """`name` is not among the `known` ones of this `kind`; suggests the nearest. Ids have no `known` to choose from."""

    def __init__(self, kind: str, name: str, known: Iterable[str] | None = None) -> None:
        self.kind, self.name, self.known = kind, name, sorted(known or ())
        near = get_close_matches(name, self.known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(self.known) or 'none yet'}"
        super().__init__(f"there is no {kind} {name!r}{'' if known is None else hint}")


class BadTime(UsageError):
    pass


class DatabaseError(OmniSightError):
    pass


class DatabaseUnreachable(DatabaseError):
    pass


class SchemaMismatch(DatabaseError):
    """`missing` names tables and columns; `sql` would add them."""

    def __init__(self, message: str, missing: Sequence[str] = (), sql: Sequence[str] = ()) -> None:
        self.missing, self.sql = tuple(missing), tuple(sql)
        super().__init__(message)


class AccessDenied(OmniSightError):
    pass


class TooManyAttempts(AccessDenied):
    """Login refused for another `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"too many attempts; try again in {max(1, round(seconds))} seconds")


class MediaError(OmniSightError):
    pass


class NotAVideo(MediaError):
    pass


class SourceError(MediaError):
    """A camera that gives no pictures, and the `cause` that its gap gets."""

    def __init__(self, message: str, cause: GapCause) -> None:
        self.cause = cause
        super().__init__(message)


class ModelError(OmniSightError):
    pass


class StorageError(OmniSightError):
    pass


class DiskFull(StorageError):
    pass


class MirrorError(OmniSightError):
    pass


class QueryError(OmniSightError):
    pass


class ReportFailed(OmniSightError):
    """`notebook` is the partial output that was kept, if any."""

    def __init__(self, message: str, notebook: str | None = None) -> None:
        self.notebook = notebook
        super().__init__(message)
