"""`omnisight up`: everything on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from omnisight_lab.cli.output import say
from omnisight_lab.cli.services import Services
from omnisight_lab.errors import OmniSightError
from omnisight_lab.processes import stop_on_signals

if TYPE_CHECKING:
    from omnisight_lab.db.session import Database

_LOOK_SECONDS = 5.0


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
            while not stop.wait(_LOOK_SECONDS):
                _keep_alive(database)
                services.revive()
            say("stopping")
        finally:
            services.stop()
            database.close()
            database.stop_server_if_started()


def _keep_alive(database: Database) -> None:
    """Brings the embedded server back that was killed under the worker, which keeps its rows until then."""
    try:
        if database.server:
            database.server.start()
    except OmniSightError as error:  # a full disk, perhaps: what runs goes on recording
        say(str(error))
