"""Every query of the catalogue gives the same rows on every engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy
import pyarrow as pa
import pytest

from omnisight_lab.analytics.queries import QUERIES
from omnisight_lab.clock import FakeClock
from omnisight_lab.lab import Lab
from tests import needs
from tests.analytics import rich
from tests.analytics.conftest import Site, at, lab_of_a_module
from tests.conftest import DatabaseMaker

NOW = at("2026-11-01T12:34:56")


@pytest.fixture(scope="module")
def full(database_maker: DatabaseMaker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A Lab that looks at the rich site."""
    with lab_of_a_module(database_maker, tmp_path_factory, FakeClock(NOW)) as lab:
        site = Site(lab.database)
        rich.fill(site)
        site.run("ANALYZE")
        yield lab


def _cases() -> list[Any]:
    """Every query on each engine; also grouped by each half of its dimensions, on Spark one query by one half."""
    cases = []
    for name, query in QUERIES.items():
        by = list(query.dimensions)
        for engine, halves in (("postgres", (by[::2], by[1::2])), ("spark", (by[::2],) if name == "activity" else ())):
            marks = needs.spark if engine == "spark" else ()
            cases.append(pytest.param(name, {}, engine, id=f"{engine}-{name}", marks=marks))
            for half in filter(None, halves):
                id = f"{engine}-{name}-{','.join(half)}"
                cases.append(pytest.param(name, {"by": half}, engine, id=id, marks=marks))
    return cases


@pytest.mark.parametrize(("name", "parameters", "engine"), _cases())
def test_same_rows_as_duckdb(full: Lab, name: str, parameters: dict[str, Any], engine: str) -> None:
    window = (rich.START, rich.END)
    want = full.query(name, *window, **parameters).arrow()
    got = full.query(name, *window, engine=engine, **parameters).arrow()
    assert want.num_rows > 0
    assert got.schema == want.schema
    assert got.num_rows == want.num_rows
    for field in want.schema:
        _same(got[field.name], want[field.name], field)


def _same(got: pa.ChunkedArray, want: pa.ChunkedArray, field: pa.Field) -> None:
    if not pa.types.is_floating(field.type):
        assert got.equals(want), _first_difference(got, want, field)
    assert got.is_null().equals(want.is_null()), field.name
    if pa.types.is_floating(field.type):
        numpy.testing.assert_allclose(got.to_numpy(), want.to_numpy(), rtol=1e-9, atol=0, err_msg=field.name)


def _first_difference(got: pa.ChunkedArray, want: pa.ChunkedArray, field: pa.Field) -> str:
    pairs = enumerate(zip(got.to_pylist(), want.to_pylist(), strict=True))
    return next(
        f"{field.name} of row {row}: {one!r}, {other!r} expected" for row, (one, other) in pairs if one != other
    )
