"""Slips in names: a mistyped label or camera is said, and not counted as nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from omnisight_lab.analytics.engines import Engine
from omnisight_lab.analytics.tables import Tables
from omnisight_lab.errors import UnknownName
from omnisight_lab.types import EventType

TYPO = 0.8
"""Names at least as alike as this (difflib's ratio) are taken for a slip: person and persn, not car and cat."""


def refuse_typos(engine: Engine, tables: Tables, typed: Mapping[str, Any]) -> None:
    """UnknownName for a camera or zone that is not there, and for what is nearly a label or event type.

    A label that is only new, as a first cat, counts 0. `typed`: parameters of a query.
    """
    where = dict(typed.get("where", ()))
    _refuse_near("event type", typed.get("event_types", ()), [kind.value for kind in EventType])
    if labels := (*typed.get("labels", ()), *where.get("label", ())):
        every = tables.events.select("label").union(tables.objects.select("label"), distinct=True)
        _refuse_near("label", labels, [name for name in engine.fetch(every)["label"].to_pylist() if name])
    if "camera" in where:
        rows = engine.fetch(tables.cameras.select("id", "name")).to_pylist()
        _refuse_unknown("camera", where["camera"], [row["name"] for row in rows], {row["id"] for row in rows})
    if "zone" in where:
        zones = tables.zone_edges.filter(tables.zone_edges.retired_at.isnull()).select("zone").distinct()
        _refuse_unknown("zone", where["zone"], engine.fetch(zones)["zone"].to_pylist())


def _refuse_near(kind: str, wanted: Iterable[str | None], known: list[str]) -> None:
    for name in filter(None, wanted):
        if name not in known and get_close_matches(name, known, n=1, cutoff=TYPO):
            raise UnknownName(kind, name, known)


def _refuse_unknown(kind: str, wanted: Iterable[str], known: list[str], ids: Iterable[str] = ()) -> None:
    for name in wanted:
        if name not in known and name not in ids:
            raise UnknownName(kind, name, known)
