"""Every query against tables worked out by hand, on both engines."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from omnisight_lab.analytics.queries import QUERIES
from omnisight_lab.db.session import Database
from omnisight_lab.errors import UnknownName, UsageError
from omnisight_lab.lab import Lab
from omnisight_lab.settings import Paths
from tests.analytics.conftest import Site, ask, at, table
from tests.conftest import DatabaseMaker

HOUR = timedelta(hours=1)


# One event a minute and unbroken footage through a local day: (zone, day, its hours by (hour, offset) with minutes)
DAYS = [
    ("Europe/Berlin", "2026-03-28", 1440, {}),
    ("Europe/Berlin", "2026-03-29", 1380, {2: []}),
    ("Europe/Berlin", "2026-10-25", 1500, {2: [(120, 60), (60, 60)]}),
    ("Australia/Lord_Howe", "2026-04-05", 1470, {1: [(660, 60), (630, 30)]}),
    ("Australia/Lord_Howe", "2026-10-04", 1410, {2: [(660, 30)], 1: [(630, 60)]}),
    ("Asia/Kathmandu", "2026-10-25", 1440, {2: [(345, 60)]}),
    ("America/St_Johns", "2026-11-01", 1500, {1: [(-150, 60), (-210, 60)]}),
    ("UTC", "2026-10-25", 1440, {2: [(0, 60)]}),
]


@pytest.fixture(scope="module")
def minutely(database_maker: DatabaseMaker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A camera for each of DAYS, with unbroken footage and one event a minute around it."""
    database = Database(database_maker.new("omnisight"))
    site = Site(database)
    for zone, day, *_ in DAYS:
        camera = site.camera(f"{zone} {day}", zone)
        start, end = (at(day) - 20 * HOUR).isoformat(), (at(day) + 44 * HOUR).isoformat()
        site.footage(camera, start, end)
        site.events(camera, start, end, 60)
    home = tmp_path_factory.mktemp("minutely")
    with Lab(database, Paths(home, home)) as lab:
        yield lab


@pytest.mark.parametrize(("zone", "day", "minutes", "hours"), DAYS)
def test_local_hours_through_clock_changes(
    minutely: Lab, zone: str, day: str, minutes: int, hours: dict[int, list[tuple[int, int]]]
) -> None:
    following = (at(day) + 24 * HOUR).date().isoformat()
    rows = ask(minutely, "activity", day, following, f"{zone} {day}")
    assert sum(row["events"] for row in rows) == minutes
    assert sum(row["recorded_hours"] for row in rows) == pytest.approx(minutes / 60)
    assert {row["rate"] for row in rows} == {60.0}
    assert {row["hour"].date().isoformat() for row in rows} == {day}
    assert len({row["start"] for row in rows}) == len(rows), "every row has a start of its own"
    assert all(row["start"] <= row["hour"] + HOUR for row in rows)
    assert rows[-1]["start"] - rows[0]["start"] + HOUR == timedelta(minutes=minutes)
    for hour, wanted in hours.items():
        assert [(row["utc_offset"], row["events"]) for row in rows if row["hour"].hour == hour] == wanted


def test_a_half_hour_change_starts_its_bucket_at_the_change(site: Site, lab: Lab) -> None:
    camera = site.camera("shore", "Australia/Lord_Howe")
    site.footage(camera, "2026-04-04T14:00", "2026-04-04T16:00")
    lab.refresh()
    found = table(ask(lab, "activity", "2026-04-05", "2026-04-06"), "start", "recorded_hours")
    assert found == [(at("2026-04-04T14:00"), 1.0), (at("2026-04-04T15:00"), 0.5), (at("2026-04-04T15:30"), 0.5)]


@pytest.fixture
def quiet_and_dead(site: Site) -> Site:
    """10 h recorded with 2 events, 11 h without, 12 h half recorded twice over, 13 h dead, 14 h not expected."""
    camera = site.camera("gate")
    site.expect(camera, "2026-10-20T10:00", "2026-10-20T14:00")
    site.footage(camera, "2026-10-20T10:00", "2026-10-20T12:00", seconds=1200)
    site.footage(camera, "2026-10-20T12:00", "2026-10-20T12:30")
    site.footage(camera, "2026-10-20T12:10", "2026-10-20T12:30")
    site.event(camera, "2026-10-20T10:00:00")
    site.event(camera, "2026-10-20T10:59:59.999")
    site.event(camera, "2026-10-20T12:15")
    site.event(camera, "2026-10-20T14:20")
    site.event(camera, "2026-10-20T11:30", kind="motion")
    return site


