"""How charts look with each backend: sizes, colours, transparent grounds, text that can be read on light and dark."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import holoviews as hv
import pandas as pd

from omnisight_lab.errors import UnknownName

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#999999")
"""Told apart by most colour-blind people (Okabe and Ito 2008)."""

CAUSES = {
    "recorded": "#009e73",
    "camera_unreachable": "#d55e00",
    "wrong_credentials": "#cc79a7",
    "stream_not_found": "#b2567f",
    "stalled": "#e69f00",
    "no_keyframe": "#8c6bb1",
    "disk_full": "#56b4e9",
    "worker_down": "#0072b2",
    "unknown": "#999999",
}

TEXT = "#777777"
"""Contrast at least 4:1 on white and on near-black grounds alike."""

_MODULES = {"bokeh": "holoviews.plotting.bokeh", "matplotlib": "holoviews.plotting.mpl"}


def ready(backend: str | None) -> str:
    """The backend to draw for, loaded: the one asked for, else the one that is current, else bokeh."""
    if backend is None:
        backend = hv.Store.current_backend if hv.Store.current_backend in hv.Store.registry else "bokeh"
    if backend not in _MODULES:
        raise UnknownName("plot backend", backend, _MODULES)
    if backend not in hv.Store.registry:
        current = hv.Store.current_backend if hv.Store.registry else backend
        import_module(_MODULES[backend])
        hv.Store.set_current_backend(current)
    return backend


def rotated(grid: pd.DataFrame) -> pd.DataFrame:
    """A table of days and cameras in long form, days as text."""
    days = pd.DatetimeIndex(grid.index).strftime("%Y-%m-%d")
    return (
        grid.set_axis(days, axis=0)
        .rename_axis("day")
        .reset_index()
        .melt(id_vars="day", var_name="camera", value_name="gigabytes")
    )


def options(element: str, backend: str, **wanted: Any) -> dict[str, Any]:
    """Keyword options of an element for one backend."""
    make = _bokeh if backend == "bokeh" else _matplotlib
    return {**make(element, **wanted), "backend": backend}


def _bokeh(
    element: str,
    *,
    title: str = "",
    color: str | None = None,
    stacked: bool = False,
    bare: bool = False,
    xticks_rotated: bool = False,
    lanes: list[tuple[int, str]] | None = None,
) -> dict[str, Any]:
    found: dict[str, Any] = {"hooks": [_transparent_bokeh], "responsive": True, "min_height": 300, "show_grid": False}
    if title:
        found["title"] = title
    if element == "HeatMap":
        found |= {"cmap": "viridis", "colorbar": True, "tools": ["hover"], "invert_yaxis": True, "yticks": 8}
    if element == "Bars":
        found |= {"stacked": stacked, "tools": ["hover"], "legend_position": "right", "cmap": list(COLOURS)}
    if element == "Rectangles":
        found |= {"color": color, "line_width": 0, "tools": ["hover"]}
    if element in ("Curve", "Area"):
        found |= {"color": color, "tools": ["hover"]}
    if element in ("NdOverlay", "Overlay"):
        found |= {"legend_position": "right"}
    if lanes:
        found |= {"yticks": lanes, "ylabel": "", "xlabel": "time (UTC)", "show_grid": False}
    if bare:
        found |= {"xaxis": None, "yaxis": None}
    if xticks_rotated:
        found["xrotation"] = 45
    if element in ("Curve", "Area", "Rectangles"):
        found = {key: value for key, value in found.items() if key not in ("responsive", "min_height", "show_grid")}
    return found


def _transparent_bokeh(plot: Any, element: Any) -> None:
    """Nothing is painted behind the chart, and words are a grey that light and dark both carry."""
    figure = plot.state
    figure.background_fill_alpha = figure.border_fill_alpha = 0
    figure.title.text_color = TEXT
    for axis in figure.axis:
        axis.axis_label_text_color = axis.major_label_text_color = TEXT
        axis.axis_line_color = axis.major_tick_line_color = axis.minor_tick_line_color = TEXT
    for legend in figure.legend:
        legend.background_fill_alpha = 0
        legend.label_text_color = TEXT
    for bar in figure.right:
        if hasattr(bar, "major_label_text_color"):
            bar.major_label_text_color = bar.title_text_color = TEXT
            bar.background_fill_alpha = 0


def _matplotlib(
    element: str,
    *,
    title: str = "",
    color: str | None = None,
    stacked: bool = False,
    bare: bool = False,
    xticks_rotated: bool = False,
    lanes: list[tuple[int, str]] | None = None,
) -> dict[str, Any]:
    found: dict[str, Any] = {"hooks": [_transparent_matplotlib], "fig_inches": (9, 3.6), "aspect": None}
    if title:
        found["title"] = title
    if element == "HeatMap":
        found |= {"cmap": "viridis", "colorbar": True, "invert_yaxis": True}
    if element == "Bars":
        found |= {"stacked": stacked}
    if element in ("Curve", "Area", "Rectangles"):
        found |= {"color": color}
    if element in ("NdOverlay", "Overlay"):
        found |= {"legend_position": "right"}
    if lanes:
        found |= {"yticks": lanes, "ylabel": "", "xlabel": "time (UTC)"}
    if bare:
        found |= {"xaxis": None, "yaxis": None}
    if xticks_rotated:
        found["xrotation"] = 45
    if element in ("Curve", "Area", "Rectangles"):
        found = {key: value for key, value in found.items() if key not in ("fig_inches", "aspect")}
    return found


def _transparent_matplotlib(plot: Any, element: Any) -> None:
    """As with bokeh: no ground, grey words."""
    figure = plot.state
    figure.patch.set_alpha(0)
    for axes in figure.axes:
        axes.patch.set_alpha(0)
        axes.tick_params(colors=TEXT)
        axes.title.set_color(TEXT)
        axes.xaxis.label.set_color(TEXT)
        axes.yaxis.label.set_color(TEXT)
        for spine in axes.spines.values():
            spine.set_color(TEXT)
        if legend := axes.get_legend():
            legend.get_frame().set_alpha(0)
            for text in legend.get_texts():
                text.set_color(TEXT)
