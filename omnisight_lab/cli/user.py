"""`omnisight user`: who may log in."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from omnisight_lab.access import accounts, rights
from omnisight_lab.cli.output import JsonOption, print_json, print_rows, say
from omnisight_lab.cli.secret import read_secret
from omnisight_lab.db import reads, writes
from omnisight_lab.db.models import User, UserRole
from omnisight_lab.db.session import Database, open_database
from omnisight_lab.errors import UsageError

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Users: add, list, set, cameras, password.")

Name = Annotated[str, typer.Argument(help="Login name.")]
Password = Annotated[str | None, typer.Option(help="Password, - reads it from standard input; default: a random one.")]


@app.command()
def add(
    name: Name,
    role: Annotated[str, typer.Option(help="ADMIN, USER or VIEWER.")] = "USER",
    email: Annotated[str | None, typer.Option(help="Address; NAME@localhost where not given.")] = None,
    password: Password = None,
    as_json: JsonOption = False,
) -> None:
    """Add a user; a random password is printed this once."""
    kind = accounts.role_of(role)
    secret = read_secret(password)
    with open_database() as database:
        made = accounts.add_user(database, name, email=email, password=secret, role=kind)
    _tell(name, None if password else made, as_json)


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the users."""
    with open_database() as database, database.session() as session:
        rows = [_row(user) for user in reads.users(session)]
    print_rows(rows, ["username", "role", "active", "email", "last_login"], as_json=as_json)


@app.command("set")
def set_(
    name: Name,
    role: Annotated[str | None, typer.Option(help="ADMIN, USER or VIEWER.")] = None,
    email: Annotated[str | None, typer.Option(help="Another address.")] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Let in, or refuse and end open sessions.")
    ] = None,
) -> None:
    """Change a user; what is not given stays."""
    given: dict[str, Any] = {"role": accounts.role_of(role) if role else None, "email": email, "is_active": active}
    changes = {key: value for key, value in given.items() if value is not None}
    if not changes:
        raise UsageError("nothing to change; see `omnisight user set --help`")
    with open_database() as database:
        writes.update_user(database, _user(database, name).id, **changes)
    say(f"user {name!r} is changed")


@app.command()
def cameras(
    name: Name,
    only: Annotated[list[str] | None, typer.Option(help="A camera that they may see; may be given again.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="They may see every camera.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say which cameras a user may see, or set them with --only or --all. An ADMIN sees every camera."""
    if only and everything:
        raise UsageError("--only and --all say different things; give one of them")
    with open_database() as database:
        user = _user(database, name)
        if only or everything:
            if only and user.role is UserRole.ADMIN:
                raise UsageError(
                    f"{name!r} is an ADMIN, who sees every camera; `omnisight user set` gives another role"
                )
            with database.session() as session:
                ids = [reads.camera_by_name(session, camera).id for camera in only] if only else None
            writes.set_rights(database, user.id, ids)
        with database.session() as session:
            seen = rights.visible_cameras(session, user)
            rows = [
                {"name": camera.name, "visible": seen is None or camera.id in seen} for camera in reads.cameras(session)
            ]
    print_rows(
        rows if as_json else [{**row, "visible": "yes" if row["visible"] else "no"} for row in rows], None, as_json
    )


@app.command("password")
def password_(name: Name, password: Password = None, as_json: JsonOption = False) -> None:
    """Set a password; a random one is printed this once. Open sessions of the user end."""
    secret = read_secret(password)
    with open_database() as database:
        made = accounts.set_password(database, _user(database, name), secret)
    _tell(name, None if password else made, as_json)


def _tell(name: str, password: str | None, as_json: bool) -> None:
    row = {"username": name, "password": password}
    if as_json:
        print_json(row)
    elif password:
        print_rows([row])
    else:
        say(f"the password of {name!r} is set")


def _user(database: Database, name: str) -> User:
    with database.session() as session:
        return reads.user_by_name(session, name)


def _row(user: User) -> dict[str, Any]:
    row = {"id": user.id, "username": user.username, "role": user.role, "active": user.is_active}
    return row | {"email": user.email, "last_login": user.last_login}
