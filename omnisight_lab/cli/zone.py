"""`omnisight zone`: zones and lines in the cameras' pictures."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from omnisight_lab.cli.output import JsonOption, print_json, print_rows, say
from omnisight_lab.cli.who import AsOption
from omnisight_lab.errors import UsageError

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Zones and lines in pictures: add, list, remove.")

Camera = Annotated[str, typer.Argument(help="Name or id of the camera.")]
Name = Annotated[str, typer.Argument(help="Name of the zone or line.")]


@app.command()
def add(
    camera: Camera,
    name: Name,
    points: Annotated[
        str, typer.Option(help='Corners in order, as "0.1,0.2 0.5,0.2 0.5,0.9": fractions of the frame.')
    ],
    line: Annotated[bool, typer.Option("--line", help="A line to be crossed, not a closed zone.")] = False,
    as_user: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw a zone or a line; one of this name gets a new version. The past is counted by it, too."""
    from omnisight_lab.lab import connect

    with connect(user=as_user) as lab:
        drawn = lab.zones.add(camera, name, _points(points), line=line)
    if as_json:
        print_json(asdict(drawn))
    else:
        say(f"{drawn.kind} {drawn.name!r} of camera {drawn.camera!r} is drawn (version {drawn.version})")


@app.command("list")
def list_(
    camera: Annotated[str | None, typer.Option(help="Of this camera alone, by name or id.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Older and removed versions, too.")] = False,
    as_user: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List zones and lines."""
    from omnisight_lab.lab import connect

    with connect(user=as_user) as lab:
        found = [asdict(zone) for zone in lab.zones.list(camera, retired=everything)]
    rows: list[dict[str, Any]] = found if as_json else [{**row, "points": _text(row["points"])} for row in found]
    columns = ["camera", "name", "kind", "version", "points", "created"]
    print_rows(rows, columns + ["retired"] * everything, as_json=as_json)


@app.command()
def remove(camera: Camera, name: Name, as_user: AsOption = None) -> None:
    """Remove a zone or line; its versions and the events that it made stay."""
    from omnisight_lab.lab import connect

    with connect(user=as_user) as lab:
        lab.zones.remove(camera, name)
    say(f"{name!r} of camera {camera!r} is removed")


def _points(text: str) -> list[tuple[float, float]]:
    """Points typed as `x,y x,y …`."""
    try:
        return [(float(x), float(y)) for x, y in (pair.split(",") for pair in text.split())]
    except ValueError as error:
        raise UsageError(f'points are typed as "0.1,0.2 0.5,0.2 0.5,0.9", not as {text!r}') from error


def _text(points: tuple[tuple[float, float], ...]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)
