"""The option that says who asks."""

from __future__ import annotations

from typing import Annotated

import typer

AsOption = Annotated[
    str | None,
    typer.Option("--as", metavar="NAME", help="Who asks. [default: OMNISIGHT_USER, else the system's user]"),
]
