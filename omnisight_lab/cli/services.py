"""The child processes of `up` and `demo`: started in order, restarted when they die, stopped in reverse order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from omnisight_lab.cli.output import say
from omnisight_lab.errors import OmniSightError
from omnisight_lab.processes import die_with_parent

_LONGEST_PAUSE = 60.0
_STOP_SECONDS = 60.0  # a worker gives its camera processes 52 to get their last rows out


@dataclass(slots=True)
class Service:
    """One child: its command, and when it may be started again (seconds of the monotonic clock)."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes]
    started: float
    pause: float = 1.0


class Services:
    """Children of this process; their output goes to `<logs>/<name>.log`, or through to ours where `logs` is None."""

    def __init__(self, logs: Path | None = None) -> None:
        self._logs = logs
        self._services: list[Service] = []

    def start(self, name: str, *command: str, environment: Mapping[str, str] | None = None) -> None:
        """Run `python -m command…` until `stop`, with `environment` beside what this process has."""
        command = (sys.executable, "-m", *command)
        variables = {**os.environ, **(environment or {})}
        self._services.append(
            Service(name, command, variables, self._spawn(name, command, variables), time.monotonic())
        )

    def verb(self, *arguments: str) -> None:
        """Run `omnisight arguments…`."""
        self.start(arguments[0], "omnisight_lab.cli", *arguments)

    def _spawn(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        output = None
        if self._logs:
            self._logs.mkdir(parents=True, exist_ok=True)
            output = (self._logs / f"{name}.log").open("a")
        try:
            # A session of its own: Ctrl-C reaches this process only, which then stops its children in order.
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output or sys.stderr,
                stderr=output,
                env=environment,
                start_new_session=True,
                preexec_fn=partial(die_with_parent, os.getpid()),
            )
        finally:
            if output:
                output.close()

    def revive(self) -> None:
        """Start again what has died, after a pause that doubles from one second to a minute."""
        now = time.monotonic()
        for service in self._services:
            if service.process.poll() is None:
                if now - service.started > _LONGEST_PAUSE:
                    service.pause = 1.0
            elif now - service.started >= service.pause:
                say(f"{service.name} ended with exit code {service.process.returncode}; starting it again")
                service.process = self._spawn(service.name, service.command, service.environment)
                service.started, service.pause = now, min(service.pause * 2, _LONGEST_PAUSE)

    def expect_alive(self) -> None:
        """Raises with the last line that a dead child wrote."""
        for service in self._services:
            if service.process.poll() is not None:
                raise OmniSightError(f"{service.name} ended by itself: {self._last_line(service.name)}")

    def _last_line(self, name: str) -> str:
        if not self._logs:
            return "see its output above"
        lines = (self._logs / f"{name}.log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def stop(self, *names: str) -> None:
        """End the named children (all where none is named), the youngest first; kill one that does not listen."""
        for service in reversed(self._services):
            if names and service.name not in names:
                continue
            service.process.terminate()
            try:
                service.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(service.process.pid, signal.SIGKILL)
                service.process.wait()
        self._services = [service for service in self._services if names and service.name not in names]
