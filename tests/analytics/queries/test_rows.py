"""Rows chosen and grouped after the fact, with figures counted by hand.

Two cameras in Berlin, recorded on Saturday 2026-10-17 and Sunday 2026-10-18:

| camera | recorded (local) | events (local)                                       |
| gate   | Sat 10-14, Sun 10-12 | cars: Sat 10:00, 10:30, 12:00; Sun 10:00; person: Sun 11:00 |
| yard   | Sat 10-11, Sun none  | person: Sat 10:10                                  |
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from omnisight_lab.analytics.frames import Result
from omnisight_lab.clock import FakeClock
from omnisight_lab.errors import UnknownName, UsageError
from omnisight_lab.lab import Lab
from tests.analytics.conftest import Site, at, lab_of_a_module
from tests.conftest import DatabaseMaker

SPAN = ("2026-10-17", "2026-10-19")
ENGINES = ("duckdb", "postgres")

EVENTS = (
    ("gate", "2026-10-17T10:00+02:00", "car"),
    ("gate", "2026-10-17T10:30+02:00", "car"),
    ("gate", "2026-10-17T12:00+02:00", "car"),
    ("gate", "2026-10-18T10:00+02:00", "car"),
    ("gate", "2026-10-18T11:00+02:00", "person"),
    ("yard", "2026-10-17T10:10+02:00", "person"),
)
RECORDED = (
    ("gate", "2026-10-17T10:00+02:00", "2026-10-17T14:00+02:00"),
    ("gate", "2026-10-18T10:00+02:00", "2026-10-18T12:00+02:00"),
    ("yard", "2026-10-17T10:00+02:00", "2026-10-17T11:00+02:00"),
)


@pytest.fixture(scope="module")
def weekend(database_maker: DatabaseMaker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab_of_a_module(database_maker, tmp_path_factory, FakeClock(at("2026-11-01T12:00"))) as lab:
        fill(Site(lab.database))
        lab.refresh()
        yield lab


def fill(site: Site) -> None:
    for camera in ("gate", "yard"):
        site.camera(camera, "Europe/Berlin")
    for camera, start, end in RECORDED:
        site.footage(camera, start, end)
        site.expect(camera, start, end)
    for camera, time, label in EVENTS:
        site.event(camera, time, label=label)


def figures(result: Result, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in result.rows()]


Case = tuple[Any, tuple[str, ...], list[tuple[Any, ...]]]

CASES: dict[str, Case] = {
    "all in one": (lambda a: a.by(), ("events", "recorded_hours"), [(6, 7.0)]),
    "by camera": (
        lambda a: a.by("camera"),
        ("camera", "events", "recorded_hours", "rate"),
        [("gate", 5, 6.0, 5 / 6), ("yard", 1, 1.0, 1.0)],
    ),
    "by label: effort is the same for every label": (
        lambda a: a.by("label"),
        ("label", "events", "recorded_hours", "rate"),
        [("car", 4, 7.0, 4 / 7), ("person", 2, 7.0, 2 / 7)],
    ),
    "by camera and label": (
        lambda a: a.by("camera", "label"),
        ("camera", "label", "events", "recorded_hours"),
        [("gate", "car", 4, 6.0), ("gate", "person", 1, 6.0), ("yard", "person", 1, 1.0)],
    ),
    "weekdays chosen before they are grouped": (
        lambda a: a.where(weekday=7).by("camera"),
        ("camera", "events", "recorded_hours", "rate"),
        [("gate", 2, 2.0, 1.0)],
    ),
    "weekdays chosen after they are grouped": (
        lambda a: a.by("weekday").where(weekday=[6]),
        ("weekday", "events", "recorded_hours", "rate"),
        [(6, 4, 5.0, 4 / 5)],
    ),
    "chosen twice, what both allow": (
        lambda a: a.by("weekday").where(weekday=[6, 7]).where(weekday=[5, 7]),
        ("weekday", "events", "recorded_hours"),
        [(7, 2, 2.0)],
    ),
    "a label is chosen: hours without it stay": (
        lambda a: a.where(label="person").by("camera"),
        ("camera", "events", "recorded_hours", "rate"),
        [("gate", 1, 6.0, 1 / 6), ("yard", 1, 1.0, 1.0)],
    ),
    "events without a label": (lambda a: a.where(label=None).by(), ("events", "recorded_hours"), [(0, 7.0)]),
    "a camera and hours of the day": (
        lambda a: a.where(camera="gate", hour_of_day=[10, 11]).by("hour_of_day"),
        ("hour_of_day", "events", "recorded_hours", "rate"),
        [(10, 3, 2.0, 1.5), (11, 1, 2.0, 0.5)],
    ),
    "measures chosen after they are grouped": (
        lambda a: a.by("camera", "weekday").where(lambda t: t.rate >= 1),
        ("camera", "weekday", "rate"),
        [("yard", 6, 1.0), ("gate", 7, 1.0)],
    ),
    "a measure by its value": (lambda a: a.by("camera").where(events=1), ("camera", "events"), [("yard", 1)]),
    "nothing left": (lambda a: a.by("camera").where(lambda t: t.rate > 99), ("camera",), []),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", CASES)
def test_activity_chosen_and_grouped(weekend: Lab, case: str, engine: str) -> None:
    chain, names, expected = CASES[case]
    result = chain(weekend.activity(*SPAN, engine=engine))
    found = figures(result, *names)
    assert found == [pytest.approx(row) for row in expected]
    assert result.count() == len(expected)


def test_limits_follow_the_regrouped_effort(weekend: Lab) -> None:
    (row,) = weekend.activity(*SPAN).by().rows()
    assert (row["rate"], row["rate_low"], row["rate_high"]) == pytest.approx((6 / 7, 2.202 / 7, 13.059 / 7), abs=1e-3)


def test_zones_as_they_are_drawn_today(site: Site, lab: Lab) -> None:
    """A box of 30 x 40 pixels at (1, 2.5) stands with its foot at (16, 42.5) of a frame of 100 x 100."""
    fill(site)
    site.event(
        "gate",
        "2026-10-17T13:00+02:00",
        tracks=("1",),
        meta={"frame": {"width": 100, "height": 100}},
    )
    halves = {"left": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]], "right": [[0.5, 0], [1, 0], [1, 1], [0.5, 1]]}
    for name, points in halves.items():
        site.run(
            f"""INSERT INTO lab.zone (id, camera_id, name, kind, version, points, created_at)
                VALUES ('{name}', 'gate', '{name}', 'zone', 1, '{points}', now())"""
        )
    lab.refresh()
    activity = lab.activity(*SPAN, cameras="gate")
    assert figures(activity.by("zone"), "zone", "events", "recorded_hours") == [("left", 1, 6.0)]
    assert figures(activity.where(zone="left").by("camera"), "camera", "events") == [("gate", 1)]
    assert figures(activity.where(zone="right").by("camera"), "camera", "events") == [("gate", 0)]
    with pytest.raises(UnknownName, match="no zone 'rihgt'; did you mean 'right'"):
        activity.where(zone="rihgt")


def test_lists_are_counted_and_what_adds_up_is_added(weekend: Lab) -> None:
    events = weekend.events(*SPAN)
    assert figures(events.by("camera", "label"), "camera", "label", "rows") == [
        ("gate", "car", 4),
        ("gate", "person", 1),
        ("yard", "person", 1),
    ]
    assert figures(events.by("weekday"), "weekday", "rows") == [(6, 4), (7, 2)]
    assert figures(events.by("camera", "label").by("camera"), "camera", "rows") == [("gate", 5), ("yard", 1)]
    assert figures(events.by(), "rows") == [(6,)]
    assert figures(events.where(label="person", camera=["yard"]), "camera", "label") == [("yard", "person")]
    assert events.where(verdict=None).count() == 6
    assert events.where(verdict=[None, "confirm"]).count() == 6
    start = events.rows()[0]["start"]
    assert events.where(start=start).count() == 1, "instants are aware in Python and naive in engines"
    storage = weekend.storage(*SPAN).by("camera")
    assert figures(storage, "camera", "segments", "bytes", "hours") == [("gate", 6, 6000, 6.0), ("yard", 1, 1000, 1.0)]


WRONG: list[tuple[Any, type[Exception], str]] = [
    (lambda r: r.where(cammera="gate"), UnknownName, "no column 'cammera'; did you mean 'camera'"),
    (lambda r: r.where(camera="gaet"), UnknownName, "no camera 'gaet'; did you mean 'gate'"),
    (lambda r: r.where(label="persn"), UnknownName, "no label 'persn'; did you mean 'person'"),
    (lambda r: r.where(weekday=8), UsageError, "asks for a weekday that is not between 1 and 7"),
    (lambda r: r.where(hour_of_day="noon"), UsageError, "asks for a hour_of_day that is no whole number"),
    (lambda r: r.where(day="yesterday"), UsageError, "asks for a day that is no date such as 2026-03-29"),
    (lambda r: r.where(lambda t: t.rat > 1), UnknownName, "no column 'rat'; did you mean 'rate'"),
    (lambda r: r.where(lambda t: t.camera > 1), UsageError, "where can't choose by that"),
    (lambda r: r.where(lambda t: t.events), UsageError, "where can't choose by that"),
    (lambda r: r.where("weekday=6"), UsageError, "where takes column=value, or a function of the table"),
    (lambda r: r.where(rate_low=1), UsageError, r"rate_low is worked out once the rows are read"),
    (lambda r: r.by("cammera"), UnknownName, "no grouping 'cammera'; did you mean 'camera'"),
    (lambda r: r.where(lambda t: t.rate > 1).by("camera"), UsageError, "group first and choose rows"),
]


@pytest.mark.parametrize(("chain", "error", "match"), WRONG)
def test_what_is_wrong_is_said_at_once(weekend: Lab, chain: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match) as told:
        chain(weekend.activity(*SPAN))
    assert "\n" not in str(told.value)


def test_lists_say_what_they_can_be_grouped_by(weekend: Lab) -> None:
    with pytest.raises(UnknownName, match="no grouping 'labl'; did you mean 'label'"):
        weekend.events(*SPAN).by("labl")
    with pytest.raises(UsageError, match="in the SELECT itself"):
        weekend.sql("SELECT 1 AS a").where(a=1)


def test_queries_without_the_parameter_where_choose_their_rows(weekend: Lab) -> None:
    assert figures(weekend.query("storage_forecast", *SPAN).where(camera="gate"), "camera") == [("gate",)]
    with pytest.raises(UnknownName, match="no column 'weekday'"):
        weekend.query("storage_forecast", *SPAN).where(weekday=6)
    bins = weekend.query("quality", *SPAN, by="camera,confidence")
    assert figures(bins.where(lambda t: t.confidence_from > 0.9), "events") == []
    with pytest.raises(UnknownName, match="no column 'confidence'; did you mean 'confidence_from'"):
        bins.where(confidence=0.5)
