"""Child processes that never outlive what started them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, signal_number: int = signal.SIGTERM) -> None:
    """Have the kernel send `signal_number` to this process when process `parent` is gone (Linux; prctl(2)).

    A parent that died before this call is noticed too: the signal is then raised at once.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal_number)
