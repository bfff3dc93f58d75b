"""Verdicts from judging to undo, and what they do to every figure."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from omnisight_lab.db import reads, writes
from omnisight_lab.errors import AccessDenied, OmniSightError, UnknownName, UsageError
from omnisight_lab.lab import Lab
from tests.analytics.conftest import Site

AskAs = Callable[[str], Lab]
SPAN = ("2026-03-28T00:00Z", "2026-03-29T00:00Z")


@pytest.fixture
def events(site: Site) -> list[str]:
    """Three cars at the gate, found by version 2.0, and one in the yard."""
    meta = {"model": {"name": "ssd", "version": "2.0"}}
    times = [f"2026-03-28T10:0{minute}" for minute in range(3)]
    ids = [site.event("gate", time, tracks=("1",), meta=meta) for time in times]
    return [*ids, site.event("yard", "2026-03-28T10:30", tracks=("1",))]


def rows(site: Site) -> list[tuple[Any, ...]]:
    statement = "SELECT id, event_id, verdict, label, note, undoes FROM lab.verdict ORDER BY number"
    with site.database.session() as session:
        return [tuple(row) for row in session.execute(text(statement))]


def counted(lab: Lab, **more: Any) -> dict[str, int]:
    """Events by label, the same from the mirror and from PostgreSQL."""
    lab.refresh()
    found = []
    for engine in ("duckdb", "postgres"):
        labels = lab.activity(*SPAN, engine=engine, by=["label"], **more).rows()
        found.append({row["label"]: row["events"] for row in labels if row["events"]})
    assert found[0] == found[1]
    return found[0]


def test_a_verdict_says_who_when_why_and_on_what(events: list[str], ask_as: AskAs, site: Site) -> None:
    bob = ask_as("bob")
    (given,) = bob.judge(events[0], "relabel", label=" van ", note="it has no windows")
    assert (given.event_id, given.verdict, given.label, given.note) == (
        events[0],
        "relabel",
        "van",
        "it has no windows",
    )
    assert (given.user, given.model_version, given.stands) == ("bob", "2.0", True)
    assert bob.verdicts(events[0]) == [given] and bob.verdicts(events[1]) == []
    detail = bob.event(events[0])
    assert (detail.label, detail.detected_label, detail.verdict) == ("van", "car", "relabel")
    with site.database.session() as session:
        ((row, name),) = reads.verdicts(session, events[0])
    assert name == "bob" and row.created_at == given.at


def test_every_count_follows(events: list[str], ask_as: AskAs) -> None:
    bob = ask_as("bob")
    assert counted(bob) == {"car": 4}
    bob.judge(events[0], "false")
    bob.judge(events[1], "relabel", "van")
    bob.judge(events[2], "unsure")
    bob.judge(events[3], "confirm")
    assert counted(bob) == {"car": 2, "van": 1}
    assert counted(bob, include_rejected=True) == {"car": 3, "van": 1}
    bob.judge(events[:2], "undo")
    assert counted(bob) == {"car": 4}


def test_undo_takes_back_the_newest_that_stands(events: list[str], ask_as: AskAs, site: Site) -> None:
    bob, ann, event = ask_as("bob"), ask_as("ann"), events[0]
    first, second = bob.judge(event, "confirm") + bob.judge(event, "false")
    undo, more = ann.judge(event, "undo", note="look again") + ann.judge(event, "undo")
    with pytest.raises(UsageError, match=f"^there is no verdict on event {event} to undo$"):
        ann.judge(event, "undo")
    assert [row[5] for row in rows(site)] == [None, None, second.id, first.id]
    assert [(one.id, one.user, one.stands) for one in bob.verdicts(event)] == [
        (first.id, "bob", False),
        (second.id, "bob", False),
        (undo.id, "ann", False),
        (more.id, "ann", False),
    ]
    assert ann.event(event).verdict is None
    (third,) = bob.judge(event, "unsure")
    assert bob.event(event).verdict == "unsure" and bob.verdicts(event)[-1] == third


def test_several_at_once_are_judged_all_or_none(events: list[str], ask_as: AskAs, site: Site) -> None:
    bob = ask_as("bob")
    found = bob.events(*SPAN, cameras="gate")
    ids = [row["id"] for row in found]
    for several in (found, found.rows(), found.df()):
        assert [one.event_id for one in bob.judge(several, "false")] == ids
    bob.judge(found.df().iloc[0], "unsure")
    bob.judge([bob.event(events[3]), events[3]], "confirm")  # named twice it is judged once
    before = rows(site)
    assert len(before) == 3 * 3 + 2
    with pytest.raises(UnknownName, match="there is no event 'gone'"):
        bob.judge([events[0], "gone"], "confirm")
    with pytest.raises(UsageError, match="an event is asked for by its id, or by a row"):
        bob.judge(found.df().drop(columns="id"), "confirm")
    bob.judge(events[3], "undo")
    with pytest.raises(UsageError, match="to undo"):
        bob.judge([events[0], events[3]], "undo")
    assert rows(site)[:-1] == before


def test_rows_are_only_ever_added(events: list[str], ask_as: AskAs, site: Site) -> None:
    bob, ann = ask_as("bob"), ask_as("ann")
    said: list[tuple[Any, ...]] = []
    steps = ["confirm", "false", "undo", "relabel", "undo", "unsure", "undo", "undo"]
    for number, verdict in enumerate(steps, start=1):
        (bob if number % 2 else ann).judge(events[0], verdict, "van" if verdict == "relabel" else None)
        now = rows(site)
        assert now[:-1] == said and len(now) == number
        said = now


def test_an_event_goes_with_its_verdicts_whatever_an_analyst_has_written(
    events: list[str], ask_as: AskAs, site: Site
) -> None:
    """Who may insert verdicts can't hold an event by an undo that stands at another one."""
    undo = "INSERT INTO lab.verdict (id, event_id, verdict, undoes, created_at) VALUES ('u', '{}', 'undo', '{}', now())"
    (other,) = ask_as("bob").judge(events[0], "confirm")
    with pytest.raises(DBAPIError, match="verdict_undoes_fkey"):
        site.run(undo.format(events[1], other.id))
    site.run(undo.format(events[0], other.id))
    site.run('DELETE FROM "DetectedObject"; DELETE FROM "Event"')
    assert rows(site) == []


