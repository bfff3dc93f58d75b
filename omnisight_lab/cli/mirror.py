"""`omnisight mirror`: the Parquet copy that figures are computed from."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import typer

from omnisight_lab.cli.output import JsonOption, print_json, print_rows, progress

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The Parquet mirror that figures are computed from.")


@app.command()
def refresh(as_json: JsonOption = False) -> None:
    """Read again what has changed."""
    _refresh(False, as_json)


@app.command()
def rebuild(as_json: JsonOption = False) -> None:
    """Read everything anew; finds also what was changed without a new updatedAt."""
    _refresh(True, as_json)


@app.command()
def status(as_json: JsonOption = False) -> None:
    """Age, days, rows and bytes."""
    from omnisight_lab import settings
    from omnisight_lab.analytics.mirror import Mirror
    from omnisight_lab.clock import SystemClock

    found = asdict(Mirror(settings.paths().mirror).status(SystemClock().now()))
    if as_json:
        print_json(found)
        return
    rows = found.pop("rows")
    print_rows([{"": name.replace("_", " "), "mirror": value} for name, value in found.items()])
    print_rows([{"table": name, "rows": count} for name, count in rows.items()])


def _refresh(rebuild: bool, as_json: bool) -> None:
    from omnisight_lab.lab import site

    began = time.monotonic()
    with site() as lab, progress("mirror", 1.0) as bar:
        done = lab.refresh(rebuild=rebuild, progress=_share(bar))
        status = asdict(lab.mirror_status())
    summary: dict[str, Any] = {
        "snapshot": done.manifest.snapshot,
        "rows_read": done.rows,
        "days_written": done.parts,
        "seconds": round(time.monotonic() - began, 3),
    }
    if as_json:
        print_json({**summary, "mirror": status})
    else:
        print_rows([summary])


def _share(bar: Callable[[float], None]) -> Callable[[int, int], None]:
    return lambda done, total: bar(min(done / total, 1.0) if total else 1.0)
