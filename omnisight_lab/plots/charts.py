"""The charts of the named queries. Titles carry the zone; grounds are transparent, so that light and dark both work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd

from omnisight_lab.errors import UsageError
from omnisight_lab.plots.look import CAUSES, COLOURS, options, ready, rotated

HEATMAP_FROM_DAYS = 3
"""Shorter spans are drawn as curves."""


def draw(name: str, data: pd.DataFrame, *, zone: str, backend: str | None = None, **beside: pd.DataFrame) -> Any:
    """The chart of query `name` for its rows; `beside`: what else it needs (coverage: gaps and expected spans)."""
    if name not in CHARTS:
        raise UsageError(f"there is no chart for {name}; there are charts for {', '.join(sorted(CHARTS))}")
    backend = ready(backend)
    if data.empty:
        return _nothing(name, zone, backend)
    return CHARTS[name](data, zone=zone, backend=backend, **beside)


def _nothing(name: str, zone: str, backend: str) -> Any:
    text = hv.Text(0.5, 0.5, f"no rows of {name} in this window")
    return text.opts(**options("Text", backend, title=f"{name} ({zone})", bare=True))


def activity(data: pd.DataFrame, *, zone: str, backend: str) -> Any:
    """Events per recorded camera-hour: a curve per camera up to two days, else a heat map of days and hours."""
    days = data["hour"].dt.normalize().nunique()
    return (_heatmap if days >= HEATMAP_FROM_DAYS else _curves)(data, zone, backend)


def _heatmap(data: pd.DataFrame, zone: str, backend: str) -> Any:
    """Days across, hours down; cells without footage stay empty, so that they do not look quiet."""
    cells = data.assign(day=data["hour"].dt.strftime("%Y-%m-%d"), clock=data["hour"].dt.hour)
    summed = cells.groupby(["day", "clock"], as_index=False)[["events", "recorded_hours"]].sum()
    recorded = summed["recorded_hours"].to_numpy(dtype=float)
    events = summed["events"].to_numpy(dtype=float)
    summed["rate"] = np.divide(events, recorded, out=np.full(len(summed), np.nan), where=recorded > 0)
    chart = hv.HeatMap(
        summed,
        [hv.Dimension("day", label="local day"), hv.Dimension("clock", label="local hour")],
        [
            hv.Dimension("rate", label="events per recorded camera-hour"),
            hv.Dimension("events", label="events"),
            hv.Dimension("recorded_hours", label="recorded hours"),
        ],
    )
    return chart.opts(
        **options("HeatMap", backend, title=f"Events per recorded camera-hour ({zone})", xticks_rotated=True)
    )


def _curves(data: pd.DataFrame, zone: str, backend: str) -> Any:
    curves = {
        str(camera): hv.Curve(
            _unbroken(rows),
            hv.Dimension("hour", label="local hour"),
            hv.Dimension("rate", label="events per recorded camera-hour"),
            label=str(camera),
        ).opts(**options("Curve", backend, color=colour))
        for (camera, rows), colour in zip(data.groupby("camera"), _cycle(), strict=False)
    }
    title = f"Events per recorded camera-hour ({zone})"
    return hv.NdOverlay(curves, "camera").opts(**options("NdOverlay", backend, title=title))


def _unbroken(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows in order of time, the points drawn at their wall-clock hour; an hour without footage breaks the line."""
    return rows.sort_values("start")[["hour", "rate"]]


def _cycle() -> Any:
    while True:
        yield from COLOURS


