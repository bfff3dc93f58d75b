"""One refresh of the mirror: look what has changed, read that in one snapshot, publish the next generation.

A fingerprint of each day (rows, sum and newest of updatedAt) is compared with the manifest. With `recent` the last two
days are looked at, and a slice of the older ones in turn, so that no refresh takes long and every day has its turn. A
day that differs is brought up to date by its changed rows (hot), or read whole. Files that nobody names any more stay
for a while, for readers in flight.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from time import monotonic

from omnisight_lab.analytics import hot, manifest
from omnisight_lab.analytics.hot import Brought
from omnisight_lab.analytics.manifest import WHOLE, File, Fingerprint, Manifest, Part, Parts
from omnisight_lab.analytics.snapshot import Progress, Snapshot
from omnisight_lab.analytics.store import Store
from omnisight_lab.analytics.tables import STORED, StoredTable, schema_version
from omnisight_lab.errors import MirrorError

RECENT_DAYS = 2
SLICE_SECONDS = 0.1
"""About what a recent refresh spends on older days; one of them at least."""
HOT_DAYS = 2
"""Where more days of a table have changed, they are read whole: fewer statements."""
RETIRED_FOR = timedelta(minutes=15)

Days = dict[str, dict[str, Fingerprint]]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did: rows read, days and files written, and the manifest that stands now."""

    manifest: Manifest
    rows: int
    parts: int


@dataclass(frozen=True, slots=True)
class Looks:
    """Which days a refresh looks at: from `since` on, and those in `[start, end)`; `rest`: the round's next start."""

    since: str | None = None
    start: str | None = None
    end: str | None = None
    rest: str = ""
    slice_days: int = 0

    def at(self, day: str) -> bool:
        if self.since is None or day == WHOLE or day >= self.since:
            return True
        return self.end is not None and (self.start is None or day >= self.start) and day < self.end


def recent(old: Manifest, now: datetime) -> Looks:
    """The last two days, and the next ones of the round through all others: as many as SLICE_SECONDS allow."""
    since = str((now - timedelta(days=RECENT_DAYS - 1)).date())
    left = [day for day in old.days if old.looked <= day < since]
    count = max(1, int(SLICE_SECONDS / max(old.day_seconds, 1e-6)))
    rest = left[count] if len(left) > count else ""
    return Looks(since, old.looked or None, rest or since, rest, min(count, len(left)))


