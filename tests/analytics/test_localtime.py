"""Local days and hours through the changes of the clock, the same on every engine and on every machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from omnisight_lab.lab import Lab
from tests import needs
from tests.analytics.conftest import Site

CHANGES = {
    "Europe/Berlin": {"2026-03-29": 1380, "2026-10-25": 1500},
    "America/New_York": {"2026-03-08": 1380, "2026-11-01": 1500},
    "America/St_Johns": {"2026-03-08": 1380, "2026-11-01": 1500},
    "Australia/Lord_Howe": {"2026-04-05": 1470, "2026-10-04": 1410},
    "Pacific/Chatham": {"2026-04-05": 1500, "2026-09-27": 1380},
    "Asia/Kathmandu": {"2026-03-29": 1440, "2026-10-25": 1440},
    "UTC": {"2026-03-29": 1440, "2026-10-25": 1440},
}
"""Zone -> local day -> how many minutes it has."""

ASK = """
import json, sys
from omnisight_lab.analytics.localtime import bucket_start, hour_bucket
from omnisight_lab.analytics.tables import TABLES
from omnisight_lab.lab import Lab
from omnisight_lab.db.session import Database
from omnisight_lab.settings import Paths
from pathlib import Path

url, home, *engines = sys.argv[1:]
events, cameras = TABLES.events, TABLES.cameras
days = events.group_by("camera_id", day=events.local_time.date()).agg(minutes=events.count())
zoned = events.join(cameras.select(camera_id="id", timezone="timezone"), "camera_id")
keys = ["camera_id", "timezone", "hour", "utc_offset"]
hours = bucket_start(hour_bucket(zoned, "start_time").group_by(keys).agg(minutes=lambda t: t.count()))
hours = hours.select("camera_id", "hour", "utc_offset", "start", "minutes")
with Lab(Database(url), Paths(Path(home), Path(home) / "media")) as lab:
    answers = {name: [lab.engine(name).fetch(asked).to_pylist() for asked in (days, hours)] for name in engines}
print(json.dumps(answers, default=lambda time: time.isoformat()))
"""


def minutes_of(zone: str) -> list[pd.DatetimeIndex]:
    """Every minute of three local days around each change, in UTC."""
    clock = ZoneInfo(zone)
    spans = []
    for day in CHANGES[zone]:
        midnights = [
            datetime.combine(date.fromisoformat(day) + timedelta(days=days), time(), clock).astimezone(ZoneInfo("UTC"))
            for days in (-1, 2)
        ]
        spans.append(pd.date_range(*midnights, freq="min", inclusive="left"))
    return spans


def by_pandas(zone: str) -> tuple[dict[str, int], dict[tuple[str, int, str], int]]:
    """Minutes of each local day, and of each (wall-clock hour, offset in minutes, first instant)."""
    utc = minutes_of(zone)[0].append(minutes_of(zone)[1])
    wall = utc.tz_convert(zone).tz_localize(None)
    naive = utc.tz_localize(None)
    table = pd.DataFrame({"utc": naive, "wall": wall, "offset": (wall - naive).total_seconds() // 60})
    days = table.groupby(table.wall.dt.date).size()
    grouped = table.groupby([table.wall.dt.floor("h"), "offset"]).utc
    hours = grouped.agg(["min", "size"]).itertuples(name=None)
    return (
        {str(day): int(count) for day, count in days.items()},
        {(hour.isoformat(), int(offset), first.isoformat()): size for (hour, offset), first, size in hours},
    )


@pytest.fixture
def minutely(site: Site, lab: Lab) -> Lab:
    """A camera in each zone, with an event each minute; the database's own zone is none of them."""
    for zone in CHANGES:
        camera = site.camera(zone, zone)
        for span in minutes_of(zone):
            site.events(camera, span[0].isoformat(), (span[-1] + pd.Timedelta(minutes=1)).isoformat(), 60)
    zone = "SET timezone TO 'Asia/Tokyo'"
    site.run(f"DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || $z$ {zone} $z$; END $$")
    lab.refresh()
    return lab


@pytest.mark.parametrize(
    ("machine", "engines"),
    [
        ("America/St_Johns", ("duckdb", "postgres")),
        pytest.param("Pacific/Auckland", ("duckdb", "postgres", "spark"), marks=needs.spark),
    ],
)
def test_days_and_hours_through_the_changes(minutely: Lab, machine: str, engines: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", ASK, minutely.database.url, str(minutely.paths.home), *engines]
    done = subprocess.run(command, env=os.environ | {"TZ": machine}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    for zone, changes in CHANGES.items():
        want_days, want_hours = by_pandas(zone)
        assert {day: want_days[day] for day in changes} == changes
        for engine in engines:
            days, hours = ([row for row in rows if row["camera_id"] == zone] for rows in answers[engine])
            assert {row["day"]: row["minutes"] for row in days} == want_days, engine
            got = {(row["hour"], row["utc_offset"], row["start"]): row["minutes"] for row in hours}
            assert got == want_hours, engine
            assert sum(got.values()) == sum(want_days.values()) == sum(map(len, minutes_of(zone)))
