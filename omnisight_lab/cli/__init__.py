"""The command line: one module per verb, loaded when the verb is used; every error ends as one line here."""

from __future__ import annotations

import os
import sys
import traceback
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from omnisight_lab import settings
from omnisight_lab.addresses import redact
from omnisight_lab.errors import OmniSightError

VERBS = {
    "init": "init",
    "demo": "demo",
    "up": "up",
    "db": "db",
    "camera": "camera",
    "worker": "worker",
    "import": "import_",
    "analyse": "analyse",
    "mirror": "mirror",
    "query": "query",
    "storage": "storage",
    "report": "report",
    "verdict": "verdict",
    "zone": "zone",
    "user": "user",
    "settings": "settings",
    "dashboards": "dashboards",
    "lab": "lab",
}
"""Verb -> module below `omnisight_lab.cli`: it has `app` (a group of commands) or `command` (a function)."""


class LazyVerbs(TyperGroup):
    """Imports a verb's module when it is asked for, so that `omnisight query` never loads the worker."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in VERBS:
            return None
        module = import_module(f"omnisight_lab.cli.{VERBS[cmd_name]}")
        group: typer.Typer | None = getattr(module, "app", None)
        if group is None:
            group = typer.Typer(add_completion=False)
            group.command()(module.command)
        command = typer.main.get_command(group)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=LazyVerbs,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="OmniSight Lab: record cameras, find what moves, review it, and report on it.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"omnisight-lab {version('omnisight-lab')}")
        raise typer.Exit


@app.callback()
def _root(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and end."),
    ] = False,
) -> None:
    """Options that stand before the verb."""


def _keep_traceback() -> str:
    """The file that the current traceback was written to, for the bug report."""
    folder = settings.paths().logs
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"crash-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.log"
        path.write_text(redact(traceback.format_exc()))
    except OSError:
        return "no file: the data folder can't be written"
    return str(path)


def main() -> None:
    """Run the command line; never lets a traceback through (exit 0, 1: it failed, 2: used wrongly)."""
    try:
        code = app(standalone_mode=False)
    except TyperException as error:
        _say(error.format_message() and f"{error.format_message().rstrip('.')}; see omnisight --help")
        code = getattr(error, "exit_code", 2)
    except OmniSightError as error:
        _say(str(error))
        code = error.exit_code
    except Exception as error:  # noqa: BLE001 - the last border: the user gets a line, the file gets the traceback
        _say(f"unexpected {type(error).__name__}; please report it with {_keep_traceback()}")
        code = 1
    sys.exit(code)


def _say(message: str) -> None:
    """One line for the user; nothing where help was printed instead."""
    if message:
        sys.stderr.write(f"omnisight: {redact(message)}\n")
