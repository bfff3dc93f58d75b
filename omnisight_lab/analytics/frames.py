"""What a query gives back: rows that know their units, zone, window and age, read when they are looked at."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
from ibis.common.exceptions import IbisError

from omnisight_lab.analytics.engines import DuckDBEngine, Engine, compiled
from omnisight_lab.analytics.media import Card, Clip, Gallery, Media, Picture
from omnisight_lab.analytics.queries.grouping import DIMENSIONS
from omnisight_lab.analytics.queries.registry import Column, Kind, Query, Scope
from omnisight_lab.analytics.queries.rows import Condition, as_list, chosen_rows, equals, regrouped, said
from omnisight_lab.analytics.shown import HIDDEN, Shown, cell, duration, folded, html_table
from omnisight_lab.analytics.spelling import refuse_typos
from omnisight_lab.analytics.tables import Tables
from omnisight_lab.errors import MediaError, StorageError, UnknownName, UsageError
from omnisight_lab.types import TimeRange

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd
    import polars
    from rich.console import Group
    from rich.table import Table

SHOWN = 20
"""Rows that a table on a screen has."""

CHOSEN_BEFORE = DIMENSIONS.keys() - {"hour"}
"""What the parameter `where` of queries over effort takes."""

TOLD = ("label", "event_type", "confidence", "seconds", "direction", "speed", "verdict")
"""Columns that stand below the picture of a row."""

LOCAL = Column("local", "local", "")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Answer(Protocol):
    """Where a result's rows come from."""

    @property
    def sql(self) -> str: ...

    def all(self) -> pa.Table: ...

    def page(self, offset: int, limit: int) -> pa.Table: ...

    def count(self) -> int: ...


@dataclass(frozen=True)
class Asked:
    """The rows of a named query on an engine."""

    query: Query
    tables: Tables
    scope: Scope
    engine: Engine
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def expression(self) -> ir.Table:
        """What the engine is asked; columns that `finish` adds are not in it."""
        rows = self.query.build(self.tables, self.scope, **self.parameters)
        return rows.select([column.name for column in self.columns if not column.added])

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.query.columns_of(self.parameters)

    @property
    def sql(self) -> str:
        return compiled(self.expression, self.engine.name)

    @property
    def _order(self) -> list[tuple[str, str]]:
        keys = self.query.keys_of(self.parameters)
        newest = "descending" if self.query.newest_first else "ascending"
        return [(key, newest if key == keys[0] else "ascending") for key in keys]

    def all(self) -> pa.Table:
        # Sorted here and not by the engine: databases differ in how they collate text
        rows = self.engine.fetch(self.expression)
        return self._finished(rows.sort_by(self._order) if self._order else rows)

    def page(self, offset: int, limit: int) -> pa.Table:
        keys = [
            self.expression[key].desc() if order == "descending" else self.expression[key].asc()
            for key, order in self._order
        ]
        ordered = self.expression.order_by(keys) if keys else self.expression
        return self._finished(self.engine.fetch(ordered.limit(limit, offset=offset)))

    def _finished(self, rows: pa.Table) -> pa.Table:
        if self.query.finish is None:
            return rows
        return self.query.finish(rows).select([column.name for column in self.columns])

    def count(self) -> int:
        counted = self.expression.aggregate(n=self.expression.count())
        return int(self.engine.fetch(counted)["n"][0].as_py())

    def where(self, conditions: Iterable[Condition], wanted: Mapping[str, Any]) -> Asked:
        """Only rows for which `conditions` hold and columns are what is `wanted` of them.

        What a query over effort can be grouped by is chosen before it is counted, whether it is grouped by it or not.
        """
        ahead = self.query.dimensions.keys() & CHOSEN_BEFORE if "where" in self.parameters else ()
        early = {name: value for name, value in wanted.items() if name in ahead}
        late = {name: value for name, value in wanted.items() if name not in early}
        chosen = self.query.typed({"where": early})["where"] if early else ()
        texts = tuple((name, as_list(late[name])) for name in ("camera", "label") if name in late)
        refuse_typos(self.engine, self.tables, {"where": (*chosen, *texts)})
        parameters = self.parameters
        if chosen:
            before = dict(parameters["where"])
            both = {
                name: tuple(value for value in values if value in before.get(name, values)) for name, values in chosen
            }
            parameters = {**parameters, "where": tuple({**before, **both}.items())}
        return replace(self, parameters=parameters)._with_rows([*self._equal(late), *conditions])

    def _equal(self, wanted: Mapping[str, Any]) -> list[Condition]:
        """Conditions that columns are what is wanted."""
        names = {column.name: column for column in self.columns}
        for name in wanted:
            if name not in names:
                raise UnknownName("column", name, [*names, *(self.query.dimensions.keys() & CHOSEN_BEFORE)])
            if names[name].added:
                raise UsageError(f"{name} is worked out once the rows are read: choose by it in .df()")
        return [equals(name, value) for name, value in wanted.items()]

    def _with_rows(self, conditions: Iterable[Condition]) -> Asked:
        """Only rows for which `conditions` hold; one that can't be asked is said at once, not when rows are read."""
        asked = self
        for condition in conditions:
            if not callable(condition):
                raise UsageError(f"where takes column=value, or a function of the table, not {condition!r}")
            rows = asked.expression
            asked = replace(asked, query=chosen_rows(asked.query, condition))
            try:
                asked.expression  # noqa: B018 - builds it
            except (IbisError, AttributeError, TypeError, ValueError) as error:
                raise said(error, rows) from error
        return asked

    def by(self, names: tuple[str, ...]) -> Asked:
        """The rows grouped by these columns or local times."""
        query, parameters = regrouped(self.query, names)
        return replace(self, query=query, parameters={**self.parameters, **parameters})


