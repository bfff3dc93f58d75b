"""Reports: notebooks with parameters, run to self-contained pages. Notebooks reach the blocks as `ol.reports`.

Names are resolved when they are first used: whoever lists reports loads no charts.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC = {
    "Block": "blocks",
    "note": "blocks",
    "table": "blocks",
    "activity_chart": "charts",
    "coverage_chart": "charts",
    "label_chart": "charts",
    "Day": "daily",
    "coverage_table": "daily",
    "day": "daily",
    "gallery": "daily",
    "gaps_table": "daily",
    "heading": "daily",
    "method": "daily",
    "provenance": "daily",
    "summary": "daily",
}
"""Public name -> the module that has it."""

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
