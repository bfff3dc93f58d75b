"""Which events are looked at: frozen filters that stand in the address, so that a view can be shared as a link.

    ?camera=Gate&camera=Yard&type=motion&label=person&period=today&min=0.5&page=2&event=ID
    ?from=2026-03-29T08:00+02:00&to=2026-03-29T09:00+02:00

What is at its default stays out of the address. What comes in by the address is input: it is checked, and what does not
fit is left out and named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import parse_qs, parse_qsl, urlencode
from zoneinfo import ZoneInfo

from omnisight_lab.types import EventType

PERIODS = {"today": "Today", "yesterday": "Yesterday", "7d": "Last 7 days", "30d": "Last 30 days", "all": "All time"}
ALL_TYPES = "all"
TYPES = {
    str(EventType.OBJECT_DETECTED): "Objects",
    str(EventType.MOTION): "Motion",
    str(EventType.ZONE_ENTERED): "Zone entered",
    str(EventType.LINE_CROSSED): "Line crossed",
    str(EventType.CAMERA_OFFLINE): "Camera offline",
    str(EventType.CAMERA_ONLINE): "Camera online",
    ALL_TYPES: "All types",
}
ROWS = 25
_FIRST_DAY = date(2000, 1, 1)
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONGEST_NAME = 200
_LAST_PAGE = 1_000_000


@dataclass(frozen=True, slots=True)
class Filters:
    """`start` and `end` (aware) go before `period`; `cameras` and `labels` empty: all; `page` counts from 1."""

    cameras: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    type: str = str(EventType.OBJECT_DETECTED)
    period: str = "7d"
    start: datetime | None = None
    end: datetime | None = None
    min_confidence: float = 0.0
    page: int = 1
    event: str = ""
    problems: tuple[str, ...] = field(default=(), compare=False)

    def on_page(self, page: int, event: str = "") -> Filters:
        """The same events, another page or another one opened."""
        return replace(self, page=page, event=event, problems=())

    def changed(self, name: str, value: str, zone: str, checked: bool | None = None) -> Filters:
        """After a control of the page was used: the address's `name` becomes `value`, checked as in an address.

        Of camera and label there may be several: `checked` adds or takes away one. Back to page 1, no event open.
        """
        several = checked is not None and name in ("camera", "label")
        gone = {"page", "event"} | ({"from", "to"} if name == "period" else set())
        pairs = [
            pair
            for pair in parse_qsl(self.search().removeprefix("?"))
            if pair[0] not in gone and pair != (name, value) and (several or pair[0] != name)
        ]
        return parse(urlencode([*pairs, (name, value)] if value and checked is not False else pairs), zone)

    @property
    def narrowed(self) -> bool:
        """Whether anything but the period keeps events out."""
        return bool(self.cameras or self.labels or self.min_confidence or self.type != _DEFAULT.type)

    def window(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """From and to as `Lab` takes them; days are those of the clock that `now` is on."""

        def midnight(day: date) -> datetime:
            return datetime.combine(day, time(), now.tzinfo)

        if self.start or self.end:
            return self.start or midnight(_FIRST_DAY), self.end
        today = now.date()
        first, days = {
            "today": (today, 1),
            "yesterday": (today - timedelta(days=1), 1),
            "7d": (today - timedelta(days=6), 7),
            "30d": (today - timedelta(days=29), 30),
            "all": (_FIRST_DAY, (today - _FIRST_DAY).days + 1),
        }[self.period]
        return midnight(first), midnight(first + timedelta(days=days))

    def search(self) -> str:
        """The part of the address after the path; empty where all is at its default."""
        pairs: list[tuple[str, str]] = [("camera", name) for name in self.cameras]
        pairs += [("label", label) for label in self.labels]
        for name, value, default in (
            ("type", self.type, _DEFAULT.type),
            ("period", self.period, _DEFAULT.period),
            ("from", _written(self.start), ""),
            ("to", _written(self.end), ""),
            ("min", f"{self.min_confidence:g}", "0"),
            ("page", str(self.page), "1"),
            ("event", self.event, ""),
        ):
            if value != default:
                pairs.append((name, value))
        return "?" + urlencode(pairs) if pairs else ""


_DEFAULT = Filters()


def _written(moment: datetime | None) -> str:
    return moment.isoformat(timespec="minutes") if moment else ""


def parse(search: str, zone: str) -> Filters:
    """The filters of an address; `problems` says in words what was left out. `zone`: the site's, for times without."""
    try:
        given = parse_qs(search.removeprefix("?"), max_num_fields=200)
    except ValueError:
        return Filters(problems=("the address holds too many filters",))
    problems: list[str] = []
    return Filters(
        cameras=_names(given.get("camera", ())),
        labels=_names(given.get("label", ())),
        type=_choice(given, "type", TYPES, _DEFAULT.type, problems),
        period=_choice(given, "period", PERIODS, _DEFAULT.period, problems),
        min_confidence=_number(given, "min", 0.0, 1.0, 0.0, problems),
        page=int(_number(given, "page", 1, _LAST_PAGE, 1, problems)),
        event=_id(given, problems),
        **_span(given, zone, problems),
        problems=tuple(problems),
    )


def _first(given: Mapping[str, Sequence[str]], name: str) -> str:
    return given.get(name, ("",))[0]


def _names(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value[:_LONGEST_NAME] for value in values if value.strip()))


def _choice(
    given: Mapping[str, Sequence[str]], name: str, known: Mapping[str, str], default: str, problems: list[str]
) -> str:
    value = _first(given, name)
    if value and value not in known:
        problems.append(f"there is no {name} {value[:40]!r}")
    return value if value in known else default


def _number(
    given: Mapping[str, Sequence[str]], name: str, low: float, high: float, default: float, problems: list[str]
) -> float:
    text = _first(given, name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        problems.append(f"{name} is not between {low:g} and {high:g}")
        return default
    return value


def _id(given: Mapping[str, Sequence[str]], problems: list[str]) -> str:
    value = _first(given, "event")
    if value and not _ID.fullmatch(value):
        problems.append("the event's id can't be one")
        return ""
    return value


def _span(given: Mapping[str, Sequence[str]], zone: str, problems: list[str]) -> dict[str, datetime | None]:
    start, end = (_moment(_first(given, name), zone, problems) for name in ("from", "to"))
    if start and end and end <= start:
        problems.append("the span ends before it starts")
        return {}
    return {"start": start, "end": end}


def _moment(text: str, zone: str, problems: list[str]) -> datetime | None:
    """`text` (ISO 8601; without an offset on the clock of `zone`) as an aware time of `zone`."""
    if not text:
        return None
    try:
        value = datetime.fromisoformat(text)
        value = value.replace(tzinfo=ZoneInfo(zone)) if value.tzinfo is None else value.astimezone(ZoneInfo(zone))
        value.astimezone(UTC)  # the year 1 or 9999 may have no such time there
    except (ValueError, OverflowError):
        problems.append(f"{text[:40]!r} is no time")
        return None
    return value
