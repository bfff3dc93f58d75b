"""Shapes that charts are made of: bars, curves, grids, lanes. Tidy frames in, HoloViews out, the same on each backend.

Bars lie on their side and lanes one below the other: names stand whole beside them, however long and many they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd

from omnisight_lab.plots.colours import COLOURS
from omnisight_lab.plots.look import TEXT, options

MOST_BARS = 40
"""More than these would be no chart any more; the title says how many are left out."""

MOST_CURVES = 8
NO_FIGURES = "there is no figure for any of these rows"
TICKS = 16


@dataclass(frozen=True, slots=True)
class Canvas:
    """Where a chart is drawn: backend, title, and the zone that the title says."""

    backend: str
    title: str
    zone: str

    @property
    def heading(self) -> str:
        """The title with the zone, as far as there is room for it."""
        return f"{self.title} ({self.zone.partition(' (')[0]})"

    def frame(self, element: str, **wanted: Any) -> dict[str, Any]:
        return options(element, self.backend, title=self.heading, **wanted)

    def part(self, element: str, **wanted: Any) -> dict[str, Any]:
        return options(element, self.backend, **wanted)


def words(text: str, canvas: Canvas) -> Any:
    """A sentence in place of a chart."""
    return hv.Text(0.5, 0.5, text).opts(**canvas.frame("Text"))


def colours() -> Iterator[str]:
    while True:
        yield from COLOURS


def bars(rows: pd.DataFrame, canvas: Canvas, label: str, palette: Mapping[str, str] | None = None) -> Any:
    """A bar for each `name`, in the order of the rows, from the top.

    `rows`: name, value; `part` stacks bars of one name in colours; `low` and `high` are whiskers.
    """
    if rows.empty:
        return words(NO_FIGURES, canvas)
    names = list(dict.fromkeys(rows["name"]))
    left_out = len(names) - MOST_BARS
    names = names[:MOST_BARS]
    rows = rows[rows["name"].isin(names)]
    if left_out > 0:
        canvas = Canvas(canvas.backend, f"{canvas.title}: the first {MOST_BARS} of {left_out + MOST_BARS}", canvas.zone)
    places = rows["name"].map({name: -number for number, name in enumerate(names)}).astype(float)
    parts = rows["part"] if "part" in rows else pd.Series("", index=rows.index)
    values = rows["value"].fillna(0).astype(float)
    starts = values.groupby(places).cumsum() - values
    boxes = pd.DataFrame({"from": starts, "low": places - 0.35, "to": starts + values, "high": places + 0.35})
    boxes = boxes.assign(value=rows["value"], name=rows["name"], part=parts)
    drawn = [_boxes(group, str(part), colour, canvas) for part, group, colour in _coloured(boxes, palette)]
    if {"low", "high"} <= set(rows.columns):
        drawn.append(_whiskers(rows, places, canvas))
    end = max(float(boxes["to"].max()), float(rows["high"].max()) if "high" in rows else 0.0) or 1.0
    frame = canvas.frame("Overlay", rows=len(names), yticks=[(-number, name) for number, name in enumerate(names)])
    legend = {"show_legend": parts.nunique() > 1}
    return hv.Overlay(drawn).opts(
        **frame, **legend, xlabel=label, ylabel="", xlim=(0, end * 1.05), ylim=(0.6 - len(names), 0.6)
    )


def _coloured(boxes: pd.DataFrame, palette: Mapping[str, str] | None) -> Iterator[tuple[Any, pd.DataFrame, str]]:
    """Each part with its boxes and colour."""
    for (part, group), colour in zip(boxes.groupby("part", sort=False), colours(), strict=False):
        yield part, group, (palette or {}).get(str(part), colour)


def _boxes(boxes: pd.DataFrame, part: str, colour: str, canvas: Canvas) -> Any:
    shape = hv.Rectangles(boxes, ["from", "low", "to", "high"], ["value", "name", "part"], label=part.replace("_", " "))
    return shape.opts(**canvas.part("Rectangles", color=colour))


def _whiskers(rows: pd.DataFrame, places: pd.Series[float], canvas: Canvas) -> Any:
    known = rows["low"].notna() & rows["high"].notna()
    lines = pd.DataFrame({"from": rows["low"], "y0": places, "to": rows["high"], "y1": places})[known].astype(float)
    return hv.Segments(lines, ["from", "y0", "to", "y1"]).opts(**canvas.part("Segments", color=TEXT, line_width=2))


def curves(rows: pd.DataFrame, canvas: Canvas, x: hv.Dimension, y: hv.Dimension) -> Any:
    """A line with points for each `part`, over `x`; rows without a value break it. `low` and `high` shade a single one.

    `rows`: x, value and perhaps part, low, high.
    """
    if not rows["value"].notna().any():
        return words(NO_FIGURES, canvas)
    parts = list(dict.fromkeys(rows["part"])) if "part" in rows else [""]
    if len(parts) > MOST_CURVES:
        most = rows.groupby("part")["value"].sum().nlargest(MOST_CURVES).index
        canvas = Canvas(canvas.backend, f"{canvas.title}: the {MOST_CURVES} highest of {len(parts)}", canvas.zone)
        parts = [part for part in parts if part in most]
    drawn: list[Any] = []
    for part, colour in zip(parts, colours(), strict=False):
        mine = (rows[rows["part"] == part] if "part" in rows else rows).sort_values("x")
        mine = mine.rename(columns={"x": x.name, "value": y.name})
        if len(parts) == 1 and {"low", "high"} <= set(rows.columns):
            band = hv.Area(mine[[x.name, "low", "high"]].dropna(), x, ["low", "high"])
            drawn.append(band.opts(**canvas.part("Area", color=colour, alpha=0.2, **_no_legend(canvas))))
        curve = hv.Curve(mine[[x.name, y.name]], x, y, label=str(part))
        drawn.append(curve.opts(**canvas.part("Curve", color=colour)))
        drawn.append(hv.Scatter(curve).opts(**canvas.part("Scatter", color=colour)))
    times = pd.api.types.is_datetime64_any_dtype(rows["x"])
    shaded = len(parts) == 1 and "high" in rows
    top = float(np.nanmax(rows["high" if shaded else "value"].to_numpy(float, na_value=np.nan))) or 1.0
    frame = canvas.frame("Overlay", times=times, show_legend=len(parts) > 1 or bool(parts[0]))
    return hv.Overlay(drawn).opts(**frame, ylim=(0, top * 1.05), xlabel=x.label, ylabel=y.label)


def _no_legend(canvas: Canvas) -> dict[str, Any]:
    return {"show_legend": False} if canvas.backend == "matplotlib" else {}


def grid(
    table: pd.DataFrame, canvas: Canvas, x: str, y: str, value: str, most: float | None = None, **beside: pd.DataFrame
) -> Any:
    """A cell for each value of `table` (rows downwards), empty where it is unknown; `beside`: more that hovering says.

    `most`: the end of the colours, where it is not the highest value.
    """
    across, down = table.shape[1], table.shape[0]
    values = table.to_numpy(float, na_value=np.nan)
    if not np.isfinite(values).any():
        return words(NO_FIGURES, canvas)
    top = most if most is not None else float(np.nanmax(values)) or 1.0
    more = {name: other.to_numpy(float, na_value=np.nan) for name, other in beside.items()}
    mesh = hv.QuadMesh(
        (np.arange(across) + 0.5, np.arange(down) + 0.5, values, *more.values()),
        [hv.Dimension("column", range=(0, across)), hv.Dimension("row", range=(0, down))],
        [hv.Dimension("value", label=value), *more],
    )
    ticks = {"xticks": _ticks(table.columns), "yticks": _ticks(table.index, 30)}
    slanted = 45 if max((len(str(name)) for name in table.columns), default=0) > 5 else 0
    frame = canvas.frame("QuadMesh", rows=down, clim=(0.0, top), xrotation=slanted, **ticks)
    return mesh.opts(**frame, xlabel=x, ylabel=y)


def _ticks(names: Sequence[Any] | pd.Index[Any], most: int = TICKS) -> list[tuple[float, str]]:
    """Places of names in the middle of their cells; some of them where there are many."""
    step = max(1, -(-len(names) // most))
    return [(number + 0.5, str(name)) for number, name in enumerate(names) if number % step == 0]


def over_frame(elements: Sequence[Any], canvas: Canvas, aspect: float = 16 / 9) -> Any:
    """Elements in fractions of a camera's frame: y runs downwards, sides as of the frame."""
    frame = canvas.frame("Overlay", square=aspect, invert_yaxis=True, show_legend=len(elements) > 2)
    return hv.Overlay(list(elements)).opts(**frame, xlim=(0, 1), ylim=(0, 1), xlabel="across", ylabel="down")
