"""The catalogue as people meet it: methods with a true signature, and one page that describes them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from html import escape
from inspect import Parameter as Argument
from inspect import Signature
from typing import TYPE_CHECKING, Any

from omnisight_lab.analytics.queries import QUERIES, Column, Query

if TYPE_CHECKING:
    from omnisight_lab.analytics.frames import Result

THEMES: Mapping[str, tuple[str, ...]] = {
    "Activity": ("activity", "profile", "seen", "events"),
    "Baseline": ("baseline",),
    "Coverage": ("coverage",),
    "Detections": ("detections",),
    "Storage": ("storage", "forecast"),
    "Quality": ("quality",),
    "System": ("system",),
}
"""Heading -> modules of its queries; what stands in none of them has the heading of its module."""

COMMON = (
    ("from_", "Moment", "first instant, or a date: its midnight in the cameras' zone (default: seven days ago)"),
    ("to", "Moment", "the instant after the last, or a date (default: the end of today)"),
    ("cameras", "str | Iterable[str] | None", "names or ids (default: all)"),
    ("tz", "str | None", "one zone for every camera, in place of its own"),
)
"""Arguments that every query takes beside `engine`: name, type, meaning."""

ENGINE = ("engine", "str | Engine", "duckdb (the mirror), postgres (live) or spark (the mirror, for fleets)")


def theme(query: Query) -> str:
    """The heading under which the query stands."""
    module = query.build.__module__.rpartition(".")[2]
    return next((heading for heading, modules in THEMES.items() if module in modules), module.capitalize())


def by_theme() -> dict[str, list[Query]]:
    """Heading -> its queries; headings in the order of `THEMES`, queries by name."""
    found: dict[str, list[Query]] = {heading: [] for heading in THEMES}
    for name in QUERIES:
        found.setdefault(theme(QUERIES[name]), []).append(QUERIES[name])
    return {heading: queries for heading, queries in found.items() if queries}


class Catalogue(Mapping[str, Query]):
    """The named queries: `lab.queries.activity(by="label")` asks one, `lab.queries["activity"]` describes it.

    Each is a method with its own parameters, so that Tab completes them and Shift-Tab explains them.
    """

    def __init__(self, ask: Callable[..., Result]) -> None:
        for name in QUERIES:
            setattr(self, name, _method(QUERIES[name], ask))

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Callable[..., Result]: ...

    def __getitem__(self, name: str) -> Query:
        return QUERIES[name]

    def __iter__(self) -> Iterator[str]:
        return iter(QUERIES)

    def __len__(self) -> int:
        return len(QUERIES)

    def _ipython_key_completions_(self) -> list[str]:
        return list(QUERIES)

    def __repr__(self) -> str:
        lines: list[str] = []
        for heading, queries in by_theme().items():
            lines += [heading, *(f"  {query.name}: {query.method}" for query in queries)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th colspan=2 style='text-align:left'>{heading}</th></tr>"
            + "".join(
                f"<tr><td style='text-align:left'><code>{query.name}</code></td>"
                f"<td style='text-align:left'>{escape(query.method)}</td></tr>"
                for query in queries
            )
            for heading, queries in by_theme().items()
        )
        return f'<table class="omnisight"><tbody>{rows}</tbody></table>'


Queries: type[Catalogue] = type("Queries", (Catalogue,), {"__module__": __name__, "__doc__": Catalogue.__doc__})
"""The same without a source: jedi then completes what an object has, and not what it reads in this file."""


def _method(query: Query, ask: Callable[..., Result]) -> Callable[..., Result]:
    """A function that asks `query`: its signature and docstring are made from the declaration."""

    def method(*args: Any, **parameters: Any) -> Result:
        return ask(query.name, *args, **parameters)

    method.__name__ = method.__qualname__ = query.name
    method.__doc__ = explained(query)
    method.__signature__ = signature(query)  # type: ignore[attr-defined]
    # Without a file to read, jedi completes by the signature in place of *args and **parameters
    method.__code__ = method.__code__.replace(co_filename=f"<query {query.name}>")
    return method


def signature(query: Query) -> Signature:
    """How the query is called."""
    common = [Argument(name, Argument.POSITIONAL_OR_KEYWORD, default=None, annotation=kind) for name, kind, _ in COMMON]
    engine = Argument(ENGINE[0], Argument.POSITIONAL_OR_KEYWORD, default="duckdb", annotation=ENGINE[1])
    own = [Argument(p.name, Argument.KEYWORD_ONLY, default=p.default) for p in query.parameters]
    return Signature([*common, engine, *own], return_annotation="Result")


def explained(query: Query, *, typed: bool = False) -> str:
    """What the query gives, what it takes and which columns come back, as text; `typed`: on the command line."""
    lines = [query.method, "", "Takes"]
    lines += [] if typed else [f"  {name}: {meaning}" for name, _, meaning in (*COMMON, ENGINE)]
    lines += [f"  {p.name}: {p.help} (default: {written(p.default)})" for p in query.parameters]
    lines += ["", "Gives"]
    lines += [f"  {column.name}: {_meaning(column)}" for column in query.columns_of(query.typed({}))]
    return "\n".join(lines)


def written(default: Any) -> str:
    """A default as it is typed on the command line."""
    if isinstance(default, bool):
        return "yes" if default else "no"
    if isinstance(default, tuple):
        return ",".join(map(str, default)) or "all"
    return "none" if default is None else f"{default:g}" if isinstance(default, float) else str(default)


def _meaning(column: Column) -> str:
    return f"{column.help} [{column.unit}]" if column.unit else column.help


def markdown() -> str:
    """The page that describes every query, for `omnisight_lab/analytics/queries/README.md`."""
    parts = [
        "# The catalogue of queries",
        "",
        "Made by `omnisight query --list --markdown` from the declarations; a test keeps it current. Ask them as",
        '`lab.queries.activity(by="label")`, `lab.query("activity", by="label")` or on the command line with',
        "`omnisight query activity -p by=label`. Every query also takes a window (`from_`, `to`; `--from`, `--to`),",
        "`cameras` (`--camera`), a zone (`tz`; `--tz`) and an `engine` (`--engine`).",
    ]
    for heading, queries in by_theme().items():
        parts += [
            "",
            f"## {heading}",
            "",
            *(f"- [`{query.name}`](#{query.name}) {_text(first_sentence(query))}" for query in queries),
        ]
    for queries in by_theme().values():
        for query in queries:
            parts += ["", *_section(query)]
    return "\n".join(parts) + "\n"


def first_sentence(query: Query) -> str:
    """The first sentence of the method."""
    end = query.method.find(". ")
    return query.method if end < 0 else query.method[: end + 1]


def _section(query: Query) -> Iterator[str]:
    yield from (f"### {query.name}", "", _text(query.method), "")
    if query.parameters:
        yield from ("| parameter | default | meaning |", "|---|---|---|")
        yield from (f"| `{p.name}` | `{written(p.default)}` | {_text(p.help)} |" for p in query.parameters)
        yield ""
    yield from ("| column | kind | unit | meaning |", "|---|---|---|---|")
    for column in query.columns_of(query.typed({})):
        yield f"| `{column.name}` | {column.kind} | {_text(column.unit)} | {_text(column.help)} |"


def _text(text: str) -> str:
    return text.replace("|", r"\|").replace("<", "&lt;")
