"""What the prose names exists: commands, make targets, settings, files, links."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import typer

from omnisight_lab.cli import VERBS, app
from omnisight_lab.settings import ENVIRONMENT, SETTINGS

ROOT = Path(__file__).parent.parent
PAGES = sorted(ROOT.glob("*.md"))
COMMAND = re.compile(
    r"^(?:\$ )?omnisight ((?:[a-z]+(?:-[a-z]+)* ?)+)|`omnisight ((?:[a-z]+(?:-[a-z]+)* ?)+)", re.MULTILINE
)


def prose(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def is_command(words: list[str]) -> bool:
    root = typer.main.get_command(app)
    with typer.Context(root) as context:
        verb = root.get_command(context, words[0])  # type: ignore[attr-defined]
        if verb is None:
            return False
        subcommands = getattr(verb, "commands", None)
        return subcommands is None or len(words) == 1 or words[1] in subcommands


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_exists(page: Path) -> None:
    named = {" ".join((first or second).split()) for first, second in COMMAND.findall(prose(page))}
    assert [command for command in named if not is_command(command.split())] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make (\w+)", prose(page), re.MULTILINE)) <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_exists(page: Path) -> None:
    categories = "|".join({setting.category for setting in SETTINGS.values()})
    assert set(re.findall(rf"`((?:{categories})\.[a-z_]+)`", prose(page))) <= set(SETTINGS)
    variables = {*ENVIRONMENT, *(setting.variable for setting in SETTINGS.values())}
    assert set(re.findall(r"`(OMNISIGHT_[A-Z_]+|DATABASE_URL)`", prose(page))) <= variables


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_linked_or_named_file_exists(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", prose(page))
    named = re.findall(r"`((?:omnisight_lab|dashboards|notebooks|migrations|tests|benchmarks)/[\w./*]+)`", prose(page))
    missing = [name for name in links + named if not list(ROOT.glob(name.rstrip("/")))]
    assert missing == []


def test_the_layers_are_those_that_are_enforced() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    enforced = [layer.replace("omnisight_lab.", "") for layer in contracts[0]["layers"]]
    drawn = prose(ROOT / "DESIGN.md").partition("## Who may import whom")[2].split("```")[1]
    assert drawn.split("\n")[1:-1] == enforced


def test_every_verb_is_in_the_readme() -> None:
    text = prose(ROOT / "README.md")
    assert [verb for verb in VERBS if f"omnisight {verb}" not in text] == []
