"""The simulated camera in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest

from tests.sim.conftest import connect


@contextmanager
def started(*arguments: str, by: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    """The process, or that of the command `by` which starts it."""
    command = [*by, sys.executable, "-m", "omnisight_lab.sim", *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_its_address_and_ends_on_a_signal(clip: Path, number: signal.Signals) -> None:
    with started("--video", str(clip), "--username", "viewer", "--password", "-") as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write("secret\n")
        process.stdin.flush()
        url = process.stdout.readline().strip()
        with pytest.raises(av.error.HTTPUnauthorizedError):
            connect(url)
        with connect(url.replace("//", "//viewer:secret@")) as client:
            assert next(client.demux(video=0)).size
            process.send_signal(number)
            assert process.wait(10) == 0
        assert process.stderr.read() == ""


def test_it_ends_with_its_parent(clip: Path) -> None:
    with started("--video", str(clip), by=("sh", "-c", '"$@" & wait', "sh")) as shell:
        assert shell.stdout
        assert shell.stdout.readline().startswith("rtsp://127.0.0.1:")
        shell.kill()
        assert shell.stdout.read() == ""  # the camera's end of the pipe is closed, too


def test_what_is_no_video_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"")
    with started("--video", str(path)) as process:
        _, text = process.communicate(timeout=30)
    assert process.returncode == 1
    assert text == "omnisight: clip.mp4 is not a video that can be read\n"
