"""A seeded site, its served pages in a process of their own, and a browser that fails a test on any error."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from omnisight_lab.db.session import Database
from omnisight_lab.lab import Lab
from omnisight_lab.settings import Paths
from tests.conftest import DatabaseMaker
from tests.dashboards.seed import PASSWORD, Site, seed

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="session")
def site(database_maker: DatabaseMaker) -> Iterator[Site]:
    url = database_maker.new("omnisight")
    database = Database(url)
    home = Path(tempfile.mkdtemp(prefix="omnisight-dashboards-"))
    yield seed(database, home)
    database.close()
    database_maker.drop(url)
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def lab(site: Site) -> Iterator[Lab]:
    lab = Lab(site.database, Paths(site.home, site.media))
    yield lab
    lab.close()


@contextmanager
def serving(url: str, home: Path) -> Iterator[str]:
    """Address of `omnisight dashboards` in a process of its own."""
    environment = {**os.environ, "DATABASE_URL": url, "OMNISIGHT_HOME": str(home)}
    environment.pop("OMNISIGHT_MEDIA", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "omnisight_lab.cli", "dashboards", "--port", "0"],
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if line.startswith("dashboards at "):
            break
    else:
        pytest.fail("the dashboards did not start: " + "".join(lines))
    with tempfile.TemporaryFile("w") as rest:
        drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=rest)  # so that the pipe never fills
        yield lines[-1].removeprefix("dashboards at ").strip()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        drain.wait(5)
        process.stderr.close()


@pytest.fixture(scope="session")
def server(site: Site) -> Iterator[str]:
    """Address of the dashboards of the seeded site."""
    with serving(site.database.url, site.home) as address:
        yield address


@pytest.fixture
def client(server: str) -> Iterator[httpx.Client]:
    """A client that is not logged in and follows no redirects."""
    with httpx.Client(base_url=server) as client:
        yield client


@pytest.fixture
def log_in(server: str) -> Iterator[Callable[[str], httpx.Client]]:
    """Gives a client that a user has logged in with, by the form."""
    clients = []

    def log_in(username: str) -> httpx.Client:
        client = httpx.Client(base_url=server)
        clients.append(client)
        client.get("/login")
        form = {"username": username, "password": PASSWORD, "_xsrf": client.cookies["_xsrf"]}
        assert client.post("/login", data=form).status_code == 302
        return client

    yield log_in
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, for one module: while Playwright runs, no other test in this process can have an event loop."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the PyPI package playwright")
    if not Path(CHROMIUM).exists():
        pytest.skip("needs the Debian package chromium")
    with sync_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


class Visits:
    """One browser context a user, kept over the tests: a cold cache costs a second a page."""

    def __init__(self, browser: Any, server: str, lab: Lab) -> None:
        self._browser, self._server, self._lab = browser, server, lab
        self._contexts: dict[str, Any] = {}
        self._tokens: dict[str, str] = {}

    def page(self, username: str, dark: bool, fresh: bool) -> Any:
        """A new page that `username` (empty: nobody) has logged in on; `fresh` by a login of its own."""
        if username not in self._contexts:
            self._contexts[username] = self._browser.new_context()
        context = self._contexts[username]
        context.clear_cookies()
        cookies = {"omnisight_theme": "dark" if dark else "light"}
        if username:
            if fresh or username not in self._tokens:
                self._tokens[username] = self._lab.login(username, PASSWORD, "127.0.0.1")[0]
            cookies["omnisight_session"] = self._tokens[username]
        context.add_cookies([{"name": name, "value": value, "url": self._server} for name, value in cookies.items()])
        page = context.new_page()
        page.set_default_timeout(15_000)
        return page


@pytest.fixture(scope="module")
def visits(browser: Any, server: str, lab: Lab) -> Visits:
    return Visits(browser, server, lab)


@pytest.fixture
def open_page(visits: Visits, server: str) -> Iterator[Callable[..., Any]]:
    """Opens a browser's page at a path; a console error or warning, or a request to another host, fails the test."""
    problems: list[str] = []
    pages = []

    def open_page(
        path: str,
        username: str = "ada",
        *,
        size: tuple[int, int] = (1280, 800),
        dark: bool = False,
        fresh: bool = False,
    ) -> Any:
        page = visits.page(username, dark, fresh)
        pages.append(page)
        page.set_viewport_size({"width": size[0], "height": size[1]})
        watch(page, server, problems)
        page.goto(server + path)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert not problems


def watch(page: Any, server: str, problems: list[str]) -> None:
    """Writes down what must not happen."""

    def console(message: Any) -> None:
        if message.type in ("error", "warning"):
            problems.append(f"console: {message.text}")

    def request(asked: Any) -> None:
        if not asked.url.startswith((server + "/", "data:", "blob:")):
            problems.append(f"outside request: {asked.url}")

    page.on("console", console)
    page.on("pageerror", lambda error: problems.append(f"error: {error}"))
    page.on("request", request)


@pytest.fixture
def screenshot() -> Callable[[Any, str], None]:
    """Saves a picture of the page below OMNISIGHT_SCREENSHOTS, where that is set."""
    folder = os.environ.get("OMNISIGHT_SCREENSHOTS")

    def screenshot(page: Any, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=str(Path(folder) / f"{name}.png"))

    return screenshot
