"""Static charts of reports: results in, SVG out, in colours that the page turns for dark screens."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from omnisight_lab.analytics.frames import Result
from omnisight_lab.analytics.window import QUARTER, whole_quarters
from omnisight_lab.plots.colours import CAUSES
from omnisight_lab.reports.blocks import Block, duration, note, plural
from omnisight_lab.types import TimeRange

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT, LINE, BAR, RECORDED, BLANK = "#1f2933", "#5b6775", "#d9dee5", "#2f6fb2", CAUSES["recorded"], "#eef1f4"
HEAT = ("#f2f6fb", "#d3e3f4", "#a8c8e8", "#6fa3d6", "#3a78b8", "#1f4f87")
ON_LOW, ON_HIGH = "#1f2934", "#fefefe"
COLOURS = {
    INK: "ink",
    SOFT: "soft",
    LINE: "line",
    BAR: "bar",
    RECORDED: "recorded",
    BLANK: "blank",
    ON_LOW: "on-low",
    ON_HIGH: "on-high",
    **{colour: f"heat-{level}" for level, colour in enumerate(HEAT)},
}
"""Colour on white paper -> the page's variable for it."""

WIDTH = 8.6
ROW = 0.3
LEGEND_COLUMNS = 7
SHORTEST_DRAWN = 0.003
"""Part of the axis below which a gap would not be seen: shorter ones are drawn this wide."""


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour on the wall clock: `key` tells the repeated one in autumn apart, `start` is its first instant."""

    key: str
    label: str
    start: datetime


def hours(window: TimeRange, zone: str) -> list[Hour]:
    """The local hours of `window` in order: 23, 24 or 25 a day."""
    found: dict[str, Hour] = {}
    moment = window.start
    while moment < window.end:
        local = moment.astimezone(ZoneInfo(zone)).replace(minute=0, second=0, microsecond=0)
        found.setdefault(local.isoformat(), Hour(local.isoformat(), f"{local:%H}", moment))
        moment += QUARTER
    return list(found.values())


# --- the chart as a block


def _figure(height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, height), layout="constrained")


def _block(figure: Figure, says: str) -> Block:
    """The figure as inline SVG; `says` is what it shows, for those who can't see it."""
    import matplotlib as mpl

    out = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r"#[0-9a-f]{6}\b", _variable, svg)
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{escape(says)}"', 1)
    return Block(f'<div class="om-chart">{svg}</div>', says)


def _variable(colour: re.Match[str]) -> str:
    name = COLOURS.get(colour[0])
    return f"var(--{name}, {colour[0]})" if name else colour[0]


def _bare(axes: Axes) -> None:
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0, labelsize=8, labelcolor=SOFT)


def _legend(axes: Axes, entries: Sequence[tuple[str, str, str]]) -> None:
    """(fill, edge, text) below the axes."""
    from matplotlib.patches import Patch

    handles = [Patch(facecolor=fill, edgecolor=edge, label=text, linewidth=0.8) for fill, edge, text in entries]
    axes.figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=min(len(handles), LEGEND_COLUMNS),
        frameon=False,
        fontsize=8,
        labelcolor=SOFT,
        handlelength=1.2,
        handleheight=1.0,
        columnspacing=1.2,
    )


def _short(name: str, longest: int = 22) -> str:
    """`name` as an axis has room for it; matplotlib would read what stands between dollars as a formula."""
    return (name if len(name) <= longest else name[: longest - 1] + "…").replace("$", r"\$")


# --- activity


def activity_chart(activity: Result) -> Block:
    """A cell per camera and local hour of the day: number of events, coloured by the rate per recorded hour."""
    rows = activity.rows()
    if not any(row["recorded_hours"] or row["events"] for row in rows) or not activity.window:
        return note("Nothing was recorded and no event is known in this time, so there is no activity to draw.")
    columns = {hour.key: number for number, hour in enumerate(hours(activity.window, activity.zone))}
    cameras = sorted({row["camera"] for row in rows})
    classes = _classes(max((row["rate"] or 0.0) for row in rows))
    figure = _figure(0.75 + ROW * len(cameras))
    axes = figure.add_subplot()
    for line, camera in enumerate(cameras):
        mine = [row for row in rows if row["camera"] == camera]
        _hour_cells(axes, line, {columns[row["hour"].isoformat()]: row for row in mine}, len(columns), classes)
        _camera_total(axes, line, mine, len(columns))
    _hour_axes(axes, cameras, hours(activity.window, activity.zone))
    _legend(axes, _heat_legend(classes))
    total = sum(row["events"] for row in rows)
    return _block(figure, f"{plural(total, 'event')} by camera and hour, coloured by rate per recorded hour")


