"""How rows look to a person: cells with units, an interval in the cell of its figure, times on their clock."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from typing import Any

from omnisight_lab.analytics.queries.registry import Column

HIDDEN = frozenset({"camera_id", "thumbnail_path", "recording_id", "track_id", "start_x", "start_y", "end_x", "end_y"})
"""Columns that a table on the screen leaves out: others say the same, or they are for computing."""

FIGURES = ("integer", "number", "share")
LIMITS = ("_low", "_high")
BYTES = ("B", "B/h", "B/d")
PICTURE_HEIGHT = 48
WIDEST = 120  # characters of a cell


@dataclass(frozen=True, slots=True)
class Shown:
    """A column as a screen shows it; `limits` are the names of its interval's columns, which stand in its cell."""

    column: Column
    limits: tuple[str, str] | None = None

    @property
    def right(self) -> bool:
        return self.column.kind in FIGURES

    @property
    def heading(self) -> str:
        """The name, with the unit where the name does not say it."""
        name = self.column.name.replace("_", " ")
        said = self.column.unit in ("", *BYTES) or name.endswith(("hours", "seconds", "hour of day"))
        return name if said else f"{name} [{self.column.unit}]"

    def cell(self, row: Mapping[str, Any]) -> str:
        """The value as a person reads it, as 3.20 (2.11 to 4.65) where it has an interval."""
        said = cell(row[self.column.name], self.column)
        if self.limits is None or row[self.limits[0]] is None:
            return said
        low, high = (cell(row[limit], self.column) for limit in self.limits)
        return f"{said} ({low.removesuffix(' %')} to {high})"


def folded(columns: Sequence[Column], hidden: frozenset[str]) -> list[Shown]:
    """The columns that a screen shows; those of an interval are folded into the column whose limits they are."""
    names = {column.name for column in columns}
    with_limits = {name for name in names if all(name + end in names for end in LIMITS)}
    away = hidden | {name + end for name in with_limits for end in LIMITS}
    return [
        Shown(column, (column.name + LIMITS[0], column.name + LIMITS[1]) if column.name in with_limits else None)
        for column in columns
        if column.name not in away
    ]


def cell(value: Any, column: Column) -> str:
    """`value` as a person reads it."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}" + (
            "Z" if column.kind == "utc" else f" {value:%z}"[:4] + ":" + f"{value:%z}"[3:5]
        )
    if column.unit in BYTES:
        return in_bytes(value)
    if column.kind == "share":
        return f"{value * 100:.1f} %"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return number(value)
    text = str(value)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def number(value: float) -> str:
    """`value` with two decimals, or with two digits that count where it is small."""
    return f"{value:,.2f}" if value == 0 or abs(value) >= 0.1 else f"{value:.2g}"


def in_bytes(value: float) -> str:
    """`value` bytes in decimal units, as 12.3 MB."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(value) < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:,.0f} {unit}" if unit == "B" else f"{value:,.1f} {unit}"


def duration(age: timedelta) -> str:
    """`age` in the largest unit of which there are two, as 90 min."""
    seconds = int(age.total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def html_table(
    columns: Sequence[Shown],
    rows: Iterable[Mapping[str, Any]],
    caption: str,
    picture: Callable[[Mapping[str, Any]], bytes | None] | None = None,
) -> str:
    """The rows as an HTML table with `caption` below; `picture`: the JPEG that stands before a row, if it has one."""
    head = "".join(_th(column) for column in columns)
    body = "".join(
        "<tr>"
        + (f"<td>{_img(picture(row))}</td>" if picture else "")
        + "".join(f'<td style="{_style(column)}">{escape(column.cell(row))}</td>' for column in columns)
        + "</tr>"
        for row in rows
    )
    return (
        '<table class="dataframe omnisight">'
        f'<caption style="caption-side:bottom;text-align:left;white-space:nowrap">{escape(caption)}</caption>'
        f"<thead><tr>{'<th>picture</th>' if picture else ''}{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _style(column: Shown) -> str:
    return f"text-align:{'right' if column.right else 'left'};white-space:nowrap"


def _th(column: Shown) -> str:
    return f'<th title="{escape(column.column.help)}" style="{_style(column)}">{escape(column.heading)}</th>'


def _img(jpeg: bytes | None) -> str:
    if jpeg is None:
        return "–"
    data = base64.b64encode(jpeg).decode()
    return f'<img alt="" height="{PICTURE_HEIGHT}" src="data:image/jpeg;base64,{data}">'
