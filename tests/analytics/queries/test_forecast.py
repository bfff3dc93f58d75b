"""When footage goes, by age or for want of space, worked out by hand, on both engines."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from omnisight_lab.errors import UsageError
from omnisight_lab.lab import Lab
from tests.analytics.conftest import Site, ask, at

# The clock stands at 12:34:56 of 1 November: it is looked ahead from 12:00.
# What a day brought: the first half day does not count, nor does one recorded by half; 1000 is an odd one
DAYS = [
    ("2026-10-25T12:00", "2026-10-26", 7),
    ("2026-10-26", "2026-10-27", 10),
    ("2026-10-27", "2026-10-28", 30),
    ("2026-10-28", "2026-10-29", 20),
    ("2026-10-29", "2026-10-30", 1000),
    ("2026-10-30", "2026-10-30T12:00", 1),
    ("2026-10-31", "2026-11-01", 40),
    ("2026-11-01", "2026-11-01T12:00", 25),
]
STORED = 1133
NEVER = None


def fill(site: Site, camera: str) -> None:
    """DAYS, in each of which recording was expected from the first to the last."""
    site.expect(camera, "2026-10-25T12:00")
    for start, end, size in DAYS:
        site.footage(camera, start, end, seconds=86_400, size=size)


@pytest.fixture
def yard(site: Site) -> Site:
    fill(site, site.camera("yard"))
    return site


def forecast(lab: Lab, *columns: str, **asked: Any) -> list[tuple[Any, ...]]:
    rows = ask(lab, "storage_forecast", **asked)
    return [tuple(row[column] for column in columns) for row in rows]


AMOUNTS = ("camera", "stored_bytes", "bytes_per_day", "full_days", "retention_days", "steady_bytes", "overdue_bytes")


def test_a_day_brings_the_median_of_the_full_days(yard: Site, lab: Lab) -> None:
    """10, 20, 30, 40, 1000; at 5 days of age the first two files (26 October, 0:00, and 27) are overdue."""
    yard.policy(5)
    yard.camera("new")
    lab.refresh()
    assert forecast(lab, *AMOUNTS) == [
        ("new", 0, None, 0, 5, None, 0),
        ("yard", STORED, 30, 5, 5, 150, 17),
    ]
    assert forecast(lab, "deletion_day", "space_day", "first") == [
        (None, None, None),
        (date(2026, 10, 31), None, "age"),
    ]
    # Of the last 4 days, 28 to 31 October, three are full: 20, 40, 1000; of the last 3: 40 and 1000
    assert [forecast(lab, "bytes_per_day", "full_days", cameras="yard", recent=n) for n in (4, 3)] == [
        [(40, 3)],
        [(520, 2)],
    ]


POLICIES: list[tuple[list[tuple[str | None, int, int]], int | None]] = [
    ([], None),
    ([("yard", 3, 0), (None, 9, 0)], 3),
    ([("yard", 3, 0), (None, 9, 1)], 9),
    ([("door", 3, 5), (None, 9, 1)], 9),
    ([(None, 3, 2), (None, 9, 2)], 9),
    ([("yard", 3, 2), ("yard", 9, 2), (None, 30, 2)], 9),
    ([("yard", 40_000, 1), (None, 9, 0)], None),
    ([("door", 3, 5)], None),
]


def test_the_policy_that_decides(site: Site, lab: Lab) -> None:
    """The highest priority, then the camera's own, then the longer one; a century is for ever."""
    site.camera("yard")
    site.camera("door")
    for policies, days in POLICIES:
        site.run('DELETE FROM "RetentionPolicy"')
        site.policy(1, priority=100, active=False)
        for camera, age, priority in policies:
            site.policy(age, camera, priority)
        lab.refresh()
        assert forecast(lab, "retention_days", cameras="yard") == [(days,)], policies


# Stored from day to day with 30 bytes more a day, less what reaches 8 days of age:
# 1133, 1163, 1193 - 7, 1223 - 17, 1253 - 47, 1283 - 67 = 1216, 1313 - 1068, … 240
SPACE: dict[int | None, list[tuple[int, date | None, str | None]]] = {
    None: [
        (1217, date(2026, 11, 4), "space"),
        (1133 + 30 * 36_500, date(2026, 11, 1) + timedelta(days=36_500), "space"),
        (1134 + 30 * 36_500, NEVER, NEVER),
    ],
    8: [
        (1000, date(2026, 11, 1), "space"),
        (1160, date(2026, 11, 2), "space"),
        (1190, date(2026, 11, 4), "age"),
        (1216, date(2026, 11, 6), "age"),
        (1217, NEVER, "age"),
    ],
}


