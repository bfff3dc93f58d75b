"""The blocks of a report on one local day: what was asked, what came of it in words, tables, pictures, provenance."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from html import escape
from importlib.metadata import version
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from omnisight_lab.analytics.engines import Engine
from omnisight_lab.analytics.frames import Result
from omnisight_lab.analytics.window import zone_of
from omnisight_lab.errors import BadTime, MediaError
from omnisight_lab.reports import blocks
from omnisight_lab.reports.blocks import Block, Card, duration, plural, share
from omnisight_lab.types import TimeRange


class _Picture(Protocol):
    @property
    def data(self) -> bytes: ...


class Source(Protocol):
    """What a report asks: `omnisight_lab.Lab`, which stands above this package."""

    @property
    def timezone(self) -> str: ...

    def cameras(self) -> Sequence[Any]: ...

    def engine(self) -> Engine: ...

    def query(self, name: str, from_: Any, to: Any, cameras: Any, tz: str | None, engine: Engine) -> Result: ...

    def thumbnail(self, event: Any) -> _Picture: ...


@dataclass(frozen=True, slots=True)
class Day:
    """One local day `window` of some cameras (empty: all), with its figures, which are all of one moment."""

    lab: Source
    window: TimeRange
    zone: str
    cameras: tuple[str, ...]
    activity: Result
    detections: Result
    coverage: Result
    events: Result

    @property
    def gaps(self) -> Result:
        return self.coverage.companions["gaps"]

    @property
    def date(self) -> date:
        return self.window.start.astimezone(ZoneInfo(self.zone)).date()


def day(lab: Source, day: str = "", cameras: Sequence[str] = (), timezone: str = "") -> Day:
    """The figures of local day `day` (default: the last one with data, else today) in `timezone` (default: the site's).

    BadTime and UnknownName say what of this there is not.
    """
    zone, engine = timezone or lab.timezone, lab.engine()
    clock = zone_of(zone)
    chosen = _date(day) if day else _last_with_data(lab, engine, cameras, clock)
    window = TimeRange(_midnight(chosen, clock), _midnight(chosen + timedelta(days=1), clock))
    asked = (window.start, window.end, list(cameras), zone, engine)
    names = ("activity", "detections", "coverage", "events")
    return Day(lab, window, zone, tuple(cameras), *(lab.query(name, *asked) for name in names))


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadTime(f"{text!r} is no day; write it as 2026-03-29") from error


def _midnight(day: date, clock: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=clock).astimezone(UTC)


def _last_with_data(lab: Source, engine: Engine, cameras: Sequence[str], clock: ZoneInfo) -> date:
    """The local day of the newest footage or event."""
    recorded = [c.last_recorded for c in lab.cameras() if not cameras or c.name in cameras or c.id in cameras]
    ends = [end - timedelta(milliseconds=1) for end in recorded if end]
    newest = lab.query("events", datetime(1990, 1, 1, tzinfo=UTC), None, list(cameras), None, engine).page(0, 1)
    ends += [start.to_pydatetime() for start in newest["start"]]
    return max(ends, default=datetime.now(UTC)).astimezone(clock).date()


def heading(day: Day) -> Block:
    """The day in words, with its zone and cameras."""
    whose = ", ".join(day.cameras) if day.cameras else "all cameras"
    title, line = f"{day.date:%A, %-d %B %Y}", f"{day.zone} · {whose}"
    return Block(
        f'<div class="om-words"><p class="om-lead"><b>{title}</b> · {escape(line)}</p></div>', f"{title} · {line}"
    )


# --- in words


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the cameras; `rate`: events per recorded camera-hour, `covered`: share of the expected time."""

    events: int
    recorded_hours: float
    expected_seconds: float
    missing_seconds: float

    @property
    def rate(self) -> float | None:
        return self.events / self.recorded_hours if self.recorded_hours else None

    @property
    def covered(self) -> float | None:
        return 1 - self.missing_seconds / self.expected_seconds if self.expected_seconds else None


def totals(day: Day) -> Totals:
    activity, coverage = day.activity.rows(), day.coverage.rows()
    return Totals(
        sum(row["events"] for row in activity),
        sum(row["recorded_hours"] for row in activity),
        sum(row["expected_seconds"] for row in coverage),
        sum(row["missing_seconds"] for row in coverage),
    )


def summary(day: Day) -> Block:
    """What a manager wants to know first: figures, sentences, and what is wrong."""
    known = day.coverage.rows()
    if not known:
        return blocks.note("There are no cameras yet, so there is nothing to report.")
    found = totals(day)
    if not found.events and not found.recorded_hours and not found.expected_seconds:
        return blocks.note(
            f"On {day.date:%-d %B %Y} recording was not expected from any camera, and no event is known: "
            "there is nothing to report."
        )
    figures = [
        (f"{found.events:,}", "events"),
        (duration(found.recorded_hours * 3600), "recorded by all cameras"),
        (f"{found.rate:,.1f}" if found.rate is not None else "–", "events per recorded hour"),
        (share(found.covered), "of expected time recorded"),
    ]
    lead = _lead(day, found)
    lines = [line for line in (_busiest(day), _seen(day), _covered(day, found)) if line]
    warnings = [blocks.note(text, warning=True) for text in _warnings(day)]
    words = "".join(f"<p>{escape(line)}</p>" for line in lines)
    html = f'<div class="om-words"><p class="om-lead">{escape(lead)}</p>{words}</div>'
    tail = "".join(warning.html for warning in warnings)
    text = "\n".join([lead, *lines, *(warning.text for warning in warnings)])
    return Block(html + blocks.tiles(figures) + tail, text)


def _lead(day: Day, found: Totals) -> str:
    cameras = plural(day.coverage.count(), "camera")
    if found.rate is None:
        return f"Nothing was recorded by {cameras}; {plural(found.events, 'event')} known all the same."
    events = plural(found.events, "event") if found.events else "no events"
    recorded = duration(found.recorded_hours * 3600)
    return f"{cameras} saw {events} in {recorded} of recorded time: {found.rate:,.1f} per recorded hour."


def _busiest(day: Day) -> str:
    rows = [row for row in day.activity.rows() if row["events"] and row["rate"] is not None]
    if not rows:
        return ""
    top = max(rows, key=lambda row: (row["events"], row["rate"]))
    end = top["hour"] + timedelta(hours=1)
    return (
        f"The busiest hour was {top['hour']:%H:%M} to {end:%H:%M} at {top['camera']}: "
        f"{plural(top['events'], 'event')}, {top['rate']:,.1f} per recorded hour."
    )


def _seen(day: Day) -> str:
    counts: dict[str, int] = {}
    for row in day.detections.rows():
        counts[row["label"]] = counts.get(row["label"], 0) + row["objects"]
    if not counts:
        return ""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{label} {count:,}" for label, count in ordered[:4])
    more = f" and {plural(len(ordered) - 4, 'other class', 'other classes')}" if len(ordered) > 4 else ""
    return f"Objects seen: {named}{more}."


def _covered(day: Day, found: Totals) -> str:
    if found.covered is None:
        return "Recording was not expected from any camera."
    expected = duration(found.expected_seconds)
    recorded = f"Of {expected} of expected time, {share(found.covered)} is recorded"
    gaps = day.gaps.rows()
    if not gaps:
        return f"{recorded}, without a gap of a second or more."
    longest = max(gaps, key=lambda gap: gap["seconds"])
    return (
        f"{recorded}: {duration(found.missing_seconds)} missing in {plural(len(gaps), 'gap')}, "
        f"the longest {duration(longest['seconds'])} at {longest['camera']} "
        f"({longest['cause'].replace('_', ' ')})."
    )


def _warnings(day: Day) -> list[str]:
    rows = day.coverage.rows()
    dead = [row["camera"] for row in rows if row["expected_seconds"] and not row["recorded_seconds"]]
    poor = [
        f"{row['camera']} ({share(row['share'])})"
        for row in rows
        if row["recorded_seconds"] and row["share"] is not None and row["share"] < 0.9
    ]
    said = []
    if dead:
        said.append(f"Nothing was recorded by {', '.join(dead)}. No events there means no pictures, not a quiet day.")
    if poor:
        said.append(f"Less than 90 % of the expected time is recorded at {', '.join(poor)}.")
    return said


# --- tables


def coverage_table(coverage: Result) -> Block:
    """Expected, recorded and missing time per camera."""
    rows = coverage.rows()
    if not rows:
        return blocks.note("There are no cameras yet.")
    head = ("camera", "expected", "recorded", "missing", "coverage", "gaps", "longest gap")
    lines = [
        (
            row["camera"],
            duration(row["expected_seconds"]),
            duration(row["recorded_seconds"]),
            duration(row["missing_seconds"]),
            share(row["share"]),
            f"{row['gaps']:,}",
            duration(row["longest_gap_seconds"]) if row["longest_gap_seconds"] else "–",
        )
        for row in rows
    ]
    return blocks.table(head, lines, right=range(1, 7))


def gaps_table(gaps: Result, most: int = 40) -> Block:
    """Every gap with its cause, the longest `most` where there are more."""
    rows = gaps.rows()
    if not rows:
        return blocks.note("There is no gap of a second or more.")
    shown = sorted(sorted(rows, key=lambda gap: -gap["seconds"])[:most], key=lambda gap: (gap["start"], gap["camera"]))
    lines = [_gap_line(gap) for gap in shown]
    table = blocks.table(("camera", "from", "to", "length", "cause"), lines, right=(3,))
    if len(rows) == len(shown):
        return table
    rest = duration(sum(gap["seconds"] for gap in rows) - sum(gap["seconds"] for gap in shown))
    more = blocks.note(f"The {most} longest of {len(rows):,} gaps; the others add up to {rest}.")
    return Block(table.html + more.html, f"{table.text}\n{more.text}")


def _gap_line(gap: dict[str, Any]) -> tuple[str, ...]:
    start = gap["local"]
    end = gap["end"].astimezone(start.tzinfo)
    until = "still open" if gap["open"] else f"{end:%H:%M:%S}"
    return gap["camera"], f"{start:%H:%M:%S}", until, duration(gap["seconds"]), gap["cause"].replace("_", " ")


# --- pictures


def gallery(day: Day, most: int = 24) -> Block:
    """Pictures of the day's events in order of time: all, or the `most` surest ones."""
    events = day.events.rows()
    if not events:
        return blocks.note("There were no events on this day.")
    surest = sorted(events, key=lambda event: (-(event["confidence"] or 0), event["id"]))[:most]
    cards = [_card(day, event) for event in sorted(surest, key=lambda event: (event["start"], event["id"]))]
    shown = blocks.gallery(cards)
    if len(events) <= most:
        return shown
    more = f"The {most} surest of {len(events):,} events."
    return Block(f"<p>{more}</p>{shown.html}", f"{more}\n{shown.text}")


def _card(day: Day, event: dict[str, Any]) -> Card:
    jpeg = None
    if event["thumbnail_path"]:
        try:
            jpeg = day.lab.thumbnail(event["id"]).data
        except (MediaError, OSError):
            jpeg = None  # retention took it, or another service wrote the row: the event is listed all the same
    sure = f" · {event['confidence']:.2f}" if event["confidence"] is not None else ""
    what = event["label"] or event["event_type"].replace("_", " ")
    return Card(jpeg, f"{event['local']:%H:%M:%S} · {event['camera']}", f"{what}{sure}")


# --- where the figures come from


def method(day: Day) -> Block:
    """How each figure is made, in the words of the catalogue of queries."""
    asked = {"activity": day.activity, "detections": day.detections, "coverage": day.coverage, "gaps": day.gaps}
    items = [f"<p><b>{name.capitalize()}.</b> {escape(result.about.method)}</p>" for name, result in asked.items()]
    return Block("".join(items), "\n".join(f"{name}: {result.about.method}" for name, result in asked.items()))


def provenance(day: Day) -> Block:
    """Everything that is needed to get the same figures again; names the window for the run ledger."""
    zone = ZoneInfo(day.zone)
    start, end = (moment.astimezone(zone) for moment in (day.window.start, day.window.end))
    rows = {"activity": day.activity, "detections": day.detections, "coverage": day.coverage, "gaps": day.gaps}
    span = f"--from {start.isoformat()} --to {end.isoformat()}"
    named = "".join(f" --camera {shlex.quote(name)}" for name in day.cameras)
    values = {
        "Data window": f"{start:%Y-%m-%d %H:%M %z} to {end:%Y-%m-%d %H:%M %z}, the end not included",
        "In UTC": f"{day.window.start:%Y-%m-%dT%H:%M:%SZ} to {day.window.end:%Y-%m-%dT%H:%M:%SZ}",
        "Time zone": day.zone,
        "Cameras": ", ".join(day.cameras) or f"all ({day.coverage.count()})",
        "Rows": ", ".join(f"{name} {result.count():,}" for name, result in {**rows, "events": day.events}.items()),
        "Mirror snapshot": f"{day.activity.snapshot:%Y-%m-%dT%H:%M:%SZ}",
        "Made": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} by omnisight-lab {version('omnisight-lab')}, "
        f"Python {platform.python_version()}",
        "Same figures": f"omnisight query activity {span} --tz {day.zone}{named}",
    }
    return blocks.facts(values, day.window)
