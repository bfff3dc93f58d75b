"""`omnisight report`: what reports there are, run one, look back."""

from __future__ import annotations

import signal
from typing import Annotated, Any

import typer

from omnisight_lab import settings
from omnisight_lab.cli.output import JsonOption, print_json, print_rows, progress, say
from omnisight_lab.errors import UsageError

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Run report notebooks to self-contained pages.")

ParameterOption = Annotated[
    list[str] | None, typer.Option("--parameter", "-p", metavar="KEY=VALUE", help="A parameter; lists by commas.")
]


@app.command("list")
def list_reports(as_json: JsonOption = False) -> None:
    """The reports, with their parameters."""
    from omnisight_lab.reports import catalog

    found = catalog.reports(settings.paths())
    if as_json:
        print_json([_described(report) for report in found])
        return
    for report in found:
        typer.echo(f"{report.name}: {report.description}")
        for parameter in report.parameters:
            typer.echo(f"  -p {parameter.name}=…  {parameter.kind}: {parameter.help}")


def _described(report: Any) -> dict[str, Any]:
    parameters = [{"name": p.name, "type": p.kind, "default": p.default, "help": p.help} for p in report.parameters]
    return {
        "name": report.name,
        "title": report.title,
        "description": report.description,
        "notebook": report.path,
        "parameters": parameters,
    }


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="Name of the report, as `report list` has it.")],
    parameter: ParameterOption = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write a PDF too (extra `pdf`).")] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds that the whole run may take.")] = 1800,
    cell_timeout: Annotated[float, typer.Option(min=1, help="Seconds that one cell may take.")] = 600,
    as_json: JsonOption = False,
) -> None:
    """Run a report; prints where its page is."""
    from omnisight_lab.db.session import open_database
    from omnisight_lab.reports.run import Limits, run_report

    given = dict(_pair(text) for text in parameter or [])
    # Ended from outside, the run is still marked failed and its kernel ended, as on Ctrl-C
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    paths = settings.paths()
    with open_database(paths) as database, progress(name, None) as update:
        done = run_report(
            database,
            paths,
            name,
            given,
            ("html", "pdf") if pdf else ("html",),
            limits=Limits(cell=cell_timeout, whole=timeout),
            progress=lambda cell, cells: update(cell),
        )
    if as_json:
        print_json(done.as_json())
        return
    say(f"done in {done.seconds:.1f} s")
    typer.echo(done.pdf if pdf else done.html)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UsageError(f"{text!r} is no parameter; write it as key=value")
    return name.strip(), value


@app.command()
def history(
    name: Annotated[str | None, typer.Argument(help="Only runs of this report.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many runs, the newest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """The runs, the newest first."""
    from omnisight_lab.db.session import open_database
    from omnisight_lab.reports.run import history as runs

    paths = settings.paths()
    with open_database(paths) as database:
        found = [run.as_json() for run in runs(database, paths, name, limit)]
    print_rows(found, ["started", "name", "status", "seconds", "html", "error"], as_json)
