"""What reports are made of: blocks of HTML that look the same in JupyterLab, on a page and in a PDF."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from omnisight_lab.reports.child import WINDOW
from omnisight_lab.reports.render import style
from omnisight_lab.types import TimeRange


@dataclass(frozen=True, slots=True)
class Block:
    """HTML and what it says as plain text; the block that names the report's `window` puts it into the run ledger."""

    html: str
    text: str
    window: TimeRange | None = None

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/html": style() + self.html, "text/plain": self.text}
        if self.window:
            bundle[WINDOW] = {"start": self.window.start.isoformat(), "end": self.window.end.isoformat()}
        return bundle


def note(text: str, *, warning: bool = False) -> Block:
    """A sentence in place of a figure, or one to heed."""
    return Block(f'<p class="om-note{" om-warn" if warning else ""}">{escape(text)}</p>', text)


def tiles(figures: Iterable[tuple[str, str]]) -> str:
    """HTML of figures side by side: (figure, what it is)."""
    cells = (
        f'<div class="om-tile"><b>{escape(figure)}</b><span>{escape(name)}</span></div>' for figure, name in figures
    )
    return f'<div class="om-tiles">{"".join(cells)}</div>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> Block:
    """A table of texts; columns in `right` hold figures."""
    ends = set(right)
    lines = [list(row) for row in rows]

    def line(cells: Sequence[str], tag: str) -> str:
        shown = (
            f"<{tag}{' class=om-right' if number in ends else ''}>{escape(cell)}</{tag}>"
            for number, cell in enumerate(cells)
        )
        return f"<tr>{''.join(shown)}</tr>"

    body = "".join(line(row, "td") for row in lines)
    html = f'<table class="om-table"><thead>{line(head, "th")}</thead><tbody>{body}</tbody></table>'
    return Block(f'<div class="om-scroll">{html}</div>', "\n".join("  ".join(row) for row in [list(head), *lines]))


def facts(values: Mapping[str, str], window: TimeRange | None = None) -> Block:
    """Names with what they stand for, one below the other."""
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in values.items())
    html = f'<div class="om-scroll"><table class="om-table om-facts"><tbody>{rows}</tbody></table></div>'
    return Block(html, "\n".join(f"{name}: {value}" for name, value in values.items()), window)


@dataclass(frozen=True, slots=True)
class Card:
    """One picture of a gallery; `jpeg` None where it is not kept any more."""

    jpeg: bytes | None
    title: str
    line: str

    def html(self) -> str:
        if self.jpeg is None:
            picture = '<div class="om-gone">picture not kept</div>'
        else:
            data = base64.b64encode(self.jpeg).decode()
            picture = f'<img alt="{escape(self.title)}" src="data:image/jpeg;base64,{data}">'
        return f"<figure>{picture}<figcaption><b>{escape(self.title)}</b><br>{escape(self.line)}</figcaption></figure>"


def gallery(cards: Sequence[Card]) -> Block:
    html = f'<div class="om-gallery">{"".join(card.html() for card in cards)}</div>'
    return Block(html, "\n".join(f"{card.title}  {card.line}" for card in cards))


def duration(seconds: float) -> str:
    """`seconds` in the two largest units that matter, as 1 h 58 min or 2 min 4 s."""
    if seconds < 59.5:
        return f"{seconds:.1f} s" if 0 < seconds < 9.95 else f"{seconds:.0f} s"
    whole = round(seconds)
    unit, small_unit, size = ("h", "min", 3600) if whole >= 3600 else ("min", "s", 60)
    large, small = whole // size, whole % size // (size // 60)
    return f"{large:,} {unit} {small} {small_unit}" if small else f"{large:,} {unit}"


def share(value: float | None) -> str:
    """A share in per cent that says 100 % only where nothing is missing."""
    if value is None:
        return "–"
    return f"{min(value * 100, 99.9 if value < 1 else 100):.1f} %"


def plural(count: int, name: str, names: str | None = None) -> str:
    return f"{count:,} {name if count == 1 else names or name + 's'}"
