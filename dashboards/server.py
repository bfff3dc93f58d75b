"""The server of the pages: Panel on Tornado, with the safe choices made here so that they can't be forgotten."""

from __future__ import annotations

import errno
import os
import secrets
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from panel.io.server import get_server
from tornado.httputil import HTTPHeaders
from tornado.web import OutputTransform, RedirectHandler, RequestHandler, StaticFileHandler

from dashboards import media
from dashboards.auth import COOKIE, HOME, Provider
from dashboards.frame import PageSpec, Screen
from dashboards.markup import FOLDER
from dashboards.pages import PAGES
from omnisight_lab.errors import StorageError, UsageError

if TYPE_CHECKING:
    from omnisight_lab.lab import Lab

# Bokeh's pages hold their document in an inline script, and Panel's components load from blob: addresses; neither needs
# eval. `frame-ancestors` and `form-action` are what an attacker's page would want.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'unsafe-inline' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' blob:",
        "connect-src 'self' blob:",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_LARGEST_MESSAGE = 1 << 20
"""Bytes; browsers send filters and clicks, never files."""


class SecureHeaders(OutputTransform):
    """Puts `HEADERS` on every answer: pages, media, errors, and what Panel and Bokeh serve themselves."""

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        for name, value in HEADERS.items():
            headers[name] = value
        del headers["Server"]  # its version is nobody's business
        return status_code, headers, chunk


def secret_key(home: Path) -> bytes:
    """The key that signs sessions: made once, readable by its owner only."""
    path = home / "dashboards.key"
    try:
        home.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            path.chmod(0o600)
        else:
            with os.fdopen(handle, "w") as out:
                out.write(secrets.token_urlsafe(48))
        key = path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path} can't be used: {error.strerror or error}") from error
    if len(key) < 32:
        raise StorageError(f"{path} holds no key; remove it, and a new one is made")
    return key


def make_server(lab: Lab, port: int, address: str, pages: Sequence[PageSpec] = PAGES) -> Any:
    """The server, bound and not yet started; `port` 0 takes a free one. UsageError where the port can't be had."""
    port = port or _free_port(address)
    try:
        server = get_server(
            {page.slug: _opener(lab, pages, page) for page in pages},
            port=port,
            address=address,
            websocket_origin=_origins(address, port, lab.settings["dashboards.origins"]),
            auth_provider=Provider(lab),
            extra_patterns=_routes(lab),
            xsrf_cookies=True,
            # Panel copies cookies and headers into the page's token, which scripts can read
            exclude_cookies=[COOKIE],
            exclude_headers=["Cookie", "Authorization"],
            sign_sessions=True,
            secret_key=secret_key(lab.paths.home),
            websocket_max_message_size=_LARGEST_MESSAGE,
            use_index=False,
        )
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL) and not isinstance(
            error, socket.gaierror
        ):
            raise
        raise UsageError(f"the dashboards can't listen at {address}:{port}: {error.strerror or error}") from error
    server._tornado.add_transform(SecureHeaders)  # the one place that sees every answer; Bokeh offers no public way
    return server


def serve(lab: Lab, port: int, address: str, ready: Callable[[str], None]) -> None:
    """Serves until SIGINT or SIGTERM; `ready` gets the address that a browser opens."""
    server = make_server(lab, port, address)
    loop = server.io_loop
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: loop.add_callback_from_signal(loop.stop))
    server.start()
    ready(url(server, address))
    loop.start()
    server.stop()


def url(server: Any, address: str) -> str:
    """What a browser on this machine opens."""
    host = "127.0.0.1" if address in ("", "0.0.0.0", "::") else address
    return f"http://{f'[{host}]' if ':' in host else host}:{server.port}"


def _opener(lab: Lab, pages: Sequence[PageSpec], page: PageSpec) -> Callable[[], Any]:
    """A plain function: Panel shows anything else, a `partial` too, as a text."""
    shared = page.shared(lab)

    def open_page() -> Any:
        return Screen(lab, pages, page, shared).open()

    return open_page


def _routes(lab: Lab) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    return [
        (r"/?", RedirectHandler, {"url": HOME, "permanent": False}),
        (r"/assets/([a-z.]+)", StaticFileHandler, {"path": str(FOLDER / "assets")}),
        *media.routes(lab),
    ]


def _origins(address: str, port: int, more: Sequence[str]) -> list[str]:
    """Hosts whose pages may open our websocket: this machine by its names, and those of the setting."""
    names = {"127.0.0.1", "localhost", address}
    if address in ("", "0.0.0.0", "::"):
        names |= {socket.gethostname(), socket.getfqdn()} - {address}
    return sorted({f"{name}:{port}" for name in names if name} | set(more))


def _free_port(address: str) -> int:
    """A port that is free now: the allowed websocket origins hold it, so it must be known before the server is made."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])