def _classes(largest: float) -> list[float]:
    """Upper bounds of the colours' classes in steps of 1, 2, 5, 10: the last one holds `largest`."""
    largest = largest or 1.0
    power = 10.0 ** math.floor(math.log10(largest))
    series = [factor * 10**exponent * power for exponent in (-2, -1, 0, 1) for factor in (1, 2, 5)]
    last = next(number for number, bound in enumerate(series) if bound >= largest * (1 - 1e-9))
    return [float(f"{bound:.1g}") for bound in series[last - len(HEAT) + 2 : last + 1]]


def _level(rate: float | None, classes: Sequence[float]) -> int:
    if not rate:
        return 0
    return next((number for number, bound in enumerate(classes, 1) if rate <= bound * (1 + 1e-9)), len(classes))


def _brief(count: int) -> str:
    """A count in the width of a cell."""
    if count < 1000:
        return str(count)
    return f"{count / 1000:.1f}k" if count < 9950 else f"{count / 1000:,.0f}k"


def _hour_cells(
    axes: Axes, line: int, found: dict[int, dict[str, Any]], columns: int, classes: Sequence[float]
) -> None:
    from matplotlib.patches import Rectangle

    for column in range(columns):
        row = found.get(column)
        recorded = bool(row and row["recorded_hours"])
        level = _level(row["rate"], classes) if row else 0
        fill, edge = (HEAT[level], "none") if recorded else ("none", LINE)
        cell = Rectangle((column + 0.04, line + 0.07), 0.92, 0.86, facecolor=fill, edgecolor=edge, linewidth=0.6)
        axes.add_patch(cell)
        if row and (recorded or row["events"]):
            colour = ON_HIGH if recorded and level >= 4 else ON_LOW
            axes.text(
                column + 0.5, line + 0.53, _brief(row["events"]), ha="center", va="center", fontsize=7.5, color=colour
            )


def _camera_total(axes: Axes, line: int, rows: list[dict[str, Any]], columns: int) -> None:
    events, recorded = sum(row["events"] for row in rows), sum(row["recorded_hours"] for row in rows)
    per_hour = f"{events / recorded:,.1f}" if recorded else "–"
    axes.text(columns + 1.9, line + 0.53, f"{events:,}", ha="right", va="center", fontsize=8, color=INK)
    axes.text(columns + 3.6, line + 0.53, per_hour, ha="right", va="center", fontsize=8, color=INK)


def _hour_axes(axes: Axes, cameras: list[str], shown: list[Hour]) -> None:
    _bare(axes)
    axes.set_xlim(0, len(shown) + 3.7)
    axes.set_ylim(len(cameras), 0)
    axes.set_yticks([line + 0.5 for line in range(len(cameras))], [_short(name) for name in cameras])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.xaxis.tick_top()
    places = [number + 0.5 for number in range(len(shown))] + [len(shown) + 1.3, len(shown) + 3.1]
    axes.set_xticks(places, [hour.label for hour in shown] + ["events", "per h"])


def _heat_legend(classes: Sequence[float]) -> list[tuple[str, str, str]]:
    shown = [(colour, "none", f"to {bound:,g}") for colour, bound in zip(HEAT[1:], classes, strict=True)]
    last = (*shown[-1][:2], f"{shown[-1][2]} per recorded hour")
    return [(HEAT[0], LINE, "0"), *shown[:-1], last, ("none", LINE, "not recorded")]


# --- coverage


