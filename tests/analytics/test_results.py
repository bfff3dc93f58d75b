"""Results are lazy, complete, and show what belongs to their rows."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omnisight_lab.analytics.engines import DuckDBEngine
from omnisight_lab.analytics.frames import Result
from omnisight_lab.clock import FakeClock
from omnisight_lab.db.session import Database
from omnisight_lab.errors import UsageError
from omnisight_lab.lab import Lab
from omnisight_lab.settings import Paths
from tests.analytics.conftest import Site, at
from tests.conftest import DatabaseMaker
from tests.media.footage import encode

MANY = 120_000
DAY = ("2026-10-20", "2026-10-21")


class Recording(DuckDBEngine):
    """The engine as it is, which notes what it is asked."""

    asked: list[str]

    def fetch_sql(self, sql: str, seconds: float | None = None) -> pa.Table:
        self.asked.append(sql)
        return super().fetch_sql(sql, seconds)


@pytest.fixture
def recording(lab: Lab, site: Site) -> Recording:
    site.camera("yard")
    for minute in range(30):
        site.event("yard", f"2026-10-20T12:{minute:02}")
    site.footage("yard", "2026-10-20T12:00", "2026-10-20T13:00")
    lab.refresh()
    engine = lab.engine()
    assert isinstance(engine, DuckDBEngine)
    engine.__class__ = Recording
    assert isinstance(engine, Recording)
    engine.asked = []
    return engine


def test_rows_are_read_once_they_are_looked_at(lab: Lab, recording: Recording) -> None:
    result = lab.query("activity", *DAY, engine=recording)
    recording.asked.clear()
    chained = result.by("hour_of_day").where(lambda t: t.events > 0)
    assert chained.sql
    assert chained.units
    assert recording.asked == []
    assert [row["events"] for row in chained] == [30]
    assert len(recording.asked) == 1
    assert (len(chained.df()), chained.pl().height, chained.arrow().num_rows, chained.count()) == (1, 1, 1, 1)
    assert chained.to_csv()
    assert repr(chained)
    assert len(recording.asked) == 1, "read once"
    assert result.count() == 1
    assert len(recording.asked) == 2, "counted, not read"


def test_a_table_on_a_screen_reads_its_rows_alone(lab: Lab, recording: Recording) -> None:
    events = lab.query("events", *DAY, engine=recording)
    recording.asked.clear()
    assert "30 rows" in repr(events)
    assert "the first 20 shown" in repr(events)
    limited = [sql for sql in recording.asked if "LIMIT 20" in sql]
    counted = [sql for sql in recording.asked if "COUNT(*)" in sql.upper() and "LIMIT" not in sql]
    assert len(limited) + len(counted) == len(recording.asked)


@pytest.fixture(scope="module")
def many(database_maker: DatabaseMaker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Result]:
    """As many events as no page has."""
    url, folder = database_maker.new("omnisight"), tmp_path_factory.mktemp("many")
    with Lab(Database(url), Paths(folder / "home", folder / "media"), FakeClock(at("2026-11-01T12:00"))) as lab:
        site = Site(lab.database)
        site.camera("yard", "Europe/Berlin")
        site.run(
            f"""INSERT INTO "Event" (id, "cameraId", "timestamp", "eventType", confidence, metadata, "updatedAt")
                SELECT 'event-' || n, 'yard', timestamp '2026-10-20' + n * interval '1 second', 'object_detected',
                       0.5, '{{"label": "car"}}', now() FROM generate_series(1, {MANY}) AS n"""
        )
        lab.refresh()
        yield lab.events("2026-10-19", "2026-10-23")
    database_maker.drop(url)


def test_what_leaves_is_complete(many: Result, tmp_path: Path) -> None:
    ids = {f"event-{number}" for number in range(1, MANY + 1)}
    assert many.count() == len(many) == len(many.df()) == many.pl().height == many.arrow().num_rows == MANY
    with Path(many.to_csv(tmp_path / "x.csv")).open(encoding="utf-8", newline="") as lines:
        assert {row["id"] for row in csv.DictReader(lines)} == ids
    assert {row["id"] for row in json.loads(many.to_json(tmp_path / "x.json").read_text())} == ids
    table = pq.read_table(many.to_parquet(tmp_path / "x.parquet"))
    assert (set(table["id"].to_pylist()), table.num_rows) == (ids, MANY)
    assert json.loads(table.schema.metadata[b"omnisight"])["rows"] == MANY


def test_polars_has_the_same_rows_with_aware_times(many: Result) -> None:
    frame = many.pl()
    assert frame.schema["start"] == polars.Datetime("us", "UTC")
    assert frame["start"][0] == at("2026-10-21T09:20:00")
    assert frame.columns == list(many.df().columns)


@pytest.fixture
def seen(lab: Lab, site: Site) -> Result:
    """Three events: with a picture, with a file that is gone, and without."""
    camera = site.camera("yard", "Europe/Berlin")
    (lab.paths.media / "segments").mkdir(parents=True)
    cv2.imwrite(str(lab.paths.media / "a.jpg"), np.full((360, 640, 3), 99, np.uint8))
    encode(lab.paths.media / "segments" / "x.mp4", frames=40, rate=10)
    site.footage(camera, "2026-10-20T12:00:00", "2026-10-20T12:00:04")
    site.event(camera, "2026-10-20T12:00:01", thumbnail_path="a.jpg")
    site.event(camera, "2026-10-20T12:10", thumbnail_path="gone.jpg")
    site.event(camera, "2026-10-20T12:20", label="<dog>")
    lab.refresh()
    return lab.events(*DAY)


def test_pictures_stand_beside_their_rows(seen: Result) -> None:
    page = seen._repr_html_()
    rows = page.partition("<tbody>")[2].split("</tr>")[:-1]
    assert [row.count("data:image/jpeg;base64,") for row in rows] == [0, 0, 1]
    assert ["<td>–</td>" in row for row in rows] == [True, True, False]
    assert len(rows[2]) < 8000, "small"
    assert "thumbnail" not in page
    grouped = seen.by("label")._repr_html_()
    assert "picture" not in grouped


def test_a_gallery_of_pictures_and_of_clips(seen: Result) -> None:
    pictures = seen.gallery(2)
    assert len(pictures) == 2
    assert "(not kept)" in repr(pictures)
    assert "&lt;dog&gt;" in pictures._repr_html_()
    last = list(seen.gallery())[-1]
    assert (last.title, last.line) == ("yard  2026-10-20 14:00:01 +02:00", "object_detected · car · 50.0 %")
    assert "data:image/jpeg" in last._repr_html_()
    clips = seen.where(lambda t: t.thumbnail_path == "a.jpg").gallery(clips=True)
    assert clips._repr_html_().count("<video") == 1
    assert seen.where(label="cat").gallery()._repr_html_() == "<p>nothing to look at</p>"
    with pytest.raises(UsageError, match="these rows of events are no single events"):
        seen.by("label").gallery()


def test_an_interval_is_one_cell_on_screens_and_columns_in_data(lab: Lab, recording: Recording) -> None:
    result = lab.query("activity", *DAY, engine=recording).by("camera")
    assert {"rate", "rate_low", "rate_high"} <= set(result.df().columns)
    assert "30.00 (20.24 to 42.83)" in repr(result)
    assert "rate low" not in repr(result)
