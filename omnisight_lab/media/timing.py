"""When a picture was taken: from a camera's stamps, which may lie, and the time of arrival, which may be late.

Pure arithmetic on seconds: `MediaTimeline` makes stamps rise steadily, `WallClock` ties them to the clock.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEAP = 2.0
"""Seconds by which a stamp may run ahead of its arrival before it counts as a jump of the camera's clock."""
_DOUBTFUL = 3.0
"""So many bad stamps, less one per twenty good ones, and arrival sets the pace."""


class MediaTimeline:
    """Seconds since the first packet, strictly rising, from decoding stamps.

    One bad stamp (backwards, or far ahead of its arrival) is taken for a jump of the camera's clock: the last good
    interval stands in for it. Stamps that go on being bad are replaced by the time that passed between arrivals.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._stamp: float | None = None
        self._arrival: float | None = None
        self._doubt = 0.0
        self._begun = False
        self.now = 0.0

    @property
    def trusted(self) -> bool:
        """Whether stamps are believed, so that the camera's word on its clock, which rests on them, may be too."""
        return self._doubt < _DOUBTFUL

    def advance(self, stamp: float | None, arrival: float | None = None) -> float:
        """Where the packet with `stamp` lies; `arrival` is in seconds on any rising clock, None for a file."""
        if self._begun:
            self.now += max(self._step(stamp, arrival), 0.001)
        self._begun, self._stamp, self._arrival = True, stamp, arrival
        return self.now

    def _step(self, stamp: float | None, arrival: float | None) -> float:
        passed = None if arrival is None or self._arrival is None else arrival - self._arrival
        if stamp is None or self._stamp is None:
            return self._interval
        step = stamp - self._stamp
        if step > 0.001 and (passed is None or step < passed + _LEAP):
            self._doubt = max(0.0, self._doubt - 0.05)
        else:
            self._doubt = min(2 * _DOUBTFUL, self._doubt + 1)
            step = self._interval
            if passed is not None and passed > _LEAP:
                step = passed
        if not self.trusted and passed is not None:
            return passed
        if self._doubt == 0 and step < _LEAP:
            self._interval = step
        return step


class WallClock:
    """Wall-clock time of a live stream's pictures.

    The base, wall-clock time of media second 0, is the least `arrival - media` seen of late: a packet may be late,
    never early. Where the camera reports its own clock (RTCP sender reports) and that agrees with arrival, its word
    goes before. The base is free to move for a second, in which the burst that the handshake has piled up arrives;
    then it slides, so slowly that times rise.
    """

    SETTLE = 1.0
    """Seconds of arrival until times hold."""
    _WINDOW = 30.0
    """The least is taken over the last one to two windows, so that a drifting camera clock is followed."""
    _EARLY, _LATE = 0.25, 2.0
    """Seconds by which the camera's clock may be ahead of, or behind, arrival and be believed."""

    def __init__(self) -> None:
        self._first: float | None = None
        self._window_start = 0.0
        self._before = self._least = float("inf")
        self._base: float | None = None
        self._media = 0.0
        self.settled = False

    def see(self, media: float, arrival: float, reported: float | None = None) -> None:
        """Takes in a picture at `media` seconds that came at `arrival` (seconds since 1970).

        `reported` is when the camera says it took the picture (seconds since 1970).
        """
        if self._first is None:
            self._first = self._window_start = arrival
        target = self._least_offset(arrival - media, arrival)
        if reported is not None and -self._EARLY <= target - (reported - media) <= self._LATE:
            target = reported - media
        if self._base is None or not self.settled:
            self._base = target
            self.settled = arrival - self._first >= self.SETTLE
        else:
            away = target - self._base
            pace = max(0.0, media - self._media) * (0.01 if abs(away) < 0.25 else 0.5)
            self._base += max(-pace, min(pace, away))
        self._media = max(self._media, media)

    def time(self, media: float) -> datetime:
        """When the picture at `media` seconds was taken."""
        assert self._base is not None, "nothing seen yet"
        return _EPOCH + timedelta(seconds=self._base + media)

    def _least_offset(self, offset: float, arrival: float) -> float:
        if arrival - self._window_start >= self._WINDOW:
            self._before, self._least, self._window_start = self._least, float("inf"), arrival
        self._least = min(self._least, offset)
        return min(self._before, self._least)


def seconds(time: datetime) -> float:
    """Seconds since 1970."""
    return (time - _EPOCH).total_seconds()
