"""`omnisight db`: the database itself."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from omnisight_lab import settings
from omnisight_lab.cli.output import JsonOption, print_json, print_rows, say
from omnisight_lab.db import analyst, migrate
from omnisight_lab.db import check as checks
from omnisight_lab.db.server import EmbeddedServer
from omnisight_lab.db.session import locate_database, open_database

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="The database itself: its version, its tables, its address."
)


@app.command()
def upgrade(
    indexes: Annotated[
        bool | None,
        typer.Option(
            "--indexes/--no-indexes",
            help="Add or take away our partial indexes, which Prisma does not see. "
            "Default: added when we make the tables, left alone otherwise.",
        ),
    ] = None,
) -> None:
    """Bring schema lab to this version. The tables of an existing OmniSight database are left as they are."""
    with locate_database() as database:
        migrate.upgrade(database, indexes=indexes)
    say(f"the database is up to date: {database.safe_url}")


@app.command()
def check(as_json: JsonOption = False) -> None:
    """List what differs from OmniSight's tables, and what that costs; exit 1 where it can't be used."""
    with locate_database() as database:
        found = checks.check(database)
    rows = [
        {"what": item.subject, "differs": item.differs, "cost": item.cost, "stops": item.stops, "sql": item.sql}
        for item in found
    ]
    if as_json:
        print_json(rows)
    elif rows:
        print_rows(
            [{**row, "stops": "yes" if row["stops"] else "no"} for row in rows], ["what", "differs", "cost", "stops"]
        )
    else:
        say("the ten tables are as they should be")
    stopping = [item for item in found if item.stops]
    if not as_json:
        for item in stopping:
            sys.stdout.write(f"{item.sql}\n" if item.sql else "")
    checks.refuse(stopping)


@app.command()
def url(
    libpq: Annotated[
        bool, typer.Option("--libpq", help="For psql, pg_dump and the like; without it, for DATABASE_URL.")
    ] = False,
) -> None:
    """Print the address of the database, WITH its password: it is there to be handed to other programs."""
    with locate_database() as database:
        sys.stdout.write((database.libpq_url if libpq else database.prisma_url) + "\n")


@app.command("grant-analyst")
def grant_analyst(
    name: Annotated[str, typer.Argument(help="Name of the PostgreSQL role.")],
    judge: Annotated[bool, typer.Option("--judge", help="It may also add verdicts; without this it may not.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a role that reads everything but passwords, tokens and camera credentials, or give a role these rights.

    A new role's address, WITH its password, is printed this once: it is the analyst's DATABASE_URL.
    """
    with open_database() as database:
        password = analyst.grant_analyst(database, name, judge=judge)
        address = database.url_as(name, password) if password else None
    if as_json:
        print_json({"name": name, "judge": judge, "url": address})
        return
    say(f"role {name!r} reads what is no secret" + (", and may judge" if judge else ""))
    if address:
        sys.stdout.write(address + "\n")
        say("this address holds its password, which is not shown again")


@app.command()
def stop() -> None:
    """Stop the embedded server; whatever needs it starts it again."""
    server = EmbeddedServer(settings.paths().database)
    if settings.database_url():
        say("DATABASE_URL names a server that is not ours to stop; looking after the embedded one")
    say("the database is stopped" if server.stop() else "the database was not running")
