"""Precision and thresholds by verdicts, worked out by hand, on both engines."""

from __future__ import annotations

import pytest

from omnisight_lab.errors import UsageError
from omnisight_lab.lab import Lab
from tests.analytics.conftest import Site, ask, table

DAY = ("2026-10-20", "2026-10-21")
COUNTS = ("events", "judged", "confirmed", "rejected", "relabelled", "unsure", "precision")

CARS = [
    ("08:10", 0.50, "confirm"),
    ("08:20", 0.50, "confirm"),
    ("09:00", 0.93, "confirm"),
    ("09:00", 0.31, "false"),
    ("09:10", 0.62, "relabel"),
    ("09:20", 0.70, "unsure"),
    ("09:30", 0.80, None),
]


@pytest.fixture
def judged(site: Site, lab: Lab) -> Lab:
    """CARS, a person whose verdict was taken back, an event without confidence judged false, and motion."""
    yard = site.camera("yard", "Europe/Berlin")
    for time, confidence, verdict in CARS:
        event = site.event(yard, f"2026-10-20T{time}", confidence=confidence)
        if verdict:
            site.verdict(event, verdict, label="fox" if verdict == "relabel" else None)
    person = site.event(yard, "2026-10-20T09:00", label="person", confidence=0.55)
    site.verdict(person, "undo", undoes=site.verdict(person, "false"))
    site.verdict(site.event(site.camera("door"), "2026-10-20T09:00", label="dog", confidence=None), "false")
    site.event(yard, "2026-10-20T09:00", kind="motion")
    lab.refresh()
    return lab


def test_a_relabelled_event_is_wrong_for_the_label_that_the_detector_gave(judged: Lab) -> None:
    rows = ask(judged, "quality", *DAY)
    assert table(rows, "camera", "label", *COUNTS) == [
        ("door", "dog", 1, 1, 0, 1, 0, 0, 0.0),
        ("yard", "car", 7, 6, 3, 1, 1, 1, 0.6),
        ("yard", "person", 1, 0, 0, 0, 0, 0, None),
    ]
    # (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n) with p = 3/5, n = 5, z = 1.959964
    assert table(rows, "precision_low", "precision_high")[1] == pytest.approx((0.230724, 0.882379), abs=1e-6)
    assert table(rows, "precision_low", "precision_high")[2] == (None, None)


def test_by_the_local_hour_and_by_bins_of_confidence(judged: Lab) -> None:
    hours = ask(judged, "quality", *DAY, by="hour_of_day", labels="car")
    assert table(hours, "hour_of_day", "judged", "precision") == [(10, 2, 1.0), (11, 4, 1 / 3)]
    bins = ask(judged, "quality", *DAY, by="confidence")
    assert table(bins, "confidence_from", "events", "precision") == [
        (0.3, 1, 0.0),
        (0.5, 2, 1.0),
        (0.55, 1, None),
        (0.6, 1, 0.0),
        (0.7, 1, None),
        (0.8, 1, None),
        (0.9, 1, 1.0),
        (None, 1, 0.0),
    ]
    assert table(ask(judged, "quality", *DAY, by=""), *COUNTS) == [(9, 7, 3, 2, 1, 1, 0.5)]


def test_rows_are_chosen_and_grouped_anew(judged: Lab) -> None:
    cars = judged.query("quality", *DAY).where(label="car", hour_of_day=11).by("label")
    assert table(cars.rows(), "label", *COUNTS) == [("car", 5, 4, 1, 1, 1, 1, 1 / 3)]
    assert table(ask(judged, "quality", *DAY, by="", min_confidence=0.6), "events", "confirmed") == [(4, 1)]
    with pytest.raises(UsageError, match="with the dimensions day, week, month, weekday, hour_of_day, camera, label"):
        judged.query("quality", *DAY, where="zone=lawn")


def test_nothing_judged_and_nothing_there(site: Site, lab: Lab) -> None:
    site.camera("yard")
    lab.refresh()
    assert ask(lab, "quality", *DAY) == []
    assert table(ask(lab, "quality", *DAY, by=""), *COUNTS) == [(0, 0, 0, 0, 0, 0, None)]
    empty = ask(lab, "threshold_curve", *DAY, by="")
    assert len(empty) == 20
    assert set(table(empty, "true_kept", "precision", "precision_low", "relative_recall")) == {(0, None, None, None)}


def test_what_each_threshold_keeps_and_removes(judged: Lab) -> None:
    rows = ask(judged, "threshold_curve", *DAY, where={"label": "car"})
    assert [row["threshold"] for row in rows] == [step / 20 for step in range(20)]
    columns = ("true_kept", "false_kept", "true_removed", "false_removed", "unjudged_removed")
    shares = ("precision", "relative_recall")
    at = {row["threshold"]: table([row], *columns, *shares)[0] for row in rows}
    assert at[0.0] == at[0.3] == (3, 2, 0, 0, 0, 0.6, 1.0)
    assert at[0.35] == at[0.5] == (3, 1, 0, 1, 0, 0.75, 1.0)
    assert at[0.55] == at[0.6] == (1, 1, 2, 1, 0, 0.5, 1 / 3)
    assert at[0.65] == at[0.8] == (1, 0, 2, 2, 0, 1.0, 1 / 3)
    assert at[0.85] == at[0.9] == (1, 0, 2, 2, 1, 1.0, 1 / 3)
    assert at[0.95] == (0, 0, 3, 2, 1, None, 0.0)
    assert table(rows[:1], "precision_low", "precision_high")[0] == pytest.approx((0.230724, 0.882379), abs=1e-6)


def test_one_without_confidence_is_kept_by_the_threshold_0_alone(judged: Lab) -> None:
    rows = ask(judged, "threshold_curve", *DAY, labels="dog")
    assert table(rows[:2], "label", "threshold", "false_kept", "false_removed") == [
        ("dog", 0.0, 1, 0),
        ("dog", 0.05, 0, 1),
    ]


def test_an_event_without_label_has_a_curve_too(site: Site, lab: Lab) -> None:
    event = site.event(site.camera("yard"), "2026-10-20T09:00", meta={"label": None}, confidence=1.0)
    site.verdict(event, "confirm")
    lab.refresh()
    rows = ask(lab, "threshold_curve", *DAY)
    assert set(table(rows, "label", "true_kept", "precision")) == {(None, 1, 1.0)}
    assert table(ask(lab, "quality", *DAY, by="label,confidence"), "label", "confidence_from") == [(None, 0.95)]
