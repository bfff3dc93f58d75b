"""A seeded site, its served pages in a process of their own, and a browser that fails a test on any error."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
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


@pytest.fixture(scope="session")
def server(site: Site) -> Iterator[str]:
    """Address of `omnisight dashboards`."""
    environment = {**os.environ, "DATABASE_URL": site.database.url, "OMNISIGHT_HOME": str(site.home)}
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


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the PyPI package playwright")
    if not Path(CHROMIUM).exists():
        pytest.skip("needs the Debian package chromium")
    with sync_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any, server: str, lab: Lab) -> Iterator[Callable[..., Any]]:
    """Opens a browser's page at a path, as `username` where one is given; any console error, failed answer or request
    to another host fails the test."""
    problems: list[str] = []
    contexts = []

    def open_page(path: str, username: str = "ada", *, size: tuple[int, int] = (1280, 800), dark: bool = False) -> Any:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]})
        contexts.append(context)
        context.set_default_timeout(15_000)
        cookies = {"omnisight_theme": "dark" if dark else "light"}
        if username:
            cookies["omnisight_session"] = lab.login(username, PASSWORD, "127.0.0.1")[0]
        context.add_cookies([{"name": name, "value": value, "url": server} for name, value in cookies.items()])
        page = context.new_page()
        watch(page, server, problems)
        page.goto(server + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not problems


def watch(page: Any, server: str, problems: list[str]) -> None:
    """Writes down what must not happen."""

    def console(message: Any) -> None:
        # A page asked for without rights shows as an error of its own in the console; tests that want it say so
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
