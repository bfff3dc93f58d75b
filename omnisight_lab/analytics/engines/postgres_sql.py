"""ibis expressions as SQL of PostgreSQL that sorts text as the other engines do, whatever the database's collation."""

from __future__ import annotations

from typing import Any

import ibis.expr.operations as ops
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.postgres import PostgresCompiler


def postgres_sql(operation: ops.Node) -> str:
    """`operation` as SQL of PostgreSQL."""
    return str(_COMPILER.to_sqlglot(operation.to_expr()).sql(dialect=_COMPILER.dialect, pretty=True))


class _PostgresCompiler(PostgresCompiler):  # type: ignore[misc]
    """Text is sorted by its bytes: so pages follow each other as the rows of the mirror do."""

    __slots__ = ()

    def visit_SortKey(self, op: Any, *, arg: Any, ascending: bool, nulls_first: bool) -> Any:
        if op.dtype.is_string():
            arg = sge.Collate(this=arg, expression=sge.to_identifier("C", quoted=True))
        return super().visit_SortKey(op, arg=arg, ascending=ascending, nulls_first=nulls_first)


_COMPILER = _PostgresCompiler()
