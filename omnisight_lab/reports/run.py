"""Runs a report: ledger row, child process with a time limit, pages put in place at once, ledger row again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from omnisight_lab.addresses import redact
from omnisight_lab.clock import Clock, SystemClock
from omnisight_lab.db import reads, writes
from omnisight_lab.db.lab_models import ReportRun as Row
from omnisight_lab.db.session import Database
from omnisight_lab.errors import ReportFailed, StorageError, UsageError
from omnisight_lab.reports import catalog, render
from omnisight_lab.reports.child import Order
from omnisight_lab.settings import Paths
from omnisight_lab.types import TimeRange

FORMATS = ("html", "pdf")
_GRACE_SECONDS = 5.0

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that one cell and a whole run may take."""

    cell: float = 600
    whole: float = 1800


@dataclass(frozen=True, slots=True)
class ReportRun:
    """One run of a report. `status`: running, done or failed; the files are absolute, None where there is none."""

    id: str
    name: str
    status: str
    parameters: Mapping[str, Any]
    started: datetime
    ended: datetime | None
    window: TimeRange | None
    html: Path | None
    pdf: Path | None
    notebook: Path | None
    error: str | None
    version: str

    @property
    def seconds(self) -> float | None:
        return (self.ended - self.started).total_seconds() if self.ended else None

    def as_json(self) -> dict[str, Any]:
        """Plain values by name, as the command line prints them."""
        values = {**asdict(self), "seconds": self.seconds}
        window = values.pop("window") or {"start": None, "end": None}
        return {**values, "window_start": window["start"], "window_end": window["end"]}


def run_report(
    database: Database,
    paths: Paths,
    name: str,
    parameters: Mapping[str, Any] | None = None,
    formats: Sequence[str] = ("html",),
    *,
    user: str | None = None,
    limits: Limits | None = None,
    progress: Progress = lambda cell, cells: None,
    clock: Clock | None = None,
) -> ReportRun:
    """The finished run, with its files below `paths.reports/<name>/`; ReportFailed where it came to no page.

    The notebook runs in a process of its own, which is ended with its kernel at the time limit and on Ctrl-C. What was
    executed until then is kept. The notebook asks as `user` (a login name; default: who runs this process). `progress`
    is called before each cell with its number and how many there are.
    """
    clock = clock or SystemClock()
    report = catalog.find(paths, name)
    values = report.typed(parameters or {})
    _require_formats(formats)
    run_id, started = str(uuid.uuid4()), clock.now()
    final = paths.reports / name / f"{started:%Y%m%dT%H%M%SZ}_{run_id[:8]}"
    with _work_folder(final) as work:
        writes.start_report_run(
            database, run_id, name=name, parameters=values, version=version("omnisight-lab"), at=started
        )
        order = Order(os.getpid(), str(report.path), str(work), values, list(formats), (limits or Limits()).cell)
        error: str | None = "it was interrupted"
        window = None
        try:
            window = _execute(order, _environment(database, paths, user), (limits or Limits()).whole, progress)
            error = None
        except ReportFailed as failure:
            error = redact(str(failure))
        finally:
            output = _put_in_place(work, final, paths.reports)
            writes.finish_report_run(database, run_id, at=clock.now(), output=output, error=error, window=window)
    run = _by_id(database, paths, run_id)
    if error:
        kept = f"; what was executed is in {run.notebook}" if run.notebook else ""
        raise ReportFailed(f"report {name} failed: {error}{kept}", str(run.notebook) if run.notebook else None)
    return run


def history(database: Database, paths: Paths, name: str | None = None, limit: int = 100) -> list[ReportRun]:
    """The newest runs first, of the report `name` or of all."""
    with database.session() as session:
        return [_value(row, paths) for row in reads.report_runs(session, name, limit)]


def _by_id(database: Database, paths: Paths, run_id: str) -> ReportRun:
    with database.session() as session:
        return _value(session.get_one(Row, run_id), paths)


