"""Runs that end well and runs that don't, through the real child process and real kernels."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import nbformat
import psutil
import pytest

from omnisight_lab.db import writes
from omnisight_lab.db.session import Database
from omnisight_lab.errors import ReportFailed, StorageError, UnknownName, UsageError
from omnisight_lab.reports.run import Limits, ReportRun, history, run_report
from omnisight_lab.settings import Paths


def failed(database: Database, paths: Paths, name: str, limits: Limits | None = None) -> tuple[str, ReportRun]:
    """The error's sentence and the ledger's row."""
    with pytest.raises(ReportFailed) as caught:
        run_report(database, paths, name, limits=limits)
    (run,) = history(database, paths)
    assert run.status == "failed" and run.ended and not run.html
    assert not [path for path in (paths.reports / name).iterdir() if path.name.startswith(".")]
    return str(caught.value), run


def outputs(notebook: Path | None) -> str:
    assert notebook
    return str([cell.get("outputs") for cell in nbformat.read(notebook, as_version=4).cells])


def kernels() -> list[psutil.Process]:
    """Kernels, and processes that run a report, which are still there."""
    below = psutil.Process().children(recursive=True)
    return [
        process for process in below if {"ipykernel_launcher", "omnisight_lab.reports.child"} & {*process.cmdline()}
    ]


def test_run_is_kept_with_its_files(database: Database, paths: Paths, write_report: Callable[..., str]) -> None:
    name = write_report(
        "import os\nprint('home', os.environ['OMNISIGHT_HOME'])",
        "print(limit * 2)",
        parameters="limit: int = 5  # how many",
    )
    seen: list[tuple[int, int]] = []
    run = run_report(database, paths, name, {"limit": "21"}, progress=lambda cell, cells: seen.append((cell, cells)))
    assert run.status == "done" and run.parameters == {"limit": 21} and run.seconds and not run.error
    assert run.html and run.html.parent.parent == paths.reports / name
    page = run.html.read_text()
    assert "<title>own</title>" in page and "42" in page and f"home {paths.home}" in page and "limit" not in page
    assert sorted(path.name for path in run.html.parent.iterdir()) == ["notebook.ipynb", "report.html"]
    assert seen == [(number, 5) for number in range(5)]
    assert history(database, paths) == [run]
    assert not kernels()


def test_a_report_asks_as_who_started_it(database: Database, paths: Paths, write_report: Callable[..., str]) -> None:
    writes.add_user(database, username="bob", email="b", password_hash="x")
    name = write_report("import omnisight_lab as ol\nprint('asked by', ol.connect().user.username)")
    assert "asked by bob" in outputs(run_report(database, paths, name, user="bob").notebook)


def test_failing_cell_keeps_what_was_executed(
    database: Database, paths: Paths, write_report: Callable[..., str]
) -> None:
    name = write_report("print('first')", "raise ValueError('no rtsp://admin:hunter2@10.0.0.9/live')", "print('never')")
    says, run = failed(database, paths, name)
    assert "ValueError: no rtsp://10.0.0.9/live" in says and "hunter2" not in f"{says}{run.error}"
    assert "first" in outputs(run.notebook) and "never" not in outputs(run.notebook)


def test_own_error_is_its_sentence(database: Database, paths: Paths, write_report: Callable[..., str]) -> None:
    name = write_report("import omnisight_lab as ol\nraise ol.UnknownName('camera', 'Gaet', ['Gate'])")
    says, _ = failed(database, paths, name)
    assert says.startswith(
        "report own failed: there is no camera 'Gaet'; did you mean 'Gate'?; what was executed is in"
    )


def test_cell_that_overstays(database: Database, paths: Paths, write_report: Callable[..., str]) -> None:
    name = write_report("print('first')", "while True: pass")
    says, run = failed(database, paths, name, Limits(cell=1))
    assert "the cell ran for longer than 1 s" in says
    assert "first" in outputs(run.notebook) and "CellTimeout" in outputs(run.notebook)
    assert not kernels()


def test_run_that_overstays(database: Database, paths: Paths, write_report: Callable[..., str]) -> None:
    name = write_report("import subprocess\nsubprocess.run(['sleep', '600'])")
    says, _ = failed(database, paths, name, Limits(whole=3))
    assert "it ran for longer than 3 s" in says
    assert not kernels()


def test_kernel_that_dies(database: Database, paths: Paths, write_report: Callable[..., str]) -> None:
    name = write_report("print('first', flush=True)", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    says, run = failed(database, paths, name)
    assert "the kernel died" in says and "first" in outputs(run.notebook)


def test_interrupted_run_leaves_no_process(database: Database, paths: Paths, write_report: Callable[..., str]) -> None:
    """Ctrl-C at the command line: the kernel goes too, and the ledger knows."""
    name = write_report("import pathlib, time", "pathlib.Path('started').touch()\ntime.sleep(600)")
    environment = {**os.environ, "OMNISIGHT_HOME": str(paths.home), "DATABASE_URL": database.prisma_url}
    environment.pop("OMNISIGHT_MEDIA", None)
    command = subprocess.Popen(
        [sys.executable, "-m", "omnisight_lab.cli", "report", "run", name], env=environment, stderr=subprocess.DEVNULL
    )
    started, waited = paths.notebooks / "started", threading.Event()
    for _ in range(600):
        if started.exists():
            break
        waited.wait(0.05)
    below = psutil.Process(command.pid).children(recursive=True)
    assert len(below) >= 2  # the child and its kernel
    command.send_signal(signal.SIGINT)
    assert command.wait(20) == 130
    _, alive = psutil.wait_procs(below, timeout=5)
    assert not alive
    (run,) = history(database, paths)
    assert (run.status, run.error) == ("failed", "it was interrupted")


def test_what_is_asked_wrongly_starts_nothing(
    database: Database, paths: Paths, write_report: Callable[..., str]
) -> None:
    name = write_report(parameters="limit: int = 5")
    with pytest.raises(UsageError):
        run_report(database, paths, name, {"limit": "x"})
    with pytest.raises(UsageError, match="no format 'docx'"):
        run_report(database, paths, name, formats=("docx",))
    with pytest.raises(UnknownName):
        run_report(database, paths, "nothing")
    assert not history(database, paths) and not paths.reports.exists()


def test_reports_folder_that_is_none(database: Database, paths: Paths, write_report: Callable[..., str]) -> None:
    name = write_report()
    paths.reports.write_text("a file")
    with pytest.raises(StorageError, match="can't be written"):
        run_report(database, paths, name)
    assert not history(database, paths)
