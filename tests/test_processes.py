from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import psutil

from omnisight_lab.processes import stop_on_signals

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


def test_signals_set_the_flag_however_many_come_and_the_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stop_on_signals() as stop:
        assert not stop.wait(0)
        for _ in range(100_000 // 50):  # more than the pipe of the flag holds would block a handler for ever
            for number in (signal.SIGTERM, signal.SIGINT) * 25:
                signal.raise_signal(number)
        assert stop.is_set() and stop.wait(5)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_that_comes_while_another_is_handled_stops_too() -> None:
    code = """
        import os, signal, sys, threading
        from omnisight_lab.processes import stop_on_signals
        with stop_on_signals() as stop:
            print("ready", flush=True)
            while not stop.wait(1):
                pass
        print("ended", flush=True)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        for _ in range(50):
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "ended\n"
        process.kill()
