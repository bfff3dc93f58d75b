"""What a query gives back: rows that know their units, zone, window and age, read when they are looked at."""

from __future__ import annotations

import csv
import html
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

from omnisight_lab.analytics.engines import DuckDBEngine, Engine, compiled
from omnisight_lab.analytics.queries.registry import Column, Kind, Query, Scope
from omnisight_lab.analytics.queries.rows import Condition, chosen_rows, equals, regrouped
from omnisight_lab.analytics.tables import Tables
from omnisight_lab.errors import StorageError, UnknownName, UsageError
from omnisight_lab.types import TimeRange

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd
    import polars
    from rich.table import Table

SHOWN = 20
HIDDEN = frozenset({"camera_id", "utc_offset"})
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
        early = {name: value for name, value in wanted.items() if name in self.query.dimensions and name != "hour"}
        names = {column.name: column for column in self.columns}
        query = self.query
        for name in wanted.keys() - early.keys():
            if name not in names or names[name].added:
                raise UnknownName("column", name, [*names, *self.query.dimensions])
            query = chosen_rows(query, equals(name, wanted[name]))
        for condition in conditions:
            query = chosen_rows(query, condition)
        if not early:
            return replace(self, query=query)
        where = dict(self.parameters["where"])
        for name, values in self.query.typed({"where": early})["where"]:
            where[name] = tuple(value for value in values if value in where.get(name, values))
        return replace(self, query=query, parameters={**self.parameters, "where": tuple(where.items())})

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
    ) -> None:
        self._answer, self.about, self._columns = answer, about, tuple(columns)
        self.companions = dict(companions or {})
        self._draw = draw
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
        return HIDDEN if self._columns else frozenset()

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
        """All rows as an Arrow table; times are naive UTC, or wall clocks where the column is local."""
        if self._rows is None:
            self._rows = self._answer.all()
        return self._rows

    def df(self) -> pd.DataFrame:
        """All rows as a DataFrame; `utc` columns are aware."""
        return _frame(self.arrow(), self.columns)

    def pl(self) -> polars.DataFrame:
        """All rows as a polars DataFrame; `utc` columns are aware."""
        try:
            import polars
        except ImportError as error:
            raise UsageError("polars is not installed: pip install 'omnisight-lab[polars]'") from error
        frame = polars.from_arrow(_aware(self.arrow(), self.columns))
        assert isinstance(frame, polars.DataFrame)
        return frame

    def where(self, *conditions: Condition, **wanted: Any) -> Result:
        """The rows whose columns are what is wanted: a value, or a list of them; or for which a function holds.

        >>> lab.activity().where(camera="Yard", weekday=[6, 7]).by("hour_of_day").where(lambda t: t.rate > 1).count()
        """
        return self._asked_anew(self._chain.where(conditions, wanted))

    def by(self, *names: str) -> Result:
        """The rows grouped by columns or local times: camera, label, zone, hour, day, week, month, weekday, …

        Rates are worked out anew over the hours recorded; other results count their rows and add up what adds up.

        >>> lab.activity().by("camera", "weekday").columns
        """
        return self._asked_anew(self._chain.by(names))

    @property
    def _chain(self) -> Asked:
        if not isinstance(self._answer, Asked):
            raise UsageError("a SELECT of your own is chosen and grouped in the SELECT itself")
        return self._answer

    def _asked_anew(self, asked: Asked) -> Result:
        about = replace(self.about, parameters=asked.parameters, method=asked.query.method)
        grouped = asked.query.keys != self._chain.query.keys
        return Result(asked, about, asked.columns, draw=None if grouped else self._draw)

    def count(self) -> int:
        """How many rows there are, without reading them."""
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
        """Rows `offset` to `offset + limit` in the result's order."""
        part = self._part(offset, limit)
        return _frame(part, self._columns or [_undeclared(field) for field in part.schema])

    def rows(self) -> list[dict[str, Any]]:
        """All rows as dictionaries; times are aware (local ones with the offset of their row), nothing is NaN."""
        return list(_dictionaries(self.arrow(), self.columns))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows())

    def plot(self, backend: str | None = None) -> Any:
        """The chart that fits this query, as HoloViews; `backend`: bokeh or matplotlib (default: the one loaded)."""
        if self._draw is None:
            raise UsageError(f"there is no chart for {self.about.name}; take .df() and draw your own")
        return self._draw(self, backend)

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str | Path:
        """Writes all rows to `path`, or gives the text.

        Times are ISO 8601 with offset. Text that a spreadsheet would take for a formula gets a leading apostrophe.
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
        """Writes all rows to `path` as an array of objects; times are ISO 8601 with offset."""

        def save(temporary: Path) -> None:
            with temporary.open("w", encoding="utf-8") as out:
                json.dump(self.rows(), out, ensure_ascii=False, default=_iso)

        return _whole_file(Path(path), save)

    def to_parquet(self, path: str | os.PathLike[str]) -> Path:
        """Writes all rows to `path`; window, zone, units and age stand in the file's metadata."""
        import pyarrow.parquet

        table = _aware(self.arrow(), self.columns)
        about = {"omnisight": json.dumps(self.describe(), default=str)}
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), **about})
        return _whole_file(Path(path), lambda temporary: pyarrow.parquet.write_table(table, temporary))

    def describe(self) -> dict[str, Any]:
        """Name, window, zone, units, rows, engine and age, as reports print them."""
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
        """One line: name, rows, window in its zone, zone, age."""
        count = self.count()
        parts = [self.about.name, f"{count:,} row{'s' * (count != 1)}"]
        if self.window:
            parts.append(_span(self.window, self.zone))
        parts.append(self.zone)
        parts.append("live" if self.about.engine == "postgres" else f"data {_duration(self.about.age())} old")
        return " · ".join(part for part in parts if part)

    def _shown(self) -> tuple[list[Column], list[list[str]]]:
        part = self._part(0, SHOWN)
        columns = list(self._columns) or [_undeclared(field) for field in part.schema]
        visible = [column for column in columns if column.name not in self.hidden]
        lines = [[_cell(row[column.name], column) for column in visible] for row in _dictionaries(part, columns)]
        return visible, lines

    def table(self) -> Table:
        """The first rows as a rich table."""
        from rich.table import Table
        from rich.text import Text  # as it stands: a name such as [/] would be read as markup

        columns, lines = self._shown()
        table = Table(box=None, header_style="bold", caption=Text(self._footer(len(lines))), caption_justify="left")
        for column in columns:
            right = column.kind in ("integer", "number", "share")
            table.add_column(Text(_heading(column)), justify="right" if right else "left")
        for line in lines:
            table.add_row(*map(Text, line))
        return table

    def _footer(self, shown: int) -> str:
        more = self.count() - shown
        return self.caption() + (f" · the first {shown} shown" if more > 0 else "")

    def __rich__(self) -> Table:
        return self.table()

    def __repr__(self) -> str:
        from rich.console import Console

        out = io.StringIO()
        Console(file=out, width=200, color_system=None, force_jupyter=False).print(self.table())
        return "\n".join(line.rstrip() for line in out.getvalue().splitlines())

    def _repr_html_(self) -> str:
        columns, lines = self._shown()
        styles = [
            f"text-align:{'right' if column.kind in ('integer', 'number', 'share') else 'left'};white-space:nowrap"
            for column in columns
        ]
        head = "".join(
            f'<th title="{html.escape(column.help)}" style="{style}">{html.escape(_heading(column))}</th>'
            for column, style in zip(columns, styles, strict=True)
        )
        body = "".join(
            "<tr>"
            + "".join(f'<td style="{style}">{html.escape(cell)}</td>' for cell, style in zip(line, styles, strict=True))
            + "</tr>"
            for line in lines
        )
        caption = html.escape(self._footer(len(lines)))
        return (
            '<table class="dataframe omnisight">'
            f'<caption style="caption-side:bottom;text-align:left;white-space:nowrap">{caption}'
            f"</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
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
    """Rows with aware times, a batch at a time."""
    instants = [column.name for column in columns if column.kind == "utc"]
    locals_ = [column.name for column in columns if column.kind == "local"]
    for batch in table.to_batches(max_chunksize=50_000):
        for row in batch.to_pylist():
            for name in instants:
                if row[name] is not None:
                    row[name] = row[name].replace(tzinfo=UTC)
            for name in locals_:
                row[name] = _with_offset(row[name], row["utc_offset"])
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


def _heading(column: Column) -> str:
    name = column.name.replace("_", " ")
    said = not column.unit or column.unit == "B" or name.endswith(("hours", "seconds"))
    return name if said else f"{name} [{column.unit}]"


def _cell(value: Any, column: Column) -> str:
    """`value` as a person reads it."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}" + (
            "Z" if column.kind == "utc" else f" {value:%z}"[:4] + ":" + f"{value:%z}"[3:5]
        )
    if column.unit == "B":
        return in_bytes(value)
    if column.kind == "share":
        return f"{value * 100:.1f} %"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


def in_bytes(value: float) -> str:
    """`value` bytes in decimal units, as 12.3 MB."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(value) < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:,.0f} {unit}" if unit == "B" else f"{value:,.1f} {unit}"


def _duration(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _span(window: TimeRange, zone: str) -> str:
    """The window in its zone; in UTC where several zones meet."""
    try:
        clock: Any = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        clock = UTC
    start, end = window.start.astimezone(clock), window.end.astimezone(clock)
    suffix = " UTC" if clock is UTC and zone != "UTC" else ""
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}{suffix}"
