"""The catalogue of named queries; each module adds its own to `QUERIES`."""

from omnisight_lab.analytics.queries import (
    activity,
    baseline,
    confidence,
    coverage,
    crossings,
    detections,
    events,
    forecast,
    paths,
    places,
    profile,
    quality,
    seen,
    storage,
    system,
    together,
)
from omnisight_lab.analytics.queries.registry import QUERIES, Column, Parameter, Query, Scope

_CATALOGUE = (
    activity,
    baseline,
    confidence,
    coverage,
    crossings,
    detections,
    events,
    forecast,
    paths,
    places,
    profile,
    quality,
    seen,
    storage,
    system,
    together,
)

__all__ = ["QUERIES", "Column", "Parameter", "Query", "Scope"]
