"""`omnisight query` and `omnisight mirror`, as they are typed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from omnisight_lab.analytics import catalogue
from omnisight_lab.cli import main
from omnisight_lab.db.session import Database
from tests.analytics.conftest import Site
from tests.asker import add_asker

ALWAYS = ("--from", "2000-01-01T00:00:00+00:00", "--to", "2100-01-01T00:00:00+00:00")

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Typed:
    """Runs `omnisight …` on the test's database; exit code, stdout, stderr."""
    add_asker(database)
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setenv("OMNISIGHT_HOME", str(tmp_path / "home"))

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["omnisight", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        code = ended.value.code
        return int(code or 0), said.out, said.err

    return run


@pytest.fixture
def yard(database: Database) -> Site:
    site = Site(database)
    camera = site.camera("yard", "Europe/Berlin")
    site.expect(camera, "2026-10-24T22:00", "2026-10-25T23:00")
    site.footage(camera, "2026-10-24T22:00", "2026-10-25T22:30")
    site.events(camera, "2026-10-25T00:00", "2026-10-25T02:00", 120)
    return site


def test_activity_agrees_with_sql_through_the_end_of_summer_time(yard: Site, typed: Typed) -> None:
    found = {
        engine: typed("query", "activity", "--engine", engine, "--format", "json", *ALWAYS)
        for engine in ("duckdb", "postgres")
    }
    assert found["duckdb"][0] == found["postgres"][0] == 0
    rows = json.loads(found["duckdb"][1])
    assert rows == json.loads(found["postgres"][1])
    assert len(rows) == 25
    with yard.database.engine.connect() as connection:
        counted = connection.exec_driver_sql(
            """SELECT date_trunc('hour', "timestamp" AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin'), count(*)
               FROM "Event" GROUP BY 1"""
        )
        by_sql = {f"{hour:%Y-%m-%dT%H:%M:%S}": count for hour, count in counted}
    by_us: dict[str, int] = {}
    for row in rows:
        if row["events"]:
            by_us[row["hour"][:19]] = by_us.get(row["hour"][:19], 0) + row["events"]
    assert by_us == by_sql == {"2026-10-25T02:00:00": 60}
    assert [row["hour"] for row in rows if row["events"]] == ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"]
    assert rows[-1]["recorded_hours"] == 0.5


def test_formats(yard: Site, typed: Typed, tmp_path: Path) -> None:
    code, out, said = typed("query", "storage", *ALWAYS, "--format", "csv")
    assert (code, out.splitlines()[0]) == (0, "camera_id,camera,day,codec,segments,bytes,hours")
    assert "storage · 1 row" in said
    code, out, said = typed("query", "coverage", *ALWAYS)
    assert (code, "yard" in out) == (0, True)
    for form in ("csv", "json", "parquet"):
        path = tmp_path / f"out.{form}"
        code, out, said = typed("query", "activity", *ALWAYS, "--format", form, "--out", str(path))
        assert (code, out, path.stat().st_size > 500) == (0, "", True)
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 25
    assert len(json.loads((tmp_path / "out.json").read_text())) == 25


def test_the_ending_of_a_file_says_its_format(yard: Site, typed: Typed, tmp_path: Path) -> None:
    for form in ("csv", "json", "parquet"):
        assert typed("query", "activity", *ALWAYS, "--out", str(tmp_path / f"ending.{form}"))[0] == 0
    assert pq.read_table(tmp_path / "ending.parquet").num_rows == 25
    assert len(json.loads((tmp_path / "ending.json").read_text())) == 25
    assert (tmp_path / "ending.csv").read_text().startswith("camera_id,camera,hour")


def test_parameters_and_zone(yard: Site, typed: Typed) -> None:
    code, out, said = typed(
        "query", "activity", "-p", "labels=person", "--tz", "Asia/Kathmandu", "--camera", "yard", "--json", *ALWAYS
    )
    assert code == 0
    assert sum(row["events"] for row in json.loads(out)) == 0
    assert "Asia/Kathmandu" in said


def test_the_list_names_queries_parameters_and_columns(typed: Typed) -> None:
    code, out, _ = typed("query", "--list", "--json")
    described = {query["name"]: query for query in json.loads(out)}
    assert code == 0
    assert {"activity", "detections", "coverage", "gaps", "storage", "events"} <= set(described)
    assert {column["name"]: column["unit"] for column in described["activity"]["columns"]}["rate"] == "1/h"
    code, out, _ = typed("query", "--list")
    assert (code, "min_confidence" in out) == (0, True)


def test_the_list_is_by_theme_and_the_page_is_made_of_it(typed: Typed) -> None:
    code, out, _ = typed("query", "--list")
    lines = out.splitlines()
    assert (code, lines[0].split()[:2]) == (0, ["theme", "query"])
    assert [line.split()[0] for line in lines if not line.startswith(" ")][1:4] == ["Activity", "Baseline", "Coverage"]
    code, out, _ = typed("query", "--list", "--markdown")
    assert (code, out) == (0, catalogue.markdown())


def test_a_query_is_described(typed: Typed) -> None:
    code, out, _ = typed("query", "activity", "--describe")
    assert code == 0
    for part in ("by: what to group by", "(default: camera,hour)", "rate_low: lower limit", "gap: "):
        assert part in out
    assert "engine" not in out, "options say that"
    code, out, _ = typed("query", "activity", "--describe", "--json")
    assert (code, json.loads(out)["theme"], json.loads(out)["name"]) == (0, "Activity", "activity")


def test_grouping_and_choosing_as_it_is_typed(yard: Site, typed: Typed) -> None:
    words = ("-p", "by=camera,day", "-p", "where=weekday=6,7", "--json", *ALWAYS)
    code, out, _ = typed("query", "activity", *words)
    assert code == 0
    assert [(row["camera"], row["day"], row["events"]) for row in json.loads(out)] == [("yard", "2026-10-25", 60)]
    code, out, _ = typed("query", "activity", "-p", "by=camera", *ALWAYS)
    assert re.search(r"2\.45 \(1\.87 to 3\.15\)", out), "the interval stands in the cell of its rate"


COMPLETIONS = [
    ("query act", {"activity"}),
    ("query activity -p g", {"gap="}),
    ("query activity -p by=camera,week", {"by=camera,week", "by=camera,weekday"}),
    ("query nix -p g", set()),
]


@pytest.mark.parametrize(("line", "expected"), COMPLETIONS)
def test_the_shell_completes_queries_and_parameters(line: str, expected: set[str]) -> None:
    typed = f"omnisight {line}"
    environment = {
        **os.environ,
        "_OMNISIGHT_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    command = Path(sys.executable).parent / "omnisight"
    done = subprocess.run([command], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert set(done.stdout.split()) == expected


WRONG = [
    (("activty",), "there is no query 'activty'; did you mean 'activity'?"),
    ((), "which query?"),
    (("activity", "-p", "lables=car"), "there is no parameter of activity 'lables'"),
    (("activity", "-p", "labels"), "-p takes KEY=VALUE, not 'labels'"),
    (("activity", "-p", "min_confidence=high"), "parameter min_confidence: 'high' is no number"),
    (("activity", "--from", "2026-10-02", "--to", "2026-10-01"), "before it starts"),
    (("activity", "--from", "2026-10-02T10:00"), "has no time zone"),
    (("activity", "--to", "noon"), "'noon' is no time"),
    (("activity", "--tz", "Mars/Phobos"), "there is no time zone"),
    (("activity", "--camera", "nix"), "there is no camera 'nix'"),
    (("activity", "--engine", "pandas"), "there is no engine 'pandas'"),
    (("activity", "--format", "xml"), "there is no format 'xml'"),
    (("activity", "--format", "parquet"), "add --out FILE"),
    (("activity", "--out", "rates.xlsx"), "'rates.xlsx' ends in no format; add --format csv, json or parquet"),
    (("activity", "-p", "by=label", "-p", "by=camera"), "by is given twice; write -p by=…,…"),
    (("storage", "-p", "by=day"), "storage takes no parameters, so no 'by'"),
    (("activity", "--as", ""), "--as needs a name"),
    (("activity", "--from", "0001-01-01"), "before the year 1900 or after the year 2200"),
    (("activity", "--to", "9999-12-31"), "before the year 1900 or after the year 2200"),
]


def test_used_wrongly(typed: Typed) -> None:
    for words, said in WRONG:
        code, out, err = typed("query", *words)
        assert (code, out) == (2, ""), words
        assert said in err
        assert err.count("\n") == 1


def test_a_database_that_is_down(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:geheim-7@127.0.0.1:1/none")
    code, out, err = typed("query", "activity")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "geheim-7" not in err


def test_the_mirror_by_hand(yard: Site, typed: Typed) -> None:
    code, out, _ = typed("mirror", "status", "--json")
    assert (code, json.loads(out)["snapshot"]) == (0, None)
    code, out, _ = typed("mirror", "refresh", "--json")
    assert (code, json.loads(out)["mirror"]["rows"]["detected_events"]) == (0, 60)
    code, out, _ = typed("mirror", "refresh", "--json")
    assert (code, json.loads(out)["rows_read"]) == (0, 0)
    code, out, said = typed("mirror", "rebuild")
    assert (code, "100 %" in said) == (0, True)
    code, out, _ = typed("mirror", "status")
    assert (code, "events" in out) == (0, True)


def test_the_mirror_is_proven_equal_or_not(yard: Site, typed: Typed) -> None:
    code, _, said = typed("mirror", "verify")
    assert (code, "no mirror" in said, said.count("\n")) == (1, True, 1)
    typed("mirror", "refresh")
    code, out, said = typed("mirror", "verify", "--json")
    assert (code, json.loads(out)["differing"], json.loads(out)["days"]) == (0, 0, [])
    assert "are equal" in said
    yard.run("""UPDATE "Event" SET confidence = 0.25""")  # without a new updatedAt
    code, out, said = typed("mirror", "verify")
    assert (code, "detected_events" in out, said.count("\n")) == (1, True, 1)
    assert "1 of " in said
    assert "omnisight mirror rebuild" in said
    code, out, _ = typed("mirror", "verify", "--json", "--day", "2026-10-24")
    assert (code, json.loads(out)["days"]) == (0, [])
    code, _, said = typed("mirror", "verify", "--day", "yesterday")
    assert (code, "--day takes" in said) == (2, True)
    yard.run("""UPDATE "Event" SET "updatedAt" = now()""")
    code, out, said = typed("mirror", "verify", "--json")
    assert (code, [day["state"] for day in json.loads(out)["days"]]) == (0, ["behind"])
    assert "have changed since" in said