@pytest.mark.parametrize(
    ("verdict", "label", "says"),
    [
        ("flase", None, "there is no verdict 'flase'; did you mean 'false'"),
        ("relabel", " ", "a relabel needs the right label"),
        ("relabel", "v\nan", "a label is one line of at most 100 characters"),
        ("relabel", "v" * 101, "a label is one line of at most 100 characters"),
        ("false", "van", "only a relabel takes a label"),
        ("undo", None, "there is no verdict on event"),
    ],
)
def test_judged_wrongly(
    verdict: str, label: str | None, says: str, events: list[str], ask_as: AskAs, site: Site
) -> None:
    with pytest.raises(UsageError, match=says):
        ask_as("bob").judge(events[0], verdict, label)
    assert rows(site) == []


def test_who_may_judge(events: list[str], ask_as: AskAs, lab: Lab, site: Site) -> None:
    with pytest.raises(AccessDenied, match=r"eve \(VIEWER\) may not judge events"):
        ask_as("eve").judge(events[0], "false")
    with pytest.raises(AccessDenied, match="nobody asks here"):
        lab.judge(events[0], "false")
    bob = ask_as("bob")
    with site.database.session() as session:
        user = reads.user_by_name(session, "bob")
    writes.set_rights(site.database, user.id, ["yard"])
    for refused in (lambda: bob.judge(events[0], "false"), lambda: bob.verdicts(events[0])):
        with pytest.raises(UnknownName, match=f"there is no event '{events[0]}'"):
            refused()
    assert bob.judge(events[3], "confirm")
    writes.update_user(site.database, user.id, is_active=False)
    with pytest.raises(AccessDenied, match="user 'bob' is not active"):
        bob.judge(events[3], "false")
    assert len(rows(site)) == 1


def test_judging_at_once_keeps_the_order(events: list[str], ask_as: AskAs, site: Site) -> None:
    """Eight people undo five verdicts: each takes back another one, and three are told that there is none."""
    bob = ask_as("bob")
    for _ in range(5):
        bob.judge(events[0], "confirm")

    def undo(_: int) -> bool:
        try:
            bob.judge(events[0], "undo")
        except OmniSightError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(undo, range(8))) == 5
    undone = [row[5] for row in rows(site)[5:]]
    assert undone == [row[0] for row in reversed(rows(site)[:5])]