def test_the_day_on_which_the_space_is_used_up(yard: Site, lab: Lab) -> None:
    for age, cases in SPACE.items():
        if age:
            yard.policy(age)
        lab.refresh()
        for capacity, *wanted in cases:
            found = forecast(lab, "deletion_day", "space_day", "first", capacity=capacity / 1e9)
            assert found == [(date(2026, 11, 3) if age else None, *wanted)], (age, capacity)


def test_all_cameras_share_the_space_and_are_one_row(yard: Site, lab: Lab) -> None:
    """Twice 1133 with 60 a day: 2400 after 3 days if nothing goes; the cameras' own policies differ."""
    fill(yard, yard.camera("door", "Asia/Kathmandu"))
    yard.policy(8, "yard")
    lab.refresh()
    columns = ("stored_bytes", "bytes_per_day", "retention_days", "steady_bytes", "deletion_day", "space_day", "first")
    capacity = 2400 / 1e9
    # Day 2: 2266 + 120 - 7 = 2379; day 3: 2266 + 180 - 17 = 2429
    space = date(2026, 11, 4)
    assert forecast(lab, *columns, by="", capacity=capacity, tz="UTC") == [
        (2 * STORED, 60, None, None, date(2026, 11, 3), space, "age")
    ]
    each = forecast(lab, "camera", "deletion_day", "space_day", "first", capacity=capacity, tz="UTC")
    assert each == [("door", None, space, "space"), ("yard", date(2026, 11, 3), space, "age")]
    yard.policy(9, "door")
    lab.refresh(rebuild=True)
    assert forecast(lab, "retention_days", "steady_bytes", by="", tz="UTC") == [(None, 30 * 8 + 30 * 9)]


def test_files_that_are_gone_hold_no_bytes(yard: Site, lab: Lab) -> None:
    """Their time is not recorded any more, so that their day is not full: 10, 20, 30, 40 are left."""
    yard.run("""UPDATE "Segment" SET metadata = '{"missing": true}' WHERE "fileSize" = 1000""")
    lab.refresh()
    assert forecast(lab, "stored_bytes", "bytes_per_day") == [(133, 25)]


def test_a_window_in_the_past_is_forecast_as_of_then(yard: Site, lab: Lab) -> None:
    yard.policy(5)
    lab.refresh()
    past = ask(lab, "storage_forecast", "2026-10-20", "2026-10-29")
    assert [(row["stored_bytes"], row["bytes_per_day"], row["full_days"]) for row in past] == [(67, 20, 3)]


def test_no_cameras(lab: Lab) -> None:
    assert ask(lab, "storage_forecast") == []
    (nothing,) = ask(lab, "storage_forecast", by="", capacity=1)
    assert (nothing["stored_bytes"], nothing["bytes_per_day"], nothing["space_day"]) == (0, None, None)


def test_what_other_policies_would_free_and_keep(yard: Site, lab: Lab) -> None:
    """At noon of 1 November: 31 October and today are younger than 2 days; 27 October and later younger than 5."""
    yard.camera("idle")
    lab.refresh()
    rows = ask(lab, "storage_what_if", days="5,2,5")
    columns = ("days", "camera", "bytes_per_day", "steady_bytes", "freed_bytes", "kept_bytes", "oldest_kept")
    assert [tuple(row[name] for name in columns) for row in rows] == [
        (2, "idle", None, None, 0, 0, None),
        (5, "idle", None, None, 0, 0, None),
        (2, "yard", 30, 60, 1068, 65, at("2026-10-31")),
        (5, "yard", 30, 150, 17, 1116, at("2026-10-27")),
    ]
    (both,) = ask(lab, "storage_what_if", days=5, by="")
    assert (both["steady_bytes"], both["freed_bytes"], both["oldest_kept"]) == (150, 17, at("2026-10-27"))
    assert lab.query("storage_what_if", days=[5]).where(camera="yard").rows() == [row for row in rows[3:]]


@pytest.mark.parametrize(("days", "why"), [("", "is no whole number"), ("0", "not between 1"), ("7;30", "no whole")])
def test_days_that_are_none(lab: Lab, days: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        lab.query("storage_what_if", days=days)
