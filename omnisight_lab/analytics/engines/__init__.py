"""Engines: each answers the same ibis expressions over the same logical tables, with equal rows.

`duckdb` and `spark` read the mirror's files, `postgres` the views of schema `lab`, live. Expressions are compiled from
unbound tables, so that an engine is no more than a dialect and a way to fetch Arrow.
"""

from omnisight_lab.analytics.engines.base import ENGINES, Engine, compiled
from omnisight_lab.analytics.engines.duck import DuckDBEngine
from omnisight_lab.analytics.engines.live import PostgresEngine
from omnisight_lab.analytics.engines.spark import SparkEngine

__all__ = ["ENGINES", "DuckDBEngine", "Engine", "PostgresEngine", "SparkEngine", "compiled"]
