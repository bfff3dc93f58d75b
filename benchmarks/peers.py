"""A handful of the catalogue beside the same answers by hand: in DuckDB's own SQL, with polars and with pandas."""

from __future__ import annotations

import sys
from typing import Any

import pyarrow as pa

from benchmarks.by_hand import BY_PANDAS, BY_POLARS, COLUMNS, Files, by_sql, connected
from benchmarks.generate import generated
from benchmarks.queries import Site
from benchmarks.table import require_equal, seconds, show
from omnisight_lab.analytics.tables import STORED
from omnisight_lab.lab import Lab


def run(size: str = "1M") -> None:
    """Prints a row a question: seconds of each, over the same files, and of ours beside the hand-written SQL.

    Ours is measured up to the rows that the engine gives, as theirs are; `in all` has what comes before and after:
    looking up cameras and zones, writing the SQL, exact intervals, sorting.
    """
    with generated(size) as (database, paths), Lab(database, paths) as lab:
        lab.refresh(rebuild=True)
        site = Site(lab, size, lab.engine())
        manifest = lab.mirror.manifest()
        assert manifest is not None
        files = {
            name: [lab.mirror.store.address(file.path) for file in manifest.files(name)]
            for name in STORED
            if manifest.files(name)
        }
        show(f"{size} boxes: the catalogue and by hand, over the same files", [_row(site, files, q) for q in COLUMNS])


def _row(site: Site, files: Files, question: str) -> dict[str, Any]:
    sys.stderr.write(f"{question} …\n")
    connection = connected(files)
    sql = site.result(question, site.duckdb).sql
    # Turn by turn, so that what else the machine does falls on both
    turns = [
        (seconds(lambda: site.duckdb.fetch_sql(sql), 1), seconds(lambda: by_sql(connection, question), 1))
        for _ in range(5)
    ]
    ours, hand = (min(turn[who][0] for turn in turns) for who in (0, 1))
    everything, answer = seconds(lambda: site.ask(question, site.duckdb))
    polars, by_polars = seconds(lambda: BY_POLARS[question](files))
    pandas, by_pandas = seconds(lambda: BY_PANDAS[question](files), 1)
    expected = _comparable(answer, question)
    tables = {"SQL": turns[0][1][1], "polars": by_polars.to_arrow(), "pandas": pa.Table.from_pandas(by_pandas)}
    for who, table in tables.items():
        try:
            require_equal(expected, _comparable(table, question))
        except AssertionError as error:
            raise AssertionError(f"{question} by hand ({who}): {error}") from error
    return {
        "question": question,
        "ours s": ours,
        "in all s": everything,
        "SQL by hand s": hand,
        "ours / by hand": ours / hand,
        "polars s": polars,
        "pandas s": pandas,
    }


def _comparable(rows: pa.Table, question: str) -> pa.Table:
    """The columns that every answer has, in one type and order."""
    keys, values = COLUMNS[question]
    kinds = {"int32": pa.int64(), "uint32": pa.int64(), "large_string": pa.string(), "string_view": pa.string()}
    table = rows.select([*keys, *values])
    for index, field in enumerate(table.schema):
        kind = kinds.get(str(field.type), field.type)
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            kind = pa.date32() if field.name == "day" else pa.timestamp("us")
        table = table.set_column(index, field.name, table.column(index).cast(kind))
    return table.sort_by([(key, "ascending") for key in keys])
