"""What the pages show, as frozen values: questions to the Lab, no drawing. Works without a browser."""

from __future__ import annotations

import math
import shutil
import threading
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from dashboards.filters import ALL_TYPES, ROWS, Filters
from omnisight_lab.errors import UnknownName
from omnisight_lab.types import TimeRange

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from omnisight_lab.lab import CameraState, EventDetail, Lab

_HOUR = timedelta(hours=1)
_FIRST_DAY = date(2000, 1, 1)
LATEST = 6
"""Events that the Overview shows as pictures."""
LEAD = timedelta(seconds=5)
"""Footage shown before and after an event."""
_SETTLING = timedelta(minutes=3)
"""An event this young may lie in a segment that is still being written."""


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of a camera's day.

    `state`: recorded, partly, missing (expected and not recorded), off (not expected), ahead (still to come).
    """

    start: datetime
    events: int
    state: str


@dataclass(frozen=True, slots=True)
class CameraDay:
    """A camera with its day: `coverage` is the recorded share of the expected time (None: none was expected)."""

    state: CameraState
    hours: tuple[Hour, ...]
    events: int
    coverage: float | None
    missing_seconds: float
    bytes: int

    @property
    def condition(self) -> str:
        """recording, paused, or why it is not recording, as the page colours it."""
        if not self.state.enabled:
            return "paused"
        if self.state.gap or self.state.status == "ERROR":
            return "failing"
        return "recording" if self.state.status == "ONLINE" else "offline"


@dataclass(frozen=True, slots=True)
class GapRow:
    """A hole in the footage, on the clock of its camera; `open`: it still goes on."""

    camera: str
    start: datetime
    seconds: float
    cause: str
    open: bool


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event as lists show it; `local` is its start on its camera's clock."""

    id: str
    camera: str
    local: datetime
    event_type: str
    label: str | None
    confidence: float | None
    seconds: float | None
    has_picture: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the Overview shows. Figures are of `today`, the day of the site's zone; bytes are of all time."""

    now: datetime
    cameras: tuple[CameraDay, ...]
    labels: tuple[tuple[str, int], ...]
    gaps: tuple[GapRow, ...]
    latest: tuple[EventRow, ...]
    coverage: float | None
    missing_seconds: float
    bytes: int
    free_bytes: int | None

    @property
    def events(self) -> int:
        return sum(camera.events for camera in self.cameras)

    @property
    def recording(self) -> int:
        return sum(camera.condition == "recording" for camera in self.cameras)

    @property
    def busiest(self) -> int:
        """Events in the busiest hour of any camera: the height of the bars."""
        return max((hour.events for camera in self.cameras for hour in camera.hours), default=0)


