"""First and last sightings, worked out by hand, on both engines."""

from __future__ import annotations

from omnisight_lab.lab import Lab
from tests.analytics.conftest import Site, ask, at


def test_first_and_last_seen_by_the_clock_of_the_camera(site: Site, lab: Lab) -> None:
    """Three cars on two local days, of which the first began before the clock changed; two people at other cameras."""
    gate, door = site.camera("gate", "Europe/Berlin"), site.camera("door", "Asia/Kathmandu")
    for time in ("2026-10-24T22:30", "2026-10-25T01:30", "2026-10-25T23:10:00.250"):
        site.event(gate, time)
    site.event(gate, "2026-10-25T10:00", kind="motion")
    site.event(door, "2026-10-25T18:20", label="person", confidence=0.9)
    site.event(door, "2026-10-24T18:10", label="person", confidence=0.3)
    lab.refresh()
    rows = ask(lab, "first_and_last_seen", "2026-10-24", "2026-10-27")
    assert [(row["camera"], row["label"], row["events"], row["days"]) for row in rows] == [
        ("door", "person", 2, 2),
        ("gate", "car", 3, 2),
    ]
    door_row, gate_row = rows
    assert (gate_row["first"], gate_row["last"]) == (at("2026-10-24T22:30"), at("2026-10-25T23:10:00.250"))
    assert gate_row["first_local"].isoformat() == "2026-10-25T00:30:00+02:00"
    assert gate_row["last_local"].isoformat() == "2026-10-26T00:10:00.250000+01:00"
    assert door_row["first_local"].isoformat() == "2026-10-24T23:55:00+05:45"
    assert door_row["last_local"].isoformat() == "2026-10-26T00:05:00+05:45"
    (sure,) = ask(lab, "first_and_last_seen", "2026-10-24", "2026-10-27", labels="person", min_confidence=0.5)
    assert (sure["first"], sure["last"], sure["events"], sure["days"]) == (*[at("2026-10-25T18:20")] * 2, 1, 1)


def test_what_was_judged_false_was_not_seen(site: Site, lab: Lab) -> None:
    gate = site.camera("gate")
    site.verdict(site.event(gate, "2026-10-20T10:00", label="bear"), "false")
    site.verdict(site.event(gate, "2026-10-20T11:00", label="bear"), "relabel", label="dog")
    lab.refresh()
    asked = ("first_and_last_seen", "2026-10-20", "2026-10-21")
    assert [(row["label"], row["first"]) for row in ask(lab, *asked)] == [("dog", at("2026-10-20T11:00"))]
    every = ask(lab, *asked, include_rejected=True)
    assert [row["label"] for row in every] == ["bear", "dog"]


def test_offsets_of_local_times_stay_off_the_screen(site: Site, lab: Lab) -> None:
    site.event(site.camera("gate"), "2026-10-20T10:00")
    lab.refresh()
    result = lab.query("first_and_last_seen", "2026-10-20", "2026-10-21")
    assert "offset" not in repr(result)
    assert "2026-10-20 10:00:00 +00:00" in repr(result)
