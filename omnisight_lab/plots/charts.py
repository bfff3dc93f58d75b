"""The charts of the named queries. Titles carry the zone; grounds are transparent, so that light and dark both work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import holoviews as hv
import numpy as np
import pandas as pd

from omnisight_lab.plots import shapes, special
from omnisight_lab.plots.grouped import CYCLES, TIMES, Measure, grouped
from omnisight_lab.plots.look import ready
from omnisight_lab.plots.shapes import Canvas

HEATMAP_FROM_DAYS = 3
"""Shorter spans are drawn as curves."""

LONGEST_NAME = 28
IDS = ("id", "camera_id", "event_id", "track_id", "recording_id", "thumbnail_path")


class Field(Protocol):
    """What is known of a column: its kind (text, integer, number, share, utc, local, date, …) and unit."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def unit(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Chart:
    """How a query is drawn: by `draw` where the rows have the columns that it `needs`, else `measure` by its groups."""

    title: str
    draw: Callable[..., Any] | None = None
    needs: tuple[str, ...] = ()
    measure: Measure | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def fits(self, data: pd.DataFrame) -> bool:
        return self.draw is not None and set(self.needs) <= set(data.columns)


def draw(
    name: str,
    data: pd.DataFrame,
    *,
    zone: str,
    columns: Sequence[Field] = (),
    backend: str | None = None,
    **beside: pd.DataFrame,
) -> Any:
    """The chart of query `name` for its rows; `beside`: what else it needs (coverage: gaps and expected spans).

    A query without a chart of its own is drawn by the kinds of its `columns`.
    """
    chart = CHARTS.get(name, Chart(name.replace("_", " ")))
    canvas = Canvas(ready(backend), chart.title, zone)
    if data.empty:
        return shapes.words(f"no rows of {name} in this window", canvas)
    labels = camera_labels([data, *beside.values()])
    data = _readable(data, labels, canvas.backend)
    if {"expected_hours", "missing_hours"} <= set(data.columns):
        data = data.assign(covered_hours=data["expected_hours"] - data["missing_hours"])
    if chart.fits(data):
        others = {key: _readable(frame, labels, canvas.backend) for key, frame in beside.items()}
        return chart.draw(data, canvas, **chart.more, **others)  # type: ignore[misc]
    if chart.measure and {chart.measure.name, *(chart.measure.over or ())} <= set(data.columns):
        return by_measure(data, canvas, chart.measure)
    return by_kinds(data, canvas, columns)


def camera_labels(frames: Sequence[pd.DataFrame]) -> dict[str, str]:
    """Id of a camera -> its name, short; cameras of equal names are told apart by the end of their id."""
    known: dict[str, str] = {}
    for frame in frames:
        if {"camera", "camera_id"} <= set(frame.columns):
            pairs = frame[["camera_id", "camera"]].dropna().drop_duplicates()
            known |= {str(id): _short(str(name)) for id, name in pairs.itertuples(index=False)}
    often = pd.Series(list(known.values()), dtype=object).value_counts()
    return {id: name if often[name] == 1 else f"{name} ({id[-6:]})" for id, name in known.items()}


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _readable(data: pd.DataFrame, labels: Mapping[str, str], backend: str) -> pd.DataFrame:
    """`data` with names that fit and that mean one camera each.

    matplotlib would set dollars as formulas, and its font has no pictures.
    """
    if {"camera", "camera_id"} <= set(data.columns):
        data = data.assign(camera=data["camera_id"].astype(str).map(labels).fillna(data["camera"]))
    texts = [name for name in data.columns if _is_text(data[name]) and name not in IDS]
    for name in texts:
        values = data[name].where(data[name].notna(), "–").astype(str).map(_short)
        if backend == "matplotlib":
            values = values.str.replace("$", r"\$").str.replace("[^\u0000-\uffff]", "", regex=True).str.strip()
        data = data.assign(**{name: values})
    return data


def _is_text(values: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_string_dtype(values) or pd.api.types.is_object_dtype(values))


