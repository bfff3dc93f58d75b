"""Windows of time as people ask for them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from omnisight_lab.errors import BadTime, UnknownName
from omnisight_lab.types import TimeRange

Moment = datetime | date | str | None
"""An aware time, a date (its midnight in the zone asked for), or either as ISO 8601 text."""

DAYS = 7
EARLIEST, LATEST = 1900, 2200  # a query may look months back from either end: far from what a datetime can hold
QUARTER = timedelta(minutes=15)
WRITTEN = "write 2026-03-29, or 2026-03-29T08:00:00+02:00"


def zone_of(name: str) -> ZoneInfo:
    """The zone of this IANA name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError) as error:
        raise UnknownName(
            "time zone", str(name), ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu")
        ) from error


def window(start: Moment, end: Moment, zone: str, now: datetime) -> TimeRange:
    """`[start, end)`; without an end up to the end of today, without a start the last seven days of `zone`."""
    clock = zone_of(zone)
    try:
        last = _moment(end, clock) or _midnight(now.astimezone(clock).date() + timedelta(days=1), clock)
        first = _moment(start, clock)
        if first is None:
            local = (last - timedelta(milliseconds=1)).astimezone(clock).date()
            first = _midnight(local - timedelta(days=DAYS - 1), clock)
        if first.astimezone(UTC).year < EARLIEST or last.astimezone(UTC).year >= LATEST:
            raise OverflowError
        return TimeRange(first, last)
    except OverflowError as error:
        raise BadTime(f"a time lies before the year {EARLIEST} or after the year {LATEST}") from error


def whole_quarters(span: TimeRange) -> TimeRange:
    """`span`, widened to whole quarters of an hour."""
    return TimeRange(_floor(span.start), _ceil(span.end))


def _floor(moment: datetime) -> datetime:
    return moment - (moment - datetime(2000, 1, 1, tzinfo=UTC)) % QUARTER


def _ceil(moment: datetime) -> datetime:
    floor = _floor(moment)
    return floor if floor == moment else floor + QUARTER


def _moment(given: Moment, clock: ZoneInfo) -> datetime | None:
    if given is None:
        return None
    if isinstance(given, str):
        given = _parsed(given)
    if not isinstance(given, date):
        raise BadTime(f"{given!r} is no time; {WRITTEN}")
    if not isinstance(given, datetime):
        return _midnight(given, clock)
    if given.tzinfo is None:
        raise BadTime(
            f"{given.isoformat()} has no time zone; write it with an offset, as 2026-03-29T08:00:00+02:00, "
            "or a date alone for its local midnight"
        )
    return given


def _parsed(text: str) -> datetime | date:
    try:
        return date.fromisoformat(text) if len(text.strip()) == 10 else datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise BadTime(f"{text!r} is no time; {WRITTEN}") from error


def _midnight(day: date, clock: ZoneInfo) -> datetime:
    """The first instant of the local day (01:00 where the clock jumps over midnight)."""
    naive = datetime.combine(day, time())
    return naive.replace(tzinfo=clock).astimezone(UTC)
