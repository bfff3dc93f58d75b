"""The Events page while answers are on their way."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime

from dashboards.filters import Filters
from dashboards.frame import Screen
from dashboards.pages import PAGES
from dashboards.pages.events import EventsPage
from dashboards.store import EventPage, EventsStore
from omnisight_lab.lab import Lab
from tests.dashboards.seed import Site


class SlowStore(EventsStore):
    """Answers one question only once it may."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self.asked, self.may = threading.Event(), threading.Event()

    def load(self, filters: Filters, now: datetime | None = None) -> EventPage:
        found = super().load(filters, now)
        self.asked.set()
        assert self.may.wait(20)
        return found


def test_a_refresh_does_not_take_back_what_was_chosen_meanwhile(lab: Lab, site: Site) -> None:
    page = EventsPage(Screen(lab, PAGES, PAGES[1]))
    asyncio.run(page.refresh())
    second = page._listed.rows[1].id
    page._store = slow = SlowStore(lab)

    async def choose_during_a_refresh() -> None:
        refresh = asyncio.create_task(page.refresh())
        await asyncio.to_thread(slow.asked.wait, 20)
        await page._act({"do": "open", "id": second})
        slow.may.set()
        await refresh

    asyncio.run(choose_during_a_refresh())
    assert page._filters.event == second
    assert page._opened and page._opened.event.id == second
