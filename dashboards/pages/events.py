"""Events: find one by filters, look at it, go on to the next."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import panel as pn

from dashboards.components import Fragment, Message, Player, column
from dashboards.filters import PERIODS, TYPES, Filters, parse
from dashboards.frame import Screen
from dashboards.markup import asset, clock_text, render
from dashboards.store import EventPage, EventRow, EventsStore, Footage
from omnisight_lab.access.roles import Action

CONFIDENCES = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


class EventsPage:
    """Filters above; the list beside the open event. The address holds the filters, and the open event."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._store = EventsStore(screen.lab)
        self._filters = parse(screen.location.search, self._store.zone)
        self._listed = EventPage(self._filters, (), 0)
        self._opened: Footage | None = None
        self._choices: tuple[list[str], list[str]] = ([], [])
        on = screen.callback(self._act)
        self._bar, self._list, self._head, self._facts = (Fragment(on=on) for _ in range(4))
        self._player = Player()
        self._detail = column(self._head, self._player, self._facts, css_classes=["detail"])
        self.content = _two_columns(self._bar, self._list, self._detail)
        screen.location.param.watch(self._address_changed, "search")

    async def refresh(self) -> None:
        """New events come in on the first page; other pages stay as they are while they are read."""
        self._choices = await asyncio.to_thread(self._store.choices)
        if not self._listed.rows or self._filters.page == 1:
            await self._load()

    async def _load(self) -> None:
        asked = self._filters
        listed = await asyncio.to_thread(self._store.load, asked)
        if self._filters is not asked:
            return  # somebody has used a control meanwhile, which shows what it leads to
        self._listed, self._filters = listed, listed.filters
        self._draw_bar(*self._choices)
        await self._open()
        self._write_address()

    async def _open(self) -> None:
        """Shows the chosen event; on a wide screen the first of the list where none is chosen."""
        filters = self._filters
        wanted = filters.event or (self._listed.rows[0].id if self._listed.rows else "")
        if self._opened is None or self._opened.event.id != wanted or not self._opened.clip:
            opened = await asyncio.to_thread(self._store.open, wanted) if wanted else None
            if self._filters is not filters:
                return
            self._opened = opened
        self._list.css_classes = ["list"] if wanted else ["list", "alone"]
        self._detail.css_classes = ["detail", "chosen" if self._filters.event else "first" if wanted else "none"]
        self._draw_list()
        self._draw_detail()

    # --- what people do ----------------------------------------------------------------------------------------------

    async def _act(self, message: Message) -> None:
        what = message["do"]
        if what == "open":
            await self._choose(str(message.get("id", "")))
        elif what in ("next", "previous"):
            await self._go(1 if what == "next" else -1)
        else:
            self._filters = self._changed(what, message)
            await self._load()

    async def _choose(self, event: str) -> None:
        self._filters = self._filters.on_page(self._filters.page, event)
        await self._open()
        self._write_address()

    async def _go(self, step: int) -> None:
        """The next or previous event, on the neighbouring page where this one ends."""
        current = self._opened.event.id if self._opened else ""
        found = self._listed.neighbour(current, step)
        page = self._filters.page + step
        if found is None and 1 <= page <= self._listed.pages:
            self._listed = await asyncio.to_thread(self._store.load, self._filters.on_page(page))
            self._filters = self._listed.filters
            found = self._listed.rows[0 if step > 0 else -1]
        if found:
            await self._choose(found.id)

    def _changed(self, what: str, message: Message) -> Filters:
        """The filters after a control was used; what it sends is checked as an address is."""
        value, zone = str(message.get("value", "")), self._store.zone
        if what == "page":
            return self._filters.on_page(int(value) if value.isdigit() else 1)
        if what == "clear":
            return Filters()
        checked = message.get("checked")
        return self._filters.changed(what, value, zone, checked if isinstance(checked, bool) else None)

    # --- address -----------------------------------------------------------------------------------------------------

    def _write_address(self) -> None:
        if self._screen.location.search != self._filters.search():
            self._screen.location.search = self._filters.search()

    def _address_changed(self, change: object) -> None:
        """Back and forward of the browser."""
        if self._screen.location.search != self._filters.search():
            self._filters = parse(self._screen.location.search, self._store.zone)
            pn.state.execute(self._screen.callback(self._load))

    # --- drawing -----------------------------------------------------------------------------------------------------

    def _draw_bar(self, cameras: list[str], labels: list[str]) -> None:
        self._bar.html = render(
            "events.html",
            part="filters",
            filters=self._filters,
            cameras=cameras,
            labels=sorted({*labels, *self._filters.labels}),
            types=TYPES,
            periods=PERIODS,
            confidences=sorted({*CONFIDENCES, self._filters.min_confidence}),
            zone=self._store.zone,
        )

    def _draw_list(self) -> None:
        now = datetime.now(UTC).astimezone(ZoneInfo(self._store.zone))
        self._list.html = render(
            "events.html",
            part="list",
            listed=self._listed,
            filters=self._filters,
            chosen=self._opened.event.id if self._opened else "",
            clock=lambda row: _clock(row, now),
        )

    def _draw_detail(self) -> None:
        opened = self._opened
        values = {
            "opened": opened,
            "wanted": self._filters.event,
            "event": opened.event if opened else None,
            "local": opened.event.start.astimezone(ZoneInfo(opened.event.timezone)) if opened else None,
            "may_export": Action.EXPORT in self._screen.person.may,
            "listed": self._listed,
        }
        self._head.html = render("events.html", part="head", **values)
        self._facts.html = render("events.html", part="facts", **values)
        clip = dict(opened.clip) if opened else {}
        if clip.get("key") != self._player.clip.get("key"):
            self._player.clip = clip


def _clock(row: EventRow, now: datetime) -> str:
    return clock_text(row.local, now)


def _two_columns(bar: Fragment, listed: Fragment, detail: pn.Column) -> pn.Column:
    """Side by side where there is room; one above the other on a phone."""
    bar.css_classes, listed.css_classes = ["filters"], ["list"]
    return column(bar, listed, detail, stylesheets=[asset("events.css")])


def page(screen: Screen) -> EventsPage:
    return EventsPage(screen)
