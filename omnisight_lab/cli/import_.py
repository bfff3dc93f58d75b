"""`omnisight import`: stored video through the pipeline of a camera."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from omnisight_lab import logs, settings
from omnisight_lab.cli.output import JsonOption, print_rows, progress, say
from omnisight_lab.db.session import open_database
from omnisight_lab.errors import BadTime
from omnisight_lab.ingest import importer
from omnisight_lab.types import utc


def command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Videos, in order of time.")],
    camera: Annotated[str, typer.Option(help="Name of the camera that took them.")],
    start: Annotated[
        list[str],
        typer.Option(help="When the first picture was taken, with offset; repeated: of the next file, too."),
    ],
    create: Annotated[bool, typer.Option("--create", help="Make the camera where there is none.")] = False,
    partial: Annotated[bool, typer.Option("--partial", help="Take what is left of files that were cut off.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Record and analyse stored videos as if the camera had sent them; each follows the one before it."""
    logs.configure("import", "WARNING")
    videos = importer.examine(files, [_time(text) for text in start], whole=not partial)
    paths = settings.paths()
    database = open_database(paths)
    try:
        total = sum(video.seconds for video in videos)
        with progress(f"importing {len(videos)} of {camera}", total) as done:
            imported = importer.import_files(database, paths, videos, camera, create=create, progress=done)
    finally:
        database.close()
    for video in imported:
        if video.already:
            say(f"{video.path} is in the database since an earlier import; nothing was written")
    columns = ["path", "start", "end", "segments", "events", "already", "recording_id"]
    print_rows([{name: getattr(video, name) for name in columns} for video in imported], as_json=as_json)


def _time(text: str) -> datetime:
    try:
        return utc(datetime.fromisoformat(text))
    except ValueError as error:
        raise BadTime(f"{text!r} is no time; write it as 2026-03-29T08:00:00+02:00") from error
