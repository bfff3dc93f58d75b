"""HTML from templates: everything is escaped but what a template itself says is markup."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

FOLDER = Path(__file__).parent


@cache
def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(FOLDER / "templates")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"bytes": in_bytes, "duration": duration, "percent": percent, "words": words}
    return environment


def render(template: str, **values: Any) -> str:
    """The template's HTML with `values`."""
    return _environment().get_template(template).render(**values)


@cache
def asset(name: str) -> str:
    """Text of a file in `assets/`."""
    return (FOLDER / "assets" / name).read_text(encoding="utf-8")


def in_bytes(value: float) -> str:
    """`value` bytes in decimal units, as 12.3 GB."""
    units = ("B", "kB", "MB", "GB", "TB")
    for unit in units:
        if abs(value) < 1000 or unit == units[-1]:
            break
        value /= 1000
    return f"{value:,.0f} {unit}" if unit == "B" else f"{value:,.1f} {unit}"


def duration(seconds: float | timedelta | None) -> str:
    """A length of time in its two largest units, as 3 min 20 s; a dash where there is none."""
    if seconds is None:
        return "–"
    total = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
    if total < 10:
        return f"{total:.1f} s"
    whole = round(total)
    for size, unit, small, small_unit in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size} {unit} {rest} {small_unit}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def percent(share: float | None, digits: int = 0) -> str:
    """`share` (0 to 1) in per cent, never rounded up to 100; a dash where there is none."""
    if share is None:
        return "–"
    shown = round(share * 100, digits)
    if share < 1 and shown >= 100:
        shown = 100 - 10.0**-digits  # 99.97 % recorded is not all of it
    return f"{shown:.{digits}f} %"


def words(name: str) -> str:
    """`camera_unreachable` as people write it."""
    return name.replace("_", " ")


def clock_text(moment: datetime, today: datetime) -> str:
    """`moment` by its own clock: the time alone today, with the date otherwise."""
    if moment.date() == today.date():
        return f"{moment:%H:%M:%S}"
    return f"{moment:%a %d %b %H:%M:%S}" if moment.year == today.year else f"{moment:%d %b %Y %H:%M:%S}"
