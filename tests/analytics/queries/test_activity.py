"""Activity by every grouping, worked out by hand, on both engines."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from omnisight_lab.errors import UnknownName, UsageError
from omnisight_lab.lab import Lab
from tests.analytics.conftest import Site, ask, at, table

WEEK = ("2026-10-19", "2026-10-26")
"""Monday to Sunday."""


@pytest.fixture
def yard(site: Site, lab: Lab) -> Lab:
    """Two hours on Monday with a burst of cars and a person, one hour on Sunday with a car; a second camera, quiet."""
    yard, door = site.camera("yard"), site.camera("door")
    site.footage(yard, "2026-10-19T08:00", "2026-10-19T10:00")
    site.footage(yard, "2026-10-25T08:00", "2026-10-25T09:00")
    site.footage(door, "2026-10-25T08:00", "2026-10-25T12:00")
    for minute in ("08:00:00", "08:00:50", "08:01:50", "08:02:51"):
        site.event(yard, f"2026-10-19T{minute}", label="car")
    site.event(yard, "2026-10-19T08:00:30", label="person")
    site.event(yard, "2026-10-25T08:15", label="car")
    lab.refresh()
    return lab


def test_bursts_of_a_label_are_one_independent_event(yard: Lab) -> None:
    """50 s and 60 s apart is one burst, 61 s is not; a person among the cars breaks nothing."""

    def monday(**asked: Any) -> list[tuple[Any, ...]]:
        rows = ask(yard, "activity", *WEEK, cameras="yard", where={"day": "2026-10-19"}, **asked)
        return table(rows, "events", "independent")

    assert monday() == [(5, 3), (0, 0)]
    assert monday(gap=0) == [(5, 5), (0, 0)]
    assert monday(gap=61) == [(5, 2), (0, 0)]
    assert monday(by="camera,day", gap=49) == [(5, 5)]


def test_a_burst_that_began_before_the_window_is_not_counted_anew(yard: Lab) -> None:
    late = ("2026-10-19T08:00:45Z", "2026-10-19T08:15:00Z")
    rows = ask(yard, "activity", *late, cameras="yard", gap=60)
    # The window is widened to 8:00; from 7:45 on nothing came before
    assert table(rows, "events", "independent") == [(5, 3)]
    later = ask(yard, "activity", "2026-10-19T08:15:00Z", "2026-10-19T08:30:00Z", cameras="yard", gap=3600)
    assert table(later, "events", "independent") == [(0, 0)]


def test_effort_is_regrouped_with_the_events(yard: Lab) -> None:
    rows = ask(yard, "activity", *WEEK, by="weekday")
    assert table(rows, "weekday", "events", "recorded_hours", "rate") == [(1, 5, 2.0, 2.5), (7, 1, 5.0, 0.2)]
    rows = ask(yard, "activity", *WEEK, by="camera,month")
    assert table(rows, "camera", "month", "events", "recorded_hours", "rate") == [
        ("door", date(2026, 10, 1), 0, 4.0, 0.0),
        ("yard", date(2026, 10, 1), 6, 3.0, 2.0),
    ]
    assert table(ask(yard, "activity", *WEEK, by=()), "events", "recorded_hours") == [(6, 7.0)]


def test_a_label_has_the_hours_of_the_camera_and_not_only_those_in_which_it_was_seen(yard: Lab) -> None:
    rows = ask(yard, "activity", *WEEK, by="label")
    assert table(rows, "label", "events", "recorded_hours", "rate") == [
        ("car", 5, 7.0, 5 / 7),
        ("person", 1, 7.0, 1 / 7),
    ]
    rows = ask(yard, "activity", *WEEK, by="label,hour_of_day", cameras="yard")
    assert table(rows, "hour_of_day", "label", "events", "recorded_hours") == [
        (8, "car", 5, 2.0),
        (8, "person", 1, 2.0),
    ]


def test_rates_have_exact_limits(yard: Lab) -> None:
    """Garwood: 6 events are 2.202 to 13.059."""
    (row,) = ask(yard, "activity", *WEEK, by="camera", cameras="yard")
    assert (row["rate_low"], row["rate_high"]) == (
        pytest.approx(2.202 / 3, abs=1e-3),
        pytest.approx(13.059 / 3, abs=1e-3),
    )
    dead = ask(yard, "activity", "2026-10-20", "2026-10-21", by="camera")
    assert dead == []


def test_groups_are_chosen_before_they_are_counted(yard: Lab) -> None:
    sundays = ask(yard, "activity", *WEEK, by="camera", where="weekday=7")
    assert table(sundays, "camera", "events", "recorded_hours") == [("door", 0, 4.0), ("yard", 1, 1.0)]
    cars = ask(yard, "activity", *WEEK, by="camera", where={"label": "car", "camera": ["yard"]})
    assert table(cars, "camera", "events", "recorded_hours") == [("yard", 5, 3.0)]
    eight = ask(yard, "activity", *WEEK, by="camera", where="hour_of_day=8;weekday=1,2")
    assert table(eight, "camera", "events", "recorded_hours") == [("yard", 5, 1.0)]


def test_local_weeks_and_days_are_the_cameras(site: Site, lab: Lab) -> None:
    """Sunday 20:00 UTC is Monday in Kathmandu."""
    for name, zone in (("west", "America/New_York"), ("east", "Asia/Kathmandu")):
        site.event(site.camera(name, zone), "2026-10-25T20:00")
    lab.refresh()
    rows = ask(lab, "activity", "2026-10-20", "2026-10-30", by="camera,week,weekday")
    assert table(rows, "camera", "week", "weekday") == [
        ("west", date(2026, 10, 19), 7),
        ("east", date(2026, 10, 26), 1),
    ]


def test_an_hour_of_several_zones_starts_when_it_does(site: Site, lab: Lab) -> None:
    """Lord Howe goes back half an hour at 15:00 UTC: its second half hour starts then, alone or beside others."""
    for name, zone in (("shore", "Australia/Lord_Howe"), ("town", "Australia/Sydney")):
        site.footage(site.camera(name, zone), "2026-04-04T14:00", "2026-04-04T16:00")
    lab.refresh()
    rows = ask(lab, "activity", "2026-04-04T14:00Z", "2026-04-04T16:00Z", by="hour")
    assert table(rows, "start", "utc_offset", "recorded_hours") == [
        (at("2026-04-04T14:00"), 660, 2.0),
        (at("2026-04-04T15:00"), 630, 0.5),
        (at("2026-04-04T15:00"), 660, 1.0),
        (at("2026-04-04T15:30"), 630, 0.5),
    ]


@pytest.fixture
def zoned(site: Site, lab: Lab) -> Lab:
    """A zone on the left half, one on the upper left quarter; an event in each place, boxes 10 x 10 of 100 x 100."""
    camera = site.camera("yard")
    site.footage(camera, "2026-10-20T08:00", "2026-10-20T10:00")
    half, quarter = "[[0,0],[0.5,0],[0.5,1],[0,1]]", "[[0,0],[0.5,0],[0.5,0.5],[0,0.5]]"
    for name, points in (("left", half), ("corner", quarter)):
        site.run(
            f"""INSERT INTO lab.zone (id, camera_id, name, kind, version, points, created_at)
                VALUES ('{name}', 'yard', '{name}', 'zone', 1, '{points}', now())"""
        )
    for number, (x, y) in enumerate([(10, 10), (12, 70), (80, 10)]):
        event = site.event(camera, f"2026-10-20T08:0{number}", tracks=("1", "1"))
        site.run(
            f"""UPDATE "DetectedObject" SET "boundingBox" = '{{"x": {x}, "y": {y}, "width": 10, "height": 10}}',
                       metadata = metadata || '{{"frame": {{"width": 100, "height": 100}}}}'
                WHERE "eventId" = '{event}'"""
        )
    lab.refresh()
    return lab


def test_activity_by_zone_counts_where_boxes_stand(zoned: Lab) -> None:
    day = ("2026-10-20", "2026-10-21")
    rows = ask(zoned, "activity", *day, by="zone", gap=0)
    assert table(rows, "zone", "events", "recorded_hours", "rate") == [("corner", 1, 2.0, 0.5), ("left", 2, 2.0, 1.0)]
    # In two zones at once an event still is one
    rows = ask(zoned, "activity", *day, by="camera", where={"zone": ["left", "corner"]}, gap=0)
    assert table(rows, "events", "recorded_hours") == [(2, 2.0)]
    rows = ask(zoned, "detections", *day, by="zone")
    assert table(rows, "zone", "objects", "boxes") == [("corner", 1, 2), ("left", 2, 4)]
    rows = ask(zoned, "detections", *day, by="camera", where="zone=corner")
    assert table(rows, "objects", "boxes", "rate") == [(1, 2, 0.5)]


@pytest.fixture
def two_gates(site: Site, lab: Lab) -> Lab:
    """Zones gate and door on yard (2 hours recorded), which overlap, and gate on street (1 hour); attic has none (8).

    On yard a person walks out of gate into both, and a car stands in both; its box was taken for a truck's once.
    """
    gate, door = [(0.0, 0.0), (0.6, 0.0), (0.6, 1.0), (0.0, 1.0)], [(0.4, 0.0), (1.0, 0.0), (1.0, 1.0), (0.4, 1.0)]
    for name, until in (("yard", "10:00"), ("street", "09:00"), ("attic", "16:00")):
        site.footage(site.camera(name), "2026-10-20T08:00", f"2026-10-20T{until}")
    for camera, name, points in (("yard", "gate", gate), ("yard", "door", door), ("street", "gate", gate)):
        site.zone(camera, name, *points)
    site.path("yard", "2026-10-20T08:00", (0, 0.2, 0.5), (1, 0.5, 0.5))
    event = site.path("yard", "2026-10-20T08:10", (0, 0.5, 0.5), label="car")
    site.path("yard", "2026-10-20T08:10", (1, 0.5, 0.6), label="truck", event=event)
    lab.refresh()
    return lab


def test_the_effort_of_a_zone_is_that_of_the_cameras_that_have_it(two_gates: Lab) -> None:
    day, columns = ("2026-10-20", "2026-10-21"), ("recorded_hours", "rate")
    rows = ask(two_gates, "activity", *day, by="zone", gap=0)
    assert table(rows, "zone", "events", *columns) == [("door", 2, 2.0, 1.0), ("gate", 2, 3.0, 2 / 3)]
    rows = ask(two_gates, "activity", *day, by="", where="zone=door", gap=0)
    assert table(rows, "events", *columns) == [(2, 2.0, 1.0)]
    rows = ask(two_gates, "activity", *day, by="camera", where="zone=gate", gap=0)
    assert table(rows, "camera", "events", *columns) == [("street", 0, 1.0, 0.0), ("yard", 2, 2.0, 1.0)]
    rows = ask(two_gates, "detections", *day, by="zone,label", labels="person")
    assert table(rows, "zone", "objects", "boxes", *columns) == [("door", 1, 1, 2.0, 0.5), ("gate", 1, 2, 3.0, 1 / 3)]
    rows = ask(two_gates, "zone_counts", *day, by="zone")
    assert table(rows, "zone", *columns)[1] == ("gate", 3.0, 2 / 3)


def test_an_object_in_two_zones_or_with_two_labels_is_one(two_gates: Lab) -> None:
    day, both = ("2026-10-20", "2026-10-21"), "zone=gate,door;camera=yard"
    assert table(ask(two_gates, "detections", *day, by="camera", where=both), "objects", "boxes") == [(2, 4)]
    assert table(ask(two_gates, "confidence", *day, by="", where=both), "objects") == [(2,)]
    assert table(ask(two_gates, "confidence_percentiles", *day, by="camera", where=both), "objects") == [(2,)]
    rows = ask(two_gates, "detections", *day, by="label")
    assert table(rows, "label", "objects", "boxes") == [("car", 1, 1), ("person", 1, 2), ("truck", 1, 1)]
    rows = ask(two_gates, "detections", *day, by="", where="label=car,truck")
    assert table(rows, "objects", "boxes", "recorded_hours") == [(1, 2, 11.0)]


def test_nothing_in_all_is_0_and_has_no_rate(site: Site, lab: Lab) -> None:
    site.camera("yard")
    rows = ask(lab, "activity", "2026-10-20", "2026-10-21", by="")
    assert table(rows, "events", "recorded_hours", "rate", "rate_high") == [(0, 0.0, None, None)]


def test_an_event_judged_false_leaves_and_a_relabelled_one_moves(site: Site, lab: Lab) -> None:
    camera = site.camera("yard")
    site.footage(camera, "2026-10-20T08:00", "2026-10-20T09:00")
    rejected, moved, _ = (site.event(camera, f"2026-10-20T08:{m:02}", tracks=("1",)) for m in (0, 10, 20))
    for event, verdict, label in ((rejected, "false", "NULL"), (moved, "relabel", "'dog'")):
        site.run(
            f"""INSERT INTO lab.verdict (id, event_id, verdict, label, created_at)
                VALUES ('v-{event}', '{event}', '{verdict}', {label}, now())"""
        )
    lab.refresh()
    day = ("2026-10-20", "2026-10-21")
    for name, count in (("activity", "events"), ("detections", "objects")):
        assert table(ask(lab, name, *day, by="label"), "label", count) == [("car", 1), ("dog", 1)]
        every = ask(lab, name, *day, by="label", include_rejected=True)
        assert table(every, "label", count) == [("car", 2), ("dog", 1)]
    assert [row["label"] for row in ask(lab, "events", *day)] == ["car", "dog"]
    assert [row["verdict"] for row in ask(lab, "events", *day, include_rejected="yes")] == [None, "relabel", "false"]


def test_groups_asked_for_wrongly_are_said(lab: Lab) -> None:
    with pytest.raises(UsageError, match="parameter by: 'camera,colour' groups by something else than hour, day"):
        lab.activity(by="camera,colour")
    with pytest.raises(UsageError, match="parameter where: 'weekend=1' is written as dimension=value"):
        lab.activity(where="weekend=1")
    with pytest.raises(UsageError, match="names a dimension twice"):
        lab.activity(where="weekday=6;weekday=7")
    with pytest.raises(UnknownName, match="parameter of uptime 'by'"):
        lab.query("uptime", by="camera")
