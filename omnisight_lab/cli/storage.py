"""`omnisight storage`: the rows against the disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from omnisight_lab.cli.output import JsonOption, print_json, print_rows, progress, say, share
from omnisight_lab.cli.who import AsOption

if TYPE_CHECKING:
    from omnisight_lab.ops.ledger import CameraFiles, Ledger


def command(as_user: AsOption = None, as_json: JsonOption = False) -> None:
    """Compare what the database lists with what lies on the disk, and say what else takes its space."""
    from omnisight_lab.lab import connect

    with connect(user=as_user) as lab, progress("files", 1.0) as bar:
        ledger = lab.ledger(share(bar))
    if as_json:
        print_json({**asdict(ledger), "accounted": ledger.accounted})
    else:
        _print(ledger)


def _print(ledger: Ledger) -> None:
    from omnisight_lab.analytics.shown import in_bytes

    rows: list[dict[str, Any]] = [
        {
            "part": part.name,
            "files": part.files or None,
            "on this disk": in_bytes(part.bytes),
            "share": f"{part.bytes / ledger.total * 100:.1f} %",
            "elsewhere": in_bytes(part.elsewhere) if part.elsewhere else None,
        }
        for part in ledger.parts
    ]
    print_rows([*rows, {"part": "the disk", "on this disk": in_bytes(ledger.total), "share": "100.0 %"}])
    print_rows([_row(camera, in_bytes) for camera in ledger.cameras])
    say(
        f"room for footage on the disk of {ledger.media}, the floor kept free: {in_bytes(ledger.for_footage)} "
        f"(omnisight query storage_forecast -p capacity={ledger.for_footage / 1e9:.0f})"
    )
    for camera in ledger.cameras:
        _complain(camera)


def _row(camera: CameraFiles, in_bytes: Callable[[float], str]) -> dict[str, Any]:
    return {
        "camera": camera.camera,
        "rows": camera.rows,
        "listed": in_bytes(camera.listed_bytes),
        "files": camera.files,
        "found": in_bytes(camera.found_bytes),
        "rows without file": camera.missing,
        "files without row": camera.unlisted,
    }


def _complain(camera: CameraFiles) -> None:
    """What does not fit, with an example each."""
    if camera.missing:
        say(f"{camera.camera}: {camera.missing} rows without file, as {camera.missing_paths[0]}")
    if camera.unlisted:
        say(f"{camera.camera}: {camera.unlisted} files without row, as {camera.unlisted_paths[0]}")