def _names(data: pd.DataFrame) -> list[str]:
    """The text columns that rows are told apart by."""
    return [name for name in data.columns if _is_text(data[name]) and name not in IDS]


def by_measure(data: pd.DataFrame, canvas: Canvas, measure: Measure) -> Any:
    """`measure` by whatever the rows are grouped by."""
    if "hour" not in data.columns:
        return grouped(data, measure, _names(data), canvas)
    if not data[measure.name].notna().any():
        return shapes.words("nothing was recorded in this window", canvas)
    if data["hour"].dt.normalize().nunique() >= HEATMAP_FROM_DAYS:
        return _days_and_hours(data, measure, canvas)
    names = _names(data)[:1]
    rows = measure.of(data, [*names, "hour", *(["start"] if "start" in data else [])]).rename(columns={"hour": "x"})
    rows = rows.rename(columns={name: "part" for name in names})
    chart = shapes.curves(
        rows, canvas, hv.Dimension("hour", label="local hour"), hv.Dimension("value", label=measure.said)
    )
    half = pd.Timedelta(minutes=30)
    return chart.opts(
        hv.opts.Overlay(xlim=(data["hour"].min() - half, data["hour"].max() + half)), backend=canvas.backend
    )


def _days_and_hours(data: pd.DataFrame, measure: Measure, canvas: Canvas) -> Any:
    """Days across, hours down; cells without footage stay empty, so that they do not look quiet."""
    cells = data.assign(day=data["hour"].dt.normalize(), clock=data["hour"].dt.hour)
    summed = list(measure.over or (measure.name,))
    totals = measure.summed(cells, ["day", "clock"])
    days = pd.date_range(cells["day"].min(), cells["day"].max(), freq="D")
    grid = totals.reindex(pd.MultiIndex.from_product([days, range(24)]))
    parts = [grid[name].to_numpy(float, na_value=np.nan).reshape(-1, 24).T for name in summed]
    value = parts[0]
    if measure.over:
        value = np.divide(parts[0], parts[1], out=np.full_like(parts[0], np.nan), where=parts[1] > 0)
    if not np.isfinite(value).any():
        return shapes.words(shapes.NO_FIGURES, canvas)
    value = value * (100 if measure.percent else 1)
    # The wall clock of a day is drawn at its noon, so that the cell spans the day
    mesh = hv.QuadMesh(
        ((days + pd.Timedelta(hours=12)).to_numpy(), np.arange(24) + 0.5, value, *(parts if measure.over else ())),
        [hv.Dimension("day", label="local day"), hv.Dimension("clock", label="local hour", range=(0, 24))],
        [hv.Dimension("value", label=measure.said), *(summed if measure.over else ())],
    )
    top = 100.0 if measure.percent else float(np.nanmax(value)) or 1.0
    return mesh.opts(**canvas.frame("QuadMesh", times=True, yticks=[0, 6, 12, 18, 24], clim=(0.0, top)))


def by_kinds(data: pd.DataFrame, canvas: Canvas, columns: Sequence[Field]) -> Any:
    """A chart by the kinds of the columns: the first figure over the first time, or by names; else rows are counted."""
    kinds = {column.name: column for column in columns if column.name in data.columns}
    figures = [
        column
        for column in kinds.values()
        if column.kind in ("integer", "number", "share") and column.name not in CYCLES and column.name != "rank"
    ]
    clocks = {name for name in data.columns if name in TIMES or name in CYCLES}
    if figures:
        first = figures[0]
        unit = f" [{first.unit}]" if first.unit and first.unit != "B" else ""
        measure = Measure(first.name, first.name.replace("_", " ") + unit, percent=first.kind == "share")
    else:
        data, measure = data.assign(rows=1), Measure("rows", "rows")
    instants = [name for name, column in kinds.items() if column.kind in ("local", "utc", "date") and name not in TIMES]
    if not clocks and instants and figures:
        values = data[measure.name].astype(float) * (100 if measure.percent else 1)
        rows = pd.DataFrame({"x": _naive(data[instants[0]]), "value": values})
        if names := _names(data)[:1]:
            rows = rows.assign(part=data[names[0]])
        x = hv.Dimension(instants[0], label=instants[0].replace("_", " "))
        return shapes.curves(rows, canvas, x, hv.Dimension("value", label=measure.said))
    return grouped(data, measure, _names(data)[:2], canvas)


