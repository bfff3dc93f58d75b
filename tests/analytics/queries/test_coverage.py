"""Coverage by bucket, causes of gaps and uptime, worked out by hand, on both engines."""

from __future__ import annotations

import pytest

from omnisight_lab.db import writes
from omnisight_lab.errors import UsageError
from omnisight_lab.lab import Lab
from omnisight_lab.plots.colours import CAUSES
from omnisight_lab.types import GapCause, TimeRange
from tests.analytics.conftest import Site, ask, at, table

DAY = ("2026-10-20", "2026-10-21")


@pytest.fixture
def dock(site: Site, lab: Lab) -> Lab:
    """Expected 8 to 12 and 13 to 14 h; missing 9 to 10, 11:30 to 12 and the last 592.5 s; 15 min unasked at 12:15."""
    camera = site.camera("dock")
    site.expect(camera, "2026-10-20T08:00", "2026-10-20T12:00")
    site.expect(camera, "2026-10-20T13:00", "2026-10-20T14:00")
    site.footage(camera, "2026-10-20T08:00", "2026-10-20T09:00", seconds=600)
    site.footage(camera, "2026-10-20T10:00", "2026-10-20T11:30")
    site.footage(camera, "2026-10-20T10:30", "2026-10-20T11:00")
    site.footage(camera, "2026-10-20T12:15", "2026-10-20T12:30")
    site.footage(camera, "2026-10-20T13:00", "2026-10-20T13:50:07.500")
    lab.refresh()
    return lab


def test_coverage_by_hour_of_the_day(dock: Lab) -> None:
    rows = ask(dock, "coverage_by", *DAY, by="hour_of_day")
    recorded = 3007.5 / 3600
    assert table(rows, "hour_of_day", "recorded_hours", "expected_hours", "missing_hours", "share") == [
        (8, 1.0, 1.0, 0.0, 1.0),
        (9, 0.0, 1.0, 1.0, 0.0),
        (10, 1.0, 1.0, 0.0, 1.0),
        (11, 0.5, 1.0, 0.5, 0.5),
        (12, 0.25, 0.0, 0.0, None),
        (13, recorded, 1.0, 592.5 / 3600, recorded),
    ]


def test_coverage_by_adds_up_to_coverage(dock: Lab) -> None:
    (whole,) = ask(dock, "coverage", *DAY)
    assert whole["missing_seconds"] == 3600 + 1800 + 592.5
    for by in ("camera", "hour", "week", "weekday", "camera,day", "month,hour_of_day", ""):
        rows = ask(dock, "coverage_by", *DAY, by=by)
        for name in ("expected", "recorded", "missing"):
            assert sum(row[f"{name}_hours"] for row in rows) * 3600 == pytest.approx(whole[f"{name}_seconds"]), by
        assert len(rows) > 1 or rows[0]["share"] == whole["share"]


def test_coverage_has_no_labels(dock: Lab) -> None:
    for asked in ({"by": "label"}, {"where": {"label": "car"}}):
        with pytest.raises(UsageError, match="camera"):
            dock.query("coverage_by", **asked)
    assert table(ask(dock, "coverage_by", *DAY, where="hour_of_day=11,12", by="camera"), "missing_hours") == [(0.5,)]


@pytest.fixture
def shed(site: Site, lab: Lab) -> Lab:
    """Expected 8 to 18 h. Dark 9:00 to 9:30, 12 to 13 deleted by policy, the file of 14 to 15 gone, 0.5 s short."""
    camera = site.camera("shed")
    site.camera("paused")
    site.expect(camera, "2026-10-20T08:00", "2026-10-20T18:00")
    site.footage(camera, "2026-10-20T08:00", "2026-10-20T09:00")
    site.gap(camera, "2026-10-20T09:00", "2026-10-20T09:20", "camera_unreachable")
    site.footage(camera, "2026-10-20T09:30", "2026-10-20T12:00")
    deleted = TimeRange(at("2026-10-20T12:00"), at("2026-10-20T13:00"))
    writes.add_gap(site.database, camera, deleted, GapCause.RETENTION)
    _, gone, *_ = site.footage(camera, "2026-10-20T13:00", "2026-10-20T17:59:59.500")
    assert writes.mark_missing(site.database, [gone]) == 1
    lab.refresh()
    return lab


def test_gaps_of_footage_that_was_there_once(shed: Lab) -> None:
    assert table(ask(shed, "gaps", *DAY), "start", "seconds", "cause") == [
        (at("2026-10-20T09:00"), 1200.0, "camera_unreachable"),
        (at("2026-10-20T09:20"), 600.0, "unknown"),
        (at("2026-10-20T12:00"), 3600.0, "retention"),
        (at("2026-10-20T14:00"), 3600.0, "missing_file"),
    ]
    assert {str(cause) for cause in GapCause} <= CAUSES.keys(), "every cause has its colour"


def test_a_missing_file_is_no_recorded_time_in_any_query(shed: Lab) -> None:
    lost = 1800 + 3600 + 3600 + 0.5
    (paused, whole) = ask(shed, "coverage", *DAY)
    assert (whole["missing_seconds"], whole["recorded_seconds"]) == (lost, 36_000 - lost)
    assert (paused["camera"], paused["share"]) == ("paused", None)
    (cells,) = ask(shed, "coverage_by", *DAY, by="camera")
    assert cells["recorded_hours"] * 3600 == pytest.approx(36_000 - lost)
    (kept,) = ask(shed, "storage", *DAY)
    assert (kept["segments"], kept["hours"]) == (8, pytest.approx(10 - lost / 3600))
    hours = ask(shed, "activity", *DAY, by="hour_of_day")
    assert [row["recorded_hours"] for row in hours if row["hour_of_day"] in (12, 14)] == [0.0, 0.0]


def test_uptime_counts_failures_and_neither_pauses_nor_retention(shed: Lab) -> None:
    columns = ("camera", "expected_hours", "up_hours", "failures", "mtbf_hours", "mttr_seconds", "availability")
    paused, up = ask(shed, "uptime", *DAY)
    # Two causes from 9:00 to 9:30 are one failure of 1800 s, the lost file is another of 3600 s
    assert table([up], *columns) == [("shed", 10.0, 8.5, 2, 4.25, 2700.0, 0.85)]
    assert up["longest_outage_seconds"] == 3600.0
    assert up["mtbf_hours"] / (up["mtbf_hours"] + up["mttr_seconds"] / 3600) == pytest.approx(up["availability"])
    assert table([paused], *columns) == [("paused", 0.0, 0.0, 0, None, None, None)]
    (long,) = ask(shed, "uptime", *DAY, cameras="shed", min_gap=3600)
    assert (long["failures"], long["up_hours"]) == (1, 9.0)
    (inside,) = ask(shed, "uptime", "2026-10-20T09:10:00Z", "2026-10-20T09:20:00Z", cameras="shed")
    assert (inside["failures"], inside["availability"], inside["longest_outage_seconds"]) == (1, 0.0, 600.0)


def test_a_pause_in_the_middle_makes_two_failures(dock: Lab) -> None:
    (row,) = ask(dock, "uptime", "2026-10-20T11:30:00Z", "2026-10-20T14:00:00Z")
    # 11:30 to 12:00 and the last 592.5 s; 12 to 13 was a pause
    assert (row["failures"], row["expected_hours"], row["mttr_seconds"]) == (2, 1.5, (1800 + 592.5) / 2)
