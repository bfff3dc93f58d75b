"""How charts look with each backend: sizes, colours, transparent grounds, text that can be read on light and dark."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import holoviews as hv

from omnisight_lab.errors import UnknownName
from omnisight_lab.plots.colours import COLOURS

TEXT = "#777777"
"""Contrast at least 4:1 on white and on near-black grounds alike."""

_MODULES = {"bokeh": "holoviews.plotting.bokeh", "matplotlib": "holoviews.plotting.mpl"}


def ready(backend: str | None) -> str:
    """The backend to draw for, loaded: the one asked for, else the one that is current, else bokeh."""
    if backend is None:
        backend = hv.Store.current_backend if hv.Store.current_backend in hv.Store.registry else "bokeh"
    if backend not in _MODULES:
        raise UnknownName("plot backend", backend, _MODULES)
    if not hv.Store.registry.get(backend):
        current = hv.Store.current_backend if hv.Store.registry.get(hv.Store.current_backend) else backend
        import_module(_MODULES[backend])
        hv.Store.set_current_backend(current)
    return backend


def options(
    element: str, backend: str, *, times: bool = False, rows: int = 0, square: float | None = None, **wanted: Any
) -> dict[str, Any]:
    """Keyword options of an element for one backend.

    `times`: the x axis shows times. `rows`: lanes or bars one below the other, for which the chart grows. `square`:
    width over height of what is drawn, as of a frame.
    """
    common, own, hook = (_BOKEH, _BOKEH_OWN, _bokeh) if backend == "bokeh" else (_MATPLOTLIB, _MATPLOTLIB_OWN, _mpl)
    if element == "Area" and backend == "matplotlib" and "color" in wanted:
        wanted["facecolor"] = wanted.pop("color")  # its own cycle of faces goes before `color`
    if element == "Segments" and backend == "matplotlib" and "line_width" in wanted:
        wanted["linewidth"] = wanted.pop("line_width")
    if element in _PARTS:
        return {**own.get(element, {}), **wanted, "backend": backend}
    framed = {**common, **_size(backend, rows, square), "hooks": [hook(times)]}
    return {**framed, **own.get(element, {}), **wanted, "backend": backend}


def _size(backend: str, rows: int, square: float | None) -> dict[str, Any]:
    """What a chart of so many rows, or of such a shape, has in place of the usual size."""
    if square is not None:
        frame = {"responsive": False, "min_height": None, "frame_width": 480, "frame_height": round(480 / square)}
        small = {"fontsize": {"title": 10}}
        return (frame if backend == "bokeh" else {"fig_inches": (6, 6 / square), "aspect": square}) | small
    if rows > 10:
        return {"min_height": 80 + 24 * rows} if backend == "bokeh" else {"fig_inches": (9, 0.8 + 0.28 * rows)}
    return {}


_PARTS = ("Curve", "Scatter", "Points", "Area", "Rectangles", "Segments")
"""Elements that only ever stand in an overlay: it has the frame."""

_BOKEH: dict[str, Any] = {"responsive": True, "min_height": 320, "shared_axes": False}
_BOKEH_OWN: dict[str, dict[str, Any]] = {
    "QuadMesh": {"cmap": "viridis", "colorbar": True, "tools": ["hover"], "invert_yaxis": True},
    "Bars": {"tools": ["hover"], "legend_position": "right", "cmap": list(COLOURS), "line_alpha": 0},
    "Rectangles": {"line_width": 0, "tools": ["hover"]},
    "Segments": {"tools": ["hover"]},
    "Curve": {"line_width": 2},
    "Scatter": {"tools": ["hover"], "size": 7, "line_color": None, "show_legend": False},
    "Points": {"tools": ["hover"], "size": 6, "line_color": None},
    "Area": {"tools": ["hover"], "line_width": 0},
    "Overlay": {"legend_position": "right"},
    "NdOverlay": {"legend_position": "right"},
    "Text": {"text_color": TEXT, "xaxis": None, "yaxis": None},
}
_MATPLOTLIB: dict[str, Any] = {"fig_inches": (9, 3.6), "aspect": None}
_MATPLOTLIB_OWN: dict[str, dict[str, Any]] = {
    "QuadMesh": {"cmap": "viridis", "colorbar": True, "invert_yaxis": True},
    "Bars": {"color": hv.Cycle(list(COLOURS)), "edgecolor": "none"},
    "Rectangles": {"linewidth": 0, "aspect": None},
    "Segments": {"aspect": None},
    "Curve": {"aspect": None},
    "Scatter": {"aspect": None, "s": 20, "show_legend": False},
    "Points": {"aspect": None, "s": 16},
    "Area": {"linewidth": 0, "aspect": None, "show_legend": True},
    "NdOverlay": {"show_legend": True},
    "Text": {"color": TEXT, "xaxis": None, "yaxis": None},
}


def _bokeh(times: bool) -> Callable[[Any, Any], None]:
    """A hook after which nothing is painted behind the chart, and words are a grey for light and dark."""

    def hook(plot: Any, element: Any) -> None:
        figure = plot.state
        if figure.frame_width:
            figure.sizing_mode = None  # bokeh warns that a fixed size lacks the outer one
        figure.background_fill_alpha = figure.border_fill_alpha = 0
        figure.outline_line_color = None
        figure.title.text_color = TEXT
        for axis in figure.axis:
            axis.axis_label_text_color = axis.major_label_text_color = TEXT
            axis.axis_line_color = axis.major_tick_line_color = axis.minor_tick_line_color = TEXT
        for legend in figure.legend:
            legend.background_fill_alpha = 0
            legend.border_line_alpha = 0
            legend.label_text_color = TEXT
            legend.title_text_color = TEXT
        for bar in figure.right:
            if hasattr(bar, "major_label_text_color"):
                bar.major_label_text_color = bar.title_text_color = TEXT
                bar.background_fill_alpha = 0

    return hook


def _mpl(times: bool) -> Callable[[Any, Any], None]:
    """As with bokeh; the legend stands beside the chart, and times are written short."""

    def hook(plot: Any, element: Any) -> None:
        figure, main = plot.state, plot.handles["axis"]
        figure.patch.set_alpha(0)
        if times:
            _short_times(main)
        for axes in figure.axes:
            axes.patch.set_alpha(0)
            axes.tick_params(colors=TEXT)
            for text in (axes.title, axes.xaxis.label, axes.yaxis.label, axes.xaxis.get_offset_text()):
                text.set_color(TEXT)
            for spine in axes.spines.values():
                spine.set_color(TEXT)
        if legend := main.get_legend():
            legend.set_loc("upper left")
            legend.set_bbox_to_anchor((1.01, 1.0))
            legend.get_frame().set_alpha(0)
            for text in (legend.get_title(), *legend.get_texts()):
                text.set_color(TEXT)

    return hook


def _short_times(axes: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
