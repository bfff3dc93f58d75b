"""Runs the migrations on the connection that `omnisight_lab.db.migrate` hands over. Only schema `lab` is versioned."""

from __future__ import annotations

from typing import Any

from alembic import context
from sqlalchemy import Connection, Engine, text

from omnisight_lab.db import lab_models


def ours(name: str | None, kind: str, parents: Any) -> bool:
    """Whether autogenerate compares it: the ten tables and schema lab, and never what others keep beside them."""
    if kind == "schema":
        return name in (None, lab_models.SCHEMA)
    if kind == "table":
        table = f"{parents['schema_name']}.{name}" if parents["schema_name"] else name
        return table in lab_models.Base.metadata.tables
    return not (kind == "index" and name is not None and name.startswith("omnisight_"))


def migrate(connection: Connection) -> None:
    connection.execute(text("CREATE SCHEMA IF NOT EXISTS lab"))
    context.configure(
        connection=connection,
        target_metadata=lab_models.Base.metadata,
        version_table_schema=lab_models.SCHEMA,
        include_schemas=True,
        include_name=ours,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


target = context.config.attributes["connection"]
if isinstance(target, Engine):
    with target.begin() as opened:
        migrate(opened)
else:
    migrate(target)
