"""Processes that end when they are told to, and never outlive what started them."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, signal_number: int = signal.SIGTERM) -> None:
    """Have the kernel send `signal_number` to this process when process `parent` is gone (Linux; prctl(2)).

    A parent that died before this call is noticed too: the signal is then raised at once.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal_number)


class Stop:
    """A flag to end by, which a signal handler may set as well as a thread.

    `threading.Event` can't be set in a handler: a second Ctrl-C would wait there for the lock that the first one holds.
    """

    def __init__(self) -> None:
        self._set = False
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)

    def __del__(self) -> None:
        os.close(self._reader)
        os.close(self._writer)

    def set(self) -> None:
        self._set = True
        with suppress(BlockingIOError):  # full of earlier ones
            os.write(self._writer, b"\0")

    def is_set(self) -> bool:
        return self._set

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it is set, after `timeout` seconds at the latest."""
        select.select([self._reader], [], [], timeout)
        return self._set


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """A flag that SIGINT and SIGTERM set; the former handlers come back afterwards."""
    stop = Stop()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
