"""`omnisight worker`: record and analyse cameras until told to stop."""

from __future__ import annotations

from typing import Annotated

import typer

from omnisight_lab import logs, settings
from omnisight_lab.db.session import open_database
from omnisight_lab.ingest.worker import Worker
from omnisight_lab.ops import storage
from omnisight_lab.processes import stop_on_signals


def command(
    camera: Annotated[list[str] | None, typer.Option(help="Record only this one; may be repeated.")] = None,
) -> None:
    """Record and analyse every camera that no other worker holds, until SIGTERM or Ctrl-C."""
    paths = settings.paths()
    storage.prepare(paths.media)
    logs.configure("worker", settings.log_level(), paths.logs)
    with stop_on_signals() as stop, open_database(paths) as database:
        Worker(database, paths, cameras=camera).run(stop)