def coverage_chart(coverage: Result) -> Block:
    """A lane per camera: when recording was expected, and what of it is missing, by cause."""
    spans, gaps = coverage.companions["expected"].rows(), coverage.companions["gaps"].rows()
    if not spans:
        return note("Recording was not expected from any camera in this time, so there is no coverage to draw.")
    cameras = sorted({row["camera"] for row in coverage.rows()})
    shown = _shown(spans)
    causes = {cause: CAUSES.get(cause, CAUSES["unknown"]) for cause in sorted({gap["cause"] for gap in gaps})}
    legend_rows = math.ceil((len(causes) + 2) / LEGEND_COLUMNS)
    figure = _figure(0.55 + 0.2 * legend_rows + ROW * len(cameras))
    axes = figure.add_subplot()
    for line, camera in enumerate(cameras):
        axes.broken_barh([(0, _at(shown, shown.end))], (line + 0.2, 0.6), color=BLANK, linewidth=0)
        mine = [(_at(shown, row["start"]), _at(shown, row["end"])) for row in spans if row["camera"] == camera]
        axes.broken_barh([(x, end - x) for x, end in mine], (line + 0.2, 0.6), color=RECORDED, linewidth=0)
        for gap in gaps:
            if gap["camera"] == camera:
                bar = _gap_bar(shown, gap)
                axes.broken_barh([bar], (line + 0.2, 0.6), color=causes[gap["cause"]], linewidth=0)
    _lane_axes(axes, cameras, shown, coverage.zone)
    words = [(colour, "none", cause.replace("_", " ")) for cause, colour in causes.items()]
    _legend(axes, [(RECORDED, "none", "recorded"), *words, (BLANK, LINE, "not expected")])
    missing = sum(gap["seconds"] for gap in gaps)
    return _block(figure, f"Recorded time by camera; {plural(len(gaps), 'gap')}, {duration(missing)} in all")


def _shown(spans: list[dict[str, Any]]) -> TimeRange:
    """The quarters of an hour in which recording was expected: a short run must not vanish in an empty day."""
    return whole_quarters(TimeRange(min(row["start"] for row in spans), max(row["end"] for row in spans)))


def _at(shown: TimeRange, moment: datetime) -> float:
    """Seconds on the axis."""
    return (moment - shown.start).total_seconds()


def _gap_bar(shown: TimeRange, gap: dict[str, Any]) -> tuple[float, float]:
    start, width = _at(shown, gap["start"]), gap["seconds"]
    least = shown.seconds * SHORTEST_DRAWN
    return (start, width) if width >= least else (min(start, shown.seconds - least), least)


def _lane_axes(axes: Axes, cameras: list[str], shown: TimeRange, zone: str) -> None:
    _bare(axes)
    axes.set_xlim(0, shown.seconds)
    axes.set_ylim(len(cameras), 0)
    axes.set_yticks([line + 0.5 for line in range(len(cameras))], [_short(name) for name in cameras])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.xaxis.tick_top()
    ticks = list(_ticks(shown, zone))
    axes.set_xticks([place for place, _ in ticks], [label for _, label in ticks])
    axes.vlines([place for place, _ in ticks], 0, len(cameras), color=LINE, linewidth=0.6, zorder=0)


def _ticks(shown: TimeRange, zone: str) -> Iterator[tuple[float, str]]:
    """Round local times, at most about a dozen; days where there are more than three hours between them."""
    minutes = next((m for m in (5, 15, 30, 60, 120, 180) if shown.seconds / 60 / m <= 13), 24 * 60)
    apart = max(minutes * 40, shown.seconds / 13)
    moment, last = shown.start, -math.inf
    while moment <= shown.end:
        local, place = moment.astimezone(ZoneInfo(zone)), _at(shown, moment)
        # The hour that comes twice in autumn is labelled once
        if (local.hour * 60 + local.minute) % minutes == 0 and place - last > apart:
            yield place, f"{local:%-d %b}" if minutes == 24 * 60 else f"{local:%H:%M}"
            last = place
        moment += timedelta(minutes=5)


# --- detections


def label_chart(detections: Result, most: int = 10) -> Block:
    """Distinct objects by class, the commonest first; those after `most` are summed up."""
    counts: dict[str, int] = {}
    for row in detections.rows():
        counts[row["label"]] = counts.get(row["label"], 0) + row["objects"]
    if not counts:
        return note("No objects were detected in this time.")
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in ordered[most:])
    bars = ordered[:most] + ([(f"{len(ordered) - most} others", rest)] if rest else [])
    figure = _figure(0.25 + 0.28 * len(bars))
    axes = figure.add_subplot()
    _bare(axes)
    axes.barh(range(len(bars)), [count for _, count in bars], height=0.62, color=BAR)
    largest = max(count for _, count in bars)
    for line, (_, count) in enumerate(bars):
        axes.text(count + largest * 0.008, line, f"{count:,}", va="center", fontsize=8, color=INK)
    axes.set_xlim(0, largest * 1.08)
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.set_xticks([])
    axes.set_yticks(range(len(bars)), [_short(label) for label, _ in bars])
    axes.tick_params(axis="y", labelcolor=INK)
    return _block(figure, "Objects by class: " + ", ".join(f"{label} {count}" for label, count in bars))
