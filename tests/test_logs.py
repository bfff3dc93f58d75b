"""Log lines are calm, and hold no secret, whoever wrote them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from omnisight_lab import logs

_SCRIPT = """
import logging, sys
from pathlib import Path
from omnisight_lab import logs
logs.configure(sys.argv[1], "INFO", Path(sys.argv[2]))
log = logging.getLogger("omnisight_lab.any")
logging.getLogger("any.library").info("too much")
log.info("opening %s", "rtsp://viewer:s3cret@192.0.2.7/stream?password=s3cret")
try:
    raise OSError("rtsp://viewer:s3cret@192.0.2.7/stream")
except OSError:
    log.exception("it fails")
log.debug("too much")
"""


def run(name: str, folder: Path) -> str:
    command = [sys.executable, "-c", _SCRIPT, name, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stderr


def test_credentials_are_taken_out_of_lines_and_tracebacks(tmp_path: Path) -> None:
    said = run("front/door", tmp_path)
    assert said == (tmp_path / "front_door.log").read_text()
    assert "INFO front/door: opening rtsp://192.0.2.7/stream" in said
    assert "Traceback" in said
    assert "s3cret" not in said
    assert "too much" not in said


def test_without_a_folder_to_write_to_it_goes_on_with_stderr(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "INFO front: opening" in run("front", tmp_path / "file" / "logs")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("Front door", "Front_door"), ("../../etc/x", "_.._etc_x"), ("Tür 1", "Tür_1"), ("..", "camera")],
)
def test_names_of_log_files(name: str, wanted: str) -> None:
    assert logs.file_name(name) == wanted
