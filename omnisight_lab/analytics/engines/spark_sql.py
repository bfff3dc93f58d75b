"""ibis expressions as SQL of Spark 4, where ibis's own dialect differs from what the other engines answer.

ibis's `pyspark` extra asks for an older PySpark; its compiler does without.
"""

from __future__ import annotations

from typing import Any

import ibis.expr.operations as ops
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.base import SQLGlotCompiler
from ibis.backends.sql.compilers.pyspark import PySparkCompiler


def spark_sql(operation: ops.Node) -> str:
    """`operation` as SQL of Spark over temporary views."""
    return str(_COMPILER.to_sqlglot(operation.to_expr()).sql(dialect=_COMPILER.dialect, pretty=True))


class _SparkCompiler(PySparkCompiler):  # type: ignore[misc]
    """What ibis's compiler lacks or does otherwise."""

    __slots__ = ()
    UNSUPPORTED_OPS = tuple(op for op in PySparkCompiler.UNSUPPORTED_OPS if op is not ops.TimestampBucket)

    visit_Field = SQLGlotCompiler.visit_Field

    def visit_NonNullLiteral(self, op: Any, *, value: Any, dtype: Any) -> Any:
        """As ibis has it, without the option that only its backend declares."""
        return None if dtype.is_floating() else super().visit_NonNullLiteral(op, value=value, dtype=dtype)

    def visit_UnboundTable(self, op: Any, *, name: str, **_: Any) -> Any:
        """Temporary views stand in no schema."""
        return sge.Table(this=sge.to_identifier(name, quoted=self.quoted))

    def visit_TimestampBucket(self, op: Any, *, arg: Any, interval: Any, offset: Any) -> Any:
        """Spark's own `window` is for streams: counted in microseconds since 1970."""
        width = _microseconds(op.interval)
        instant = self.f.anon.unix_micros(sge.Cast(this=arg, to=sge.DataType.build("timestamp", dialect="spark")))
        start = self.f.anon.timestamp_micros(instant - self.f.anon.pmod(instant, width))
        return self.cast(start, op.dtype)

    def visit_TimestampRange(self, op: Any, *, start: Any, stop: Any, step: Any) -> Any:
        """Spark's own ends with `stop`, and counts down where that lies before `start`."""
        last = stop - sge.Interval(this=sge.convert(1), unit=sge.Var(this="microsecond"))
        return self.if_(start < stop, self.f.sequence(start, last, step), self.f.array())


def _microseconds(interval: Any) -> int:
    """The length of a literal interval of fixed length."""
    scale = {"W": 604_800_000_000, "D": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000}
    return int(interval.value) * scale[interval.dtype.unit.short]


_COMPILER = _SparkCompiler()