class OverviewStore:
    """The state of the site now, and its day so far: the same for all who see the same cameras, so that one store
    serves all sessions."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._lock = threading.Lock()
        self._last: dict[tuple[str, ...] | None, Overview] = {}

    def load(self, lab: Lab | None = None) -> Overview:
        """The site as `lab` sees it, `mirror.refresh_seconds` old at most; an older mirror is refreshed on the way."""
        settings = self._lab.settings
        now = datetime.now(UTC).astimezone(ZoneInfo(settings["site.timezone"]))
        # A little less than the pages' period, or every other refresh would find nothing new
        young = timedelta(seconds=0.7 * settings["mirror.refresh_seconds"])
        lab = lab or self._lab
        sees = lab.sees
        with self._lock:
            last = self._last.get(sees)
            if last is None or now - last.now > young:
                last = self._last[sees] = OverviewStore(lab)._ask(now)
            return last

    def _ask(self, now: datetime) -> Overview:
        today, tomorrow = _midnights(now)
        coverage = {row["camera_id"]: row for row in self._lab.coverage(today, tomorrow).rows()}
        activity = _by(self._lab.activity(today, tomorrow, tz=str(now.tzinfo)).rows(), "camera_id")
        stored = self._stored()
        cameras = tuple(
            _camera_day(state, now, activity.get(state.id, []), coverage.get(state.id, {}), stored.get(state.id, 0))
            for state in self._lab.cameras()
        )
        expected = sum(row["expected_seconds"] for row in coverage.values())
        missing = sum(row["missing_seconds"] for row in coverage.values())
        gaps = sorted(self._lab.gaps(today, tomorrow).rows(), key=lambda row: row["start"], reverse=True)
        return Overview(
            now=now,
            cameras=cameras,
            labels=self._labels(today, tomorrow),
            gaps=tuple(_gap(row) for row in gaps),
            latest=tuple(_event_rows(self._lab.events(today, tomorrow).page(0, LATEST))),
            coverage=1 - missing / expected if expected else None,
            missing_seconds=missing,
            bytes=sum(stored.values()),
            free_bytes=self._free(),
        )

    def _stored(self) -> dict[str, int]:
        """Bytes of footage by camera id."""
        total: dict[str, int] = defaultdict(int)
        for row in self._lab.storage(_FIRST_DAY).rows():
            total[row["camera_id"]] += row["bytes"]
        return total

    def _labels(self, start: datetime, end: datetime) -> tuple[tuple[str, int], ...]:
        """Objects of the day by class, the most frequent first."""
        total: dict[str, int] = defaultdict(int)
        for row in self._lab.detections(start, end).rows():
            total[row["label"]] += row["objects"]
        return tuple(sorted(total.items(), key=lambda item: (-item[1], item[0])))

    def _free(self) -> int | None:
        try:
            return shutil.disk_usage(self._lab.paths.media).free
        except OSError:
            return None


def _by(rows: Iterable[Mapping[str, Any]], key: str) -> dict[str, list[Mapping[str, Any]]]:
    groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row[key]].append(row)
    return groups


def _camera_day(
    state: CameraState,
    now: datetime,
    activity: Sequence[Mapping[str, Any]],
    coverage: Mapping[str, Any],
    stored: int,
) -> CameraDay:
    hours = _hours(now, activity)
    return CameraDay(
        state,
        hours,
        sum(hour.events for hour in hours),
        coverage.get("share"),
        coverage.get("missing_seconds", 0.0),
        stored,
    )


def _midnights(now: datetime) -> tuple[datetime, datetime]:
    """The first instants, in UTC, of the day of `now` and of the next, on its own clock."""
    days = (now.date(), now.date() + timedelta(days=1))
    today, tomorrow = (datetime.combine(day, time(), now.tzinfo).astimezone(UTC) for day in days)
    return today, tomorrow


def _hours(now: datetime, activity: Sequence[Mapping[str, Any]]) -> tuple[Hour, ...]:
    """The hours of the day of `now`: 23 or 25 of them where the clock is changed."""
    midnight, end = _midnights(now)
    found = {int((row["start"] - midnight) / _HOUR): row for row in activity}
    hours = []
    for number in range(math.ceil((end - midnight) / _HOUR)):
        start = midnight + number * _HOUR
        row = found.get(number, {})
        hours.append(Hour(start.astimezone(now.tzinfo), row.get("events", 0), _hour_state(start, now, row)))
    return tuple(hours)


def _hour_state(start: datetime, now: datetime, row: Mapping[str, Any]) -> str:
    recorded, expected = row.get("recorded_hours", 0.0), row.get("expected_hours", 0.0)
    if start > now:
        return "ahead"
    if recorded:
        # The running hour is not over: what is still to come is not missing
        return "recorded" if recorded >= 0.95 * expected or now - start < _HOUR else "partly"
    return "missing" if expected else "off"


def _gap(row: Mapping[str, Any]) -> GapRow:
    return GapRow(row["camera"], row["local"], row["seconds"], row["cause"], row["open"])


def _event_rows(frame: Any) -> list[EventRow]:
    """Rows of a page of `lab.events()`; what pandas says as NaN is None."""
    rows = []
    for raw in frame.to_dict("records"):
        row: dict[str, Any] = {key: None if _missing(value) else value for key, value in raw.items()}
        offset = timedelta(minutes=int(row["utc_offset"] or 0))
        rows.append(
            EventRow(
                id=row["id"],
                camera=row["camera"] or "unknown camera",
                local=(row["start"].to_pydatetime() + offset).replace(tzinfo=None),
                event_type=row["event_type"],
                label=row["label"],
                confidence=row["confidence"],
                seconds=row["seconds"],
                has_picture=bool(row["thumbnail_path"]),
            )
        )
    return rows


def _missing(value: Any) -> bool:
    return value is None or value != value  # NaN and NaT differ from themselves


@dataclass(frozen=True, slots=True)
class EventPage:
    """One page of events; `filters` as they were used: without unknown cameras, and no page beyond the end."""

    filters: Filters
    rows: tuple[EventRow, ...]
    total: int

    @property
    def pages(self) -> int:
        return max(1, math.ceil(self.total / ROWS))

    @property
    def first(self) -> int:
        """Number of the first row, from 1."""
        return (self.filters.page - 1) * ROWS + 1

    def neighbour(self, event: str, step: int) -> EventRow | None:
        """The event `step` rows further on this page; None beyond its ends. Without an event the first one."""
        ids = [row.id for row in self.rows]
        place = ids.index(event) + step if event in ids else 0
        return self.rows[place] if 0 <= place < len(ids) else None


@dataclass(frozen=True, slots=True)
class Footage:
    """An event to look at: `clip` is what the player takes (empty: nothing to play, and `why`)."""

    event: EventDetail
    clip: Mapping[str, Any]
    why: str


class EventsStore:
    """Events by filter, page by page, and one of them with its footage."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    @property
    def zone(self) -> str:
        return self._lab.timezone

    def choices(self) -> tuple[list[str], list[str]]:
        """Names of the cameras, and labels that occur: what can be filtered by."""
        return [camera.name for camera in self._lab.cameras()], self._lab.labels()

    def load(self, filters: Filters, now: datetime | None = None) -> EventPage:
        """The page that the filters ask for."""
        filters = self._known_cameras(filters)
        start, end = filters.window((now or datetime.now(UTC)).astimezone(ZoneInfo(self.zone)))
        result = self._lab.events(
            start,
            end,
            filters.cameras or None,
            labels=filters.labels or None,
            event_types="" if filters.type == ALL_TYPES else filters.type,
            min_confidence=filters.min_confidence or None,
        )
        total = result.count()
        filters = replace(filters, page=min(filters.page, max(1, math.ceil(total / ROWS))))
        rows = _event_rows(result.page((filters.page - 1) * ROWS, ROWS)) if total else []
        return EventPage(filters, tuple(rows), total)

    def _known_cameras(self, filters: Filters) -> Filters:
        known = {camera.name for camera in self._lab.cameras()} if filters.cameras else set()
        strangers = [name for name in filters.cameras if name not in known]
        if not strangers:
            return filters
        said = tuple(f"there is no camera {name!r}" for name in strangers)
        kept = tuple(name for name in filters.cameras if name in known)
        return replace(filters, cameras=kept, problems=filters.problems + said)

    def open(self, event_id: str, now: datetime | None = None) -> Footage | None:
        """The event with what the player needs; None where there is no such event."""
        try:
            event = self._lab.event(event_id)
        except UnknownName:
            return None
        end = event.end or event.start + max(
            (seen.offset or timedelta() for seen in event.objects), default=timedelta()
        )
        wanted = TimeRange(event.start - LEAD, end + LEAD)
        parts = self._lab.footage(event.camera_id, wanted) if event.camera_id else []
        if not parts or not any(part.span.start < end + LEAD and part.span.end > event.start for part in parts):
            return Footage(event, {}, _why_nothing(event, now or datetime.now(UTC)))
        return Footage(event, _clip(event, end, wanted, parts), "")


