"""Column types that write what Prisma's clients read: UTC without zone to the millisecond, strict JSON, text ids."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Dialect, Text, any_, literal
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP
from sqlalchemy.types import TypeDecorator

from omnisight_lab.types import utc

LARGEST_INTEGER = 2**53 - 1
"""Node reads JSON numbers as doubles: a larger integer would come back as another one."""

INT32_MAX = 2**31 - 1
"""Largest value of Prisma's Int."""


def new_id() -> str:
    """A uuid4 as text: no column `id` has a default in the database."""
    return str(uuid.uuid4())


def now() -> datetime:
    """The wall clock, aware UTC, truncated to the millisecond."""
    return utc(datetime.now(UTC))


def to_database(value: datetime) -> datetime:
    """`value` as TIMESTAMP(3) stores it: naive UTC, *truncated* to ms (PostgreSQL would round .9996 s up)."""
    return utc(value).replace(tzinfo=None)


def from_database(value: datetime) -> datetime:
    """The aware UTC time that a TIMESTAMP column means."""
    return value.replace(tzinfo=UTC)


class UtcTime(TypeDecorator[datetime]):
    """TIMESTAMP(3) holding UTC; takes and gives aware datetimes, and refuses naive ones with BadTime."""

    impl = TIMESTAMP(precision=3)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else to_database(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_database(value)


class Json(TypeDecorator[Any]):
    """JSONB in which None is SQL NULL, and no number that a Node reader can't take."""

    impl = JSONB(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else clean_json(value)


def clean_json(value: Any) -> Any:
    """`value` fit for JSONB: NaN and infinities become null, integers beyond 2^53 text, NUL characters go."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        return str(value)
    if isinstance(value, Mapping):
        return {str(key).replace("\0", ""): clean_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean_json(item) for item in value]
    return value


def among(column: Any, values: Iterable[str]) -> ColumnElement[bool]:
    """Whether `column` is one of `values`, which go as one parameter: a statement takes 65,535 at most."""
    return column == any_(literal(list(values), ARRAY(Text)))  # type: ignore[no-any-return]


def iso(value: datetime) -> str:
    """`value` as JavaScript's `toISOString` writes it, for times inside JSON columns."""
    return utc(value).isoformat(timespec="milliseconds").replace("+00:00", "Z")