def coverage(
    data: pd.DataFrame,
    *,
    zone: str,
    backend: str,
    gaps: pd.DataFrame | None = None,
    expected: pd.DataFrame | None = None,
) -> Any:
    """A lane per camera: expected time as recorded, gaps over it in the colour of their cause."""
    if gaps is None or expected is None or expected.empty:
        return _shares(data, zone, backend)
    cameras = sorted(data["camera"], reverse=True)
    rows = {camera: index for index, camera in enumerate(cameras)}
    lanes = [_lane(expected.assign(what="recorded"), rows)]
    lanes += [_lane(group.assign(what=cause), rows) for cause, group in gaps.groupby("cause")]
    drawn = [
        hv.Rectangles(lane, kdims=["from", "low", "to", "high"], vdims=["what", "camera"], label=_word(lane)).opts(
            **options("Rectangles", backend, color=CAUSES.get(lane["what"].iloc[0], CAUSES["unknown"]))
        )
        for lane in lanes
    ]
    return hv.Overlay(drawn).opts(
        **options("Overlay", backend, title="Recorded time and gaps (UTC)", lanes=[(i, c) for c, i in rows.items()])
    )


def _word(lane: pd.DataFrame) -> str:
    return str(lane["what"].iloc[0]).replace("_", " ")


def _lane(spans: pd.DataFrame, rows: dict[str, int]) -> pd.DataFrame:
    spans = spans[spans["camera"].isin(rows)]
    middle = spans["camera"].map(rows).astype(float)
    return pd.DataFrame(
        {
            "from": spans["start"].dt.tz_localize(None),
            "low": middle - 0.35,
            "to": spans["end"].dt.tz_localize(None),
            "high": middle + 0.35,
            "what": spans["what"],
            "camera": spans["camera"],
        }
    )


def _shares(data: pd.DataFrame, zone: str, backend: str) -> Any:
    shares = data.assign(percent=data["share"] * 100)
    chart = hv.Bars(shares, "camera", hv.Dimension("percent", label="recorded share [%]"))
    return chart.opts(**options("Bars", backend, title=f"Recorded share of the expected time ({zone})"))


def detections(data: pd.DataFrame, *, zone: str, backend: str) -> Any:
    """Distinct objects by class, stacked by camera."""
    summed = data.groupby(["label", "camera"], as_index=False)["objects"].sum()
    order = summed.groupby("label")["objects"].sum().sort_values(ascending=False).index
    grid = summed.pivot(index="label", columns="camera", values="objects").fillna(0).loc[order]
    long = grid.reset_index().melt(id_vars="label", var_name="camera", value_name="objects")
    chart = hv.Bars(long, ["label", "camera"], hv.Dimension("objects", label="distinct objects"))
    return chart.opts(**options("Bars", backend, title=f"Objects by class ({zone})", stacked=True))


def storage(data: pd.DataFrame, *, zone: str, backend: str) -> Any:
    """Gigabytes by local day, stacked by camera; bars where there are too few days for an area."""
    summed = data.groupby(["day", "camera"])["bytes"].sum().div(1e9).rename("gigabytes").reset_index()
    grid = summed.pivot(index="day", columns="camera", values="gigabytes")
    title = f"Recorded gigabytes by day ({zone})"
    if len(grid) < HEATMAP_FROM_DAYS:
        long = rotated(grid.fillna(0))
        chart = hv.Bars(long, ["day", "camera"], hv.Dimension("gigabytes", unit="GB"))
        return chart.opts(**options("Bars", backend, title=title, stacked=True))
    grid = grid.reindex(pd.date_range(grid.index.min(), grid.index.max(), freq="D", name="day")).fillna(0)
    areas = {
        str(camera): hv.Area(
            grid[camera].rename("gigabytes").reset_index(),
            "day",
            hv.Dimension("gigabytes", unit="GB"),
            label=str(camera),
        ).opts(**options("Area", backend, color=colour))
        for camera, colour in zip(grid.columns, _cycle(), strict=False)
    }
    stacked = hv.Area.stack(hv.NdOverlay(areas, "camera"))
    return stacked.opts(**options("NdOverlay", backend, title=title))


CHARTS: dict[str, Callable[..., Any]] = {
    "activity": activity,
    "coverage": coverage,
    "detections": detections,
    "storage": storage,
}
"""Query -> its chart."""
