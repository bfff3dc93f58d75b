"""What keeping the mirror costs: a full build, looking for changes where there are none, and new rows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import text

from benchmarks.generate import END, SIZES, generated
from benchmarks.rows import Span, fill_span
from benchmarks.table import seconds, show
from omnisight_lab.db.session import Database, translated
from omnisight_lab.lab import Lab

RECENT, NEW = 10**9, 2 * 10**9
"""Numbers from which on events of the last two days are numbered, and those that come in while it is measured."""

NEW_EVENTS = 245
"""With their boxes 1000 rows; and a segment of each camera."""

FORGET = (
    'DELETE FROM "DetectedObject" o USING "Event" e WHERE e.id = o."eventId" AND e."timestamp" > :end',
    'DELETE FROM "Notification" WHERE "createdAt" > :end + interval \'1 day\'',
    'DELETE FROM "Event" WHERE "timestamp" > :end',
    'DELETE FROM "Segment" WHERE "startTime" >= :end',
    'DELETE FROM "Recording" WHERE "startTime" >= :end',
    'DELETE FROM "Stream" WHERE "startedAt" >= :end',
    "DELETE FROM lab.gap WHERE start_time >= :end",
    "DELETE FROM lab.camera_period WHERE start_time >= :end",
    "DELETE FROM lab.report_run WHERE started_at > :end + interval '1 day'",
)


def run(size: str = "1M") -> None:
    """Prints seconds and their share of the full build, beside what was aimed at."""
    with generated(size) as (database, paths), recent_days(database, size), Lab(database, paths) as lab:
        shutil.rmtree(paths.mirror, ignore_errors=True)
        build, _ = seconds(lambda: lab.mirror.refresh(database), repeats=1)
        everything, _ = seconds(lambda: lab.mirror.refresh(database))
        lately, _ = seconds(lambda: lab.mirror.refresh(database, recent=True))
        hot = min(_with_new_rows(database, lab, size, turn) for turn in range(3))
        rows = [
            _row("full build", build, build, ""),
            _row("no change, every day looked at", everything, build, "20 %"),
            _row("no change, the last two days", lately, build, "3 %"),
            _row("1000 new rows", hot, build, "3 %"),
        ]
        show(f"mirror of {size} boxes and two days", rows)


def _row(what: str, took: float, build: float, aim: str) -> dict[str, Any]:
    return {"what": what, "s": took, "of the build": f"{took / build:.1%}", "aim": aim}


def _with_new_rows(database: Database, lab: Lab, size: str, turn: int) -> float:
    """Seconds of a refresh that finds 1000 rows which have just come in."""
    now = datetime.now(UTC).replace(tzinfo=None)
    span = replace(SIZES[size].span, start=now, days=2 / 86_400, events=NEW_EVENTS, slots=43_201, holes=0, rhythm=0)
    add(database, replace(span, first=NEW + turn * NEW_EVENTS))
    took, done = seconds(lambda: lab.mirror.refresh(database, recent=True), repeats=1)
    assert done.rows, "the refresh found nothing new"
    return took


@contextmanager
def recent_days(database: Database, size: str) -> Iterator[None]:
    """Meanwhile the site also has rows of yesterday and today, as many as of any two days."""
    now = datetime.now(UTC).replace(tzinfo=None)
    yesterday = datetime.combine(now.date() - timedelta(days=1), time())
    days = (now - yesterday) / timedelta(days=1)
    usual = SIZES[size].span
    span = Span(yesterday, days, usual.cameras, round(SIZES[size].events_a_day * days), usual.slots, RECENT, 0, 0)
    _forget(database)
    add(database, span)
    try:
        yield
    finally:
        _forget(database)


def add(database: Database, span: Span) -> None:
    with translated(database), database.engine.begin() as connection:
        fill_span(connection, span)


def _forget(database: Database) -> None:
    """Takes away what came after the generated history, so that the next run finds what this one found."""
    with translated(database), database.engine.begin() as connection:
        for statement in FORGET:
            connection.execute(text(statement), {"end": END})
