"""`omnisight up`: everything on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from omnisight_lab.cli.output import say
from omnisight_lab.cli.services import Services
from omnisight_lab.processes import stop_on_signals


def command(port: Annotated[int | None, typer.Option(help="Port of the dashboards.")] = None) -> None:
    """Run everything on this machine: database, worker, dashboards with their mirror. Ctrl-C ends it."""
    from omnisight_lab.db.session import open_database

    database = open_database()
    services = Services()
    with stop_on_signals() as stop:
        try:
            services.verb("worker")
            services.verb("dashboards", *(["--port", str(port)] if port is not None else []))
            say("OmniSight Lab is up; Ctrl-C ends it")
            while not stop.wait(1):
                if database.server:
                    database.server.start()  # a killed server comes back under the worker that writes to it
                services.revive()
            say("stopping")
        finally:
            services.stop()
            database.close()
            database.stop_server_if_started()
