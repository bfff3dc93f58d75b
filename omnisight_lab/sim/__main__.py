"""`python -m omnisight_lab.sim`: one simulated camera in a process of its own; prints its address.

It ends on SIGTERM, on Ctrl-C, and when its parent ends.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from omnisight_lab.errors import OmniSightError
from omnisight_lab.processes import die_with_parent
from omnisight_lab.sim.camera import SimulatedCamera
from omnisight_lab.sim.scenes import SCENES, Scene


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m omnisight_lab.sim", description="a simulated RTSP camera")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--video", type=Path, help="file to play over and over")
    what.add_argument("--scene", choices=SCENES, help="drawn scene to play over and over")
    parser.add_argument("--night", action="store_true", help="the scene by night")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()), help="folder for drawn scenes")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--username", help="ask for this user (default: anybody may look)")
    parser.add_argument("--password", help="- reads it from the first line of standard input, so that ps hides it")
    return parser.parse_args()


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def main() -> int:
    """Runs until a signal comes; the exit code when it cannot."""
    arguments = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    die_with_parent(os.getppid())
    password = sys.stdin.readline().rstrip("\n") if arguments.password == "-" else arguments.password
    try:
        source = arguments.video or Scene(arguments.scene, night=arguments.night).cached(arguments.cache)
        with SimulatedCamera(source, arguments.username, password, arguments.port) as camera:
            sys.stdout.write(f"{camera.url}\n")
            sys.stdout.flush()
            while True:
                signal.pause()
    except OmniSightError as error:
        sys.stderr.write(f"omnisight: {error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"omnisight: the simulated camera cannot start: {error.strerror}\n")
        return 1


sys.exit(main())
