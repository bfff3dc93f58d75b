"""What a result shows, and what leaves it."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from omnisight_lab.analytics.frames import Result
from omnisight_lab.errors import MirrorError, QueryError, StorageError, UsageError
from omnisight_lab.lab import Lab
from tests.analytics.conftest import Site


@pytest.fixture
def events(site: Site, lab: Lab) -> Result:
    """25 events of a camera with a hostile name; the newest has a hostile label."""
    camera = site.camera("=cmd|' /C calc'!A0", "Europe/Berlin")
    for minute in range(24):
        site.event(camera, f"2026-10-25T00:{minute:02}")
    site.event(camera, "2026-10-25T01:30:00.250", label="<b>@bold</b>", confidence=None)
    lab.refresh()
    return lab.events("2026-10-25", "2026-10-26")


def test_pages_fit_together(events: Result) -> None:
    pages = [list(events.page(offset, 10)["id"]) for offset in (0, 10, 20)]
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [id for page in pages for id in page] == list(events.df()["id"])
    assert [list(events.page(offset, 10)["id"]) for offset in (0, 10, 20)] == pages, "the same once all rows are read"
    assert len(events) == 25
    with pytest.raises(UsageError, match="a page starts at 0"):
        events.page(-1, 10)


def test_times_are_aware(events: Result) -> None:
    frame = events.df()
    assert str(frame["start"].dtype) == "datetime64[us, UTC]"
    assert frame["start"].iloc[0].isoformat() == "2026-10-25T01:30:00.250000+00:00"
    assert events.rows()[0]["local"].isoformat() == "2026-10-25T02:30:00.250000+01:00"


def test_csv_is_complete_and_starts_no_formula(events: Result, tmp_path: Path) -> None:
    path = events.to_csv(tmp_path / "events.csv")
    rows = list(csv.DictReader(Path(path).read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 25
    assert {row["camera"] for row in rows} == {"'=cmd|' /C calc'!A0"}
    assert rows[0]["label"] == "<b>@bold</b>"
    assert rows[0]["local"] == "2026-10-25T02:30:00.250000+01:00"
    assert rows[0]["confidence"] == ""
    assert events.to_csv() == Path(path).read_text(encoding="utf-8")


def test_negative_numbers_stay_numbers_in_csv(lab: Lab) -> None:
    lab.refresh()
    assert lab.sql("SELECT -1 AS n, '-1' AS t, '@x' AS a, '+x' AS p").to_csv() == "n,t,a,p\n-1,'-1,'@x,'+x\n"


def test_json_and_parquet_hold_all_rows(events: Result, tmp_path: Path) -> None:
    rows = json.loads(events.to_json(tmp_path / "events.json").read_text())
    assert (len(rows), rows[0]["start"], rows[0]["confidence"]) == (25, "2026-10-25T01:30:00.250000+00:00", None)
    table = pq.read_table(events.to_parquet(tmp_path / "events.parquet"))
    assert table.num_rows == 25
    about = json.loads(table.schema.metadata[b"omnisight"])
    assert (about["query"], about["zone"], about["rows"]) == ("events", "Europe/Berlin", 25)
    assert about["from"] == "2026-10-24T22:00:00+00:00"


def test_a_file_that_cannot_be_written_leaves_nothing(events: Result, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="can't be written: No such file"):
        events.to_csv(tmp_path / "none" / "events.csv")
    (tmp_path / "taken").mkdir()
    with pytest.raises(StorageError, match="can't be written"):
        events.to_parquet(tmp_path / "taken")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_table_says_zone_window_age_and_what_it_leaves_out(events: Result) -> None:
    text = repr(events)
    assert "2026-10-25 02:30:00 +01:00" in text
    assert "[s]" not in text, "the unit is in the name already"
    for part in (
        "events · 25 rows",
        "2026-10-25 00:00 to 2026-10-26 00:00",
        "Europe/Berlin",
        "first 20 shown",
    ):
        assert part in text.replace("\n", " ")
    assert re.search(r"data \d+ s old", text)
    page = events._repr_html_()
    assert "<b>@bold" not in page
    assert "&lt;b&gt;@bold&lt;/b&gt;" in page
    assert page.count("<tr>") == 21


def test_units_are_declared(lab: Lab) -> None:
    assert lab.activity().units["rate"] == "1/h"
    assert lab.storage().units["bytes"] == "B"
    assert "live" in lab.storage(engine="postgres").caption()


def test_a_result_carries_its_sql(events: Result, lab: Lab) -> None:
    assert 'FROM "lab"."events"' in events.sql
    assert lab.engine().fetch_sql(events.sql).num_rows == 25


def test_sql_sees_the_mirror(events: Result, lab: Lab) -> None:
    found = lab.sql(
        "WITH e AS (SELECT label FROM events) SELECT label, count(*) AS n FROM e GROUP BY 1 ORDER BY n DESC;"
    )
    assert found.rows() == [{"label": "car", "n": 24}, {"label": "<b>@bold</b>", "n": 1}]
    assert found.count() == 2
    assert list(found.page(1, 1)["n"]) == [1]
    assert "sql · 2 rows" in repr(found)
    assert "sql · 1 row · UTC · data" in repr(lab.sql("SELECT 1 AS a")), "the caption is wider than the table"
    assert lab.sql("SELECT start_time FROM events ORDER BY 1 DESC -- newest").rows()[0]["start_time"].tzinfo is not None
    assert lab.sql("FROM cameras").count() == 1


def test_json_has_no_number_that_json_lacks(lab: Lab, tmp_path: Path) -> None:
    numbers = lab.sql("SELECT 1 / 0 AS endless, 'nan'::double AS none, 0.5::double AS half")
    assert json.loads(numbers.to_json(tmp_path / "n.json").read_text(), parse_constant=pytest.fail) == numbers.rows()
    assert numbers.rows() == [{"endless": None, "none": None, "half": 0.5}]


REFUSED = (
    "",
    "SELECT 1; SELECT 2",
    "COPY (SELECT 1) TO '/tmp/x.csv'",
    "CREATE TABLE x AS SELECT 1",
    "INSERT INTO lab.events SELECT * FROM lab.events",
    "DROP VIEW lab.events",
    "ATTACH '/tmp/x.db'",
    "INSTALL httpfs",
    "SET memory_limit = '90GB'",
    "PRAGMA database_list",
    "CALL pragma_version()",
    "EXPORT DATABASE '/tmp/x'",
)


def test_sql_takes_one_select(lab: Lab) -> None:
    for statement in REFUSED:
        with pytest.raises(QueryError, match="takes one SELECT and nothing else"):
            lab.sql(statement)


OUTSIDE = (
    "read_text('/etc/passwd')",
    "read_csv('/etc/passwd')",
    "read_parquet('/tmp/*.parquet')",
    "glob('/etc/*')",
    "'/etc/passwd'",
    "read_text('{mirror}/../../../../../../../../etc/passwd')",
    "'https://example.org/x.parquet'",
    "sniff_csv('/etc/passwd')",
)


def test_sql_reads_nothing_else(lab: Lab) -> None:
    lab.refresh()
    for source in OUTSIDE:
        with pytest.raises(QueryError, match=r"no other file or address|does not exist"):
            lab.sql(f"SELECT * FROM {source.format(mirror=lab.paths.mirror)}").arrow()


def test_sql_ends_in_time(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omnisight_lab.lab.SQL_SECONDS", 0.3)
    lab.refresh()
    with pytest.raises(QueryError, match=r"stopped after 0\.3 seconds"):
        lab.sql("SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range % 7 = b.range % 11").arrow()


def test_sql_that_fails_is_said_in_one_line(lab: Lab) -> None:
    with pytest.raises(QueryError, match="can't be read: Parser Error"):
        lab.sql("SELEKT 1")
    with pytest.raises(QueryError, match="Table with name evnts does not exist") as told:
        lab.sql("SELECT * FROM evnts")
    assert "\n" not in str(told.value)
    with pytest.raises(QueryError, match="takes the text of one SELECT"):
        lab.sql(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("end", ["", ";", " ;; ", "; -- ä", " -- ä;", "/* ; */ ;"])
def test_sql_may_end_as_people_end_it(lab: Lab, end: str) -> None:
    assert lab.sql("SELECT 'ä;' AS a" + end).rows() == [{"a": "ä;"}]


def test_sql_gives_plain_numbers(lab: Lab, tmp_path: Path) -> None:
    found = lab.sql("SELECT sum(x) AS n, 1.5 AS d, sum(x) * 10::HUGEINT ** 20 AS much FROM (SELECT 7 AS x)")
    assert found.rows() == [{"n": 7, "d": 1.5, "much": 7e20}]
    assert json.loads(found.to_json(tmp_path / "n.json").read_text()) == found.rows()


def test_sql_is_in_utc_wherever_the_machine_stands(lab: Lab) -> None:
    lab.refresh()
    code = f"""
from pathlib import Path
from omnisight_lab.analytics import manifest
from omnisight_lab.analytics.engines import DuckDBEngine
from omnisight_lab.analytics.store import open_store
root = Path({str(lab.paths.mirror)!r})
store = open_store(root)
print(DuckDBEngine(store, manifest.read(store)).fetch_sql("SELECT current_setting('TimeZone') AS zone").to_pylist())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env={"TZ": "Asia/Tokyo"}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[{'zone': 'UTC'}]\n"


def test_names_are_no_markup_on_the_terminal(site: Site, lab: Lab) -> None:
    site.event(site.camera("[/x] [red]gate"), "2026-10-20T12:00")
    lab.refresh()
    assert "[/x] [red]gate" in repr(lab.events("2026-10-20", "2026-10-21"))


def test_a_damaged_mirror_is_said(events: Result, lab: Lab) -> None:
    for path in lab.paths.mirror.glob("detected_events/**/*.parquet"):
        path.unlink()
    with pytest.raises(MirrorError, match="run `omnisight mirror refresh`"):
        events.df()
    with pytest.raises(MirrorError):
        events.to_json(lab.paths.home / "events.json")
    assert [path.name for path in lab.paths.home.iterdir()] == ["mirror"]
