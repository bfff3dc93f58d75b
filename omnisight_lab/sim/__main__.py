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

from omnisight_lab.errors import OmniSightError
from omnisight_lab.processes import die_with_parent
from omnisight_lab.sim.camera import SimulatedCamera
from omnisight_lab.sim.scenes import SCENES, Scene

_PASSWORD = "OMNISIGHT_SIM_PASSWORD"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m omnisight_lab.sim", description="a simulated RTSP camera")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--video", type=Path, help="file to play over and over")
    what.add_argument("--scene", choices=SCENES, help="drawn scene to play over and over")
    parser.add_argument("--night", action="store_true", help="the scene by night")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()), help="folder for drawn scenes")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--username", help="ask for this user (default: anybody may look)")
    parser.add_argument("--password", help=f"better given by the environment, as {_PASSWORD}")
    return parser.parse_args()


def main() -> int:
    """Runs until a signal comes; the exit code."""
    arguments = _arguments()
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # and in every thread that is started from here
    die_with_parent(os.getppid())
    password = arguments.password or os.environ.get(_PASSWORD)
    try:
        source = arguments.video or Scene(arguments.scene, night=arguments.night).cached(arguments.cache)
        with SimulatedCamera(source, arguments.username, password, arguments.port) as camera:
            sys.stdout.write(f"{camera.url}\n")
            sys.stdout.flush()
            signal.sigwait(signals)
    except OmniSightError as error:
        sys.stderr.write(f"omnisight: {error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"omnisight: the simulated camera cannot start: {error.strerror}\n")
        return 1
    return 0


sys.exit(main())
