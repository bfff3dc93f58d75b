"""Passwords on their way in: on the command line they show in the list of processes, so they may come by a pipe."""

from __future__ import annotations

import sys


def read_secret(given: str | None) -> str | None:
    """`given`, or the first line of standard input where that is `-`."""
    return sys.stdin.readline().rstrip("\n") if given == "-" else given
