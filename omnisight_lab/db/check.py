"""A live database against the models: what differs, what that costs, and the SQL that would mend it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Column, Connection, ForeignKeyConstraint, MetaData, Table, inspect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ENUM
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.engine.reflection import Inspector
from sqlalchemy.schema import CreateTable

from omnisight_lab.db.models import PUBLIC_TABLES
from omnisight_lab.db.session import Database, translated
from omnisight_lab.errors import SchemaMismatch

_TOLD = 6
"""So many differences stand in a message of one line."""
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Difference:
    """`subject` (as Event.cameraId) `differs` in a way that has this `cost`; `stops`: we can't work with it."""

    subject: str
    differs: str
    cost: str
    stops: bool = False
    sql: str = ""


def check(database: Database) -> list[Difference]:
    """Every difference between the ten tables of the live database and the models; the ones that stop us first.

    Among those the order is that in which their SQL runs: enums before tables, tables before what points at them.
    """
    with translated(database), database.engine.connect() as connection:
        found = compare(connection)
    return sorted(found, key=lambda difference: not difference.stops)


def require(database: Database) -> None:
    """SchemaMismatch, with the missing pieces and the SQL that would add them, where we can't work with it."""
    refuse([difference for difference in check(database) if difference.stops])


def refuse(stopping: list[Difference]) -> None:
    if not stopping:
        return
    sql = [difference.sql for difference in stopping if difference.sql]
    pieces = [f"{difference.subject} {difference.differs}" for difference in stopping]
    more = f"; and {len(pieces) - _TOLD} more" if len(pieces) > _TOLD else ""
    raise SchemaMismatch(
        f"this database can't be used as it is: {'; '.join(pieces[:_TOLD])}{more}. `omnisight db check` lists "
        "all, with the SQL that would mend it; nothing was changed",
        [difference.subject for difference in stopping],
        sql,
    )


def tables_present(connection: Connection) -> set[str]:
    """Which of the ten tables the connection's schema has."""
    return {table.name for table in PUBLIC_TABLES} & set(inspect(connection).get_table_names())


def compare(connection: Connection) -> list[Difference]:
    """The differences, in the order of the tables."""
    inspector = inspect(connection)
    present = tables_present(connection)
    found = [*_compare_enums(_enums(inspector))]
    for table in PUBLIC_TABLES:
        if table.name not in present:
            sql = " ".join(str(CreateTable(table).compile(dialect=_DIALECT)).split()) + ";"
            found.append(Difference(table.name, "is missing", "we write and read it", True, sql))
            continue
        found += _compare_columns(table, inspector.get_columns(table.name))
        found += _compare_keys(table, inspector)
        found += _compare_indexes(table, inspector)
    return found


def _enums(inspector: Inspector) -> dict[str, list[str]]:
    return {enum["name"]: enum["labels"] for enum in inspector.get_enums()}  # type: ignore[attr-defined]


def _compare_enums(live: dict[str, list[str]]) -> Iterator[Difference]:
    kinds = {column.type for table in PUBLIC_TABLES for column in table.columns if isinstance(column.type, ENUM)}
    for kind in sorted(kinds, key=lambda kind: kind.name or ""):
        name = kind.name or ""
        if name not in live:
            labels = ", ".join(f"'{label}'" for label in kind.enums)
            sql = f'CREATE TYPE "{name}" AS ENUM ({labels});'
            yield Difference(name, "(an enum) is missing", "columns have this type", True, sql)
            continue
        for label in kind.enums:
            if label not in live[name]:
                sql = f"ALTER TYPE \"{name}\" ADD VALUE '{label}';"
                yield Difference(f"{name}.{label}", "is missing", "we write this value", True, sql)


def _compare_columns(table: Table, live: list[ReflectedColumn]) -> Iterator[Difference]:
    columns = {column["name"]: column for column in live}
    for column in table.columns:
        if column.name not in columns:
            yield _missing(table, column)
        else:
            yield from _compare_column(table, column, columns[column.name])
    for name in columns.keys() - set(table.columns.keys()) - {column.name for column in table.columns}:
        required = not columns[name]["nullable"] and columns[name]["default"] is None
        sql = f'ALTER TABLE "{table.name}" ALTER COLUMN "{name}" DROP NOT NULL;' if required else ""
        cost = "rows that we write have no value for it" if required else "none: we neither read nor write it"
        differs = "is a column more, and must be filled" if required else "is a column more"
        yield Difference(f"{table.name}.{name}", differs, cost, required, sql)


