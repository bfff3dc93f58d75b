"""Growth of the footage, worked out by hand, on both engines."""

from __future__ import annotations

from datetime import date

from omnisight_lab.lab import Lab
from tests.analytics.conftest import Site, ask

COLUMNS = ("day", "bytes", "cumulative_bytes", "recorded_hours", "bytes_per_hour", "week_before_bytes", "change")


def test_each_day_against_the_week_before(site: Site, lab: Lab) -> None:
    """A day that was expected and is dark stands there with 0; one that was not expected does not."""
    yard = site.camera("yard")
    site.expect(yard, "2026-10-12", "2026-10-21")
    site.footage(yard, "2026-10-12", "2026-10-13", seconds=86_400, size=100)
    site.footage(yard, "2026-10-13", "2026-10-14", seconds=86_400, size=300)
    site.footage(yard, "2026-10-19", "2026-10-20", seconds=43_200, size=75)
    site.footage(yard, "2026-10-22", "2026-10-22T06:00", seconds=43_200, size=30)
    site.footage(yard, "2026-10-24", "2026-10-25", size=5)
    lab.refresh()
    found = ask(lab, "storage_growth", "2026-10-19", "2026-10-24")
    assert [tuple(row[name] for name in COLUMNS) for row in found] == [
        (date(2026, 10, 19), 150, 550, 24.0, 6.25, 100, 0.5),
        (date(2026, 10, 20), 0, 550, 0.0, None, 300, -1.0),
        (date(2026, 10, 22), 30, 580, 6.0, 5.0, None, None),
    ]


def test_days_are_local_and_whole(site: Site, lab: Lab) -> None:
    """Two hours around midnight in Kathmandu (18:15 UTC); a window that cuts the days shows them whole."""
    camera = site.camera("barn", "Asia/Kathmandu")
    site.footage(camera, "2026-10-20T17:15", "2026-10-20T19:15", seconds=1800, size=7)
    other = site.camera("dock", "Asia/Kathmandu")
    site.footage(other, "2026-10-20T18:15", "2026-10-20T19:15", seconds=1800, size=10)
    lab.refresh()
    found = ask(lab, "storage_growth", "2026-10-20T17:45:00Z", "2026-10-20T18:45:00Z")
    assert [(row["day"].day, row["camera"], row["bytes"], row["cumulative_bytes"]) for row in found] == [
        (20, "barn", 14, 14),
        (21, "barn", 14, 28),
        (21, "dock", 20, 20),
    ]
    by_day = lab.query("storage_growth", "2026-10-20", "2026-10-22").by("day").rows()
    assert [(row["day"].day, row["bytes"]) for row in by_day] == [(20, 14), (21, 34)]
