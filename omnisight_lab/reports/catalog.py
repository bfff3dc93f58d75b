"""Which report notebooks there are, and what their parameters cells say."""

from __future__ import annotations

import ast
import io
import json
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from omnisight_lab import resources
from omnisight_lab.errors import UnknownName, UsageError
from omnisight_lab.settings import Paths

KINDS: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "list[str]": list[str],
    "list[int]": list[int],
    "list[float]": list[float],
}
"""Types that a parameter may have; each also with `| None`."""

SECRETS = ("password", "passwd", "secret", "token", "credential", "api_key")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One line of a parameters cell: `name: kind = default  # help`."""

    name: str
    kind: str
    default: Any
    help: str

    def typed(self, given: Any) -> Any:
        """`given`, which may be the text of a command line or a form, as this parameter's kind; else UsageError."""
        kind, _, optional = self.kind.partition(" | ")
        if isinstance(given, str) and kind.startswith("list"):
            given = _items(given)
        expected = KINDS[kind] | None if optional else KINDS[kind]
        try:
            return TypeAdapter(expected).validate_python(given)
        except ValidationError as error:
            raise UsageError(
                f"parameter {self.name} is {given!r}, but it takes {self.kind} ({error.errors()[0]['msg'].lower()})"
            ) from error


@dataclass(frozen=True, slots=True)
class Report:
    """A notebook that can be run as a report; `name` is its path below its folder, without suffix."""

    name: str
    path: Path
    title: str
    description: str
    parameters: tuple[Parameter, ...]

    def typed(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The value of every parameter; UnknownName or UsageError say which one is wrong."""
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in given:
            if name not in known:
                raise UnknownName(f"parameter of {self.name}", name, known)
        return {name: known[name].typed(given[name]) if name in given else known[name].default for name in known}


def reports(paths: Paths) -> list[Report]:
    """Those that come along, then those of the user's folder that have a parameters cell; each in order of name."""
    return [read(name, path) for name, path in _notebooks(paths).items() if _has_parameters(path)]


def find(paths: Paths, name: str) -> Report:
    """The report called `name`, else UnknownName; UsageError where its notebook can't be a report."""
    known = _notebooks(paths)
    if name not in known:
        raise UnknownName("report", name, [name for name, path in known.items() if _has_parameters(path)])
    return read(name, known[name])


def _notebooks(paths: Paths) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in (resources.folder("notebooks") / "reports", paths.notebooks):
        for path in sorted(folder.rglob("*.ipynb")):
            below = path.relative_to(folder)
            if not any(part.startswith(".") for part in below.parts):
                found.setdefault(below.with_suffix("").as_posix(), path)
    return found


def _has_parameters(path: Path) -> bool:
    try:
        return _parameters_cell(path) is not None
    except UsageError:
        return False  # a broken notebook must not hide the others; `find` says what is wrong with it


def read(name: str, path: Path) -> Report:
    """The report in the notebook at `path`; UsageError says what it lacks."""
    source = _parameters_cell(path)
    if source is None:
        raise UsageError(f"{path} can't run as a report: none of its cells has the tag `parameters`")
    try:
        parameters = tuple(_parameters(source))
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"{path}: the parameters cell can't be read: {error}") from error
    title, description = _heading(_cells(path), name)
    return Report(name, path, title, description, parameters)


def _cells(path: Path) -> list[tuple[str, str, list[str]]]:
    """(type, source, tags) of each cell. nbformat would do, but takes a second to import."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return [(c["cell_type"], "".join(c["source"]), list(c["metadata"].get("tags", []))) for c in cells]
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is no notebook that can be read") from error


def _parameters_cell(path: Path) -> str | None:
    return next((source for kind, source, tags in _cells(path) if kind == "code" and "parameters" in tags), None)


def _heading(cells: list[tuple[str, str, list[str]]], name: str) -> tuple[str, str]:
    """The first heading and the first paragraph below it."""
    text = next((source for kind, source, _ in cells if kind == "markdown"), "")
    lines = [line.strip() for line in text.splitlines()]
    title = next((line.lstrip("# ") for line in lines if line.startswith("#")), name)
    paragraph = " ".join(line for line in lines if not line.startswith("#")).strip()
    return title, paragraph


def _parameters(source: str) -> Iterator[Parameter]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            raise ValueError(f"line {node.lineno} is no `name: type = value`")
        default = ast.literal_eval(node.value)
        if isinstance(node, ast.AnnAssign):
            name, kind = ast.unparse(node.target), ast.unparse(node.annotation)
        else:
            name, kind = ast.unparse(node.targets[0]), type(default).__name__
        yield _checked(Parameter(name, kind, default, comments.get(node.end_lineno or 0, "")))


def _checked(parameter: Parameter) -> Parameter:
    if parameter.kind.removesuffix(" | None") not in KINDS:
        raise ValueError(f"{parameter.name} has type {parameter.kind}; it takes one of {', '.join(KINDS)}")
    if any(word in parameter.name.lower() for word in SECRETS):
        raise ValueError(f"{parameter.name} looks like a secret, and parameters are printed; use the environment")
    parameter.typed(parameter.default)
    return parameter


def _items(text: str) -> list[Any]:
    """`a, b` or `["a", "b"]` as a list."""
    if text.lstrip().startswith("["):
        try:
            return list(json.loads(text))
        except ValueError as error:
            raise UsageError(f"{text!r} is no JSON array") from error
    return [item.strip() for item in text.split(",") if item.strip()]
