"""`omnisight dashboards`: the served pages."""

from __future__ import annotations

from typing import Annotated

import typer

from omnisight_lab.cli.output import say


def command(
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one. Default: dashboards.port.")
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="Network address to listen on. Default: dashboards.address.")
    ] = None,
) -> None:
    """Serve the dashboards until Ctrl-C, and print their address."""
    from dashboards.server import serve
    from omnisight_lab.lab import site

    with site() as lab:
        settings = lab.settings
        serve(
            lab,
            settings["dashboards.port"] if port is None else port,
            settings["dashboards.address"] if address is None else address,
            lambda url: say(f"dashboards at {url}"),
        )
