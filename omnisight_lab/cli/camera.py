"""`omnisight camera`: which cameras there are, and how they are reached."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from omnisight_lab import settings
from omnisight_lab.addresses import redact
from omnisight_lab.cli.output import JsonOption, print_json, print_rows, say
from omnisight_lab.cli.secret import read_secret
from omnisight_lab.db import reads, writes
from omnisight_lab.db.models import Camera
from omnisight_lab.db.session import Database, open_database
from omnisight_lab.errors import UsageError
from omnisight_lab.settings import SETTINGS

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Cameras: add, list, test, set, remove.")

COLUMNS = ["name", "status", "enabled", "address", "username", "location", "model", "timezone", "last_recorded"]

Name = Annotated[str, typer.Argument(help="Name of the camera.")]
Username = Annotated[str | None, typer.Option(help="Login at the camera.")]
Password = Annotated[str | None, typer.Option(help="Password at the camera; - reads it from standard input.")]
Location = Annotated[str | None, typer.Option(help="Where it hangs.")]
Model = Annotated[str | None, typer.Option(help="Make and model.")]
Zone = Annotated[str | None, typer.Option(help="Its time zone, as Europe/Berlin; the site's where not given.")]


@app.command()
def add(
    name: Name,
    url: Annotated[str, typer.Argument(help="rtsp://HOST:PORT/PATH; left out: for imports only.")] = "",
    username: Username = None,
    password: Password = None,
    location: Location = None,
    model: Model = None,
    timezone: Zone = None,
) -> None:
    """Add a camera. Credentials in the address are moved out of it."""
    own = {"timezone": _zone(timezone)} if timezone else None
    secret = read_secret(password)
    with open_database() as database:
        details: dict[str, Any] = {"location": location, "model": model, "settings": own}
        writes.add_camera(database, name=name, rtsp_url=url, username=username, password=secret, **details)
    say(f"camera {name!r} is added; " + ("the worker records it" if url else "it has no address: import files to it"))


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the cameras, without passwords."""
    with open_database() as database, database.session() as session:
        rows = [
            {**_row(camera), "last_recorded": reads.last_recorded(session, camera.id)}
            for camera in reads.cameras(session)
        ]
    print_rows(rows, COLUMNS, as_json=as_json)


@app.command()
def test(name: Name, as_json: JsonOption = False) -> None:
    """Connect to a camera and wait for its first picture; says exactly what fails."""
    from omnisight_lab.media.source import RtspSource

    with open_database() as database:
        camera = _camera(database, name)
        with database.session() as session:
            timeout = reads.site_settings(session)["camera.timeout_seconds"]
    if not camera.rtsp_url:
        raise UsageError(f"camera {name!r} has no address; it is for imports only")
    with RtspSource(camera.rtsp_url, camera.username, camera.password, timeout) as source:
        next(source.packets())
        info = source.info
    found = {"name": camera.name, "codec": info.codec, "width": info.size.width, "height": info.size.height}
    row = {**found, "frames_per_second": info.rate}
    print_json(row) if as_json else print_rows([row])


@app.command("set")
def set_(
    name: Name,
    rename: Annotated[str | None, typer.Option("--name", help="Another name.")] = None,
    url: Annotated[str | None, typer.Option(help="Another address.")] = None,
    username: Username = None,
    password: Password = None,
    location: Location = None,
    model: Model = None,
    timezone: Zone = None,
    enable: Annotated[
        bool | None, typer.Option("--enable/--pause", help="Record it, or not; a pause is no gap.")
    ] = None,
) -> None:
    """Change a camera; what is not given stays."""
    given: dict[str, Any] = {"name": rename, "rtsp_url": url, "username": username, "password": read_secret(password)}
    given |= {"location": location, "model": model, "timezone": _zone(timezone) if timezone else None}
    given |= {"enabled": enable}
    changes = {key: value for key, value in given.items() if value is not None}
    if not changes:
        raise UsageError("nothing to change; see `omnisight camera set --help`")
    with open_database() as database:
        writes.update_camera(database, _camera(database, name).id, **changes)
    say(f"camera {name!r} is changed")


@app.command()
def remove(
    name: Name,
    with_footage: Annotated[
        bool, typer.Option("--with-footage", help="Remove its recordings, events and files, too.")
    ] = False,
) -> None:
    """Remove a camera; one that has recorded anything goes only with its footage."""
    with open_database() as database:
        files = writes.remove_camera(database, _camera(database, name).id, with_footage=with_footage)
    removed = _unlink(settings.paths().media, files)
    say(f"camera {name!r} is removed" + (f", and {removed} files of it" if removed else ""))


def _camera(database: Database, name: str) -> Camera:
    with database.session() as session:
        return reads.camera_by_name(session, name)


def _row(camera: Camera) -> dict[str, Any]:
    row = {"id": camera.id, "name": camera.name, "status": camera.status, "enabled": camera.enabled}
    row |= {"address": redact(camera.rtsp_url) or None, "username": camera.username, "location": camera.location}
    return row | {"model": camera.model, "timezone": camera.own_settings.get("timezone")}


def _zone(name: str) -> str:
    try:
        zone: str = SETTINGS["site.timezone"].parse(name)
    except ValueError as error:
        raise UsageError(f"{name!r} {error}") from error
    return zone


def _unlink(media: Path, files: list[str]) -> int:
    """How many of the files were there, below the media root, and are gone; other services' absolute paths stay."""
    removed = 0
    for file in files:
        path = (media / file).resolve()
        if path.is_relative_to(media.resolve()) and path.is_file():
            path.unlink()
            removed += 1
    return removed
