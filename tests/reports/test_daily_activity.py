"""The daily report, run as users run it: its figures against SQL and against `omnisight query`, its pages' contents."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from html import unescape

import pytest
from sqlalchemy import text

from omnisight_lab.db.session import Database
from omnisight_lab.lab import Lab
from omnisight_lab.reports.run import ReportRun, history, run_report
from omnisight_lab.settings import Paths
from tests import needs
from tests.asker import add_asker
from tests.reports.site import Site

ADDRESS = re.compile(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//|https?://""")


@pytest.fixture(scope="module")
def run(site: Site) -> ReportRun:
    formats = ("html", "pdf") if needs.HAS_PANGO else ("html",)
    return run_report(site.database, site.paths, "daily_activity", {}, formats)


def words(page: str) -> str:
    """The text of a page, without styles, pictures and markup."""
    page = re.sub(r"<style.*?</style>|<head.*?</head>", "", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def output_of(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def page_of(run: ReportRun) -> str:
    assert run.html
    return run.html.read_text()


def test_page_is_self_contained(run: ReportRun) -> None:
    page = page_of(run)
    assert not ADDRESS.findall(page)
    assert "<script" not in page and "In&nbsp;[" not in page and "ol.connect" not in page
    assert page.count("<svg") == 3 and page.count("data:image/jpeg;base64,") == 18
    assert len(page) > 20_000
    assert "prefers-color-scheme: dark" in page and page.count("<style data-omnisight") == 0


def test_last_day_with_data_is_the_default(run: ReportRun) -> None:
    assert run.window and (run.window.start, run.window.end) == (
        datetime(2026, 3, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 29, 22, tzinfo=UTC),
    )
    assert "Sunday, 29 March 2026 · Europe/Berlin · all cameras" in words(page_of(run))


def test_figures_are_those_of_the_database(run: ReportRun, site: Site) -> None:
    assert run.window
    window = {"start": run.window.start.replace(tzinfo=None), "end": run.window.end.replace(tzinfo=None)}
    with site.database.session() as session:
        events, objects = session.execute(
            text(
                "SELECT count(DISTINCT e.id), count(DISTINCT (e.id, o.metadata ->> 'trackId')) FROM \"Event\" e "
                'JOIN "DetectedObject" o ON o."eventId" = e.id '
                'WHERE e."timestamp" >= :start AND e."timestamp" < :end AND e."eventType" = \'object_detected\''
            ),
            window,
        ).one()
        seconds = session.execute(
            text(
                'SELECT extract(epoch FROM sum("endTime" - "startTime")) FROM "Segment" '
                'WHERE "startTime" >= :start AND "endTime" <= :end'
            ),
            window,
        ).scalar_one()
    said = words(page_of(run))
    hours = float(seconds) / 3600
    assert (events, objects, round(hours, 2)) == (18, 18, 13.67)
    assert f"3 cameras saw {events} events in 13 h 40 min of recorded time: {events / hours:.1f} per recorded" in said
    assert "Objects seen: car 7, person 6, bicycle 5." in said
    assert "80.4 % is recorded: 3 h 20 min missing in 2 gaps, the longest 3 h at Roof (wrong credentials)." in said
    assert "Nothing was recorded by Roof." in said


def test_figures_are_those_of_the_queries(run: ReportRun, site: Site) -> None:
    assert run.window
    said = words(page_of(run))
    with Lab(site.database, site.paths) as lab:
        span = (run.window.start, run.window.end)
        for row in lab.coverage(*span, tz="Europe/Berlin"):
            assert f"{row['camera']} {row['expected_seconds'] / 3600:.0f} h" in said
        activity = lab.activity(*span, tz="Europe/Berlin")
        for camera in ("Gate", "Yard"):
            rows = [row for row in activity if row["camera"] == camera]
            count, hours = sum(row["events"] for row in rows), sum(row["recorded_hours"] for row in rows)
            assert re.search(rf"{camera} .*\b{count} {count / hours:.1f}\b", said)
        assert f"activity {activity.count()}, " in said and f"events {lab.events(*span).count()}" in said


def test_day_of_the_clock_change_has_its_23_hours(run: ReportRun) -> None:
    chart = page_of(run).split("<svg")[1]
    labels = re.findall(r">(\d\d)</text>", chart)
    assert labels[:23] == [f"{hour:02d}" for hour in range(24) if hour != 2]


def test_provenance_is_printed(run: ReportRun) -> None:
    said = words(page_of(run))
    for part in ("Data window", "Time zone Europe/Berlin", "Mirror snapshot 20", f"omnisight-lab {run.version}"):
        assert part in said
    assert "--from 2026-03-29T00:00:00+01:00 --to 2026-03-30T00:00:00+02:00 --tz Europe/Berlin" in said


@needs.pango
@needs.poppler
def test_pdf_says_the_same(run: ReportRun) -> None:
    assert run.pdf
    said = " ".join(output_of("pdftotext", "-layout", str(run.pdf), "-").split())
    assert "3 cameras saw 18 events in 13 h 40 min of recorded time" in said and "wrong credentials" in said
    assert len(output_of("pdfimages", "-list", str(run.pdf)).splitlines()) == 2 + 18


def test_ledger_has_the_run(run: ReportRun, site: Site) -> None:
    assert history(site.database, site.paths, "daily_activity") == [run]
    assert not history(site.database, site.paths, "other")


def test_other_day_of_one_camera_says_that_there_is_nothing(site: Site) -> None:
    given = {"day": "2026-03-30", "cameras": "Yard", "timezone": "Asia/Kathmandu"}
    said = words(page_of(run_report(site.database, site.paths, "daily_activity", given)))
    assert "Monday, 30 March 2026 · Asia/Kathmandu · Yard" in said
    assert "recording was not expected from any camera, and no event is known: there is nothing to report." in said
    assert "no activity to draw" in said and "no coverage to draw" in said and "There were no events" in said


def test_empty_database_says_so(database: Database, paths: Paths) -> None:
    add_asker(database)
    run = run_report(database, paths, "daily_activity")
    assert "There are no cameras yet, so there is nothing to report." in words(page_of(run))
    assert "<svg" not in page_of(run)