@dataclass(frozen=True)
class Written:
    """The rows of one SELECT that an analyst wrote."""

    sql: str
    engine: DuckDBEngine
    seconds: float

    def _fetch(self, sql: str) -> pa.Table:
        return _without_decimals(self.engine.fetch_sql(sql, self.seconds))

    def all(self) -> pa.Table:
        return self._fetch(self.sql)

    def page(self, offset: int, limit: int) -> pa.Table:
        return self._fetch(f"SELECT * FROM ({self.sql}\n) LIMIT {limit} OFFSET {offset}")

    def count(self) -> int:
        return int(self._fetch(f"SELECT count(*) AS n FROM ({self.sql}\n)")["n"][0].as_py())


@dataclass(frozen=True)
class About:
    """What stands beside the rows: name, window, zone, engine, and the moment whose data they show."""

    name: str
    zone: str
    engine: str
    snapshot: datetime
    window: TimeRange | None = None
    method: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def age(self, now: datetime | None = None) -> timedelta:
        return max(timedelta(0), (now or datetime.now(UTC)) - self.snapshot)


class Result:
    """Rows of a query, read when they are first looked at.

    Shows itself as a table with units, zone, window, data age and row count. `df()`, `to_csv()` and `to_parquet()` are
    always complete; `page()` reads a part.
    """

    def __init__(
        self,
        answer: Answer,
        about: About,
        columns: Sequence[Column] = (),
        companions: Mapping[str, Result] | None = None,
        draw: Callable[[Result, str | None], Any] | None = None,
        media: Media | None = None,
    ) -> None:
        self._answer, self.about, self._columns = answer, about, tuple(columns)
        self.companions = dict(companions or {})
        self._draw, self._media = draw, media
        self._rows: pa.Table | None = None
        self._count: int | None = None

    @property
    def sql(self) -> str:
        """The SQL that the engine runs."""
        return self._answer.sql

    @property
    def columns(self) -> tuple[Column, ...]:
        """Name, kind, unit and meaning of each column."""
        return self._columns or tuple(_undeclared(field) for field in self.arrow().schema)

    @property
    def hidden(self) -> frozenset[str]:
        """Columns that a table on the screen leaves out: the name and the written offset say the same."""
        offsets = {column.name for column in self._columns if column.kind == "offset"}
        return HIDDEN | offsets if self._columns else frozenset()

    @property
    def units(self) -> dict[str, str]:
        return {column.name: column.unit for column in self.columns if column.unit}

    @property
    def zone(self) -> str:
        return self.about.zone

    @property
    def window(self) -> TimeRange | None:
        return self.about.window

    @property
    def snapshot(self) -> datetime:
        """The moment whose data the rows show, aware UTC."""
        return self.about.snapshot

    def arrow(self) -> pa.Table:
        """All rows as an Arrow table; times are naive UTC, or wall clocks where the column is local.

        >>> lab.events("2026-10-20", "2026-10-21").arrow().num_rows
        3
        """
        if self._rows is None:
            self._rows = self._answer.all()
        return self._rows

    def df(self) -> pd.DataFrame:
        """All rows as a DataFrame; `utc` columns are aware.

        >>> lab.events("2026-10-20", "2026-10-21").df()["label"].value_counts()["car"]
        np.int64(2)
        """
        return _frame(self.arrow(), self.columns)

    def pl(self) -> polars.DataFrame:
        """All rows as a polars DataFrame; `utc` columns are aware.

        >>> lab.events("2026-10-20", "2026-10-21").pl()["label"].to_list()
        ['person', 'car', 'car']
        """
        try:
            import polars
        except ImportError as error:
            raise UsageError("polars is not installed: pip install 'omnisight-lab[polars]'") from error
        frame = polars.from_arrow(_aware(self.arrow(), self.columns))
        assert isinstance(frame, polars.DataFrame)
        return frame

    def where(self, *conditions: Condition, **wanted: Any) -> Result:
        """The rows whose columns are what is wanted: a value, or a list of them; or for which a function holds.

        >>> lab.activity("2026-10-20", "2026-10-21").where(camera="Yard", weekday=[6, 7]).by("camera").count()
        0
        >>> lab.activity("2026-10-20", "2026-10-21").by("label").where(lambda t: t.rate > 0.5).df()["label"].tolist()
        ['car']
        """
        return self._asked_anew(self._chain.where(conditions, wanted))

    def by(self, *names: str) -> Result:
        """The rows grouped by columns or local times: camera, label, zone, hour, day, week, month, weekday, …

        Rates are worked out anew over the hours recorded; other results count their rows and add up what adds up.

        >>> lab.activity("2026-10-20", "2026-10-21").by("label").df()[["label", "events", "rate"]].values.tolist()
        [['car', 2, 1.0], ['person', 1, 0.5]]
        """
        return self._asked_anew(self._chain.by(names))

    @property
    def _chain(self) -> Asked:
        if not isinstance(self._answer, Asked):
            raise UsageError("a SELECT of your own is chosen and grouped in the SELECT itself")
        return self._answer

    def _asked_anew(self, asked: Asked) -> Result:
        about = replace(self.about, parameters=asked.parameters, method=asked.query.method)
        return Result(asked, about, asked.columns, draw=self._draw, media=self._media)

    def count(self) -> int:
        """How many rows there are, without reading them.

        >>> lab.events("2026-10-20", "2026-10-21").count()
        3
        """
        if self._rows is not None:
            return int(self._rows.num_rows)
        if self._count is None:
            self._count = self._answer.count()
        return self._count

    __len__ = count

    def __bool__(self) -> bool:
        return True

    def _part(self, offset: int, limit: int) -> pa.Table:
        if offset < 0 or limit < 1:
            raise UsageError("a page starts at 0 or later and has at least one row")
        if self._rows is not None:
            return self._rows.slice(offset, limit)
        return self._answer.page(offset, limit)

    def page(self, offset: int = 0, limit: int = 100) -> pd.DataFrame:
        """Rows `offset` to `offset + limit` in the result's order.

        >>> lab.events("2026-10-20", "2026-10-21").page(1, limit=2)["label"].tolist()
        ['car', 'car']
        """
        part = self._part(offset, limit)
        return _frame(part, self._columns or [_undeclared(field) for field in part.schema])

    def rows(self) -> list[dict[str, Any]]:
        """All rows as dictionaries; times are aware (local ones with the offset of their row), nothing is NaN.

        >>> lab.events("2026-10-20", "2026-10-21").rows()[0]["local"].isoformat()
        '2026-10-20T15:10:00+02:00'
        """
        return list(_dictionaries(self.arrow(), self.columns))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows())

    def plot(self, backend: str | None = None) -> Any:
        """The chart that fits this query, as HoloViews; `backend`: bokeh or matplotlib (default: the one loaded).

        >>> lab.activity("2026-10-20", "2026-10-21").by("label").plot("bokeh").opts.get("plot", "bokeh").kwargs["title"]
        'Events per recorded camera-hour (Europe/Berlin)'
        """
        if self._draw is None:
            raise UsageError(f"there is no chart for {self.about.name}; take .df() and draw your own")
        return self._draw(self, backend)

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str | Path:
        """Writes all rows to `path`, or gives the text.

        Times are ISO 8601 with offset. Text that a spreadsheet would take for a formula gets a leading apostrophe.

        >>> lab.activity("2026-10-20", "2026-10-21").by("label").to_csv("rates.csv")
        PosixPath('rates.csv')
        """
        if path is None:
            text = io.StringIO()
            self._write_csv(text)
            return text.getvalue()
        return _whole_file(Path(path), lambda temporary: self._save_csv(temporary))

    def _save_csv(self, path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as out:
            self._write_csv(out)

    def _write_csv(self, out: Any) -> None:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([column.name for column in self.columns])
        for row in _dictionaries(self.arrow(), self.columns):
            writer.writerow([_csv_cell(value) for value in row.values()])

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Writes all rows to `path` as an array of objects; times are ISO 8601 with offset.

        >>> lab.activity("2026-10-20", "2026-10-21").by("label").to_json("rates.json")
        PosixPath('rates.json')
        """

        def save(temporary: Path) -> None:
            with temporary.open("w", encoding="utf-8") as out:
                for number, row in enumerate(_dictionaries(self.arrow(), self.columns)):
                    out.write(("[" if number == 0 else ",\n ") + json.dumps(row, ensure_ascii=False, default=_iso))
                out.write("]\n" if self.count() else "[]\n")

        return _whole_file(Path(path), save)

    def to_parquet(self, path: str | os.PathLike[str]) -> Path:
        """Writes all rows to `path`; window, zone, units and age stand in the file's metadata.

        >>> lab.activity("2026-10-20", "2026-10-21").by("label").to_parquet("rates.parquet")
        PosixPath('rates.parquet')
        """
        import pyarrow.parquet

        table = _aware(self.arrow(), self.columns)
        about = {"omnisight": json.dumps(self.describe(), default=str)}
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), **about})
        return _whole_file(Path(path), lambda temporary: pyarrow.parquet.write_table(table, temporary))

    def describe(self) -> dict[str, Any]:
        """Name, window, zone, units, rows, engine and age, as reports print them.

        >>> lab.activity("2026-10-20", "2026-10-21").describe()["zone"]
        'Europe/Berlin'
        """
        window = self.window
        return {
            "query": self.about.name,
            "from": window.start.isoformat() if window else None,
            "to": window.end.isoformat() if window else None,
            "zone": self.zone,
            "units": self.units,
            "rows": self.count(),
            "engine": self.about.engine,
            "snapshot": self.snapshot.isoformat(),
            "parameters": {name: value for name, value in self.about.parameters.items() if value},
        }

    def caption(self) -> str:
        """One line: name, rows, window in its zone, zone, age.

        >>> lab.events("2026-10-20", "2026-10-21", engine="postgres").caption()
        'events · 3 rows · 2026-10-20 00:00 to 2026-10-21 00:00 · Europe/Berlin · live'
        """
        count = self.count()
        parts = [self.about.name, f"{count:,} row{'s' * (count != 1)}"]
        if self.window:
            parts.append(_span(self.window, self.zone))
        parts.append(self.zone)
        parts.append("live" if self.about.engine == "postgres" else f"data {duration(self.about.age())} old")
        return " · ".join(part for part in parts if part)

    def _shown(self, rows: int) -> tuple[list[Shown], list[dict[str, Any]]]:
        part = self._part(0, rows)
        columns = list(self._columns) or [_undeclared(field) for field in part.schema]
        return folded(columns, self.hidden), list(_dictionaries(part, columns))

    def table(self, rows: int = SHOWN, *, caption: bool = True) -> Table:
        """The first rows as a rich table.

        >>> lab.events("2026-10-20", "2026-10-21").table(rows=2).row_count
        2
        """
        from rich.table import Table
        from rich.text import Text  # as it stands: a name such as [/] would be read as markup

        columns, shown = self._shown(rows)
        below = Text(self._footer(len(shown))) if caption else None
        table = Table(box=None, header_style="bold", pad_edge=False, caption=below, caption_justify="left")
        for column in columns:
            table.add_column(Text(column.heading), justify="right" if column.right else "left")
        for row in shown:
            table.add_row(*(Text(column.cell(row)) for column in columns))
        return table

    def _footer(self, shown: int) -> str:
        more = self.count() - shown
        return self.caption() + (f" · the first {shown} shown" if more > 0 else "")

    def __rich__(self) -> Group:
        from rich.console import Group
        from rich.text import Text

        # Below the table and not in it: a caption is no wider than its table
        table = self.table(caption=False)
        return Group(table, Text(self._footer(table.row_count)))

    def __repr__(self) -> str:
        from rich.console import Console

        out = io.StringIO()
        Console(file=out, width=200, color_system=None, force_jupyter=False).print(self)
        return "\n".join(line.rstrip() for line in out.getvalue().splitlines())

    def _repr_html_(self) -> str:
        columns, rows = self._shown(SHOWN)
        picture = self._icon if self._event_column else None
        return html_table(columns, rows, self._footer(len(rows)), picture)

    @property
    def _event_column(self) -> str | None:
        """The column that names the event whose picture belongs to a row."""
        names = {column.name for column in self._columns}
        if self._media is None or "event_id" in names:
            return "event_id" if self._media else None
        return "id" if {"id", "event_type"} <= names else None

    def _icon(self, row: Mapping[str, Any]) -> bytes | None:
        picture = self._seen(row, clips=False)
        return picture.icon() if isinstance(picture, Picture) else None

    def _seen(self, row: Mapping[str, Any], clips: bool) -> Picture | Clip | None:
        """What there is to see of a row; None where it is not kept any more."""
        assert self._media is not None and self._event_column is not None
        event = row[self._event_column]
        try:
            return self._media.clip(event, boxes=True) if clips else self._media.thumbnail(event)
        except (MediaError, UnknownName):
            return None

    def gallery(self, rows: int = 12, *, clips: bool = False) -> Gallery:
        """Pictures of the first rows that are events, each beside what its row says; `clips`: their footage instead.

        >>> lab.events("2026-10-20", "2026-10-21").gallery(1)
        Yard  2026-10-20 15:10:00 +02:00  object_detected · person · 50.0 %  (not kept)
        """
        if self._event_column is None:
            raise UsageError(f"these rows of {self.about.name} are no single events, so there are no pictures of them")
        columns, shown = self._shown(rows)
        told = [column for column in columns if column.column.name in TOLD]
        return Gallery(
            tuple(
                Card(
                    self._seen(row, clips),
                    f"{row['camera']}  {cell(row['local'], LOCAL)}" if row.get("local") else str(row.get("camera", "")),
                    " · ".join(column.cell(row) for column in told if row[column.column.name] is not None),
                )
                for row in shown
            )
        )


def _undeclared(field: pa.Field) -> Column:
    """What a column of an analyst's own SELECT most likely is."""
    kinds: list[tuple[Callable[[pa.DataType], bool], Kind]] = [
        (pa.types.is_integer, "integer"),
        (pa.types.is_floating, "number"),
        (pa.types.is_decimal, "number"),
        (pa.types.is_boolean, "boolean"),
        (pa.types.is_date, "date"),
        (pa.types.is_timestamp, "utc"),
    ]
    kind: Kind = next((kind for is_kind, kind in kinds if is_kind(field.type)), "text")
    return Column(field.name, kind, "")


def _without_decimals(table: pa.Table) -> pa.Table:
    """`table` with decimals, which sums of integers are, as plain numbers."""
    for index, column in enumerate(table.schema):
        if pa.types.is_decimal(column.type):
            kind = pa.int64() if column.type.scale == 0 else pa.float64()
            try:
                values = table.column(index).cast(kind)
            except pa.ArrowInvalid:  # beyond 64 bits
                values = table.column(index).cast(pa.float64())
            table = table.set_column(index, column.name, values)
    return table


def _aware(table: pa.Table, columns: Sequence[Column]) -> pa.Table:
    """`table` with zone UTC on its `utc` columns."""
    for index, column in enumerate(columns):
        if column.kind == "utc":
            values = table.column(index).cast(pa.timestamp("us", "UTC"))
            table = table.set_column(index, column.name, values)
    return table


def _frame(table: pa.Table, columns: Sequence[Column]) -> pd.DataFrame:
    frame: pd.DataFrame = _aware(table, columns).to_pandas(date_as_object=False)
    return frame


def _dictionaries(table: pa.Table, columns: Sequence[Column]) -> Iterator[dict[str, Any]]:
    """Rows with aware times, a batch at a time; a second local time has its offset in `<its name>_offset`.

    A number that is infinite or none at all is None, as JSON can't say it.
    """
    for index, column in enumerate(table.schema):
        if pa.types.is_floating(column.type):
            values = table.column(index)
            finite = pc.if_else(pc.is_finite(values), values, pa.scalar(None, column.type))
            table = table.set_column(index, column.name, finite)
    instants = [column.name for column in columns if column.kind == "utc"]
    offsets = {column.name for column in columns if column.kind == "offset"}
    locals_ = {
        column.name: own if (own := f"{column.name}_offset") in offsets else "utc_offset"
        for column in columns
        if column.kind == "local"
    }
    for batch in table.to_batches(max_chunksize=50_000):
        for row in batch.to_pylist():
            for name in instants:
                if row[name] is not None:
                    row[name] = row[name].replace(tzinfo=UTC)
            for name, offset in locals_.items():
                row[name] = _with_offset(row[name], row[offset])
            yield row


def _with_offset(local: datetime | None, minutes: int | None) -> datetime | None:
    if local is None or minutes is None:
        return None
    return local.replace(tzinfo=timezone(timedelta(minutes=minutes)))


def _iso(value: datetime | date) -> str:
    return value.isoformat()


def _csv_cell(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, str) and value.startswith(FORMULA):
        return "'" + value
    return value


def _whole_file(path: Path, write: Callable[[Path], None]) -> Path:
    """Writes beside `path` and renames: neither a half file nor the one beside it stays, whatever happens."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(temporary)
        temporary.replace(path)
    except OSError as error:
        raise StorageError(f"{path} can't be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()
    return path


def _span(window: TimeRange, zone: str) -> str:
    """The window in its zone; in UTC where several zones meet."""
    try:
        clock: Any = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        clock = UTC
    start, end = window.start.astimezone(clock), window.end.astimezone(clock)
    suffix = " UTC" if clock is UTC and zone != "UTC" else ""
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}{suffix}"
