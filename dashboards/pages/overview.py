"""Overview: is every camera recording, what happened today, and is there room."""

from __future__ import annotations

import asyncio
from datetime import datetime

from dashboards.components import Fragment, column
from dashboards.frame import Screen
from dashboards.markup import render
from dashboards.store import Overview, OverviewStore

_MOST_GAPS = 6
SECTIONS = ("figures", "cameras", "activity", "latest", "coverage")


class OverviewPage:
    """One fragment a section, so that what has not changed is not drawn anew."""

    def __init__(self, screen: Screen) -> None:
        self._store: OverviewStore = screen.shared
        self._lab = screen.lab
        self._sections = {name: Fragment() for name in SECTIONS}
        self.content = column(*self._sections.values())

    async def refresh(self) -> None:
        data = await asyncio.to_thread(self._store.load, self._lab)
        for name, html in sections(data).items():
            self._sections[name].html = html


def sections(data: Overview) -> dict[str, str]:
    """The markup of each section; most are empty while there is no camera."""
    shown = SECTIONS if data.cameras else ("cameras",)
    values = {"data": data, "gaps": data.gaps[:_MOST_GAPS], "axis": _axis(data)}
    return {name: render("overview.html", part=name, **values) if name in shown else "" for name in SECTIONS}


def _axis(data: Overview) -> list[datetime]:
    """Hours that stand below the bars: every sixth."""
    hours = data.cameras[0].hours if data.cameras else ()
    return [hour.start for hour in hours[::6]]


def page(screen: Screen) -> OverviewPage:
    return OverviewPage(screen)
