"""The charts of the named queries. Titles carry the zone; grounds are transparent, so that light and dark both work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import holoviews as hv
import numpy as np
import pandas as pd
from matplotlib.dates import date2num

from omnisight_lab.errors import UsageError
from omnisight_lab.plots.colours import CAUSES, COLOURS
from omnisight_lab.plots.look import options, ready


class Field(Protocol):
    """What is known of a column: its kind (text, integer, number, share, utc, local, date, …) and unit."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def unit(self) -> str: ...


HEATMAP_FROM_DAYS = 3
"""Shorter spans are drawn as curves and bars."""

SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "bytes"))


def draw(
    name: str,
    data: pd.DataFrame,
    *,
    zone: str,
    columns: Sequence[Field] = (),
    backend: str | None = None,
    **beside: pd.DataFrame,
) -> Any:
    """The chart of query `name` for its rows; `beside`: what else it needs (coverage: gaps and expected spans)."""
    if name not in CHARTS:
        raise UsageError(f"there is no chart for {name}; there are charts for {', '.join(sorted(CHARTS))}")
    backend = ready(backend)
    if data.empty:
        return _words(f"no rows of {name} in this window", f"{name} ({_short(zone)})", backend)
    return CHARTS[name](data, zone=zone, backend=backend, **beside)


def _words(text: str, title: str, backend: str) -> Any:
    return hv.Text(0.5, 0.5, text).opts(**options("Text", backend, title=title))


def _short(zone: str) -> str:
    """The zone as a title has room for it."""
    return zone.partition(" (")[0]


def activity(data: pd.DataFrame, *, zone: str, backend: str) -> Any:
    """Events per recorded camera-hour: a curve per camera up to two days, else a heat map of days and hours."""
    days = data["hour"].dt.normalize().nunique()
    title = f"Events per recorded camera-hour ({_short(zone)})"
    if not data["rate"].notna().any():
        return _words("nothing was recorded in this window", title, backend)
    return (_heatmap if days >= HEATMAP_FROM_DAYS else _curves)(data, title, backend)


def _heatmap(data: pd.DataFrame, title: str, backend: str) -> Any:
    """Days across, hours down; cells without footage stay empty, so that they do not look quiet."""
    cells = data.assign(day=data["hour"].dt.normalize(), clock=data["hour"].dt.hour)
    summed = cells.groupby(["day", "clock"])[["events", "recorded_hours"]].sum()
    days = pd.date_range(cells["day"].min(), cells["day"].max(), freq="D")
    grid = summed.reindex(pd.MultiIndex.from_product([days, range(24)]))
    events, recorded = (grid[name].to_numpy(float).reshape(-1, 24).T for name in ("events", "recorded_hours"))
    rate = np.divide(events, recorded, out=np.full_like(events, np.nan), where=recorded > 0)
    # The wall clock of a day is drawn at its noon, so that the cell spans the day
    chart = hv.QuadMesh(
        ((days + pd.Timedelta(hours=12)).to_numpy(), np.arange(24) + 0.5, rate, events, recorded),
        [hv.Dimension("day", label="local day"), hv.Dimension("clock", label="local hour", range=(0, 24))],
        [
            hv.Dimension("rate", label="events per recorded camera-hour"),
            hv.Dimension("events", label="events"),
            hv.Dimension("recorded", label="recorded hours"),
        ],
    )
    return chart.opts(
        **options("QuadMesh", backend, times=True, title=title, yticks=[0, 6, 12, 18, 24], clim=_from_zero(rate))
    )


def _from_zero(rates: Any) -> tuple[float, float]:
    """Limits from 0 to the highest rate: a rate that hardly changes looks as even as it is."""
    return 0.0, float(np.nanmax(rates)) or 1.0


