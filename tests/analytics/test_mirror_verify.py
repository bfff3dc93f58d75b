"""The content hash is the same on both sides for every value there is, and tells every difference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from omnisight_lab.analytics import postgres
from omnisight_lab.analytics.mirror import Mirror
from omnisight_lab.analytics.tables import StoredTable
from omnisight_lab.analytics.verify import DUCKDB, POSTGRES
from omnisight_lab.db.session import Database
from omnisight_lab.errors import MirrorError
from tests.analytics.conftest import Site
from tests.analytics.mirrors import NEW_EVENT, Follows

DOUBLES = (
    *(
        0.0,
        -0.0,
        1.0,
        -1.5,
        0.1,
        0.1 + 0.2,
        1 / 3,
        1e-7,
        1e300,
        -1e300,
        1.7976931348623157e308,
        5e-324,
        2.2250738585072014e-308,
    ),
    *(123456789012345.6, 1e15, 1e16, 1e17, 9007199254740993.0, 0.1234567890123456789, 99999999999999.99),
    *(float("inf"), float("-inf"), float("nan")),
)
TEXTS = (
    "",
    "-",
    "0:",
    "plain",
    "Zürich ✓ 東京",
    "👩‍👩‍👧",
    "e\u0301",
    "back\\slash",
    "tab\tnew\nline",
    "'quotes\"",
    "1:1",
    " ",
)
TIMES = ("1970-01-01", "1969-12-31 23:59:59.999", "2026-03-29 01:59:59.999", "2100-12-31 12:34:56.789012", "0001-01-01")
INTEGERS = (0, -1, 2**53 + 1, 2**63 - 1, -(2**63))
ROW = StoredTable("values", {"a": "string", "b": "float64", "c": "timestamp", "d": "int64", "e": "boolean"}, day="c")


def rows() -> list[tuple[Any, ...]]:
    """Each value once, the others of its row null or plain."""
    columns: tuple[tuple[Any, ...], ...] = (TEXTS, DOUBLES, TIMES, INTEGERS, (True, False))
    plain = ("a", 1.5, "2026-01-01", 7, True)
    found = [(None,) * 5]
    for place, values in enumerate(columns):
        for value in values:
            found.append(tuple(value if here == place else None for here in range(5)))
            found.append(tuple(value if here == place else plain[here] for here in range(5)))
    return found


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    text = f"{value!r}" if isinstance(value, float) else str(value)
    return "'" + text.replace("'", "''") + "'"


KINDS = {"postgres": ("text", "float8", "timestamp", "bigint", "boolean")}
KINDS["duckdb"] = ("VARCHAR", "DOUBLE", "TIMESTAMP", "BIGINT", "BOOLEAN")


def source(dialect: str) -> str:
    lines = [
        "(" + ", ".join(f"{literal(value)}::{kind}" for value, kind in zip(row, KINDS[dialect], strict=True)) + ")"
        for row in rows()
    ]
    return f"(VALUES {', '.join(lines)}) AS v (a, b, c, d, e)"


def test_every_value_has_the_same_hash_on_both_sides_and_no_other_has_it(database: Database) -> None:
    sql = "SELECT {} FROM (SELECT * FROM {}) t"
    ours = [hash for (hash,) in duckdb.execute(sql.format(DUCKDB.row(ROW), source("duckdb"))).fetchall()]
    with postgres.connection(database) as connection:
        postgres.run(connection, "SET extra_float_digits = 0")
        theirs = [hash for (hash,) in postgres.rows(connection, sql.format(POSTGRES.row(ROW), source("postgres")))]
    different = [row for row, one, other in zip(rows(), ours, theirs, strict=True) if one != other]
    assert different == []
    assert len(set(ours)) == len(set(map(repr, rows())))
    assert all(0 <= hash < 2**60 for hash in ours)


def test_neighbouring_doubles_differ() -> None:
    values = pa.table({"b": [0.1 + 0.2, 0.3, 0.30000000000000010]})
    found = duckdb.sql(f"SELECT count(DISTINCT {DUCKDB.double('b')}) FROM values").fetchall()
    assert found == [(3,)]
    assert len(values) == 3


def states(mirror: Mirror, database: Database, **more: Any) -> dict[tuple[str, str], str]:
    """What is not equal."""
    return {(one.table, one.day): one.state for one in mirror.verify(database, **more) if one.state != "equal"}


def test_a_mirror_that_follows_is_equal(three_days: Site, follows: Follows, mirror: Mirror, database: Database) -> None:
    follows()
    compared = mirror.verify(database)
    assert {one.state for one in compared} == {"equal"}
    assert {(one.table, one.day): one.rows for one in compared if one.rows} == {
        **{("segments", f"2026-10-0{day}"): 6 for day in (1, 2, 3)},
        **{("detected_events", f"2026-10-0{day}"): 1 for day in (1, 2, 3)},
        **{("detected_objects", f"2026-10-0{day}"): 2 for day in (1, 2, 3)},
        **{("recorded", f"2026-10-0{day}"): 4 for day in (1, 2, 3)},
        **{(name, "all"): 1 for name in ("cameras", "recordings", "gaps", "expected")},
    }


def test_an_update_that_hides_is_told_by_table_and_day(
    three_days: Site, follows: Follows, mirror: Mirror, database: Database
) -> None:
    follows()
    three_days.run("""UPDATE "Event" SET confidence = 0.50000000000000011 WHERE "timestamp"::date = '2026-10-02'""")
    assert mirror.refresh(database).parts == 0
    assert states(mirror, database) == {("detected_events", "2026-10-02"): "differs"}
    assert states(mirror, database, days={"2026-10-01"}) == {}
    mirror.refresh(database, rebuild=True)
    assert states(mirror, database) == {}


def test_what_has_changed_since_is_behind(
    three_days: Site, follows: Follows, mirror: Mirror, database: Database
) -> None:
    follows()
    three_days.run(NEW_EVENT.format(id="new", time="2026-10-02", updated="now()"))
    three_days.run("""UPDATE "Camera" SET name = 'court'""")
    assert states(mirror, database) == {("cameras", "all"): "behind", ("detected_events", "2026-10-02"): "behind"}


def test_a_file_that_was_tampered_with_differs(
    three_days: Site, follows: Follows, mirror: Mirror, database: Database, tmp_path: Path
) -> None:
    follows()
    victim = next((mirror.store.local / "detected_objects" / "day=2026-10-03").iterdir())
    duckdb.execute(f"COPY (SELECT * REPLACE (x + 1e-12 AS x) FROM '{victim}') TO '{tmp_path / 'other.parquet'}'")
    (tmp_path / "other.parquet").replace(victim)
    assert states(mirror, database) == {("detected_objects", "2026-10-03"): "differs"}


def test_a_damaged_or_missing_mirror_is_said(
    three_days: Site, follows: Follows, mirror: Mirror, database: Database
) -> None:
    with pytest.raises(MirrorError, match="there is no mirror"):
        mirror.verify(database)
    follows()
    next((mirror.store.local / "detected_objects" / "day=2026-10-03").iterdir()).unlink()
    with pytest.raises(MirrorError, match="damaged"):
        mirror.verify(database)
