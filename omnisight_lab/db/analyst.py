"""A PostgreSQL role that may read everything but secrets: for analysts, who then need not be the database's owner.

The ten tables are granted by column, so that a secret column, ours or one that another service adds, stays unseen.
Views are made anew by upgrades, so `migrate.upgrade` grants again what the roles had.
"""

from __future__ import annotations

import secrets
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Connection, text

from omnisight_lab.db.models import PUBLIC_TABLES
from omnisight_lab.db.session import Database, translated
from omnisight_lab.errors import UsageError

SECRET = {
    "User": {"password", "settings"},
    "Camera": {"username", "password", "rtspUrl"},
    "SystemSettings": {column.name for table in PUBLIC_TABLES if table.name == "SystemSettings" for column in table.c},
}
"""Columns of the ten tables that no analyst reads. Site settings are seen by lab.settings, which has ours alone."""

SECRET_TABLES = ("session",)
"""Tables of schema lab that no analyst reads."""

JUDGED = ("id", "event_id", "user_id", "verdict", "label", "note", "model_version", "created_at", "undoes")

ANALYSTS = """
SELECT r.rolname, has_column_privilege(r.oid, 'lab.verdict', 'verdict', 'INSERT')
FROM pg_class c CROSS JOIN aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
WHERE c.oid = to_regclass('lab.installation') AND a.privilege_type = 'SELECT' AND r.oid <> c.relowner
ORDER BY r.rolname
"""
"""Nobody else reads that table, which outlives every upgrade."""


def grant_analyst(database: Database, name: str, *, judge: bool = False) -> str | None:
    """The password of the role, in the clear this once, where it was made just now; None for a role that was there.

    With `judge` it may also add verdicts, without it not any more. UsageError for a role that has more rights already.
    """
    if not name.strip():
        raise UsageError("a role needs a name")
    with translated(database), database.engine.begin() as connection:
        password = None
        if not connection.scalar(text("SELECT true FROM pg_roles WHERE rolname = :name"), {"name": name}):
            password = secrets.token_urlsafe(18)
            _create(connection, name, password)
        grant(connection, name, judge=judge)
        _refuse_more(connection, name)
    return password


def analysts(connection: Connection) -> dict[str, bool]:
    """Names of the roles that are analysts -> whether they may judge."""
    return {name: judge for name, judge in connection.exec_driver_sql(ANALYSTS)}


def grant(connection: Connection, name: str, *, judge: bool) -> None:
    """Gives the role what an analyst may do, and takes the right to judge where it may not."""
    role, schema = sql.Identifier(name), connection.scalar(text("SELECT current_schema()"))
    run = _driver(connection).execute
    run(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(_database(connection)), role))
    run(sql.SQL("GRANT USAGE ON SCHEMA {}, lab TO {}").format(sql.Identifier(str(schema)), role))
    for table in PUBLIC_TABLES:
        open_ = [column.name for column in table.columns if column.name not in SECRET.get(table.name, ())]
        if open_:
            columns = sql.SQL(", ").join(map(sql.Identifier, open_))
            run(sql.SQL("GRANT SELECT ({}) ON {} TO {}").format(columns, sql.Identifier(table.name), role))
    ours = text("SELECT relname FROM pg_class WHERE relnamespace = 'lab'::regnamespace AND relkind IN ('r', 'v', 'm')")
    for found in connection.scalars(ours).all():
        if found not in SECRET_TABLES:
            run(sql.SQL("GRANT SELECT ON lab.{} TO {}").format(sql.Identifier(found), role))
    columns = sql.SQL(", ").join(map(sql.Identifier, JUDGED))
    change = sql.SQL("GRANT INSERT ({}) ON lab.verdict TO {}" if judge else "REVOKE INSERT ({}) ON lab.verdict FROM {}")
    run(change.format(columns, role))


def _create(connection: Connection, name: str, password: str) -> None:
    """The role that may log in; the server gets the password's hash alone, so that no log of statements has it."""
    opened = _driver(connection)
    hashed = opened.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    opened.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(hashed)))


def _refuse_more(connection: Connection, name: str) -> None:
    """UsageError, which undoes the grants, for a role that can read a secret in some other way."""
    secret = [(table, column) for table, columns in SECRET.items() for column in sorted(columns)]
    may = text("SELECT has_column_privilege(:name, :table, :column, 'SELECT')")
    for table, column in [*secret, ("lab.session", "token_sha256")]:
        quoted = table if "." in table else f'"{table}"'
        if connection.scalar(may, {"name": name, "table": quoted, "column": column}):
            raise UsageError(
                f"role {name!r} can read {table}.{column} by rights that it has already; take them away first, or "
                "choose another name"
            )


def _database(connection: Connection) -> str:
    return str(connection.scalar(text("SELECT current_database()")))


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    opened = connection.connection.driver_connection
    assert isinstance(opened, psycopg.Connection)
    return opened
