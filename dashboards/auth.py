"""Who is looking: logins against the User table, an opaque session token in a cookie, checked again at every step.

The browser holds a random token (HttpOnly, SameSite=Lax), the database its SHA-256. Panel's own `user` cookie is not
used: a login ends when its row does, and an open page learns of that at its next callback.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import panel as pn
from panel.auth import BasicAuthProvider
from tornado.web import HTTPError, RequestHandler

from dashboards.markup import render
from omnisight_lab.access import roles
from omnisight_lab.access.roles import Action
from omnisight_lab.errors import AccessDenied, DatabaseError, TooManyAttempts
from omnisight_lab.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from omnisight_lab.lab import Lab

COOKIE = "omnisight_session"
HOME = "/overview"
AWAY = "The database does not answer just now. Try again in a moment."
LONGEST_FIELD = 256
"""Characters of a user name or password that are looked at: bcrypt reads 72 bytes, and nobody types a novel."""


class SessionEnded(AccessDenied):
    """Logged out, expired, or the user is not active any more."""

    def __init__(self) -> None:
        super().__init__("Your session has ended. Log in again to go on.")


@dataclass(frozen=True, slots=True)
class Person:
    """Who is logged in, as pages show it; `may`: what the role allows now."""

    username: str
    role: str
    may: frozenset[Action]
    lab: Lab | None = field(default=None, repr=False, compare=False)
    """The lab as this person sees it: with the cameras that they may see."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """One login as a page holds it. It keeps no role: `require` asks the database each time."""

    lab: Lab
    token: str

    def require(self, action: Action = Action.LOOK) -> Person:
        """The person; SessionEnded where the login is over, AccessDenied where the role does not allow `action`."""
        user = self.lab.user_of(self.token) if self.token else None
        if user is None:
            raise SessionEnded
        roles.require(user, action)
        return Person(user.username, user.role.value, roles.ALLOWED[user.role], self.lab.as_user(user))


def visitor(lab: Lab) -> Visitor:
    """The login behind the Bokeh session that is being made, as `Provider` found it on the request."""
    context = pn.state.curdoc.session_context if pn.state.curdoc else None
    request = getattr(context, "request", None)
    return Visitor(lab, getattr(request, "omnisight_token", None) or "")


def site_name(lab: Lab) -> str:
    """What the site is called; its default while there is no database to ask, which the page itself says."""
    try:
        return str(lab.settings["site.name"])
    except DatabaseError:
        return str(SETTINGS["site.name"].default)


def local_path(target: str) -> str:
    """`target` where it is a path of this site, else HTTP 400: a login that redirects anywhere helps phishers."""
    parts = urlsplit(target)
    strange = "\\" in target or any(ord(sign) < 32 for sign in target)
    if strange or parts.scheme or parts.netloc or not target.startswith("/") or target.startswith("//"):
        raise HTTPError(400, "next= must be a path of this site")
    return target


class Provider(BasicAuthProvider):
    """Tells Panel and Bokeh who is logged in; `lab` answers."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        super().__init__(login_endpoint="/login", logout_endpoint="/logout")  # type: ignore[no-untyped-call]

    @property
    def get_user(self) -> None:
        return None

    @property
    def get_user_async(self) -> Callable[[RequestHandler], Awaitable[str | None]]:  # type: ignore[override]
        return self._user

    async def _user(self, handler: RequestHandler) -> str | None:
        """The user's name, or None; the token stays on the request, where `visitor` finds it."""
        token = handler.get_cookie(COOKIE)
        if not token:
            return None
        try:
            user = await asyncio.to_thread(self.lab.user_of, token)
        except DatabaseError as error:
            raise HTTPError(503, str(error), reason=AWAY) from error
        if user is None:
            return None
        handler.request.omnisight_token = token  # type: ignore[attr-defined]
        return str(user.username)

    @property
    def endpoints(self) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:  # type: ignore[override]
        return [("/login", Login, {"lab": self.lab}), ("/logout", Logout, {"lab": self.lab})]

    @property
    def login_handler(self) -> type[RequestHandler]:
        return Login

    @property
    def logout_handler(self) -> type[RequestHandler]:
        return Logout

    def _remove_user(self, session_context: Any) -> None:
        """Panel counts users by its own cookie, which another Panel app on this host may have set: not ours to read."""


class Login(RequestHandler):
    """The login form, and what it sends."""

    def initialize(self, lab: Lab) -> None:
        self._lab = lab

    def get(self) -> None:
        self._show(local_path(self.get_query_argument("next", HOME)))

    async def post(self) -> None:
        target = local_path(self.get_body_argument("next", HOME))
        username = self.get_body_argument("username", "")[:LONGEST_FIELD]
        password = self.get_body_argument("password", "", strip=False)[:LONGEST_FIELD]
        address = self.request.remote_ip or "unknown"
        try:
            token, _ = await asyncio.to_thread(self._lab.login, username, password, address)
        except TooManyAttempts as error:
            self.set_header("Retry-After", str(math.ceil(error.seconds)))
            self._refuse(429, error, target, username)
        except AccessDenied as error:
            self._refuse(401, error, target, username)
        except DatabaseError:
            self._refuse(503, AWAY, target, username)
        else:
            secure = self.request.protocol == "https"
            self.set_cookie(COOKIE, token, path="/", httponly=True, samesite="Lax", secure=secure)
            self.redirect(target)

    def _refuse(self, status: int, error: AccessDenied | str, target: str, username: str) -> None:
        self.set_status(status)
        self._show(target, str(error), username)

    def _show(self, target: str, error: str = "", username: str = "") -> None:
        self.set_header("Cache-Control", "no-store")
        site = site_name(self._lab)
        xsrf = self.xsrf_token.decode()
        self.write(render("login.html", site=site, xsrf=xsrf, target=target, error=error, username=username))


class Logout(RequestHandler):
    """Ends the session; by POST only, so that no foreign page can do it."""

    def initialize(self, lab: Lab) -> None:
        self._lab = lab

    async def post(self) -> None:
        token = self.get_cookie(COOKIE)
        if token:
            await asyncio.to_thread(self._lab.logout, token)
        self.clear_cookie(COOKIE)
        self.redirect("/login")
