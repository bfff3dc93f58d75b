"""What tests of the mirror share: both sides' contents, and a check that they are equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from omnisight_lab.analytics import postgres
from omnisight_lab.analytics.engines import DuckDBEngine
from omnisight_lab.analytics.mirror import Mirror
from omnisight_lab.analytics.tables import LOGICAL, SCHEMA, LogicalTable
from omnisight_lab.db.session import Database

Follows = Callable[..., int]

NEW_EVENT = """INSERT INTO "Event" (id, "cameraId", "timestamp", "eventType", "updatedAt")
    VALUES ('{id}', 'yard', '{time}', 'motion', {updated})"""


def contents(mirror: Mirror) -> dict[str, list[str]]:
    """Every row of every logical table of the mirror."""
    manifest = mirror.manifest()
    assert manifest is not None
    engine = DuckDBEngine(mirror.store, manifest)
    rows = {
        name: sorted(str(row) for row in engine.fetch_sql(f"SELECT * FROM {SCHEMA}.{name}").to_pylist())
        for name in LOGICAL
    }
    engine.close()
    return rows


def in_postgres(database: Database) -> dict[str, list[str]]:
    """Every row of every logical table of the database."""
    with postgres.connection(database) as connection:
        return {name: sorted(map(str, _rows(connection, table))) for name, table in LOGICAL.items()}


def _rows(connection: Any, table: LogicalTable) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(table.columns)} FROM {SCHEMA}.{table.name}")
        return list(cursor.fetch_arrow_table().to_pylist())


def following(mirror: Mirror, database: Database) -> Follows:
    """Refreshes, checks that the mirror holds what PostgreSQL holds, and gives the number of parts written."""

    def check(**how: bool) -> int:
        done = mirror.refresh(database, **how)
        assert contents(mirror) == in_postgres(database)
        return done.parts

    return check
