"""Charts of figures by groups: the shape follows from what they are grouped by and from what adds up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import holoviews as hv
import pandas as pd

from omnisight_lab.plots import shapes
from omnisight_lab.plots.shapes import Canvas

TIMES = {"day": "D", "week": "W-MON", "month": "MS"}
"""Columns of local time, and how often they come."""

CYCLES = {"weekday": range(1, 8), "hour_of_day": range(24)}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EFFORT = "recorded_hours"
PLACES = ("camera_id", "camera", "hour", "start", *TIMES, *CYCLES)
"""Columns of which hours were recorded."""

AXES = {"day": "local day", "week": "week from", "month": "month", "weekday": "", "hour_of_day": "local hour"}


@dataclass(frozen=True, slots=True)
class Measure:
    """What a chart shows: a column and how it reads.

    `over`: it is the quotient of these two, worked out anew where groups are put together; without them it adds up.
    `percent`: a share. `cells`: drawn as cells of colour wherever there are two groups.
    """

    name: str
    label: str
    over: tuple[str, str] | None = None
    percent: bool = False
    cells: bool = False

    @property
    def said(self) -> str:
        return f"{self.label} [%]" if self.percent else self.label

    def of(self, data: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
        """(groups, value) of the rows put together by `groups`, and (low, high) where each stands for itself."""
        scale = 100 if self.percent else 1
        alone = not data.duplicated(list(groups)).any() if groups else len(data) == 1
        if alone and (self.over or groups):
            rows = data[list(groups)].assign(value=data[self.name].astype(float) * scale)
            limits = {"low": f"{self.name}_low", "high": f"{self.name}_high"}
            known = {end: data[column].astype(float) * scale for end, column in limits.items() if column in data}
            return rows.assign(**known)
        rows = self.summed(data, groups).reset_index() if groups else self.summed(data, groups)
        if self.over:
            over, under = (rows[name].astype(float) for name in self.over)
            return rows.assign(value=(over / under.where(under > 0)) * scale)[[*groups, "value"]]
        return rows.rename(columns={self.name: "value"}).assign(value=lambda t: t["value"].astype(float) * scale)

    def summed(self, data: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
        """What adds up, by `groups` (without any: one row).

        Recorded hours count once where rows of several labels, or zones, have those of the same place and time.
        """
        names = [*self.over] if self.over else [self.name]
        if EFFORT in names:
            place = [name for name in data.columns if name in {*PLACES, *groups}]
            again = data.duplicated(place) if place else pd.Series(range(len(data)), index=data.index) > 0
            data = data.assign(**{EFFORT: data[EFFORT].where(~again, 0)})
        return data.groupby(list(groups), dropna=False)[names].sum() if groups else data[names].sum().to_frame().T


def grouped(data: pd.DataFrame, measure: Measure, names: Sequence[str], canvas: Canvas) -> hv.Element | hv.Overlay:
    """The chart of `measure` by the local times and by the `names` (text columns) that the rows have."""
    if not data[measure.name].notna().any():
        return shapes.words("nothing was recorded in this window", canvas)
    clocks = [name for name in (*TIMES, *CYCLES) if name in data.columns]
    if len(clocks) >= 2:
        return _clock_grid(data, measure, clocks, canvas)
    if clocks:
        return _over_time(data, measure, clocks[0], names, canvas)
    if len(names) >= 2:
        return _by_two(data, measure, names, canvas)
    rows = measure.of(data, names)
    rows = rows.assign(name=rows[names[0]] if names else "all")
    return shapes.bars(rows.sort_values("value", ascending=False), canvas, measure.said)


def _clock_grid(data: pd.DataFrame, measure: Measure, clocks: Sequence[str], canvas: Canvas) -> hv.QuadMesh:
    """Days across and hours down; hours across where weekdays stand below each other."""
    down, across = (clocks[0], clocks[-1]) if clocks[0] in CYCLES else (clocks[-1], clocks[0])
    rows = measure.of(data, [down, across])
    table = _named(rows.pivot(index=down, columns=across, values="value").pipe(_full, down, 0).pipe(_full, across, 1))
    return shapes.grid(table, canvas, AXES[across], AXES[down], measure.said, _most(measure))


def _over_time(
    data: pd.DataFrame, measure: Measure, clock: str, names: Sequence[str], canvas: Canvas
) -> hv.Element | hv.Overlay:
    rows = measure.of(data, [*names, clock])
    part = rows[list(names)].astype(str).agg(" · ".join, axis=1) if names else pd.Series("", index=rows.index)
    many = part.nunique() > shapes.MOST_CURVES
    if names and (many or measure.cells):
        table = rows.assign(part=part).pivot(index="part", columns=clock, values="value").pipe(_full, clock, 1)
        return shapes.grid(_named(table), canvas, AXES[clock], "", measure.said, _most(measure))
    if clock in CYCLES and not names:
        rows = rows.set_index(clock).reindex(CYCLES[clock]).reset_index()
        named = rows[clock].map(lambda number: _clock_name(clock, number))
        return shapes.bars(rows.assign(name=named), canvas, measure.said)
    rows = rows.assign(x=rows[clock]).drop(columns=clock)
    x = hv.Dimension(clock, label=AXES[clock] or clock.replace("_", " "))
    return shapes.curves(
        rows.assign(part=part) if names else rows, canvas, x, hv.Dimension("value", label=measure.said)
    )


def _by_two(data: pd.DataFrame, measure: Measure, names: Sequence[str], canvas: Canvas) -> hv.Element | hv.Overlay:
    """What adds up is stacked; a quotient is shown in cells."""
    rows = measure.of(data, list(names[:2]))
    if measure.over or measure.cells:
        table = rows.pivot(index=names[0], columns=names[1], values="value")
        return shapes.grid(table, canvas, names[1].replace("_", " "), "", measure.said, _most(measure))
    rows = rows.rename(columns={names[0]: "name", names[1]: "part"})
    order = rows.groupby("name")["value"].sum().sort_values(ascending=False).index
    rows = rows.assign(name=pd.Categorical(rows["name"], order)).sort_values(["name", "part"])
    return shapes.bars(rows.assign(name=rows["name"].astype(str)), canvas, measure.said)


def _most(measure: Measure) -> float | None:
    return 100.0 if measure.percent else None


def _full(table: pd.DataFrame, clock: str, axis: Literal[0, 1]) -> pd.DataFrame:
    """`table` with a row or column for each time between the first and the last, so that gaps are seen."""
    have = table.axes[axis]
    every = CYCLES[clock] if clock in CYCLES else pd.date_range(have.min(), have.max(), freq=TIMES[clock])
    named = pd.Index(every, name=clock)
    return table.reindex(named) if axis == 0 else table.reindex(columns=named)


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """`table` with its times written as people do."""
    for axis in (0, 1):
        name = table.axes[axis].name
        if name in TIMES or name in CYCLES:
            table = table.set_axis([_clock_name(str(name), value) for value in table.axes[axis]], axis=axis)
    return table


def _clock_name(clock: str, value: object) -> str:
    match value:
        case pd.Timestamp():
            return f"{value:%Y-%m}" if clock == "month" else f"{value:%m-%d}"
        case _:
            number = int(value)  # type: ignore[call-overload]
            return WEEKDAYS[number - 1] if clock == "weekday" else f"{number:02}"
