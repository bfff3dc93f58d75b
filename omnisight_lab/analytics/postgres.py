"""Arrow tables out of PostgreSQL: the one border where errors of ADBC become ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from omnisight_lab.db.session import Database
from omnisight_lab.errors import DatabaseUnreachable, QueryError

CANCELLED = ("57014", "55P03")
"""SQLSTATEs of a statement that took too long, and of a lock that was not to be had."""


@contextmanager
def translated(database: Database) -> Iterator[None]:
    """ADBC's errors as ours, with the server's one line and no query text."""
    from adbc_driver_manager import Error, OperationalError

    try:
        yield
    except OperationalError as error:
        if error.sqlstate and error.sqlstate[:2] not in ("08", "28", "3D", "57"):
            raise QueryError(f"the database refused: {_line(error)}") from error
        raise DatabaseUnreachable(f"no database at {database.safe_url}: {_line(error)}") from error
    except Error as error:
        raise QueryError(f"the database refused: {_line(error)}") from error


def _line(error: Exception) -> str:
    first = str(error).split("\n", 1)[0]
    return " ".join(first.rsplit("ERROR: ", 1)[-1].rsplit("failed: ", 1)[-1].split())


@contextmanager
def connection(database: Database) -> Iterator[Any]:
    """An ADBC connection in autocommit, in time zone UTC."""
    from adbc_driver_postgresql import dbapi

    with translated(database), dbapi.connect(database.url, autocommit=True) as opened:
        yield opened


@contextmanager
def snapshot(opened: Any) -> Iterator[None]:
    """All that is read within is of one moment."""
    opened.adbc_connection.set_autocommit(False)
    try:
        run(opened, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield
    finally:
        opened.rollback()
        opened.adbc_connection.set_autocommit(True)


def rows(opened: Any, sql: str) -> list[tuple[Any, ...]]:
    """All rows of `sql` as Python values."""
    with opened.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def run(opened: Any, sql: str) -> None:
    """`sql` for its effect."""
    with opened.cursor() as cursor:
        cursor.execute(sql)
