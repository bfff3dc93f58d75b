"""PostgreSQL as an engine: the views of schema `lab`, live."""

from __future__ import annotations

from datetime import UTC, datetime

import ibis.expr.types as ir
import pyarrow as pa

from omnisight_lab.analytics import postgres
from omnisight_lab.analytics.engines.base import compiled, typed
from omnisight_lab.db.session import Database


class PostgresEngine:
    """The views of schema `lab`, live."""

    name = "postgres"

    def __init__(self, database: Database, now: datetime) -> None:
        self.database, self.snapshot = database, now.astimezone(UTC)

    def fetch(self, expression: ir.Table) -> pa.Table:
        return typed(self.fetch_sql(compiled(expression, "postgres")), expression)

    def fetch_sql(self, sql: str) -> pa.Table:
        with postgres.connection(self.database) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetch_arrow_table()
