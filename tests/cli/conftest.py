"""The command line on a database of its own."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from omnisight_lab.cli import main
from omnisight_lab.db.session import Database


@dataclass(frozen=True)
class Told:
    stdout: str
    stderr: str


Run = Callable[..., Told]


@pytest.fixture
def omnisight(database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process: starting Python anew takes most of a second."""

    def run(*arguments: str, code: int = 0, typed: str = "", **environment: str) -> Told:
        with monkeypatch.context() as patch:
            for name, value in {"DATABASE_URL": database.prisma_url, **environment}.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["omnisight", *arguments])
            patch.setattr(sys, "stdin", io.StringIO(typed))
            with pytest.raises(SystemExit) as ended:
                main()
        told = Told(*capsys.readouterr())
        assert (ended.value.code or 0) == code, told.stderr
        return told

    return run
