"""environment.yml, constraints.txt and pyproject.toml say the same."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONSTRAINTS = {
    canonicalize_name(name): pinned
    for name, pinned in re.findall(r"^([\w.\-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
}


def requirements() -> list[Requirement]:
    extras = [text for texts in PROJECT["optional-dependencies"].values() for text in texts]
    return [
        requirement
        for requirement in map(Requirement, PROJECT["dependencies"] + extras)
        if requirement.name != PROJECT["name"]
    ]


def test_conda_installs_what_pyproject_declares() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, packages = environment["dependencies"]
    assert python == "python=3.12" and pip == "pip"
    assert packages["pip"] == ["-c constraints.txt", "-e .[all]"]
    assert Version("3.12") in Requirement(f"python{PROJECT['requires-python']}").specifier
    assert set(PROJECT["optional-dependencies"]) == {"pdf", "polars", "s3", "spark", "dev", "all"}


@pytest.mark.parametrize("requirement", requirements(), ids=lambda requirement: requirement.name)
def test_every_dependency_is_pinned_within_its_range(requirement: Requirement) -> None:
    pinned = CONSTRAINTS[canonicalize_name(requirement.name)]
    assert Version(pinned) in requirement.specifier


def test_constraints_name_no_address() -> None:
    assert not re.search(r"://|@|--", (ROOT / "constraints.txt").read_text().partition("\n")[2])


def test_there_is_exactly_one_opencv_wheel() -> None:
    assert [name for name in CONSTRAINTS if name.startswith("opencv")] == ["opencv-python-headless"]
    assert version("opencv-python-headless")
