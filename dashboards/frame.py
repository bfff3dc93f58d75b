"""The frame around every page: header, navigation, notices; loading, refreshing, and what is shown when that fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

import panel as pn
from panel.io.location import Location
from panel_material_ui.template.base import Page

from dashboards.auth import Person, SessionEnded, Visitor, site_name, visitor
from dashboards.components import Fragment, Message, column
from dashboards.markup import FOLDER, render
from omnisight_lab.access.roles import Action
from omnisight_lab.errors import OmniSightError

if TYPE_CHECKING:
    from omnisight_lab.lab import Lab

log = logging.getLogger(__name__)

THEME_COOKIE = "omnisight_theme"
_PALETTE = {
    "light": {
        "palette": {
            "primary": {"main": "#1f6feb"},
            "background": {"default": "#f4f6f9", "paper": "#ffffff"},
            "text": {"primary": "#1b2430"},
        }
    },
    "dark": {
        "palette": {
            "primary": {"main": "#6ea8fe", "contrastText": "#0b1420"},
            "background": {"default": "#0f141b", "paper": "#171d26"},
            "text": {"primary": "#e4e9f0"},
        }
    },
}
_LOOK = {
    "& .main": {"backgroundColor": "background.default"},
    "& .header.MuiAppBar-root": {
        "backgroundColor": "background.paper",
        "backgroundImage": "none",
        "color": "text.primary",
        "boxShadow": "none",
        "borderBottom": "1px solid",
        "borderColor": "divider",
    },
    "& .MuiToolbar-root": {"minHeight": "56px !important", "paddingLeft": "16px", "paddingRight": "12px", "margin": 0},
    "& .MuiDrawer-paper": {"backgroundImage": "none", "backgroundColor": "background.paper"},
    "& .MuiLinearProgress-root": {"display": "none"},
    # A phone has the navigation in the header's menu
    "@media (max-width: 760px)": {"& > nav": {"display": "none"}},
}


class View(Protocol):
    """What a page gives: `content` to show, and `refresh`, which asks the Lab and draws; called when the page opens,
    and again every few seconds while it is looked at."""

    content: Any

    async def refresh(self) -> None: ...


@dataclass(frozen=True, slots=True)
class PageSpec:
    """One entry of the navigation: `make` composes its view, for those who may do `action`.

    `shared` makes what all sessions of a page use together; `Screen.shared` holds it.
    """

    slug: str
    title: str
    icon: str
    make: Callable[[Screen], View]
    action: Action = Action.LOOK
    shared: Callable[[Lab], Any] = lambda lab: None


class Screen:
    """One open page of one person. Pages use `lab`, `shared`, `person`, `location`, `callback` and `say`.

    `lab` is the person's own: with the cameras that they may see.

    `person` is who was there at the last check: to draw by, never to decide by.
    """

    def __init__(self, lab: Lab, pages: Sequence[PageSpec], spec: PageSpec, shared: Any = None) -> None:
        self.lab, self._pages, self._spec, self.shared = lab, pages, spec, shared
        self._document = pn.state.curdoc
        self.visitor: Visitor = visitor(lab)
        self.person = Person("", "", frozenset())
        self.location = pn.state.location or Location()  # type: ignore[no-untyped-call]
        self._header, self._navigation = Fragment(on=self._header_message), Fragment()
        self._notice = Fragment()
        self._waiting = Fragment(render("frame.html", part="waiting"))
        self._body = column()
        self._view: View | None = None
        self._timer: Any = None
        self._failed = ""
        self.page = self._make_page()

    def _make_page(self) -> Any:
        return Page(  # type: ignore[no-untyped-call]
            title="",
            meta_title=f"{self._spec.title} · {site_name(self.lab)}",
            favicon=FOLDER / "assets" / "mark.svg",
            header=[self._header],
            sidebar=[self._navigation],
            main=[self._notice, self._body],
            sidebar_width=200,
            sidebar_variant="permanent",
            sidebar_resizable=False,
            theme_toggle=False,
            dark_theme=pn.state.cookies.get(THEME_COOKIE) == "dark",
            theme_config=_PALETTE,
            busy_indicator=None,
            sx=_LOOK,
        )

    # --- what pages use ----------------------------------------------------------------------------------------------

    def callback(
        self, function: Callable[..., Coroutine[Any, Any, None]], action: Action = Action.LOOK
    ) -> Callable[..., Coroutine[Any, Any, None]]:
        """`function` as an event handler: the login and its role are checked anew, and a failure becomes a notice."""

        async def checked(*arguments: Any) -> None:
            try:
                self.person = await asyncio.to_thread(self.visitor.require, action)
                await function(*arguments)
            except SessionEnded as error:
                self._end(error)
            except OmniSightError as error:
                self.say(str(error))
            except Exception:
                log.exception("a callback of page %s failed", self._spec.slug)
                self.say("That did not work; the log of the dashboards says why.")
            else:
                self.say(self._failed)

        return checked

    def say(self, text: str) -> None:
        """Shows a notice above the page; empty: takes it away."""
        self._notice.html = render("frame.html", part="notice", text=_sentence(text))

    # --- life --------------------------------------------------------------------------------------------------------

    def open(self) -> Any:
        """The page, which fills itself once the browser is there."""
        try:
            self.person = self.visitor.require(self._spec.action)
            self.lab = self.person.lab or self.lab
            self._draw_frame(self._frame_values())
            view = self._spec.make(self)
            view.content.visible = False
            # Both stand in the document from the start: what is added later comes back whole with its first message
            self._body.objects = [self._waiting, view.content]
            self._view = view
        except SessionEnded as error:
            self._end(error)
        except OmniSightError as error:
            self._stop("This page can't be shown", str(error))
        else:
            pn.state.onload(self._first)
        return self.page

    async def _first(self) -> None:
        """The first load; afterwards the page is refreshed for as long as it is open."""
        await self._tick()
        seconds = await asyncio.to_thread(lambda: float(self.lab.settings["mirror.refresh_seconds"]))
        if self._view:
            period = round(seconds * 1000)
            self._timer = pn.state.add_periodic_callback(self._tick, period=period)  # type: ignore[arg-type]

    async def _tick(self) -> None:
        """One refresh. What fails is said on the page and tried again at the next."""
        view = self._view
        if view is None or not self._looked_at():
            return
        try:
            self.person = await asyncio.to_thread(self.visitor.require, self._spec.action)
            await view.refresh()
            self._draw_frame(await asyncio.to_thread(self._frame_values))
            failed = ""
        except SessionEnded as error:
            self._end(error)
            return
        except OmniSightError as error:
            failed = str(error)
        except Exception:
            log.exception("page %s could not be refreshed", self._spec.slug)
            failed = "The page could not be refreshed; the log of the dashboards says why."
        self._after_tick(view, failed)

    def _looked_at(self) -> bool:
        """Whether a browser is there: Bokeh keeps a session for a while after its page was left."""
        context = self._document.session_context if self._document else None
        session = getattr(context, "session", None)
        return session is None or session.connection_count > 0

    def _after_tick(self, view: View, failed: str) -> None:
        if not view.content.visible:
            if failed:
                self._waiting.html = _card(
                    "This page can't be shown just now", f"{_sentence(failed)} It is tried again."
                )
                return
            self._waiting.html = ""
            view.content.visible = True
        if failed != self._failed:
            self._failed = failed
            self.say(failed)

    def _frame_values(self) -> dict[str, Any]:
        status, settings = self.lab.mirror_status(), self.lab.settings
        return {
            "site": settings["site.name"],
            "zone": settings["site.timezone"],
            "snapshot": status.snapshot,
            "late": round(max(30.0, 4 * settings["mirror.refresh_seconds"])),
        }

    def _draw_frame(self, values: dict[str, Any]) -> None:
        values |= {
            "person": self.person,
            "xsrf": pn.state.cookies.get("_xsrf", ""),
            "dark": self.page.dark_theme,
            "pages": [page for page in self._pages if page.action in self.person.may],
            "here": self._spec.slug,
        }
        self._header.html = render("frame.html", part="header", **values)
        self._navigation.html = render("frame.html", part="navigation", **values)

    async def _header_message(self, message: Message) -> None:
        if message["do"] == "theme":
            self.page.dark_theme = message.get("value") == "dark"
            await self.callback(self._redraw_frame)()

    async def _redraw_frame(self) -> None:
        self._draw_frame(await asyncio.to_thread(self._frame_values))

    def _end(self, error: SessionEnded) -> None:
        here = f"{self.location.pathname}{self.location.search}"
        self._stop("Logged out", str(error), f"/login?next={quote(here, safe='')}", "Log in")

    def _stop(self, title: str, text: str, link: str = "", link_text: str = "") -> None:
        """Leaves nothing on the page but this card."""
        self._view = None
        if self._timer:
            self._timer.stop()
        self._header.html = self._navigation.html = self._notice.html = ""
        self._waiting.html = _card(title, text, link, link_text)
        self._body.objects = [self._waiting]


def _card(title: str, text: str, link: str = "", link_text: str = "") -> str:
    return render("frame.html", part="stop", title=title, text=_sentence(text), link=link, link_text=link_text)


def _sentence(text: str) -> str:
    """`text` with a capital at its start and a full stop at its end."""
    text = text.strip()
    return text and text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")
