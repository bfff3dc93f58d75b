"""Company, worked out by hand, on both engines."""

from __future__ import annotations

import pytest

from omnisight_lab.errors import UsageError
from omnisight_lab.lab import Lab
from tests.analytics.conftest import Site, ask, table

DAY = ("2026-10-20", "2026-10-21")


def seen(site: Site, camera: str, label: str, start: str, end: str | None = None) -> str:
    meta = {"endTime": f"2026-10-20T{end}.000Z"} if end else {}
    return site.event(camera, f"2026-10-20T{start}", label, meta=meta)


@pytest.fixture
def yard(site: Site, lab: Lab) -> Lab:
    """An hour of footage, 60 windows of a minute; a person in five of them, three by one event, a dog in two.

    At the door, half an hour: a person alone.
    """
    site.footage(site.camera("yard"), "2026-10-20T08:00", "2026-10-20T09:00")
    site.footage(site.camera("door"), "2026-10-20T08:00", "2026-10-20T08:30")
    seen(site, "yard", "person", "08:00:30", "08:02:00")
    seen(site, "yard", "person", "08:00:50")
    seen(site, "yard", "person", "08:10:00")
    seen(site, "yard", "person", "08:20:00")
    seen(site, "yard", "dog", "08:02:59")
    seen(site, "yard", "dog", "08:30:00", "08:30:59")
    seen(site, "door", "person", "08:05:00")
    site.verdict(seen(site, "yard", "dog", "08:10:00"), "false")
    lab.refresh()
    return lab


def test_windows_are_counted_and_not_events(yard: Lab) -> None:
    """5 windows x 2 windows / 60 recorded ones are expected to be shared; one is."""
    rows = ask(yard, "co_occurrence", *DAY, by="camera")
    columns = ("camera", "label_a", "label_b", "windows_a", "windows_b", "together", "expected", "share", "lift")
    assert table(rows, *columns) == [
        ("yard", "dog", "person", 2, 5, 1, 10 / 60, 0.5, pytest.approx(6)),
        ("yard", "person", "dog", 5, 2, 1, 10 / 60, 0.2, pytest.approx(6)),
    ]


def test_a_label_without_company_counts_with_its_camera(yard: Lab) -> None:
    rows = ask(yard, "co_occurrence", *DAY)
    assert table(rows, "label_a", "label_b", "windows_a", "windows_b", "together", "expected", "share") == [
        ("dog", "person", 2, 6, 1, 10 / 60, 0.5),
        ("person", "dog", 6, 2, 1, 10 / 60, 1 / 6),
    ]


def test_longer_windows_find_more_company_and_rejected_events_none(yard: Lab) -> None:
    """Windows of half an hour: 8:00 has both; the dog of 8:30 is alone."""
    rows = ask(yard, "co_occurrence", *DAY, within=1800, cameras="yard")
    assert table(rows, "label_a", "windows_a", "windows_b", "together", "expected", "lift") == [
        ("dog", 2, 1, 1, 1.0, 1.0),
        ("person", 1, 2, 1, 1.0, 1.0),
    ]
    rows = ask(yard, "co_occurrence", *DAY, include_rejected=True, by="camera")
    assert table(rows, "label_a", "together") == [("dog", 2), ("person", 2)]


def test_nothing_recorded_nothing_expected(site: Site, lab: Lab) -> None:
    site.camera("yard")
    for label in ("cat", "dog"):
        seen(site, "yard", label, "08:00:00")
    lab.refresh()
    rows = ask(lab, "co_occurrence", *DAY)
    assert table(rows, "label_a", "together", "expected", "lift") == [("cat", 1, None, None), ("dog", 1, None, None)]


def test_an_event_of_days_is_present_in_each_window_of_the_window(site: Site, lab: Lab) -> None:
    site.footage(site.camera("yard"), "2026-10-20T23:00", "2026-10-21T00:00")
    site.event("yard", "2026-10-20T23:30", "tent", meta={"endTime": "2026-11-20T00:00:00.000Z"})
    site.event("yard", "2026-10-20T23:59", "fox")
    lab.refresh()
    (fox, _) = ask(lab, "co_occurrence", *DAY)
    # Up to midnight itself: the window that begins there is touched
    assert (fox["label_a"], fox["windows_a"], fox["together"]) == ("fox", 1, 1)


def test_windows_are_no_shorter_than_they_make_sense(yard: Lab) -> None:
    with pytest.raises(UsageError, match="parameter within: 1 is not between 5 and 3600"):
        yard.query("co_occurrence", *DAY, within=1)
