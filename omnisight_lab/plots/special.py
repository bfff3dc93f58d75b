"""Charts that one query needs and no other: gaps in lanes, ways over the frame, curves of a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd
from matplotlib.dates import date2num

from omnisight_lab.plots import shapes
from omnisight_lab.plots.colours import CAUSES, COLOURS
from omnisight_lab.plots.grouped import WEEKDAYS, Measure, grouped
from omnisight_lab.plots.look import TEXT
from omnisight_lab.plots.shapes import Canvas, colours

FEWEST_AREAS = 3
"""Days from which storage is an area; fewer are bars."""

SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "bytes"))
MOST_FRAMES = 4
"""Cameras drawn beside each other where each has its own picture."""

MOST_WAYS = 500
DIRECTIONS = ("up", "up right", "right", "down right", "down", "down left", "left", "up left")


# --- lanes: spans of time, a lane for each camera


def coverage(
    data: pd.DataFrame, canvas: Canvas, gaps: pd.DataFrame | None = None, expected: pd.DataFrame | None = None
) -> Any:
    """A lane per camera: expected time as recorded, gaps over it in the colour of their cause."""
    if gaps is None or expected is None or expected.empty:
        canvas = replace(canvas, title="Recorded share of the expected time")
        rows = pd.DataFrame({"name": data["camera"], "value": data["share"].astype(float) * 100})
        return shapes.bars(rows.sort_values("value"), canvas, "recorded share [%]")
    spans = [expected.assign(what="recorded"), *_by_cause(gaps)]
    return _lanes(spans, sorted(data["camera"].unique()), canvas)


def gaps(data: pd.DataFrame, canvas: Canvas) -> Any:
    """A lane per camera with its gaps, in the colours of their causes."""
    return _lanes(_by_cause(data), sorted(data["camera"].unique()), canvas)


def seen(data: pd.DataFrame, canvas: Canvas) -> Any:
    """From the first to the last time that each class was seen, a lane for each camera and class."""
    names = data["camera"] + " · " + data["label"].astype(str)
    least = pd.Timedelta(minutes=5)  # what was seen once would not be seen
    spans = pd.DataFrame(
        {"camera": names, "start": data["first"], "end": data["last"].clip(lower=data["first"] + least)}
    )
    return _lanes([spans.assign(what="seen")], list(names), canvas)


def _by_cause(gaps: pd.DataFrame) -> list[pd.DataFrame]:
    return [group.assign(what=cause) for cause, group in gaps.groupby("cause")]


def _lanes(spans: Sequence[pd.DataFrame], cameras: Sequence[str], canvas: Canvas) -> Any:
    """Spans (camera, start, end, what), a frame for each colour; the first camera on top. Times are UTC."""
    rows = {camera: -index for index, camera in enumerate(cameras)}
    drawn = [_spans(_corners(lane, rows), canvas) for lane in spans]
    ticks = [(index, camera) for camera, index in rows.items()]
    frame = replace(canvas, zone="UTC").frame("Overlay", times=True, rows=len(rows), yticks=ticks)
    return hv.Overlay(drawn).opts(**frame, ylabel="", xlabel="time (UTC)", ylim=(0.4 - len(rows), 0.6))


def _corners(spans: pd.DataFrame, rows: dict[str, int]) -> pd.DataFrame:
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


def _spans(lane: pd.DataFrame, canvas: Canvas) -> Any:
    what = str(lane["what"].iloc[0]) if len(lane) else "unknown"
    if canvas.backend == "matplotlib":  # its rectangles take no times
        numbers = {side: date2num(lane[side]) for side in ("from", "to")}  # type: ignore[no-untyped-call]
        lane = lane.assign(**numbers)
    shape = hv.Rectangles(lane, ["from", "low", "to", "high"], ["what", "camera"], label=what.replace("_", " "))
    return shape.opts(**canvas.part("Rectangles", color=CAUSES.get(what, COLOURS[0] if what == "seen" else TEXT)))


# --- moments


def moments(data: pd.DataFrame, canvas: Canvas) -> Any:
    """A point for each event: time across, cameras down, colours for the most frequent labels."""
    cameras = sorted(data["camera"].unique())
    lanes = {camera: -index for index, camera in enumerate(cameras)}
    common = list(data["label"].value_counts().index[:7])
    kinds = data["label"].where(data["label"].isin(common), "others")
    drawn = []
    for label, colour in zip([*common, *(["others"] if (kinds == "others").any() else [])], colours(), strict=False):
        mine = data[kinds == label]
        points = pd.DataFrame({"time": mine["local"], "lane": mine["camera"].map(lanes).astype(float), "label": label})
        shape = hv.Points(points, ["time", "lane"], ["label"], label=str(label))
        drawn.append(shape.opts(**canvas.part("Points", color=colour, alpha=0.7)))
    frame = canvas.frame(
        "Overlay", times=True, rows=len(lanes), yticks=[(place, name) for name, place in lanes.items()]
    )
    return hv.Overlay(drawn).opts(
        **frame, show_legend=True, xlabel="local time", ylabel="", ylim=(0.4 - len(lanes), 0.6)
    )


def unusual(data: pd.DataFrame, canvas: Canvas) -> Any:
    """Unusual hours, the oddest on top: what was expected, what was observed, and the way between."""
    shown = data.head(shapes.MOST_BARS).reset_index(drop=True)
    places = -shown.index.to_numpy(float)
    expected, observed = shown["expected"].astype(float), shown["events"].astype(float)
    between = pd.DataFrame({"x0": expected, "y0": places, "x1": observed, "y1": places})
    names = shown["camera"].astype(str)
    if "hour" in shown:
        names = names + "  " + shown["hour"].dt.strftime("%a %m-%d %H:00")
    drawn = [hv.Segments(between, ["x0", "y0", "x1", "y1"]).opts(**canvas.part("Segments", color=TEXT, line_width=2))]
    for values, said, colour in ((expected, "expected", TEXT), (observed, "observed", COLOURS[1])):
        points = hv.Points(pd.DataFrame({"x": values, "place": places}), ["x", "place"], label=said)
        drawn.append(points.opts(**canvas.part("Points", color=colour)))
    ticks = [(float(place), name) for place, name in zip(places, names, strict=True)]
    frame = canvas.frame("Overlay", rows=len(shown), yticks=ticks, show_legend=True)
    top = float(max(expected.max(), observed.max())) or 1.0
    return hv.Overlay(drawn).opts(
        **frame, xlabel="events in the hour", ylabel="", xlim=(0, top * 1.05), ylim=(0.4 - len(shown), 0.6)
    )


def ranked_hours(data: pd.DataFrame, canvas: Canvas) -> Any:
    """Bars of the busiest hours, camera by camera, with their intervals."""
    clock = [
        f"{WEEKDAYS[int(day) - 1]} {int(hour):02}:00"
        for day, hour in zip(data["weekday"], data["hour_of_day"], strict=True)
    ]
    limits = {end: data[f"rate_{end}"] for end in ("low", "high") if f"rate_{end}" in data}
    rows = pd.DataFrame(
        {"name": data["camera"] + "  " + pd.Series(clock, index=data.index), "value": data["rate"], **limits}
    )
    return shapes.bars(rows, canvas, "events per recorded hour")


# --- objects


def objects(data: pd.DataFrame, canvas: Canvas) -> Any:
    """Distinct objects by class, stacked by camera."""
    names = [name for name in ("label", "camera") if name in data.columns]
    if len(names) == 1:
        rows = data.groupby("label")["objects"].sum().sort_values(ascending=False).reset_index()
        return shapes.bars(rows.rename(columns={"label": "name", "objects": "value"}), canvas, "distinct objects")
    return grouped(data[[*names, "objects"]], Measure("objects", "distinct objects"), names, canvas)


def confidence(data: pd.DataFrame, canvas: Canvas) -> Any:
    """A histogram of best confidences, stacked by class where there are several."""
    edges = sorted({*data["from_confidence"].astype(float), *data["to_confidence"].astype(float)})
    labels = list(data["label"].unique()) if "label" in data else [""]
    base = pd.Series(0.0, index=edges[:-1])
    drawn = []
    for label, colour in zip(labels, colours(), strict=False):
        mine = data[data["label"] == label] if label else data
        counts = mine.groupby("from_confidence")["objects"].sum().reindex(base.index).fillna(0).astype(float)
        ends = mine.groupby("from_confidence")["to_confidence"].max().reindex(base.index).fillna(0).astype(float)
        boxes = pd.DataFrame(
            {"from": base.index, "low": base.to_numpy(), "to": ends.to_numpy(), "high": (base + counts).to_numpy()}
        )
        boxes = boxes.assign(objects=counts.to_numpy(), label=label)[counts.to_numpy() > 0]
        base = base + counts
        shape = hv.Rectangles(boxes, ["from", "low", "to", "high"], ["objects", "label"], label=str(label))
        drawn.append(shape.opts(**canvas.part("Rectangles", color=colour)))
    frame = canvas.frame("Overlay", show_legend=len(labels) > 1)
    top = float(base.max()) or 1.0
    return hv.Overlay(drawn).opts(
        **frame, xlabel="best confidence", ylabel="distinct objects", xlim=(0, 1), ylim=(0, top * 1.05)
    )


def percentiles(data: pd.DataFrame, canvas: Canvas) -> Any:
    """Boxes from the 25th to the 75th percentile, lines from the 5th to the 95th, a point at the median."""
    texts = [name for name in ("camera", "label", "zone") if name in data.columns]
    names = data[texts].astype(str).agg(" · ".join, axis=1) if texts else pd.Series("all", index=data.index)
    shown = data.head(shapes.MOST_BARS)
    places = pd.Series(-np.arange(len(shown), dtype=float), index=shown.index)
    at = {name: shown[name].astype(float) for name in ("p5", "p25", "p50", "p75", "p95")}
    lines = pd.DataFrame({"x0": at["p5"], "y0": places, "x1": at["p95"], "y1": places})
    boxes = pd.DataFrame({"from": at["p25"], "low": places - 0.3, "to": at["p75"], "high": places + 0.3})
    drawn = [
        hv.Segments(lines, ["x0", "y0", "x1", "y1"]).opts(**canvas.part("Segments", color=TEXT, line_width=2)),
        hv.Rectangles(boxes, ["from", "low", "to", "high"]).opts(
            **canvas.part("Rectangles", color=COLOURS[0], alpha=0.6)
        ),
        hv.Points(pd.DataFrame({"x": at["p50"], "place": places}), ["x", "place"]).opts(
            **canvas.part("Points", color=COLOURS[1])
        ),
    ]
    ticks = list(zip(places, names.loc[shown.index], strict=True))
    frame = canvas.frame("Overlay", rows=len(shown), yticks=ticks, show_legend=False)
    return hv.Overlay(drawn).opts(
        **frame,
        xlabel="confidence: 5, 25, 50, 75, 95 % lie below",
        ylabel="",
        xlim=(0, 1),
        ylim=(0.4 - len(shown), 0.6),
    )


def together(data: pd.DataFrame, canvas: Canvas) -> Any:
    """How often the class of the row had the company of the class of the column."""
    summed = data.groupby(["label_a", "label_b"])[["together", "windows_a"]].sum() if "windows_a" in data else None
    shares = (
        summed["together"] / summed["windows_a"].replace(0, np.nan)
        if summed is not None
        else data.set_index(["label_a", "label_b"])["share"]
    )
    return shapes.grid(shares.astype(float).unstack() * 100, canvas, "in the company of", "", "share of windows [%]")


# --- over the camera's frame


def places(data: pd.DataFrame, canvas: Canvas) -> Any:
    """The grid over the frame of each camera: how many objects were seen in each cell."""
    wide, high = _cells(data, "column", "x"), _cells(data, "row", "y")
    return _each_camera(data, canvas, lambda mine, own: _mesh(mine, own, wide, high))


def _cells(data: pd.DataFrame, number: str, middle: str) -> int:
    """How many cells there are along a side, out of the numbers and middles of some of them."""
    least = int(data[number].max()) + 1
    if middle not in data:
        return least
    ratio = (data[number].astype(float) + 0.5) / data[middle].astype(float)
    return max(least, round(float(ratio.median())))


def _mesh(data: pd.DataFrame, canvas: Canvas, wide: int, high: int) -> Any:
    counts = np.full((high, wide), np.nan)
    summed = data.groupby(["row", "column"])["objects"].sum()
    for row, column, count in summed.reset_index().itertuples(index=False):
        counts[int(row), int(column)] = count
    mesh = hv.QuadMesh(
        ((np.arange(wide) + 0.5) / wide, (np.arange(high) + 0.5) / high, counts),
        [hv.Dimension("x", label="across", range=(0, 1)), hv.Dimension("y", label="down", range=(0, 1))],
        hv.Dimension("objects", label="distinct objects"),
    )
    return mesh.opts(**canvas.frame("QuadMesh", square=16 / 9, clim=(0, float(np.nanmax(counts)) or 1.0)))


def paths(data: pd.DataFrame, canvas: Canvas) -> Any:
    """From where to where objects went, in the colour of their direction; a point at the end."""
    return _each_camera(data, canvas, _ways)


def _ways(data: pd.DataFrame, canvas: Canvas) -> Any:
    if len(data) > MOST_WAYS:
        canvas = replace(canvas, title=f"{canvas.title}: the newest {MOST_WAYS} of {len(data):,}")
        data = data.head(MOST_WAYS)
    drawn: list[Any] = []
    for direction, colour in zip((*DIRECTIONS, "–"), (*COLOURS, TEXT), strict=False):
        mine = data[data["direction"] == direction]
        if mine.empty:
            continue
        ends = mine[["start_x", "start_y", "end_x", "end_y"]].astype(float)
        line = hv.Segments(ends, ["start_x", "start_y", "end_x", "end_y"], label=direction.replace("–", "nowhere"))
        drawn.append(line.opts(**canvas.part("Segments", color=colour, alpha=0.6, line_width=1.5)))
        tip = hv.Points(ends[["end_x", "end_y"]], ["end_x", "end_y"])
        drawn.append(tip.opts(**canvas.part("Points", color=colour, alpha=0.6, show_legend=False)))
    return shapes.over_frame(drawn, canvas)


def _each_camera(data: pd.DataFrame, canvas: Canvas, draw: Any) -> Any:
    """One chart for each camera: frames of two cameras have nothing in common."""
    if "camera" not in data:
        return draw(data, canvas)
    cameras = list(data["camera"].value_counts().index)
    if len(cameras) == 1:
        return draw(data, replace(canvas, title=f"{canvas.title}, {cameras[0]}"))
    titles = cameras[:MOST_FRAMES]
    if len(cameras) > MOST_FRAMES:
        titles[-1] += f", {len(cameras) - MOST_FRAMES} more not shown"
    shown = [
        draw(data[data["camera"] == camera], replace(canvas, title=title))
        for camera, title in zip(cameras, titles, strict=False)
    ]
    if canvas.backend == "bokeh":  # two that stretch don't fit beside each other on a page
        return hv.Layout(shown).cols(1).opts(shared_axes=False, backend="bokeh")
    beside = {"fig_inches": (12, 8), "sublabel_format": ""}
    return hv.Layout(shown).cols(2).opts(shared_axes=False, **beside, backend="matplotlib")


# --- storage


def unit_of(values: pd.Series[Any]) -> tuple[float, str]:
    """The unit in which so many bytes are said."""
    most = float(values.max() or 0)
    return next((size, unit) for size, unit in SIZES if most >= size or size == 1)


def stored(data: pd.DataFrame, canvas: Canvas, column: str) -> Any:
    """Bytes by local day, stacked by camera; bars where there are too few days for an area."""
    grid = data.groupby(["day", "camera"])[column].sum().unstack("camera")
    days = pd.date_range(grid.index.min(), grid.index.max(), freq="D", name="day")
    grid = grid.reindex(days)
    grid = grid.ffill().fillna(0) if column.startswith("cumulative") else grid.fillna(0)
    size, unit = unit_of(grid.sum(axis=1))
    grid = grid / size
    label = f"recorded {unit}" if column == "bytes" else unit
    if len(grid) < FEWEST_AREAS:
        rows = grid.set_axis(list(days.strftime("%Y-%m-%d")), axis=0).rename_axis("day").reset_index()
        rows = rows.melt(id_vars="day", var_name="part", value_name="value").rename(columns={"day": "name"})
        return shapes.bars(rows.sort_values("name"), canvas, label)
    amount = hv.Dimension("amount", label=label)
    areas = {str(camera): hv.Area(grid[camera].rename("amount").reset_index(), "day", amount) for camera in grid}
    coloured = {
        camera: area.opts(**canvas.part("Area", color=colour))
        for (camera, area), colour in zip(hv.Area.stack(hv.NdOverlay(areas, "camera")).items(), colours(), strict=False)
    }
    return hv.NdOverlay(coloured, "camera").opts(**canvas.frame("NdOverlay", times=True, ylim=(0, None)))


def forecast(data: pd.DataFrame, canvas: Canvas) -> Any:
    """What is stored now, and what will be once the policies delete as much as is recorded."""
    size, unit = unit_of(data[["stored_bytes", "steady_bytes"]].max(axis=1))
    names = data["camera"] if "camera" in data else pd.Series("all cameras", index=data.index)
    rows = [
        (f"{name}: {said}", value / size, said)
        for name, now, then in zip(names, data["stored_bytes"], data["steady_bytes"], strict=True)
        for said, value in (("now", now), ("in the long run", then))
        if pd.notna(value)
    ]
    return shapes.bars(pd.DataFrame(rows, columns=["name", "value", "part"]), canvas, unit)


def what_if(data: pd.DataFrame, canvas: Canvas) -> Any:
    """Bytes that each retention would hold in the long run, stacked by camera."""
    size, unit = unit_of(data.groupby("days")["steady_bytes"].sum())
    rows = pd.DataFrame({"days": data["days"], "value": data["steady_bytes"].astype(float) / size})
    rows = rows.assign(part=data.get("camera", "all cameras")).sort_values(["days", "part"])
    rows = rows.assign(name=[f"{int(days)} day{'s' * (days != 1)}" for days in rows["days"]])
    return shapes.bars(rows, canvas, unit)


# --- quality


def precision(data: pd.DataFrame, canvas: Canvas) -> Any:
    """Precision with its interval, the lowest on top; groups that nobody judged have none."""
    measure = Measure("precision", "precision", ("confirmed", "decided"), percent=True)
    judged = data[data["precision"].notna()]
    if judged.empty:
        return shapes.words("none of these events was judged yet", canvas)
    if {"day", "week", "month", "weekday", "hour_of_day"} & set(data.columns):
        texts = [name for name in ("camera", "label") if name in data.columns]
        judged = judged.assign(decided=judged[["confirmed", "rejected", "relabelled"]].sum(axis=1))
        return grouped(judged, measure, texts, canvas)
    texts = [name for name in ("camera", "label", "confidence") if name in data.columns]
    names = judged[texts].astype(str).agg(" · ".join, axis=1) if texts else pd.Series("all", index=judged.index)
    names = names + " (" + judged["judged"].astype(str) + " judged)"
    columns = {"value": "precision", "low": "precision_low", "high": "precision_high"}
    rows = pd.DataFrame({to: judged[column].astype(float) * 100 for to, column in columns.items()}).assign(name=names)
    return shapes.bars(rows.sort_values("value"), canvas, "precision [%]")


def thresholds(data: pd.DataFrame, canvas: Canvas) -> Any:
    """Precision, and the share of true events that stays, over the threshold; with several classes precision alone."""
    if not data["precision"].notna().any():
        return shapes.words("none of these events was judged yet", canvas)
    texts = [name for name in ("camera", "label") if name in data.columns]
    groups = data[texts].astype(str).agg(" · ".join, axis=1) if texts else pd.Series("all", index=data.index)
    known = {"precision": "precision"} | ({"relative_recall": "true events kept"} if groups.nunique() == 1 else {})
    rows = pd.concat(
        pd.DataFrame(
            {
                "x": data["threshold"].astype(float),
                "value": data[column].astype(float) * 100,
                "part": said if groups.nunique() == 1 else groups,
            }
        )
        for column, said in known.items()
        if column in data
    )
    if groups.nunique() > 1:
        canvas = replace(canvas, title="Precision over the threshold")
    return shapes.curves(rows, canvas, hv.Dimension("threshold"), hv.Dimension("value", label="share [%]"))