def _why_nothing(event: EventDetail, now: datetime) -> str:
    if now - (event.end or event.start) < _SETTLING:
        return "This stretch is still being recorded. It can be played as soon as its segment is closed."
    if event.recording_id is None:
        return "There is no footage of this event: nothing was recorded then, or retention has removed it."
    return "The footage of this event is not there any more."


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _clip(event: EventDetail, end: datetime, wanted: TimeRange, parts: Sequence[Any]) -> dict[str, Any]:
    """What `components.Player` takes."""
    return {
        "key": event.id,
        "start": _ms(event.start),
        "end": _ms(end),
        "from": _ms(max(wanted.start, parts[0].span.start)),
        "to": _ms(min(wanted.end, parts[-1].span.end)),
        "zone": event.timezone,
        "parts": [
            {"url": f"/media/segments/{part.id}", "start": _ms(part.span.start), "end": _ms(part.span.end)}
            for part in parts
        ],
        "frame": {"width": event.frame.width, "height": event.frame.height} if event.frame else None,
        "boxes": [
            {
                "t": _ms(event.start + seen.offset),
                "track": seen.track_id or seen.id,
                "label": seen.label,
                "confidence": seen.confidence,
                "x": seen.box.x,
                "y": seen.box.y,
                "w": seen.box.width,
                "h": seen.box.height,
            }
            for seen in event.objects
            if seen.box and seen.offset is not None
        ],
        "poster": f"/media/events/{event.id}/thumbnail" if event.thumbnail_path else None,
    }
