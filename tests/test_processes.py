from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import psutil

CHILD = "import os, signal; from omnisight_lab.processes import die_with_parent; "


def test_a_child_ends_when_its_parent_is_killed() -> None:
    grandchild = CHILD + "die_with_parent(os.getppid()); print('ready', flush=True); signal.pause()"
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(f"""
                import subprocess, sys
                child = subprocess.Popen([sys.executable, "-c", {grandchild!r}], stdout=subprocess.PIPE, text=True)
                child.stdout.readline()
                print(child.pid, flush=True)
                child.wait()
            """),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout
    with parent.stdout:
        child = psutil.Process(int(parent.stdout.readline()))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    psutil.wait_procs([child], timeout=20)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_parent_that_is_gone_already_is_noticed() -> None:
    code = CHILD + "die_with_parent(1 if os.getppid() != 1 else 2); signal.pause()"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == -signal.SIGTERM
