"""`omnisight query`: the named queries, as table, CSV, JSON or Parquet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from omnisight_lab.cli.output import JsonOption, print_json, print_rows, say
from omnisight_lab.cli.who import AsOption
from omnisight_lab.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from omnisight_lab.analytics.frames import Result

FORMATS = ("table", "csv", "json", "parquet")


def command(
    name: Annotated[str, typer.Argument(help="Query; see --list.")] = "",
    parameters: Annotated[
        list[str] | None, typer.Option("-p", "--parameter", metavar="KEY=VALUE", help="Parameter; see --list.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Aware time, or a date. [default: 7 days]")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Aware time, or a date. [default: end of today]")
    ] = None,
    camera: Annotated[list[str] | None, typer.Option("--camera", help="Name or id; may be given again.")] = None,
    tz: Annotated[str | None, typer.Option("--tz", help="Zone for every camera, in place of its own.")] = None,
    engine: Annotated[str, typer.Option("--engine", help="duckdb (the mirror) or postgres (live).")] = "duckdb",
    format: Annotated[str, typer.Option("--format", help=", ".join(FORMATS))] = "table",
    out: Annotated[Path | None, typer.Option("--out", help="File to write; needed for parquet.")] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the queries with columns and parameters.")] = False,
    as_user: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a named query: events per recorded hour, coverage, objects, storage, and more."""
    from omnisight_lab.analytics.queries import QUERIES

    if listing:
        _list(as_json)
        return
    if not name:
        raise UsageError("which query? `omnisight query --list` shows them")
    given = QUERIES[name].typed(_pairs(parameters or []))
    if as_json:
        format = "json"
    if format not in FORMATS:
        raise UnknownName("format", format, FORMATS)
    if format == "parquet" and out is None:
        raise UsageError("parquet is written to a file: add --out FILE")
    from omnisight_lab.lab import connect

    with connect(user=as_user) as lab:
        _print(lab.query(name, start, end, camera, tz, engine, **given), format, out)


def _pairs(given: list[str]) -> dict[str, str]:
    """`key=value` texts as a mapping."""
    pairs = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"-p takes KEY=VALUE, not {text!r}")
        pairs[key.strip()] = value
    return pairs


def _print(result: Result, format: str, out: Path | None) -> None:
    say(result.caption())
    if out is not None:
        _save(result, format, out)
        say(f"written to {out}")
    elif format == "table":
        columns = [column.name for column in result.columns if column.name not in result.hidden]
        print_rows(result.rows(), columns)
    elif format == "csv":
        sys.stdout.write(str(result.to_csv()))
    else:
        print_json(result.rows())


def _save(result: Result, format: str, out: Path) -> None:
    if format == "parquet":
        result.to_parquet(out)
    elif format == "json":
        result.to_json(out)
    else:
        result.to_csv(out)


def _list(as_json: bool) -> None:
    from omnisight_lab.analytics.queries import QUERIES

    described: list[dict[str, Any]] = [query.describe() for query in QUERIES.values()]
    if as_json:
        print_json(described)
        return
    rows = [
        {
            "query": query["name"],
            "parameters": ", ".join(parameter["name"] for parameter in query["parameters"]) or "-",
            "what it gives": query["method"],
        }
        for query in described
    ]
    print_rows(rows)
