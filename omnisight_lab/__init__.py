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
    import holoviews
    import panel

    panel.extension(inline=True)
    holoviews.extension("bokeh", inline=True)
