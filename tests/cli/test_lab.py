"""`omnisight lab`: JupyterLab, really started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from omnisight_lab.cli.lab import copy_notebooks
from omnisight_lab.errors import StorageError


def test_notebooks_are_copied_once(tmp_path: Path) -> None:
    copy_notebooks(tmp_path)
    start = tmp_path / "start_here.ipynb"
    assert (tmp_path / "reports" / "daily_activity.ipynb").is_file()
    start.write_text("changed by its user")
    copy_notebooks(tmp_path)
    assert start.read_text() == "changed by its user"


def test_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "notebooks").write_text("")
    with pytest.raises(StorageError, match="can't be put into"):
        copy_notebooks(tmp_path / "notebooks")


def test_jupyterlab_serves_the_notebooks_behind_a_token(tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    environment = {**os.environ, "OMNISIGHT_HOME": str(tmp_path / "home"), "JUPYTER_RUNTIME_DIR": str(runtime)}
    command = [sys.executable, "-m", "omnisight_lab.cli", "lab", "--no-browser", "--port", "0"]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        found = _server_file(runtime, server)
        said = json.loads(found.read_text())
        assert said["token"] and said["hostname"] == "127.0.0.1"
        kernels = _get(f"{said['url']}api/kernelspecs", said["token"])
        assert kernels["kernelspecs"]["python3"]["spec"]["argv"][0] == sys.executable
        names = {item["name"] for item in _get(f"{said['url']}api/contents", said["token"])["content"]}
        assert {"start_here.ipynb", "reports"} <= names
        page = _read(f"{said['url']}lab", said["token"])
        assert '"@jupyterlab/apputils-extension:announcements"' in page  # among the disabled extensions
        with pytest.raises(HTTPError, match="403") as refused:
            _get(f"{said['url']}api/contents", "")
        refused.value.close()
    finally:
        server.terminate()
        server.wait(15)


def _server_file(runtime: Path, server: subprocess.Popen[bytes]) -> Path:
    """The file in which the server says where it is; it writes it once it listens."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        for path in runtime.glob("jpserver-*.json"):
            if path.read_text().endswith("}"):
                return path
        time.sleep(0.1)
    raise AssertionError((runtime.parent / "log").read_text())


def _get(url: str, token: str) -> dict[str, dict[str, dict[str, dict[str, list[str]]]]]:
    return json.loads(_read(url, token))  # type: ignore[no-any-return]


def _read(url: str, token: str) -> str:
    with urlopen(Request(url, headers={"Authorization": f"token {token}"})) as answer:
        return answer.read().decode()  # type: ignore[no-any-return]
