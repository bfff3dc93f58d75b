"""What every engine is, and how an expression becomes its SQL."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Protocol

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa

from omnisight_lab.analytics.engines.postgres_sql import postgres_sql
from omnisight_lab.analytics.engines.spark_sql import spark_sql
from omnisight_lab.analytics.manifest import Manifest
from omnisight_lab.analytics.store import Store
from omnisight_lab.analytics.tables import SCHEMA, STORED, text
from omnisight_lab.errors import MirrorError

ENGINES = ("duckdb", "postgres", "spark")


class Engine(Protocol):
    """Answers expressions. `snapshot`: the moment whose data it shows, aware UTC."""

    name: str

    @property
    def snapshot(self) -> datetime: ...

    def fetch(self, expression: ir.Table) -> pa.Table:
        """All rows of `expression`, in the types that it declares."""
        ...

    def fetch_sql(self, sql: str) -> pa.Table:
        """All rows of `sql` in the engine's own dialect."""
        ...


def compiled(expression: ir.Table, dialect: str) -> str:
    """`expression` as SQL of `dialect`."""
    return _compiled(expression.op(), dialect)


@lru_cache(maxsize=256)
def _compiled(operation: ops.Node, dialect: str) -> str:
    """Kept, because a page that refreshes asks the same again, and ibis takes 50 to 100 ms to write one query."""
    if dialect == "spark":
        return spark_sql(operation)
    if dialect == "postgres":
        return postgres_sql(operation)
    return str(ibis.to_sql(operation.to_expr(), dialect=dialect))


def typed(rows: pa.Table, expression: ir.Table) -> pa.Table:
    """`rows` with the columns and types that `expression` declares; a view may have more columns than that."""
    schema = expression.schema().to_pyarrow()
    return rows.select(schema.names).cast(schema)


def addresses(store: Store, manifest: Manifest, table: str) -> list[str]:
    """Where the rows of a stored table are; files without any are left out."""
    return [store.address(file.path) for file in manifest.files(table) if file.rows]


def damaged(store: Store) -> MirrorError:
    """For a file that is missing or cut short."""
    return MirrorError(
        f"the mirror in {store.shown} is damaged or has moved on; run `omnisight mirror refresh` and ask again"
    )


def seen(name: str, cameras: tuple[str, ...] | None) -> str:
    """The WHERE of a stored table by which it shows these cameras only, as `tables.visible` has it; None: all."""
    if cameras is None:
        return ""
    columns = STORED[name].columns
    own = f"IN ({', '.join(map(text, cameras)) or 'NULL'})"
    if name == "cameras":
        return f" WHERE id {own}"
    if name == "policies":
        return f" WHERE camera_id {own} OR camera_id IS NULL"
    if "camera_id" in columns:
        return f" WHERE camera_id {own}"
    return f" WHERE event_id IN (SELECT id FROM {SCHEMA}.detected_events)" if "event_id" in columns else ""
