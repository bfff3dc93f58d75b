"""The option that says who asks."""

from __future__ import annotations

from typing import Annotated

import typer

from omnisight_lab.errors import UsageError


def _named(name: str | None) -> str | None:
    """An empty name, as of a shell's variable that is not set, must not mean somebody else."""
    if name is not None and not name.strip():
        raise UsageError("--as needs a name")
    return name


AsOption = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="NAME", callback=_named, help="Who asks. [default: OMNISIGHT_USER, else the system's user]"
    ),
]
