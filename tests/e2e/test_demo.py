"""The whole path as a newcomer takes it: from an installed wheel, outside the checkout, by one command."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from omnisight_lab.sim.scenes import Scene
from tests.homes import new_home

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Installed:
    """The command of the installed wheel, and a data folder with a camera's clip."""

    command: Path
    home: Path
    clip: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("OMNISIGHT_", "PYTHONPATH"))}
        # nbconvert's templates are data of the environment that the dependencies come from
        return {**kept, "OMNISIGHT_HOME": str(self.home), "JUPYTER_PATH": str(Path(sys.prefix) / "share" / "jupyter")}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.command, *arguments],
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=self.home,
            timeout=240,
            check=False,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    environment = folder / "environment"
    venv.create(environment, with_pip=False)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(environment), "platbase": str(environment)}))
    # The dependencies are those of this environment; the editable checkout is not, its .pth file is not read there.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = environment / "bin" / "python"
    wheel = next(folder.glob("*.whl"))
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--force-reinstall"]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True, timeout=120)
    clip = Scene("car_park", width=384, height=216, rate=8, seconds=16).cached(folder)
    with new_home() as home:
        yield Installed(environment / "bin" / "omnisight", home, clip)


@pytest.fixture(scope="module")
def demo(installed: Installed) -> dict[str, Any]:
    clip = str(installed.clip)
    result = installed.run("demo", "--seconds", "40", "--no-serve", "--json", "--video", clip, "--video", clip)
    assert result.returncode == 0, result.stderr
    last: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return last


def processes_of(home: Path) -> list[str]:
    """Command lines of living processes that have to do with the data folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        line, variables = process.info["cmdline"] or [], process.info["environ"] or {}
        if any(str(home) in part for part in line) or variables.get("OMNISIGHT_HOME") == str(home):
            found.append(" ".join(line))
    return found


def test_it_runs_from_the_wheel_and_not_from_the_checkout(installed: Installed) -> None:
    code = "import omnisight_lab, dashboards; print(omnisight_lab.__file__, dashboards.__file__)"
    python = installed.command.with_name("python")
    where = subprocess.run([python, "-c", code], capture_output=True, text=True, cwd=installed.home, check=True)
    assert str(ROOT) not in where.stdout


def test_the_demo_shows_the_whole_path(demo: dict[str, Any], installed: Installed) -> None:
    assert len(demo["cameras"]) == 2
    for figures in demo["cameras"].values():
        assert figures["segments"] >= 3
        assert figures["recorded_seconds"] > 15
        assert figures["events"] >= 1
    assert sum(figures["detections"] for figures in demo["cameras"].values()) >= 1
    assert "@" not in demo["database"] or ":" not in demo["database"].split("@")[0].removeprefix("postgresql://")
    assert Path(demo["home"]) == installed.home
    assert Path(demo["report"]).stat().st_size > 20_000
    assert processes_of(installed.home) == []


def test_its_figures_are_those_of_the_database_and_of_the_report(demo: dict[str, Any], installed: Installed) -> None:
    try:
        url = installed.run("db", "url", "--libpq").stdout.strip()
        with psycopg.connect(url) as connection:
            for name, figures in demo["cameras"].items():
                counted = connection.execute(
                    """SELECT (SELECT count(*) FROM "Event" e WHERE e."cameraId" = c.id),
                              (SELECT count(*) FROM "DetectedObject" o JOIN "Event" e ON e.id = o."eventId"
                               WHERE e."cameraId" = c.id),
                              (SELECT count(*) FROM "Segment" s JOIN "Recording" r ON r.id = s."recordingId"
                               WHERE r."cameraId" = c.id),
                              (SELECT count(*) FROM "Event" e
                               WHERE e."cameraId" = c.id AND e."eventType" = 'object_detected')
                       FROM "Camera" c WHERE c.name = %s""",
                    [name],
                ).fetchone()
                assert counted
                assert counted[:3] == (figures["events"], figures["detections"], figures["segments"])
                assert counted[3] >= 1
        whole = ["--from", "2000-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z", "--format", "json"]
        rows = [installed.run("query", "activity", "--engine", engine, *whole) for engine in ("duckdb", "postgres")]
        assert rows[0].stdout and json.loads(rows[0].stdout) == json.loads(rows[1].stdout)
        page = Path(demo["report"]).read_text()
        assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", page)
    finally:
        installed.run("db", "stop")


def test_ctrl_c_ends_the_served_demo_and_leaves_no_process(installed: Installed) -> None:
    command = [str(installed.command), "demo", "--port", "0", "--video", str(installed.clip)]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=installed.environment
    ) as demo:
        assert demo.stderr
        for line in demo.stderr:
            if "password:" in line:
                assert "dashboards: http://127.0.0.1:" in line and "login: demo" in line
                break
        demo.send_signal(signal.SIGINT)
        rest = demo.stderr.read()
        assert demo.wait(60) == 0, rest
    assert "Traceback" not in rest
    assert processes_of(installed.home) == []
