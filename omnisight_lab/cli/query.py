"""`omnisight query`: the named queries, as table, CSV, JSON or Parquet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omnisight_lab.cli.output import JsonOption, print_json, print_rows, print_table, say
from omnisight_lab.cli.who import AsOption
from omnisight_lab.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from omnisight_lab.analytics.frames import Result

FORMATS = ("table", "csv", "json", "parquet")


def _names(incomplete: str) -> list[tuple[str, str]]:
    """Queries that begin so, for the shell's completion."""
    from omnisight_lab.analytics import catalogue
    from omnisight_lab.analytics.queries import QUERIES

    return [(name, catalogue.first_sentence(QUERIES[name])) for name in QUERIES if name.startswith(incomplete)]


def _parameters(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Parameters of the query that stands before, and what they group by, for the shell's completion."""
    from omnisight_lab.analytics.queries import QUERIES

    # An option that still lacks its value ends the parser's work: the name is then among what is left
    name = next((word for word in (context.params.get("name"), *context.args) if word in QUERIES), None)
    if name is None:
        return []
    key, equals, value = incomplete.partition("=")
    if equals and key == "by":
        before, comma, last = value.rpartition(",")
        return [(f"by={before}{comma}{it}", "") for it in QUERIES[name].dimensions if it.startswith(last)]
    return [(f"{it.name}=", it.help) for it in QUERIES[name].parameters if it.name.startswith(key)]


def command(
    name: Annotated[str, typer.Argument(help="Query; see --list.", autocompletion=_names)] = "",
    parameters: Annotated[
        list[str] | None,
        typer.Option(
            "-p",
            "--parameter",
            metavar="KEY=VALUE",
            help="Parameter, as by=camera,day or where=weekday=6,7; see --describe.",
            autocompletion=_parameters,
        ),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Aware time, or a date. [default: 7 days]")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Aware time, or a date. [default: end of today]")
    ] = None,
    camera: Annotated[list[str] | None, typer.Option("--camera", help="Name or id; may be given again.")] = None,
    tz: Annotated[str | None, typer.Option("--tz", help="Zone for every camera, in place of its own.")] = None,
    engine: Annotated[str, typer.Option("--engine", help="duckdb (the mirror), postgres (live) or spark.")] = "duckdb",
    format: Annotated[
        str | None, typer.Option("--format", help=f"{', '.join(FORMATS)}. [default: as --out ends, else table]")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="File to write; needed for parquet.")] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the queries.")] = False,
    describe: Annotated[bool, typer.Option("--describe", help="What this query takes and gives.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="With --list: the page of the docs.")] = False,
    as_user: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a named query: events per recorded hour, coverage, objects, storage, and more."""
    from omnisight_lab.analytics.queries import QUERIES

    if listing:
        _list(as_json, markdown)
        return
    if not name:
        raise UsageError("which query? `omnisight query --list` shows them")
    if describe:
        _describe(name, as_json)
        return
    given = QUERIES[name].typed(_pairs(parameters or []))
    form = _form("json" if as_json else format, out)
    from omnisight_lab.lab import connect

    with connect(user=as_user) as lab:
        _print(lab.query(name, start, end, camera, tz, engine, **given), form, out)


def _form(format: str | None, out: Path | None) -> str:
    """The format that was asked for, or that the file's ending says."""
    ending = out.suffix.lower().removeprefix(".") if out else "table"
    form = ending if format is None else format
    if form not in FORMATS:
        if format is None:
            raise UsageError(f"{str(out)!r} ends in no format; add --format csv, json or parquet")
        raise UnknownName("format", form, FORMATS)
    if form == "parquet" and out is None:
        raise UsageError("parquet is written to a file: add --out FILE")
    return form


def _pairs(given: list[str]) -> dict[str, str]:
    """`key=value` texts as a mapping."""
    pairs = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"-p takes KEY=VALUE, not {text!r}")
        if key.strip() in pairs:
            raise UsageError(f"{key.strip()} is given twice; write -p {key.strip()}=…,…")
        pairs[key.strip()] = value
    return pairs


def _print(result: Result, format: str, out: Path | None) -> None:
    say(result.caption())
    if out is not None:
        _save(result, format, out)
        say(f"written to {out}")
    elif format == "table":
        print_table(result.table(max(1, result.count()), caption=False))
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


def _list(as_json: bool, markdown: bool) -> None:
    """The queries by theme, with their parameters and the first sentence on their method."""
    from omnisight_lab.analytics import catalogue
    from omnisight_lab.analytics.queries import QUERIES

    if markdown:
        sys.stdout.write(catalogue.markdown())
    elif as_json:
        print_json([{"theme": catalogue.theme(query), **query.describe()} for query in QUERIES.values()])
    else:
        print_rows(
            [
                {
                    "theme": heading if number == 0 else "",
                    "query": query.name,
                    "parameters": ", ".join(parameter.name for parameter in query.parameters) or "-",
                    "what it gives": catalogue.first_sentence(query),
                }
                for heading, queries in catalogue.by_theme().items()
                for number, query in enumerate(queries)
            ]
        )


def _describe(name: str, as_json: bool) -> None:
    from omnisight_lab.analytics import catalogue
    from omnisight_lab.analytics.queries import QUERIES

    query = QUERIES[name]
    if as_json:
        print_json({"theme": catalogue.theme(query), **query.describe()})
    else:
        sys.stdout.write(f"{catalogue.explained(query, typed=True)}\n")
