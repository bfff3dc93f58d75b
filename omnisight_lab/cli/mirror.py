"""`omnisight mirror`: the Parquet copy that figures are computed from."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

import typer

from omnisight_lab.cli.output import JsonOption, print_json, print_rows, progress, say, share
from omnisight_lab.errors import MirrorError, UsageError

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
    """Age, days, files and deltas, rows and bytes."""
    from omnisight_lab import settings
    from omnisight_lab.analytics.mirror import Mirror
    from omnisight_lab.clock import SystemClock

    paths = settings.paths()
    found = asdict(Mirror(paths.mirror_at or paths.mirror, paths.mirror).status(SystemClock().now()))
    if as_json:
        print_json(found)
        return
    rows = found.pop("rows")
    print_rows([{"": name.replace("_", " "), "mirror": value} for name, value in found.items()])
    print_rows([{"table": name, "rows": count} for name, count in rows.items()])


@app.command()
def verify(
    day: Annotated[
        list[str] | None, typer.Option("--day", help="This UTC day only, as 2026-03-29; more than once.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Prove by a hash of every row that the mirror holds what the database holds; exits 1 where a day differs."""
    from omnisight_lab.lab import connect

    with connect() as lab:
        found = lab.mirror.verify(lab.database, _days(day))
    rows = [asdict(one) for one in found if one.state != "equal"]
    differing = [row for row in rows if row["state"] == "differs"]
    if as_json:
        print_json({"equal": len(found) - len(rows), "differing": len(differing), "days": rows})
    elif rows:
        print_rows(rows)
    if differing:
        raise MirrorError(
            f"{len(differing)} of {len(found)} days and tables differ from the database; `omnisight mirror rebuild` "
            "reads everything anew"
        )
    behind = f", {len(rows)} have changed since its snapshot" if rows else ""
    say(f"{len(found) - len(rows)} of {len(found)} days and tables are equal{behind}")


def _days(texts: list[str] | None) -> set[str] | None:
    try:
        return {str(date.fromisoformat(text)) for text in texts} if texts else None
    except ValueError as error:
        raise UsageError(f"--day takes days as 2026-03-29, not {', '.join(texts or ())}") from error


def _refresh(rebuild: bool, as_json: bool) -> None:
    from omnisight_lab.lab import site

    began = time.monotonic()
    with site() as lab, progress("mirror", 1.0) as bar:
        done = lab.refresh(rebuild=rebuild, progress=share(bar))
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