def _missing(table: Table, column: Column[object]) -> Difference:
    # The column's part of CREATE TABLE, which also names its default and NOT NULL.
    default = getattr(column.server_default, "arg", None)
    lone = Table("_", MetaData(), Column(column.name, column.type, nullable=column.nullable, server_default=default))
    specification = " ".join(str(CreateTable(lone).compile(dialect=_DIALECT)).partition("(")[2].split())
    sql = f'ALTER TABLE "{table.name}" ADD COLUMN {specification.removesuffix(")").strip()};'
    return Difference(f"{table.name}.{column.name}", "is missing", "we write and read it", True, sql)


def _compare_column(table: Table, column: Column[object], live: ReflectedColumn) -> Iterator[Difference]:
    subject = f"{table.name}.{column.name}"
    alter = f'ALTER TABLE "{table.name}" ALTER COLUMN "{column.name}"'
    wanted, has = (_type_name(kind) for kind in (column.type, live["type"]))
    if wanted != has:
        tolerated = wanted == "TEXT" and has.startswith("VARCHAR")
        cost = "a longer text is refused" if tolerated else "values would change on their way"
        mend = f'{alter} TYPE {wanted} USING "{column.name}"::{wanted};'
        yield Difference(subject, f"is {has} instead of {wanted}", cost, not tolerated, mend)
    if column.nullable and not live["nullable"]:
        yield Difference(subject, "refuses null", "rows without it can't be written", True, f"{alter} DROP NOT NULL;")
    if not column.nullable and live["nullable"]:
        yield Difference(subject, "may be null", "rows without it are left out of the figures")
    if live["default"] and column.server_default is None:
        yield Difference(subject, f"has the default {live['default']}", "none: we always write a value")


def _type_name(kind: object) -> str:
    if isinstance(kind, ENUM):
        return f'"{kind.name}"'
    return str(kind.compile(dialect=_DIALECT))  # type: ignore[attr-defined]


def _compare_keys(table: Table, inspector: Inspector) -> Iterator[Difference]:
    live = {tuple(key["constrained_columns"]): key for key in inspector.get_foreign_keys(table.name)}
    for key in table.constraints:
        if not isinstance(key, ForeignKeyConstraint):
            continue
        columns = tuple(key.column_keys)
        if columns not in live:
            cost = "rows may point at nothing; they are left out of the figures"
            yield Difference(f"{table.name}.{columns[0]}", "has no foreign key", cost)
        elif (has := live[columns]["options"].get("ondelete", "NO ACTION")) != key.ondelete:
            cost = "deleting the parent deletes or clears these rows" if has in ("CASCADE", "SET NULL") else "none"
            yield Difference(f"{table.name}.{columns[0]}", f"has ON DELETE {has} instead of {key.ondelete}", cost)


def _compare_indexes(table: Table, inspector: Inspector) -> Iterator[Difference]:
    live = {index["name"]: index for index in inspector.get_indexes(table.name)}
    unique = {tuple(index["column_names"]) for index in live.values() if index["unique"]}
    for index in table.indexes:
        columns = tuple(column.name for column in index.columns)
        if columns not in unique:
            cost = "two rows may have the same value; a lookup by it may find either"
            yield Difference(f"{table.name}.{columns[0]}", "is not unique", cost)
    for name in live.keys() - {index.name for index in table.indexes}:
        if name is not None and not name.startswith("omnisight_"):
            yield Difference(f"{table.name}: index {name}", "is one more", "none: writing is a little slower")


def installed_schema(connection: Connection) -> str | None:
    """The schema of the ten tables that `lab` was made for; None before the first migration."""
    if connection.scalar(text("SELECT to_regclass('lab.installation')")) is None:
        return None
    schema: str | None = connection.scalar(text("SELECT table_schema FROM lab.installation"))
    return schema
