"""`omnisight verdict`: what a person finds events to be."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from omnisight_lab.cli.output import JsonOption, print_json, print_rows, say
from omnisight_lab.cli.who import AsOption
from omnisight_lab.errors import UsageError
from omnisight_lab.review.verdicts import VERDICTS


def command(
    words: Annotated[
        list[str],
        typer.Argument(metavar="EVENT_ID… VERDICT", help=f"Ids of events, then one of {', '.join(VERDICTS)}."),
    ],
    label: Annotated[str | None, typer.Option(help="The right label, for relabel.")] = None,
    note: Annotated[str | None, typer.Option(help="Why.")] = None,
    as_user: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge events: confirm, false, unsure, relabel --label LABEL, or undo, which takes back the newest verdict.

    An event judged false leaves every count, a relabelled one moves. With ids alone, tell what was said about them.
    """
    from omnisight_lab.lab import connect

    verdict = words[-1] if words[-1] in VERDICTS else None
    events = words[:-1] if verdict else words
    if not events:
        raise UsageError("which event? write its id before the verdict")
    if verdict is None and (label or note):
        raise UsageError(f"which verdict? it comes last: {', '.join(VERDICTS)}")
    with connect(user=as_user) as lab:
        if verdict is not None:
            given = lab.judge(events, verdict, label, note)
        else:
            given = [one for event in events for one in lab.verdicts(event)]
    rows: list[dict[str, Any]] = [asdict(one) for one in given]
    if as_json:
        print_json(rows)
    elif verdict is None:
        print_rows(rows, ["at", "event_id", "verdict", "label", "user", "note", "stands"])
    else:
        say(f"{verdict}: {', '.join(events)}; figures follow at the mirror's next refresh")
