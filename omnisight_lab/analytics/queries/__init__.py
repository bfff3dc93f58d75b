"""The catalogue of named queries; each module adds its own to `QUERIES`."""

from omnisight_lab.analytics.queries import activity, coverage, detections, events, storage
from omnisight_lab.analytics.queries.registry import QUERIES, Column, Parameter, Query, Scope

_CATALOGUE = (activity, coverage, detections, events, storage)

__all__ = ["QUERIES", "Column", "Parameter", "Query", "Scope"]
