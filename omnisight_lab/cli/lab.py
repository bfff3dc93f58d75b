"""`omnisight lab`: JupyterLab on the notebooks, with the kernel of this environment."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from omnisight_lab import resources, settings
from omnisight_lab.cli.output import say
from omnisight_lab.errors import StorageError


def command(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of JupyterLab.")] = 8888,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the browser.")] = True,
) -> None:
    """Open JupyterLab on the notebooks of the data folder."""
    paths = settings.paths()
    copy_notebooks(paths.notebooks)
    say(f"the notebooks are in {paths.notebooks}")
    # This process becomes JupyterLab: signals and the exit code are its own
    os.execve(sys.executable, _arguments(paths.notebooks, port, browser), _environment(paths))


def _environment(paths: settings.Paths) -> dict[str, str]:
    """Where the kernels find their data, and a configuration that asks nobody for news."""
    quiet = str(resources.PACKAGE / "cli" / "jupyter")
    given = os.environ.get("JUPYTER_CONFIG_PATH")
    return {
        **os.environ,
        "OMNISIGHT_HOME": str(paths.home),
        "OMNISIGHT_MEDIA": str(paths.media),
        "OMNISIGHT_MIRROR": paths.mirror_at or "",
        "JUPYTER_CONFIG_PATH": f"{given}{os.pathsep}{quiet}" if given else quiet,
    }


def _arguments(folder: Path, port: int, browser: bool) -> list[str]:
    """JupyterLab's command line: on this machine only, and with the token that it makes."""
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={folder}",
        f"--ServerApp.port={port}",
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.kernel_spec_manager_class=omnisight_lab.reports.kernel.EnvironmentKernels",
        "--LabApp.default_url=/lab/tree/start_here.ipynb",
        *([] if browser else ["--no-browser"]),
        *(["--allow-root"] if os.geteuid() == 0 else []),
    ]


def copy_notebooks(folder: Path) -> None:
    """Puts the notebooks that come along into the user's `folder`; one that is there already stays as it is."""
    source = resources.folder("notebooks")
    try:
        for notebook in sorted(source.rglob("*.ipynb")):
            target = folder / notebook.relative_to(source)
            if ".ipynb_checkpoints" not in notebook.parts and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(notebook, target)
    except OSError as error:
        raise StorageError(f"the notebooks can't be put into {folder}: {error.strerror}") from error
