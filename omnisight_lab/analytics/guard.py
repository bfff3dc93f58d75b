"""What an analyst may write: one SELECT over the mirror's tables, decided on the tree of DuckDB's own parser.

The connection itself refuses foreign files and settings too (`DuckDBEngine.lock_down`). That is not enough: in DuckDB 2
a common table expression may be a COPY or an INSERT while the statement is still a SELECT, and the mirror's own files
hold the rows of cameras that not everybody may see.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb

from omnisight_lab.analytics.tables import LOGICAL, SCHEMA
from omnisight_lab.errors import QueryError

ONE_SELECT = "lab.sql takes one SELECT and nothing else"
QUERIES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
"""The nodes of the tree that only read."""
TABLE_FUNCTIONS = frozenset({"generate_series", "range", "unnest", "json_each", "json_tree"})
"""Those that make rows out of their arguments alone."""
REFUSED = frozenset({"currval", "nextval", "setseed", "setval", "sleep_ms", "stats", "write_log"})
"""Functions that do more than compute; `stats` tells least and greatest values of whole files, hidden rows and all."""


def one_select(statement: Any) -> str:
    """`statement` without its end, so that it can stand in brackets; QueryError where it is more than one SELECT."""
    if not isinstance(statement, str):
        raise QueryError("lab.sql takes the text of one SELECT")
    try:
        parsed = duckdb.extract_statements(statement)
    except duckdb.Error as error:
        raise QueryError(f"the statement can't be read: {str(error).splitlines()[0]}") from error
    if len(parsed) != 1 or parsed[0].type != duckdb.StatementType.SELECT:
        raise QueryError(ONE_SELECT)
    nodes = list(_nodes(_tree(statement)))
    _check(nodes, {key for node in nodes for key in _names(node)})
    return _without_end(statement)


def _tree(statement: str) -> dict[str, Any]:
    with duckdb.connect() as connection:
        [row] = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [statement]).fetchall()
    try:
        tree: dict[str, Any] = json.loads(row[0])
    except RecursionError as error:
        raise QueryError("the statement is nested too deeply") from error
    if tree["error"]:
        raise QueryError(ONE_SELECT)
    return tree


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of the tree."""
    left = [tree]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            yield one
            left.extend(one.values())
        elif isinstance(one, list):
            left.extend(one)


def _names(node: dict[str, Any]) -> list[str]:
    """The names of its common table expressions that can't be taken for a file elsewhere in the statement."""
    entries = node.get("cte_map", {}).get("map", [])
    return [entry["key"].lower() for entry in entries if re.fullmatch(r"\w+", entry["key"])]


def _check(nodes: list[dict[str, Any]], own: set[str]) -> None:
    """QueryError for what does more than read tables; `own`: names that the statement itself gives."""
    for node in nodes:
        kind = str(node.get("type"))
        if kind.endswith("_NODE") and kind not in QUERIES:
            raise QueryError(ONE_SELECT)
        if kind == "BASE_TABLE":
            _check_table(node, own)
        elif kind == "TABLE_FUNCTION":
            name = str(node["function"].get("function_name")).lower()
            if name not in TABLE_FUNCTIONS:
                raise QueryError(f"lab.sql reads the mirror's tables, no other file or address: {name}() is refused")
        elif kind == "FUNCTION" and str(node.get("function_name")).lower() in REFUSED:
            raise QueryError(f"lab.sql reads rows and does nothing else: {node['function_name']}() is refused")


def _check_table(node: dict[str, Any], own: set[str]) -> None:
    catalog, schema, name = (str(node[part]).lower() for part in ("catalog_name", "schema_name", "table_name"))
    if not catalog and not schema and name in own:
        return
    if catalog in ("", "memory") and schema in ("", SCHEMA) and name in LOGICAL:
        return
    if not catalog and schema == "information_schema":
        return
    if re.fullmatch(r"\w+", name):
        raise QueryError(f"Table with name {node['table_name']} does not exist; there are {', '.join(LOGICAL)}")
    raise QueryError(f"lab.sql reads the mirror's tables, no other file or address: {node['table_name']!r} is refused")


def _without_end(statement: str) -> str:
    """`statement` without the semicolon and comments after it."""
    text = statement.encode()  # tokens are counted in bytes
    for start, kind in reversed(duckdb.tokenize(statement)):
        if kind != duckdb.token_type.comment and text[start:].strip() != b";":
            break
        text = text[:start]
    return text.decode().strip()