class Refresh:
    """`old`: the generation to start from, if there is one to trust; `identity`: which database this is."""

    def __init__(
        self,
        snapshot: Snapshot,
        store: Store,
        identity: str,
        old: Manifest | None,
        looks: Looks,
        progress: Progress | None,
    ) -> None:
        self.snapshot, self.store, self.identity, self.old = snapshot, store, identity, old
        self.looks, self.progress = looks, progress
        self.total = self.parts = 0
        self.day_seconds = old.day_seconds if old else 0.0

    def read(self) -> dict[str, Parts]:
        """The parts of every table as they are now; what was read is in place."""
        found = self._look()
        dirty = self._dirty(found)
        self.total = sum(found[name].get(day, (0,))[0] or 0 for name, days in dirty.items() for day in days)
        brought = self._brought(found, dirty)
        return {name: self._table(table, dirty[name], found[name], brought[name]) for name, table in STORED.items()}

    def _look(self) -> Days:
        """Fingerprints of the days to look at; notes what one of those takes that are not always looked at."""
        looks, began = self.looks, monotonic()
        found = {name: self.snapshot.fingerprints(table, looks.since) for name, table in STORED.items()}
        days = len({day for its in found.values() for day in its})
        if looks.end:
            began, days = monotonic(), looks.slice_days
            for name, table in STORED.items():
                if table.day:
                    found[name] |= self.snapshot.fingerprints(table, looks.start, looks.end)
        if looks.end or looks.since is None:
            self.day_seconds = (monotonic() - began) / max(1, days)
        return found

    @cached_property
    def _sizes(self) -> dict[str, int]:
        return self.store.sizes() if self.old else {}

    def _known(self, name: str) -> Parts:
        return self.old.tables.get(name, {}) if self.old else {}

    def _dirty(self, found: Days) -> dict[str, set[str]]:
        """Days to be written anew, the same for a family; those that nobody has looked at yet are added to `found`."""
        dirty = {name: self._differing(STORED[name], days) for name, days in found.items()}
        for name, table in STORED.items():
            if table.family:
                members = [other for other, its in STORED.items() if its.family == table.family]
                dirty[name] = set().union(*(dirty[member] for member in members))
            for day in sorted(dirty[name]):
                if table.day and not self.looks.at(day):
                    found[name] |= self.snapshot.fingerprints(table, day, str(date.fromisoformat(day) + timedelta(1)))
        return dirty

    def _differing(self, table: StoredTable, found: dict[str, Fingerprint]) -> set[str]:
        """Days whose fingerprint or files are not what the manifest says, days gone, and days they reach into."""
        known = {day: part for day, part in self._known(table.name).items() if self.looks.at(day)}
        if table.fingerprint is None:
            return {day for day, part in known.items() if self._damaged(part)}
        dirty = {
            day
            for day in found.keys() | known.keys()
            if day not in known or known[day].fingerprint != found.get(day) or self._damaged(known[day])
        }
        for day in list(dirty):
            ends = [_end(found.get(day, ())), _end(known[day].fingerprint) if day in known else 0]
            dirty |= _days_until(day, max(ends))
        return dirty

    def _damaged(self, part: Part) -> bool:
        return any(self._sizes.get(file.path) != file.bytes for file in part.files)

    def _brought(self, found: Days, dirty: dict[str, set[str]]) -> dict[str, Parts]:
        """Parts that changed rows alone could bring up to date: all fingerprinted ones of a family's day, or none."""
        done: dict[str, Parts] = {name: {} for name in STORED}
        families: dict[str, list[StoredTable]] = {}
        for name, table in STORED.items():
            if table.day and table.fingerprint and 0 < len(dirty[name]) <= HOT_DAYS:
                families.setdefault(table.family or name, []).append(table)
        for tables in families.values():
            for day in sorted(dirty[tables[0].name]):
                for name, brought in self._hot_day(tables, day, found).items():
                    self.snapshot.put(list(brought.staged))
                    self.parts += bool(brought.staged)
                    done[name][day] = brought.part
        return done

    def _hot_day(self, tables: list[StoredTable], day: str, found: Days) -> dict[str, Brought]:
        done: dict[str, Brought] = {}
        owners: list[str] = []
        for table in tables:
            part, now = self._known(table.name).get(day), found[table.name].get(day)
            if part is None and now is None:
                continue
            if part is None or now is None or self._damaged(part):
                return {}
            brought = hot.bring(self.snapshot, table, day, part, now, owners)
            if brought is None:
                return {}
            done[table.name] = brought
            if not table.owner:
                owners = brought.ids
        return done

    def _table(self, table: StoredTable, dirty: set[str], found: dict[str, Fingerprint], brought: Parts) -> Parts:
        kept = {day: part for day, part in self._known(table.name).items() if day not in dirty}
        return self._settled(table, kept) | brought | self._whole(table, dirty - brought.keys(), found)

    def _settled(self, table: StoredTable, parts: Parts) -> Parts:
        """The deltas of days that have passed become one file."""
        today = str(self.snapshot.time.date())
        due = {day for day, part in parts.items() if part.deltas and day < today and not self._damaged(part)}
        self.parts += len(due)
        return parts | {day: hot.compacted(self.snapshot, table, day, parts[day]) for day in due}

    def _whole(self, table: StoredTable, days: set[str], found: dict[str, Fingerprint]) -> Parts:
        """New parts for `days`; a day without rows has none."""
        self.parts += len(days)
        if not days:
            return {}
        if table.day is None:
            return {WHOLE: Part(found[WHOLE], tuple(self._counted(table, self.snapshot.whole(table))))}
        files: dict[str, list[File]] = {}
        for first, last in _runs(days):
            written = self.snapshot.days(table, first, last)
            self._counted(table, [file for _, file in written])
            for day, file in written:
                files.setdefault(day, []).append(file)
        for day in days & found.keys():
            if (read := sum(file.rows for file in files.get(day, []))) != found[day][0]:
                raise MirrorError(f"{table.name} of {day}: read {read} rows where PostgreSQL counted {found[day][0]}")
        return {day: Part(found.get(day, ()), tuple(its)) for day, its in files.items()}

    def _counted(self, table: StoredTable, files: list[File]) -> list[File]:
        if table.fingerprint is not None:
            self.snapshot.rows_read += sum(file.rows for file in files)
        if self.progress:
            self.progress(self.snapshot.rows_read, self.total)
        return files

    def publish(self, tables: dict[str, Parts]) -> Manifest:
        """The next manifest, in place; files that it does not name are retired, those retired long ago deleted."""
        old, time = self.old, self.snapshot.time
        new = Manifest(
            schema_version(),
            self.identity,
            old.generation if old and not self.parts else uuid.uuid4().hex,
            time,
            old.checked if old and self.looks.rest else time,
            self.looks.rest,
            self.day_seconds,
            tables,
            old.retired if old else {},
        )
        expired: list[str] = []
        if self.parts or self.looks.since is None:
            retired, expired = self._retired(new)
            new = replace(new, retired=retired)
        manifest.write(self.store, new)
        self.store.remove(expired)
        return new

    def _retired(self, new: Manifest) -> tuple[dict[str, datetime], list[str]]:
        """Files that the manifest does not name: when each was first seen so, and those due to go."""
        now = datetime.now(UTC)
        present = self.store.sizes().keys() - {file.path for file in new.files()}
        seen = {path: new.retired.get(path, now) for path in present}
        expired = [path for path, since in seen.items() if now - since > RETIRED_FOR]
        return {path: since for path, since in seen.items() if path not in expired}, expired


def _end(fingerprint: Fingerprint) -> int:
    """The last end in ms that a fingerprint of footage has, else 0."""
    return (fingerprint[3] or 0) if len(fingerprint) > 3 else 0


def _days_until(day: str, end_ms: int) -> set[str]:
    """The days after `day` into which footage reaches that ends `end_ms` after the epoch."""
    if end_ms <= 0 or day == WHOLE:
        return set()
    first = date.fromisoformat(day)
    last = datetime.fromtimestamp(end_ms / 1000, UTC).date()
    return {str(first + timedelta(days=n)) for n in range(1, (last - first).days + 1)}


def _runs(days: set[str]) -> Iterator[tuple[date, date]]:
    """Consecutive days as (first, last)."""
    ordered = sorted(date.fromisoformat(day) for day in days)
    first = last = ordered[0]
    for day in ordered[1:]:
        if day - last > timedelta(days=1):
            yield first, last
            first = day
        last = day
    yield first, last
