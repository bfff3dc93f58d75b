"""`omnisight settings`: the settings of the site."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from sqlalchemy import select

from omnisight_lab.cli.output import JsonOption, print_json, print_rows, say
from omnisight_lab.db import reads, writes
from omnisight_lab.db.models import SystemSetting
from omnisight_lab.db.session import open_database
from omnisight_lab.errors import UnknownName
from omnisight_lab.settings import SETTINGS, parse, render

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Settings of the site: list, get, set.")

Key = Annotated[str, typer.Argument(help="As site.timezone; `omnisight settings list` shows all.")]


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the settings: value, where it comes from, type, default, help."""
    with open_database() as database, database.session() as session:
        values = reads.site_settings(session)
        stored = set(session.scalars(select(SystemSetting.key)))
    rows: list[dict[str, Any]] = []
    for key, setting in SETTINGS.items():
        source = setting.variable if setting.in_environment else "stored" if key in stored else "default"
        row = {"key": key, "value": values[key], "from": source, "type": setting.kind, "default": setting.default}
        rows.append(row | {"help": setting.help})
    if not as_json:
        rows = [{**row, "value": render(row["value"]), "default": render(row["default"])} for row in rows]
    print_rows(rows, ["key", "value", "from", "type", "default", "help"], as_json=as_json)


@app.command()
def get(key: Key, as_json: JsonOption = False) -> None:
    """Print one setting's value."""
    if key not in SETTINGS:  # needs no database to be refused
        raise UnknownName("setting", key, SETTINGS)
    with open_database() as database, database.session() as session:
        value = reads.site_settings(session)[key]
    print_json(value) if as_json else sys.stdout.write(render(value) + "\n")


@app.command("set")
def set_(key: Key, value: Annotated[str, typer.Argument(help="The new value; a list goes by commas.")]) -> None:
    """Change one setting; a running worker takes it up by itself."""
    parse(key, value)
    with open_database() as database:
        typed = writes.set_setting(database, key, value)
    say(f"{key} is {render(typed)}")
    if SETTINGS[key].in_environment:
        say(f"the variable {SETTINGS[key].variable} goes before it")
