from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from omnisight_lab.cli.services import Services
from omnisight_lab.errors import OmniSightError


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    limit = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        pause.wait(0.02)


def child_of(command: str) -> psutil.Process:
    """Our child with `command` in its command line; earlier tests of this process may have left others."""
    return next(child for child in psutil.Process().children() if command in " ".join(child.cmdline()))


def test_children_start_write_their_log_and_stop(tmp_path: Path) -> None:
    services = Services(tmp_path)
    services.start("web", "http.server", "0", "--bind", "127.0.0.1")
    wait_for(lambda: "Serving" in (tmp_path / "web.log").read_text())
    services.expect_alive()
    child = child_of("http.server")
    services.stop()
    assert not child.is_running()


def test_a_dead_child_is_started_again(tmp_path: Path) -> None:
    services = Services(tmp_path)
    services.start("web", "http.server", "0", "--bind", "127.0.0.1")
    try:
        wait_for(lambda: "Serving" in (tmp_path / "web.log").read_text())
        child = child_of("http.server")
        child.kill()
        psutil.wait_procs([child], timeout=20)

        def revived() -> bool:
            services.revive()
            return (tmp_path / "web.log").read_text().count("Serving") == 2

        wait_for(revived)
    finally:
        services.stop()


def test_a_child_that_fails_is_named_with_its_last_line(tmp_path: Path) -> None:
    services = Services(tmp_path)
    services.start("query", "omnisight_lab.cli", "no-such-verb")
    try:
        child = child_of("no-such-verb")
        wait_for(lambda: child.status() == psutil.STATUS_ZOMBIE)
        with pytest.raises(OmniSightError, match="query ended by itself"):
            services.expect_alive()
    finally:
        services.stop()