def _curves(data: pd.DataFrame, title: str, backend: str) -> Any:
    """A line per camera, with a point per hour; an hour without footage breaks it, a single one still shows."""
    drawn = []
    for (camera, rows), colour in zip(data.groupby("camera"), _cycle(), strict=False):
        curve = hv.Curve(
            rows.sort_values("start")[["hour", "rate"]],
            hv.Dimension("hour", label="local hour"),
            hv.Dimension("rate", label="events per recorded camera-hour"),
            label=str(camera),
        )
        drawn.append(curve.opts(**options("Curve", backend, color=colour)))
        drawn.append(hv.Scatter(curve).opts(**options("Scatter", backend, color=colour)))
    low, high = _from_zero(data["rate"].to_numpy(float, na_value=np.nan))
    half = pd.Timedelta(minutes=30)
    span = (data["hour"].min() - half, data["hour"].max() + half)
    frame = options("Overlay", backend, times=True, title=title, show_legend=True)
    return hv.Overlay(drawn).opts(**frame, xlim=span, ylim=(low, high * 1.05))


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
    cameras = sorted(data["camera"].unique(), reverse=True)
    rows = {camera: index for index, camera in enumerate(cameras)}
    lanes = [_lane(expected.assign(what="recorded"), rows)]
    lanes += [_lane(group.assign(what=cause), rows) for cause, group in gaps.groupby("cause")]
    drawn = [_spans(lane, backend) for lane in lanes]
    ticks = [(index, camera) for camera, index in rows.items()]
    frame = options("Overlay", backend, times=True, title="Recorded time and gaps (UTC)", yticks=ticks)
    return hv.Overlay(drawn).opts(**frame, ylabel="", xlabel="time (UTC)", ylim=(-0.6, len(rows) - 0.4))


def _lane(spans: pd.DataFrame, rows: dict[str, int]) -> pd.DataFrame:
    """Corners of each span in the lane of its camera."""
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


def _spans(lane: pd.DataFrame, backend: str) -> Any:
    what = str(lane["what"].iloc[0])
    if backend == "matplotlib":  # its rectangles take no times
        numbers = {side: date2num(lane[side]) for side in ("from", "to")}  # type: ignore[no-untyped-call]
        lane = lane.assign(**numbers)
    return hv.Rectangles(lane, ["from", "low", "to", "high"], ["what", "camera"], label=what.replace("_", " ")).opts(
        **options("Rectangles", backend, color=CAUSES.get(what, CAUSES["unknown"]))
    )


def _shares(data: pd.DataFrame, zone: str, backend: str) -> Any:
    shares = data.assign(percent=data["share"] * 100)
    chart = hv.Bars(shares, "camera", hv.Dimension("percent", label="recorded share [%]"))
    return chart.opts(**options("Bars", backend, title=f"Recorded share of the expected time ({_short(zone)})"))


def detections(data: pd.DataFrame, *, zone: str, backend: str) -> Any:
    """Distinct objects by class, stacked by camera."""
    summed = data.groupby(["label", "camera"], as_index=False)["objects"].sum()
    order = summed.groupby("label")["objects"].sum().sort_values(ascending=False).index
    grid = summed.pivot(index="label", columns="camera", values="objects").fillna(0).loc[order]
    long = grid.reset_index().melt(id_vars="label", var_name="camera", value_name="objects")
    chart = hv.Bars(long, ["label", "camera"], hv.Dimension("objects", label="distinct objects"))
    return chart.opts(**options("Bars", backend, title=f"Objects by class ({_short(zone)})", stacked=True))


def storage(data: pd.DataFrame, *, zone: str, backend: str) -> Any:
    """Bytes by local day, stacked by camera; bars where there are too few days for an area."""
    size, unit = next((size, unit) for size, unit in SIZES if data["bytes"].sum() >= size or size == 1)
    summed = data.groupby(["day", "camera"])["bytes"].sum() / size
    grid = summed.unstack("camera")
    amount = hv.Dimension("amount", label=f"recorded {unit}")
    title = f"Storage by day ({_short(zone)})"
    days = pd.date_range(grid.index.min(), grid.index.max(), freq="D", name="day")
    grid = grid.reindex(days).fillna(0)
    if len(grid) < HEATMAP_FROM_DAYS:
        long = grid.set_axis(days.strftime("%Y-%m-%d"), axis=0).rename_axis("day").reset_index()
        long = long.melt(id_vars="day", var_name="camera", value_name="amount")
        return hv.Bars(long, ["day", "camera"], amount).opts(**options("Bars", backend, title=title, stacked=True))
    areas = {str(camera): hv.Area(grid[camera].rename("amount").reset_index(), "day", amount) for camera in grid}
    stacked = hv.Area.stack(hv.NdOverlay(areas, "camera"))
    coloured = {
        camera: area.opts(**options("Area", backend, color=colour))
        for (camera, area), colour in zip(stacked.items(), _cycle(), strict=False)
    }
    frame = options("NdOverlay", backend, times=True, title=title, ylim=(0, None))
    return hv.NdOverlay(coloured, "camera").opts(**frame)


CHARTS: dict[str, Callable[..., Any]] = {
    "activity": activity,
    "coverage": coverage,
    "detections": detections,
    "storage": storage,
}
"""Query -> its chart."""
