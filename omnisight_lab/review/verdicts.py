"""What people find events to be. Verdicts are only ever added: an undo is one more row, which takes the newest back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from omnisight_lab.access import roles
from omnisight_lab.access.rights import visible_cameras
from omnisight_lab.access.roles import Action
from omnisight_lab.db import reads, writes
from omnisight_lab.db.lab_models import Verdict as Row
from omnisight_lab.db.models import User
from omnisight_lab.db.session import Database
from omnisight_lab.errors import UnknownName, UsageError

RELABEL = "relabel"
LONGEST = 100  # characters of a label
VERDICTS = ("confirm", "false", "unsure", RELABEL, writes.UNDO)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One verdict as it was given: `user` (None: gone since) found the event to be `verdict` (of VERDICTS).

    `label`: the right one, of a relabel. `model_version`: of the detector that was judged. `stands`: nobody has taken
    it back, and it is no undo; of those the newest counts.
    """

    id: str
    event_id: str
    verdict: str
    label: str | None
    note: str | None
    user: str | None
    at: datetime
    model_version: str | None
    stands: bool


def judge(
    database: Database,
    user: User,
    events: Iterable[str],
    verdict: str,
    label: str | None = None,
    note: str | None = None,
) -> list[Verdict]:
    """The user's verdicts on the events (ids), in their order: all are given, or none.

    AccessDenied for one who may not judge; UnknownName for an event that there is not, or not for this user.
    """
    label = _label(verdict, label)
    ids = list(dict.fromkeys(events))
    with database.session() as session:
        roles.require(user, Action.REVIEW)
        found, seen = reads.judged(session, ids), visible_cameras(session, user)
    for id_ in ids:
        if id_ not in found or (seen is not None and found[id_][0] not in seen):
            raise UnknownName("event", id_)
    judged = {id_: found[id_][1] for id_ in ids}
    rows = writes.judge(database, judged, verdict, user_id=user.id, label=label, note=note)
    return [_value(row, user.username, set()) for row in rows]


def history(database: Database, event_id: str) -> list[Verdict]:
    """Every verdict on the event, oldest first."""
    with database.session() as session:
        rows = reads.verdicts(session, event_id)
    undone = {row.undoes for row, _ in rows}
    return [_value(row, name, undone) for row, name in rows]


def _label(verdict: str, label: str | None) -> str | None:
    """The label that goes with the verdict: a relabel needs one, the others take none."""
    if verdict not in VERDICTS:
        raise UnknownName("verdict", verdict, VERDICTS)
    label = (label or "").strip()
    if verdict == RELABEL and not label:
        raise UsageError("a relabel needs the right label, as label='fox' or --label fox")
    if len(label) > LONGEST or not label.isprintable():
        raise UsageError(f"a label is one line of at most {LONGEST} characters")
    if verdict != RELABEL and label:
        raise UsageError(f"only a relabel takes a label, not {verdict!r}")
    return label or None


def _value(row: Row, user: str | None, undone: set[str | None]) -> Verdict:
    stands = row.verdict != writes.UNDO and row.id not in undone
    return Verdict(
        row.id, row.event_id, row.verdict, row.label, row.note, user, row.created_at, row.model_version, stands
    )