def _naive(times: pd.Series[Any]) -> pd.Series[Any]:
    return times.dt.tz_localize(None) if getattr(times.dtype, "tz", None) is not None else times


RATE = Measure("rate", "events per recorded camera-hour", ("events", "recorded_hours"))
CHARTS: dict[str, Chart] = {
    "activity": Chart("Events per recorded camera-hour", measure=RATE),
    "weekly_profile": Chart("Events per recorded camera-hour", measure=RATE),
    "busiest_hours": Chart("Busiest hours", special.ranked_hours, ("camera", "weekday", "hour_of_day", "rate")),
    "baseline": Chart("Unusual hours: expected and observed events", special.unusual, ("start", "events", "expected")),
    "events": Chart("Events", special.moments, ("camera", "local", "label")),
    "first_and_last_seen": Chart("First to last seen", special.seen, ("camera", "label", "first", "last")),
    "coverage": Chart("Recorded time and gaps", special.coverage, ("camera", "share")),
    "coverage_by": Chart(
        "Recorded share of the expected time",
        measure=Measure("share", "recorded share", ("covered_hours", "expected_hours"), percent=True, cells=True),
    ),
    "gaps": Chart("Gaps by cause", special.gaps, ("camera", "start", "end", "cause")),
    "uptime": Chart(
        "Availability", measure=Measure("availability", "available share of the expected time", percent=True)
    ),
    "detections": Chart(
        "Distinct objects", special.objects, ("label", "objects"), Measure("objects", "distinct objects")
    ),
    "confidence": Chart("Objects by confidence", special.confidence, ("from_confidence", "to_confidence", "objects")),
    "confidence_percentiles": Chart("Confidence", special.percentiles, ("p5", "p25", "p50", "p75", "p95")),
    "co_occurrence": Chart("Seen together", special.together, ("label_a", "label_b", "share")),
    "spatial_heatmap": Chart("Where objects were seen", special.places, ("column", "row", "objects")),
    "paths": Chart("Ways of objects", special.paths, ("start_x", "start_y", "end_x", "end_y", "direction")),
    "line_crossings": Chart("Line crossings", measure=Measure("crossings", "crossings")),
    "zone_counts": Chart("Objects in zones", measure=Measure("objects", "objects")),
    "storage": Chart("Recorded by day", special.stored, ("day", "camera", "bytes"), more={"column": "bytes"}),
    "storage_growth": Chart(
        "Stored since the first day", special.stored, ("day", "camera", "bytes"), more={"column": "cumulative_bytes"}
    ),
    "storage_forecast": Chart("Stored now and in the long run", special.forecast, ("stored_bytes", "steady_bytes")),
    "storage_what_if": Chart("Bytes held in the long run", special.what_if, ("days", "steady_bytes")),
    "quality": Chart("Precision of judged events", special.precision, ("precision", "precision_low", "judged")),
    "threshold_curve": Chart("What a higher threshold keeps", special.thresholds, ("threshold", "precision")),
    "ingest_lag": Chart("Ingest lag", measure=Measure("p95_seconds", "95 % of segments arrive within [s]")),
    "dropped_frames": Chart(
        "Frames not analysed", measure=Measure("share", "share of frames", ("dropped", "frames"), percent=True)
    ),
    "reconnects": Chart("Connections broken off", measure=Measure("broken_off", "connections broken off")),
    "notifications": Chart("Notifications by outcome", measure=Measure("notifications", "notifications")),
    "report_runs": Chart("Report runs by outcome", measure=Measure("runs", "runs")),
}
"""Query -> its chart."""
