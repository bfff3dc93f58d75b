"""Notebook-first analytics and review workbench for video surveillance.

    import omnisight_lab as ol
    lab = ol.connect()
    lab.activity()

Names are resolved when they are first used, so that a camera's process never loads analytics or plots.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC = {
    "Lab": "lab",
    "connect": "lab",
    "CameraState": "lab",
    "EventDetail": "lab",
    "SeenObject": "lab",
    "Verdict": "review.verdicts",
    "Result": "analytics.frames",
    "Box": "types",
    "EventType": "types",
    "FrameSize": "types",
    "GapCause": "types",
    "TimeRange": "types",
    "AccessDenied": "errors",
    "BadTime": "errors",
    "DatabaseError": "errors",
    "MediaError": "errors",
    "MirrorError": "errors",
    "OmniSightError": "errors",
    "QueryError": "errors",
    "ReportFailed": "errors",
    "StorageError": "errors",
    "UnknownName": "errors",
    "UsageError": "errors",
}
"""Public name -> the module that has it."""

__all__ = [*_PUBLIC, "__version__", "load_ipython_extension", "reports"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("omnisight-lab")
    if name == "reports":
        return import_module("omnisight_lab.reports")
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"omnisight_lab.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(ipython: Any) -> None:
    """`%load_ext omnisight_lab`: charts show in the notebook, also offline."""
    import holoviews as hv
    import panel
    from holoviews.core import ViewableElement

    panel.extension(inline=True)
    hv.extension("bokeh", inline=True)
    # HoloViews itself leaves the style sheets of its charts to a CDN, Panel puts them inline
    shown = (ViewableElement, hv.Layout, hv.NdLayout, hv.AdjointLayout, hv.GridSpace, hv.HoloMap)
    for kind in shown:
        ipython.display_formatter.mimebundle_formatter.for_type(kind, _by_panel)


def _by_panel(chart: Any, include: Any = None, exclude: Any = None) -> Any:
    """The chart as Panel shows it; None for data that no chart is made of."""
    import holoviews as hv
    import panel

    if type(chart) in (hv.Dataset, hv.Element):
        return None
    shown = panel.pane.HoloViews(chart)  # type: ignore[no-untyped-call]
    return shown._repr_mimebundle_(include, exclude)  # type: ignore[no-untyped-call]