def _value(row: Row, paths: Paths) -> ReportRun:
    folder = (paths.reports / row.output).parent if row.output else None
    window = TimeRange(row.window_start, row.window_end) if row.window_start and row.window_end else None

    def file(name: str) -> Path | None:
        return folder / name if folder and (folder / name).is_file() else None

    return ReportRun(
        id=row.id,
        name=row.name,
        status=row.status,
        parameters=row.parameters or {},
        started=row.started_at,
        ended=row.ended_at,
        window=window,
        html=file("report.html"),
        pdf=file("report.pdf"),
        notebook=file("notebook.ipynb"),
        error=row.error,
        version=row.version,
    )


def _require_formats(formats: Sequence[str]) -> None:
    for name in formats:
        if name not in FORMATS:
            raise UsageError(f"a report has no format {name!r}; it takes {' and '.join(FORMATS)}")
    if "pdf" in formats:
        render.require_pdf()


@contextmanager
def _work_folder(final: Path) -> Iterator[Path]:
    """A hidden folder beside `final`, gone at the end unless it was put in its place."""
    work = final.with_name(f".{final.name}")
    try:
        work.mkdir(parents=True)
    except OSError as error:
        raise StorageError(f"the reports folder {final.parent} can't be written: {error.strerror}") from error
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _put_in_place(work: Path, final: Path, root: Path) -> str | None:
    """The page, else the notebook, relative to `root`; None where nothing was executed."""
    for name in ("report.html", "notebook.ipynb"):
        if (work / name).is_file():
            work.rename(final)
            return (final / name).relative_to(root).as_posix()
    return None


def _environment(database: Database, paths: Paths, user: str | None) -> dict[str, str]:
    """What the kernel finds its data by. Secrets travel here and never as parameters, which are printed."""
    return {
        **os.environ,
        **({"OMNISIGHT_USER": user} if user else {}),
        "OMNISIGHT_HOME": str(paths.home),
        "OMNISIGHT_MEDIA": str(paths.media),
        "DATABASE_URL": database.prisma_url,
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def _execute(order: Order, environment: Mapping[str, str], seconds: float, progress: Progress) -> TimeRange | None:
    """The window of the figures, once the child has written its files; ReportFailed says why it didn't."""
    log = Path(order.folder) / "log.txt"
    with log.open("wb") as stderr:
        # A session of its own: Ctrl-C reaches this process only, which then ends the child in order.
        child = subprocess.Popen(
            [sys.executable, "-m", "omnisight_lab.reports.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment,
            text=True,
            start_new_session=True,
        )
    overdue = threading.Event()

    def overstayed() -> None:
        overdue.set()
        _end(child)

    timer = threading.Timer(seconds, overstayed)
    timer.start()
    try:
        last = _listen(child, order, progress)
    finally:
        timer.cancel()
        _end(child)
    if "window" in last:
        log.unlink()
        return _window(last["window"])
    if overdue.is_set():
        raise ReportFailed(f"it ran for longer than {seconds:g} s")
    raise ReportFailed(last.get("error") or f"its process ended with exit code {child.returncode}: {_last_line(log)}")


def _window(said: Mapping[str, str] | None) -> TimeRange | None:
    return TimeRange(datetime.fromisoformat(said["start"]), datetime.fromisoformat(said["end"])) if said else None


def _listen(child: subprocess.Popen[str], order: Order, progress: Progress) -> dict[str, Any]:
    """Hands the order over, and gives the child's last word; {} if it never spoke."""
    assert child.stdin is not None and child.stdout is not None
    last: dict[str, Any] = {}
    with suppress(BrokenPipeError), child.stdin as stdin:
        json.dump(asdict(order), stdin)
    with child.stdout as stdout:
        for line in stdout:
            last = json.loads(line)
            if "cell" in last:
                progress(last["cell"], last["cells"])
    child.wait()
    return last


def _end(child: subprocess.Popen[str]) -> None:
    """Ends the child if it still runs, in order where it listens; its kernel goes with it."""
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
