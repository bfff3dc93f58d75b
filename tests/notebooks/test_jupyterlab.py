"""start_here in JupyterLab and a browser, as an analyst meets it: nothing fails, and no other host is asked."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from omnisight_lab import resources
from omnisight_lab.db.session import Database
from tests.reports.site import small_site

pytest.importorskip("playwright.sync_api", reason="needs the PyPI package playwright")
from playwright.sync_api import expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs the Debian package chromium")
expect.set_options(timeout=30_000)  # a busy machine is slow, not wrong

RUN_ALL = '.lm-Menu-item[data-command="runmenu:run-all"]'
CELLS = nbformat.read(resources.folder("notebooks") / "start_here.ipynb", as_version=4).cells
CODE = [cell.source for cell in CELLS if cell.cell_type == "code"]
CHARTS = sum(source.endswith(".plot()") for source in CODE)


@pytest.fixture
def jupyterlab(database: Database, tmp_path: Path) -> Iterator[str]:
    """Address, with its token, of `omnisight lab` on a small site."""
    small_site(database, tmp_path)
    environment = {
        **os.environ,
        "OMNISIGHT_HOME": str(tmp_path),
        "DATABASE_URL": database.prisma_url,
        "JUPYTER_CONFIG_DIR": str(tmp_path / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
    }
    environment.pop("OMNISIGHT_MEDIA", None)
    command = [sys.executable, "-m", "omnisight_lab.cli", "lab", "--no-browser", "--port", "0"]
    with tempfile.TemporaryFile("w") as rest:
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=rest, text=True)
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+/lab\S*token=\w+", line):
                break
        else:
            pytest.fail("JupyterLab did not start: " + "".join(lines))
        drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=rest)  # so that the pipe never fills
        yield found.group()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        drain.wait(10)
        process.stderr.close()


@pytest.fixture
def page(jupyterlab: str) -> Iterator[Any]:
    """The notebook in Chromium; an error, or a request to another host, fails the test."""
    home = re.match(r"http://[^/]+/", jupyterlab)
    assert home
    problems: list[str] = []

    def console(message: Any) -> None:
        if message.type == "error":
            problems.append(f"console: {message.text}")

    def request(asked: Any) -> None:
        if not asked.url.startswith((home.group(), "data:", "blob:")):
            problems.append(f"outside request: {asked.url}")

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        # So tall that every cell is drawn: JupyterLab draws what is in sight
        page = browser.new_page(viewport={"width": 1280, "height": 12_000})
        page.set_default_timeout(30_000)
        page.on("console", console)
        page.on("pageerror", lambda error: problems.append(f"error: {error}"))
        page.on("request", request)
        page.goto(jupyterlab)
        yield page
        browser.close()
    assert not problems


def test_start_here_in_jupyterlab(page: Any) -> None:
    page.get_by_text("| Idle").wait_for()  # in the status bar: the kernel is there
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator(RUN_ALL).click()
    last = page.locator(".jp-CodeCell").last
    expect(last.locator(".jp-InputArea-prompt")).to_have_text(f"[{len(CODE)}]:")
    expect(last.locator(".jp-OutputArea-output")).to_contain_text("activity: ")
    expect(page.locator(".jp-OutputArea-output .bk-Figure")).to_have_count(CHARTS)
    expect(page.locator("table.omnisight").first).to_be_visible()
    expect(page.locator(".jp-OutputArea-output img").first).to_have_js_property("complete", True)
    page.wait_for_function("document.querySelector('video').readyState >= 1")
    assert page.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
