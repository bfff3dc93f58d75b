"""What a named query is: a function `(tables, scope, parameters) -> ibis expression` with a declared result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from omnisight_lab.analytics.tables import Tables
from omnisight_lab.errors import UnknownName, UsageError
from omnisight_lab.types import TimeRange

Kind = Literal["text", "integer", "number", "share", "boolean", "utc", "local", "date", "offset"]
"""`utc`: an instant; `local`: wall clock of the row's camera; `offset`: minutes that it is ahead of UTC."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a result.

    `added`: by the query's `finish`, to the rows that the engine gave. `sums`: added up over rows it means something.
    """

    name: str
    kind: Kind
    help: str
    unit: str = ""
    added: bool = False
    sums: bool = False


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a query beside window, cameras and zone; `parse` raises ValueError with a predicate."""

    name: str
    kind: str
    default: Any
    help: str
    parse: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Scope:
    """What every query is asked for: a window, some cameras (ids; None: all), a zone (None: each camera's own,
    else that of the `site`).

    `settled` is the time up to which footage must have arrived. Spans that are still open count up to the last full
    hour before it, or to the end of the camera's newest segment where that is later: the segment being written is no
    gap, and two engines asked one after the other answer alike.
    """

    window: TimeRange
    settled: datetime
    cameras: tuple[str, ...] | None = None
    timezone: str | None = None
    site: str = "UTC"
    corners: int = 0
    """Corners of the largest zone that stands: containment is worked out edge by edge."""

    @property
    def start(self) -> ir.TimestampScalar:
        return literal(self.window.start)

    @property
    def end(self) -> ir.TimestampScalar:
        return literal(self.window.end)

    def pick(self, table: ir.Table) -> ir.Table:
        """The rows of the cameras that were asked for."""
        return table if self.cameras is None else table.filter(table.camera_id.isin(self.cameras))

    def within(self, table: ir.Table, time: str) -> ir.Table:
        """The rows of these cameras whose `time` lies in the window."""
        return self.pick(table.filter(table[time] >= self.start, table[time] < self.end))

    def named(self, tables: Tables) -> ir.Table:
        """(camera_id, camera, timezone) of the cameras that were asked for; the zone that was asked for goes first."""
        cameras = tables.cameras
        own = ibis.coalesce(cameras.own_timezone, ibis.literal(self.site))
        zone = own if self.timezone is None else ibis.literal(self.timezone)
        return self.pick(cameras.select(camera_id=cameras.id, camera=cameras.name, timezone=zone))


def literal(time: datetime) -> ir.TimestampScalar:
    """`time` as the engines hold it: naive UTC."""
    return ibis.literal(time.replace(tzinfo=None), type="timestamp")


Build = Callable[..., ir.Table]
Finish = Callable[[pa.Table], pa.Table]


@dataclass(frozen=True, slots=True)
class Dimension:
    """What rows can be grouped by: the columns that it brings, and those of them that order the rows."""

    columns: tuple[Column, ...]
    order: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A named query. `keys` identify a row and give its order.

    `dimensions`: what its parameter `by` may name; the columns and keys of those chosen come before `columns` and
    `keys`. `finish` adds what ibis can't work out (exact intervals) to rows of the engine, each row by itself.
    `quarters`: the window is widened to whole quarters of an hour, the grain in which recorded time is kept.
    `zones`: it may ask which zone a box stands in.
    """

    name: str
    build: Build
    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    method: str
    parameters: tuple[Parameter, ...] = ()
    dimensions: Mapping[str, Dimension] = field(default_factory=dict)
    finish: Finish | None = None
    quarters: bool = False
    newest_first: bool = False
    zones: bool = False
    regroups: bool = True
    """Whether `by` may still change: not once rows were chosen by their figures."""

    def columns_of(self, parameters: Mapping[str, Any]) -> tuple[Column, ...]:
        """The columns of a result with these parameters, in order."""
        chosen = [self.dimensions[name] for name in parameters.get("by", ()) if name in self.dimensions]
        return (*(column for dimension in chosen for column in dimension.columns), *self.columns)

    def keys_of(self, parameters: Mapping[str, Any]) -> tuple[str, ...]:
        """The columns that identify a row of such a result, in the order in which they sort it: times go first."""
        by = parameters.get("by", ())
        return (*(key for name, its in self.dimensions.items() if name in by for key in its.order), *self.keys)

    def typed(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every parameter with its value; UnknownName or UsageError say which one is wrong."""
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in given:
            if name not in known and not known:
                raise UsageError(f"{self.name} takes no parameters, so no {name!r}")
            if name not in known:
                raise UnknownName(f"parameter of {self.name}", name, known)
        return {name: self._value(known[name], given.get(name)) for name in known}

    @staticmethod
    def _value(parameter: Parameter, given: Any) -> Any:
        if given is None:
            return parameter.default
        try:
            return parameter.parse(given)
        except (ValueError, TypeError) as error:
            raise UsageError(f"parameter {parameter.name}: {given!r} {error}") from error

    def describe(self) -> dict[str, Any]:
        """What `omnisight query --list` prints."""
        columns = self.columns_of(self.typed({}))
        return {
            "name": self.name,
            "method": self.method,
            "columns": [{"name": c.name, "kind": c.kind, "unit": c.unit, "help": c.help} for c in columns],
            "dimensions": list(self.dimensions),
            "parameters": [
                {"name": p.name, "kind": p.kind, "default": p.default, "help": p.help} for p in self.parameters
            ],
        }


