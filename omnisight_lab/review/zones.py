"""Zones and lines as people draw them: checked here, kept as versions in the database."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import combinations

import pandas as pd

from omnisight_lab.access import roles
from omnisight_lab.access.roles import Action
from omnisight_lab.db import reads, writes
from omnisight_lab.db.lab_models import Zone as Row
from omnisight_lab.db.models import User
from omnisight_lab.db.session import Database
from omnisight_lab.errors import UsageError

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class DrawnZone:
    """One version of a zone or line (`kind`); points in fractions of the frame, `retired`: replaced or removed."""

    camera: str
    name: str
    kind: str
    version: int
    points: tuple[Point, ...]
    created: datetime
    retired: datetime | None


class Zones:
    """The zones and lines that somebody may see. Iterating gives the current ones; shows itself as a table.

    `camera_id` knows the camera of a name; `user` says who draws, `sees` which cameras they may see (None: all).
    """

    def __init__(
        self,
        database: Database,
        camera_id: Callable[[str], str],
        user: Callable[[], User],
        sees: Callable[[], tuple[str, ...] | None],
    ) -> None:
        self._database, self._camera_id, self._user, self._sees = database, camera_id, user, sees

    def add(self, camera: str, name: str, points: Iterable[Sequence[float]], *, line: bool = False) -> DrawnZone:
        """The new zone of `camera` (name or id), or line; one of this name gets a new version.

        `points`: (x, y) in fractions of the frame from its top left corner; UsageError says what is wrong with them.
        """
        user = self._user()
        roles.require(user, Action.ZONES)
        camera_id = self._camera_id(camera)
        checked = checked_points(points, line=line)
        if not name.strip():
            raise UsageError(f"a {_kind(line)} needs a name")
        row = writes.add_zone(self._database, camera_id, name.strip(), _kind(line), checked, user_id=user.id)
        return _value(row, self._names()[camera_id])

    def list(self, camera: str | None = None, *, retired: bool = False) -> list[DrawnZone]:
        """The current ones, of one camera or of all, by camera and name; with `retired` the older versions too."""
        wanted = self._camera_id(camera) if camera is not None else None
        names, sees = self._names(), self._sees()
        with self._database.session() as session:
            rows = reads.zones(session, wanted, retired=retired)
        found = [_value(row, names[row.camera_id]) for row in rows if sees is None or row.camera_id in sees]
        return sorted(found, key=lambda zone: (zone.camera, zone.name, zone.version))

    def remove(self, camera: str, name: str) -> None:
        """Retires the zone or line; its versions stay, and events that it made."""
        roles.require(self._user(), Action.ZONES)
        writes.retire_zone(self._database, self._camera_id(camera), name)

    def df(self) -> pd.DataFrame:
        """The current ones as a table."""
        columns = ["camera", "name", "kind", "version", "points", "created"]
        return pd.DataFrame([asdict(zone) for zone in self], columns=columns)

    def __iter__(self) -> Iterator[DrawnZone]:
        return iter(self.list())

    def __len__(self) -> int:
        return len(self.list())

    def __repr__(self) -> str:
        return self.df().to_string(index=False) if len(self) else "no zones or lines yet; draw one by lab.zones.add(…)"

    def _repr_html_(self) -> str:
        return str(self.df().to_html(index=False)) if len(self) else f"<p>{self!r}</p>"

    def _names(self) -> dict[str, str]:
        with self._database.session() as session:
            return reads.camera_names(session)


def checked_points(points: Iterable[Sequence[float]], *, line: bool = False) -> tuple[Point, ...]:
    """The corners of a zone, or the points of a line; UsageError says what is wrong with them."""
    kind = _kind(line)
    try:
        found = tuple((float(x), float(y)) for x, y in points)
    except (TypeError, ValueError) as error:
        raise UsageError(f"the points of a {kind} are pairs of numbers, as (0.1, 0.2)") from error
    for x, y in found:
        if not (math.isfinite(x) and math.isfinite(y) and 0 <= x <= 1 and 0 <= y <= 1):
            raise UsageError(f"points are fractions of the frame, from 0 to 1; ({x:g}, {y:g}) lies outside of it")
    if len(found) < (2 if line else 3):
        raise UsageError(f"a {kind} has at least {2 if line else 3} points, not {len(found)}")
    if len(set(found)) < len(found):
        raise UsageError(f"the points of a {kind} differ; a zone is closed by itself, without its first point again")
    if not line and _crosses_itself(found):
        raise UsageError("the edges of a zone may not cross each other; give its corners in their order around it")
    return found


def _kind(line: bool) -> str:
    return "line" if line else "zone"


def _crosses_itself(corners: tuple[Point, ...]) -> bool:
    """Whether two edges of the polygon meet elsewhere than in the corner that they share, or all lie on one line."""
    count = len(corners)
    edges = [(corners[number], corners[(number + 1) % count]) for number in range(count)]
    apart = [(one, other) for one, other in combinations(range(count), 2) if other - one not in (1, count - 1)]
    flat = all(_side(*edges[0], corner) == 0 for corner in corners)
    return flat or any(_meet(*edges[one], *edges[other]) for one, other in apart)


def _meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether the segments from a to b and from c to d have a point in common."""
    sides = [_side(a, b, c), _side(a, b, d), _side(c, d, a), _side(c, d, b)]
    if sides[0] * sides[1] < 0 and sides[2] * sides[3] < 0:
        return True
    on = ((c, a, b), (d, a, b), (a, c, d), (b, c, d))
    return any(side == 0 and _between(*points) for side, points in zip(sides, on, strict=True))


def _side(a: Point, b: Point, point: Point) -> float:
    """Positive right of the way from a to b, negative left of it, 0 on it."""
    return (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])


def _between(point: Point, a: Point, b: Point) -> bool:
    """Whether `point`, which lies on the line through a and b, lies between them."""
    return min(a[0], b[0]) <= point[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= point[1] <= max(a[1], b[1])


def _value(row: Row, camera: str) -> DrawnZone:
    points = tuple((float(x), float(y)) for x, y in row.points)
    return DrawnZone(camera, row.name, row.kind, row.version, points, row.created_at, row.retired_at)
