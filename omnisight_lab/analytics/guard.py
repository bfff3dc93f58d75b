"""What SQL of somebody who may see some cameras only must not do: read files, which hold every camera's rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import duckdb

from omnisight_lab.errors import QueryError

HARMLESS = frozenset({"generate_series", "range", "unnest"})
"""Functions that give a table without reading anything."""


def refuse_files(select: str) -> None:
    """QueryError where the SELECT reads more than named tables, by DuckDB's own parser.

    The views of such a user are restricted, but DuckDB's connection must be able to open the mirror's files for them.
    """
    with duckdb.connect() as parser:
        row = parser.execute("SELECT json_serialize_sql(?)", [select]).fetchone()
    tree = json.loads(row[0]) if row else {"error": True}
    if tree["error"]:
        raise QueryError("this form of SELECT is not for users who may see some cameras only; write it another way")
    for node in _nodes(tree):
        if node.get("type") == "TABLE_FUNCTION" and node["function"]["function_name"].lower() not in HARMLESS:
            raise QueryError(f"{node['function']['function_name']}() is not for users who may see some cameras only")
        if node.get("type") == "BASE_TABLE" and set(node["table_name"]) & set("./*?[:"):
            raise QueryError("files are not for users who may see some cameras only; name a table")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object in the parsed statement."""
    if isinstance(tree, dict):
        yield tree
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _nodes(child)