def test_a_quiet_hour_and_a_dead_camera_do_not_look_alike(quiet_and_dead: Site, lab: Lab) -> None:
    lab.refresh()
    result = ask(lab, "activity", "2026-10-20", "2026-10-21")
    assert table(result, "hour", "events", "recorded_hours", "expected_hours", "rate") == [
        (at("2026-10-20T10:00"), 2, 1.0, 1.0, 2.0),
        (at("2026-10-20T11:00"), 0, 1.0, 1.0, 0.0),
        (at("2026-10-20T12:00"), 1, 0.5, 1.0, 2.0),
        (at("2026-10-20T13:00"), 0, 0.0, 1.0, None),
        (at("2026-10-20T14:00"), 1, 0.0, 0.0, None),
    ]


def test_filters_change_the_count_and_not_the_effort(quiet_and_dead: Site, lab: Lab) -> None:
    quiet_and_dead.event("gate", "2026-10-20T10:30", label="person", confidence=0.9)
    lab.refresh()

    def first(**filters: Any) -> list[Any]:
        rows = ask(lab, "activity", "2026-10-20", "2026-10-21", **filters)
        return [rows[0]["events"], rows[1]["events"], rows[0]["recorded_hours"]]

    assert first() == [3, 0, 1.0]
    assert first(labels="person") == [1, 0, 1.0]
    assert first(labels=["person", "car"]) == [3, 0, 1.0]
    assert first(min_confidence=0.6) == [1, 0, 1.0]
    assert first(event_types="motion") == [0, 1, 1.0]
    assert first(event_types=()) == [3, 1, 1.0]


def test_a_window_is_widened_to_whole_quarters(quiet_and_dead: Site, lab: Lab) -> None:
    lab.refresh()
    narrow = ("2026-10-20T10:50:00+00:00", "2026-10-20T11:10:00+00:00")
    window = lab.activity(*narrow).window
    assert window is not None
    assert (window.start, window.end) == (at("2026-10-20T10:45"), at("2026-10-20T11:15"))
    assert table(ask(lab, "activity", *narrow), "events", "recorded_hours") == [(1, 0.25), (0, 0.25)]


def test_cameras_are_chosen_by_name_and_zones_stay_their_own(site: Site, lab: Lab) -> None:
    for name, zone in (("a", "Europe/Berlin"), ("b", "Asia/Kathmandu"), ("c", None)):
        site.event(site.camera(name, zone), "2026-10-20T12:10")
    lab.refresh()
    every = ask(lab, "activity", "2026-10-20", "2026-10-21")
    assert {row["camera"]: row["hour"].isoformat() for row in every} == {
        "a": "2026-10-20T14:00:00+02:00",
        "b": "2026-10-20T17:00:00+05:45",
        "c": "2026-10-20T12:00:00+00:00",
    }
    assert (
        lab.activity("2026-10-20", "2026-10-21").zone == "each camera's own zone (Asia/Kathmandu, Europe/Berlin, UTC)"
    )
    two = ask(lab, "activity", "2026-10-20", "2026-10-21", ["a", "c"], tz="Asia/Kolkata")
    assert [row["hour"].isoformat() for row in two] == ["2026-10-20T17:00:00+05:30"] * 2