@dataclass(repr=False)
class Registry(Mapping[str, Query]):
    """Queries by name."""

    _queries: dict[str, Query] = field(default_factory=dict)

    def add(self, query: Query) -> Query:
        self._queries[query.name] = query
        return query

    def __getitem__(self, name: str) -> Query:
        if name not in self._queries:
            raise UnknownName("query", name, self._queries)
        return self._queries[name]

    def __iter__(self) -> Any:
        return iter(sorted(self._queries))

    def __len__(self) -> int:
        return len(self._queries)

    def __contains__(self, name: object) -> bool:
        return name in self._queries

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {self[name].method}" for name in self)


QUERIES = Registry()


def names(given: Any) -> tuple[str, ...]:
    if not isinstance(given, Iterable):
        raise ValueError("is neither a name nor a list of names")
    parts = given.split(",") if isinstance(given, str) else given
    return tuple(str(part).strip() for part in parts if str(part).strip())


def up_to(most: int) -> Callable[[Any], float]:
    """Reads a number from 0 to `most`."""

    def read(given: Any) -> float:
        try:
            value = float(given)
        except ValueError as error:
            raise ValueError("is no number") from error
        if not 0 <= value <= most:
            raise ValueError(f"is not between 0 and {most}")
        return value

    return read


def whole(least: int, most: int) -> Callable[[Any], int]:
    """Reads a whole number from `least` to `most`."""

    def read(given: Any) -> int:
        try:
            value = int(str(given))
        except ValueError as error:
            raise ValueError("is no whole number") from error
        if not least <= value <= most:
            raise ValueError(f"is not between {least} and {most}")
        return value

    return read


def one_of(*words: str) -> Callable[[Any], str]:
    """Reads one of these words."""

    def read(given: Any) -> str:
        if given not in words:
            raise ValueError(f"is not one of {', '.join(words)}")
        return str(given)

    return read


def yes_or_no(given: Any) -> bool:
    """Reads yes or no, true or false, 1 or 0."""
    word = str(given).lower()
    if word not in ("yes", "no", "true", "false", "1", "0"):
        raise ValueError("is neither yes nor no")
    return word in ("yes", "true", "1")


def one_of_them(column: ir.Column, values: Iterable[Any]) -> ir.BooleanValue:
    """Whether `column` is one of `values`, None among them standing for empty."""
    values = list(values)
    found = column.isin([value for value in values if value is not None])
    return found | column.isnull() if None in values else found


LABELS = Parameter("labels", "names", (), "labels to count, by commas; empty: all", names)
MIN_CONFIDENCE = Parameter("min_confidence", "0 to 1", 0.0, "lowest confidence that counts", up_to(1))
EVENT_TYPES = Parameter("event_types", "names", ("object_detected",), "event types, by commas; empty: all", names)
INCLUDE_REJECTED = Parameter("include_rejected", "yes or no", False, "count events judged false, too", yes_or_no)
MIN_GAP = Parameter("min_gap", "seconds", 1.0, "shortest gap that is listed", up_to(86_400))


FILTERS = (LABELS, EVENT_TYPES, MIN_CONFIDENCE, INCLUDE_REJECTED)
"""What `chosen` takes."""


def chosen(
    table: ir.Table,
    labels: tuple[str, ...],
    event_types: tuple[str, ...],
    min_confidence: float,
    include_rejected: bool = False,
) -> ir.Table:
    """The rows of these labels and event types, at least this confident (one without confidence counts only at 0).

    Events judged false, and their boxes, stay away unless `include_rejected`.
    """
    if not include_rejected:
        table = table.filter(table.verdict.isnull() | (table.verdict != "false"))
    if labels:
        table = table.filter(table.label.isin(labels))
    if event_types:
        table = table.filter(table.event_type.isin(event_types))
    if min_confidence > 0:
        table = table.filter(table.confidence >= min_confidence)
    return table
