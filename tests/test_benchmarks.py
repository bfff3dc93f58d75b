"""The benchmarks run, on a site of two days: what they print is for machines that do nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from operator import mul
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import text

from benchmarks import generate, growth, mirror, peers, queries
from benchmarks.table import in_child, require_equal
from omnisight_lab.db.session import Database
from tests.homes import new_home

NAMES = ("activity", "events")


@pytest.fixture(scope="module")
def cache() -> Iterator[Path]:
    """A cache with what an interrupted generation leaves behind."""
    with new_home() as home, pytest.MonkeyPatch.context() as patch:
        patch.setattr(generate, "CACHE", home)
        part = home / "generated_tiny.part" / "database"
        part.mkdir(parents=True)
        (part / "password").write_text("of a database that was never finished")
        yield home


def counted(database: Database) -> dict[str, int]:
    tables = ('"Camera"', '"Segment"', '"Event"', '"DetectedObject"', "lab.gap", "lab.verdicts", "lab.zone")
    with database.engine.connect() as connection:
        return {name: connection.scalar(text(f"SELECT count(*) FROM {name}")) or 0 for name in tables}


def test_a_generated_site_is_made_once_and_has_all_that_queries_ask_for(cache: Path) -> None:
    with generate.generated("tiny") as (database, _):
        found = counted(database)
        with database.engine.begin() as connection:
            connection.execute(text("CREATE TABLE lab.kept ()"))
            broken = connection.scalar(text("SELECT count(*) FROM pg_constraint WHERE NOT convalidated"))
            indexes = connection.scalar(text("SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'omnisight%'"))
    size = generate.SIZES["tiny"]
    assert found['"Camera"'] == size.cameras
    assert 0.8 < found['"Segment"'] / (size.cameras * size.slots * size.days) <= 1
    assert 0.8 < found['"Event"'] / (size.events_a_day * size.days) <= 1
    assert found['"DetectedObject"'] == pytest.approx(3 * found['"Event"'], rel=0.1)
    assert found["lab.gap"] and found["lab.verdicts"] and found["lab.zone"] == 2 * size.cameras
    assert (broken, indexes) == (0, 8)
    assert not (cache / "generated_tiny.part").exists()
    with generate.generated("tiny") as (database, _), database.engine.connect() as connection:
        assert connection.scalar(text("SELECT to_regclass('lab.kept')")) is not None


def test_the_catalogue_is_measured_on_both_engines(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    queries.run("tiny", NAMES)
    printed = capsys.readouterr().out
    assert all(printed.count(name) == 2 for name in NAMES)  # seconds, and memory


def test_answers_by_hand_are_ours(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    peers.run("tiny")
    assert "spatial_heatmap" in capsys.readouterr().out


def test_the_mirror_is_measured_and_left_as_it_was(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with generate.generated("tiny") as (database, _):
        before = counted(database)
    mirror.run("tiny")
    with generate.generated("tiny") as (database, _):
        assert counted(database) == before
    assert "1000 new rows" in capsys.readouterr().out


def test_growth_is_measured(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    growth.run("tiny", NAMES)
    assert "exponent" in capsys.readouterr().out


def test_memory_is_that_of_the_work_alone() -> None:
    ballast = b"x" * 900_000_000
    little, much = (in_child(mul, b"x", size).peak for size in (1, 200_000_000))
    assert much - little == pytest.approx(2e8, rel=0.1)
    assert much < len(ballast)


@pytest.mark.parametrize(
    ("theirs", "differs"),
    [
        ({"n": [1, None], "x": [1.0, None]}, None),
        ({"n": [1, None], "x": [1.0 + 1e-12, None]}, None),
        ({"n": [1, None], "x": [1.0 + 1e-6, None]}, "1 of 2 x"),
        ({"n": [1, 2], "x": [1.0, None]}, "1 of 2 n"),
        ({"n": [1], "x": [1.0]}, "2 rows against 1"),
    ],
)
def test_answers_are_compared_row_by_row(theirs: dict[str, list[float | None]], differs: str | None) -> None:
    ours = pa.table({"n": [1, None], "x": [1.0, None]})
    if differs is None:
        require_equal(ours, pa.table(theirs))
        return
    with pytest.raises(AssertionError, match=differs):
        require_equal(ours, pa.table(theirs))