def test_the_sites_zone_counts_where_a_camera_has_none(site: Site, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    site.event(site.camera("a", "Asia/Kathmandu"), "2026-10-20T12:10")
    site.event(site.camera("b"), "2026-10-20T12:10")
    site.event("gone", "2026-10-20T12:10")
    lab.refresh()
    monkeypatch.setenv("OMNISIGHT_SITE_TIMEZONE", "Europe/Berlin")
    rows = ask(lab, "activity", "2026-10-20", "2026-10-21")
    assert table(rows, "camera", "utc_offset") == [("a", 345), ("b", 120), ("gone", 120)]


def test_rows_of_a_camera_that_is_gone_are_kept(site: Site, lab: Lab) -> None:
    site.event("no-such-camera", "2026-10-20T12:10", tracks=("1",))
    site.event(None, "2026-10-20T12:10")
    lab.refresh()
    assert table(ask(lab, "activity", "2026-10-20", "2026-10-21"), "camera", "events") == [
        ("no-such-camera", 1),
        ("unknown", 1),
    ]
    assert table(ask(lab, "detections", "2026-10-20", "2026-10-21"), "camera", "objects") == [("no-such-camera", 1)]


def test_an_object_is_an_event_and_a_track(site: Site, lab: Lab) -> None:
    camera = site.camera("road")
    site.footage(camera, "2026-10-20T10:00", "2026-10-20T10:30")
    site.event(camera, "2026-10-20T10:05", tracks=("1", "1", "1", "2"))
    site.event(camera, "2026-10-20T10:07", tracks=("1",))
    site.event(camera, "2026-10-20T10:20", label="dog", tracks=(None, None), confidence=0.75)
    site.event(camera, "2026-10-20T10:20", kind="zone_entered", tracks=("1",))
    lab.refresh()
    result = ask(lab, "detections", "2026-10-20", "2026-10-21")
    columns = ("label", "objects", "boxes", "best_confidence", "recorded_hours", "rate")
    assert table(result, *columns) == [("car", 3, 5, 0.5, 0.5, 6.0), ("dog", 2, 2, 0.75, 0.5, 4.0)]


@pytest.fixture
def holes(site: Site) -> Site:
    """Expected from 8 h on, open; recorded 8-9 (overlapping), 10-11, 11:30 to 11:59:59.5, and 12-12:20."""
    camera = site.camera("dock")
    site.camera("idle")
    site.expect(camera, "2026-11-01T08:00")
    site.footage(camera, "2026-11-01T08:00", "2026-11-01T09:00", seconds=600)
    site.footage(camera, "2026-11-01T08:30", "2026-11-01T08:55")
    site.footage(camera, "2026-11-01T10:00", "2026-11-01T11:00")
    site.footage(camera, "2026-11-01T11:30", "2026-11-01T11:59:59.500")
    site.footage(camera, "2026-11-01T12:00", "2026-11-01T12:20", seconds=60)
    site.gap(camera, "2026-11-01T09:00", "2026-11-01T09:40", "camera_unreachable")
    site.gap(camera, "2026-11-01T09:50", "2026-11-01T10:10", "worker_down")
    return site


def test_coverage_by_hand(holes: Site, lab: Lab) -> None:
    lab.refresh()
    result = ask(lab, "coverage", "2026-11-01", "2026-11-02")
    dock = 3600 + 3600 + 1799.5 + 1200
    # Expected to 12:20, the end of the newest segment, though the clock shows 12:34:56
    assert table(result, "camera", "expected_seconds", "recorded_seconds", "missing_seconds", "share", "gaps") == [
        ("dock", 15600.0, dock, 15600.0 - dock, dock / 15600, 2),
        ("idle", 0.0, 0.0, 0.0, None, 0),
    ]
    assert table(result, "longest_gap_seconds") == [(3600.0,), (None,)]


def test_every_hole_has_a_row_and_a_cause(holes: Site, lab: Lab) -> None:
    lab.refresh()
    assert table(ask(lab, "gaps", "2026-11-01", "2026-11-02"), "start", "end", "seconds", "cause", "open") == [
        (at("2026-11-01T09:00"), at("2026-11-01T09:40"), 2400.0, "camera_unreachable", False),
        (at("2026-11-01T09:40"), at("2026-11-01T09:50"), 600.0, "unknown", False),
        (at("2026-11-01T09:50"), at("2026-11-01T10:00"), 600.0, "worker_down", False),
        (at("2026-11-01T11:00"), at("2026-11-01T11:30"), 1800.0, "unknown", False),
    ]
    shortest = ask(lab, "gaps", "2026-11-01", "2026-11-02", min_gap=0.1)
    assert (at("2026-11-01T11:59:59.500"), 0.5) in table(shortest, "start", "seconds")
    inside = ask(lab, "gaps", "2026-11-01T09:30:00Z", "2026-11-01T09:45:00Z")
    assert table(inside, "start", "seconds", "cause") == [
        (at("2026-11-01T09:30"), 600.0, "camera_unreachable"),
        (at("2026-11-01T09:40"), 300.0, "unknown"),
    ]


def test_an_open_gap_lasts_until_the_newest_footage_of_any_camera(holes: Site, lab: Lab) -> None:
    dark = holes.camera("dark")
    holes.expect(dark, "2026-11-01T12:05")
    holes.gap(dark, "2026-11-01T12:05", None, "wrong_credentials")
    lab.refresh()
    found = ask(lab, "gaps", "2026-11-01", "2026-11-02", "dark")
    assert table(found, "start", "end", "cause", "open") == [
        (at("2026-11-01T12:05"), at("2026-11-01T12:20"), "wrong_credentials", True)
    ]


def test_dead_time_counts_to_the_last_full_hour(site: Site, lab: Lab) -> None:
    camera = site.camera("alone")
    site.expect(camera, "2026-11-01T08:00")
    site.footage(camera, "2026-11-01T08:00", "2026-11-01T08:30")
    lab.refresh()
    assert table(ask(lab, "coverage", "2026-11-01", "2026-11-02"), "expected_seconds", "share") == [(4 * 3600.0, 0.125)]


def test_storage_by_local_day_and_codec(site: Site, lab: Lab) -> None:
    camera = site.camera("barn", "Asia/Kathmandu")
    site.footage(camera, "2026-10-20T17:15", "2026-10-20T19:15", seconds=1800, size=7)
    site.footage(camera, "2026-10-20T20:15", "2026-10-20T20:45", size=11, codec="hevc")
    site.footage(camera, "2026-10-20T20:45", "2026-10-20T20:46", size=13, codec=None)
    lab.refresh()
    found = ask(lab, "storage", "2026-10-20", "2026-10-23", tz=None)
    assert [(str(row["day"]), row["codec"], row["segments"], row["bytes"]) for row in found] == [
        ("2026-10-20", "h264", 2, 14),
        ("2026-10-21", "h264", 2, 14),
        ("2026-10-21", "hevc", 1, 11),
        ("2026-10-21", None, 1, 13),
    ]
    assert sum(row["hours"] for row in found) == pytest.approx(2.5 + 1 / 60)


def test_events_are_listed_newest_first(site: Site, lab: Lab) -> None:
    camera = site.camera("door", "Europe/Berlin")
    old = site.event(camera, "2026-10-25T00:30", meta={"endTime": "2026-10-25T00:30:10.500Z", "zones": ["a"]})
    new = site.event(camera, "2026-10-25T01:30", label="person")
    lab.refresh()
    result = ask(lab, "events", "2026-10-25", "2026-10-26")
    assert table(result, "id", "label", "seconds") == [(new, "person", None), (old, "car", 10.5)]
    assert [row["local"].isoformat() for row in result] == [
        "2026-10-25T02:30:00+01:00",
        "2026-10-25T02:30:00+02:00",
    ]
    assert result[1]["zones"] == '["a"]'


def test_engines_give_equal_rows_on_random_data(site: Site, lab: Lab) -> None:
    chance = random.Random(7)
    for number, zone in enumerate(("Europe/Berlin", "Australia/Lord_Howe", None)):
        camera = site.camera(f"camera {number}", zone)
        site.expect(camera, "2026-10-24T20:07:09.123", None if number else "2026-10-26T11:11:11.111")
        time = at("2026-10-24T21:03:04.567")
        while time < at("2026-10-25T18:00"):
            until = time + timedelta(milliseconds=chance.randrange(1_000, 9_000_000))
            site.footage(camera, time.isoformat(), until.isoformat(), seconds=2000, size=chance.randrange(10**9))
            site.event(
                camera,
                time + (until - time) * chance.random(),
                label=chance.choice(["car", "dog", "Émile"]),
                confidence=chance.choice([None, 0.1 + 0.2, 1 / 3]),
                tracks=tuple(chance.choice([None, "1", "2"]) for _ in range(chance.randrange(5))),
            )
            site.gap(camera, until.isoformat(), (until + timedelta(minutes=5)).isoformat(), "stalled")
            time = until + timedelta(milliseconds=chance.randrange(-900_000, 900_000))
    site.gap(camera, "2026-10-25T17:00", None, "stalled")
    site.gap(camera, "2026-10-25T17:00", None, "disk_full")
    lab.refresh()
    # Those over spans of time; all of them are asked on three engines in test_conformance.py
    for name in ("activity", "coverage", "coverage_by", "detections", "events", "gaps", "storage", "uptime"):
        assert ask(lab, name, "2026-10-24", "2026-10-27"), name
        ask(lab, name, "2026-10-24T22:22:22.222Z", "2026-10-25T03:33:33Z")


def test_what_is_asked_wrongly_is_said(lab: Lab) -> None:
    with pytest.raises(UnknownName, match="did you mean 'activity'"):
        lab.query("activty")
    with pytest.raises(UnknownName, match="parameter of activity 'lables'"):
        lab.query("activity", lables="car")
    with pytest.raises(UsageError, match="min_confidence: '7' is not between 0 and 1"):
        lab.query("activity", min_confidence="7")
    with pytest.raises(UnknownName, match="no camera 'yrad'"):
        lab.activity(cameras="yrad")
    with pytest.raises(UnknownName, match="no engine 'pandas'"):
        lab.activity(engine="pandas")


def test_a_query_gives_what_it_says(lab: Lab) -> None:
    for name, query in QUERIES.items():
        assert query.method.endswith(".")
        assert all(column.help for column in query.columns)
        result = lab.query(name)
        assert [column.name for column in result.columns] == result.arrow().column_names == list(result.df())
        assert set(query.keys) <= set(result.df())
