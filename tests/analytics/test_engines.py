"""Engines over the mirror's files: what their views show, what they cost, and what analysts' SQL can't do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import ibis
import pyarrow as pa
import pytest

from omnisight_lab.access import accounts
from omnisight_lab.analytics.engines import DuckDBEngine, SparkEngine, compiled
from omnisight_lab.analytics.manifest import Manifest
from omnisight_lab.analytics.tables import LOGICAL, TABLES, visible
from omnisight_lab.db import reads, writes
from omnisight_lab.db.lab_models import Verdict
from omnisight_lab.db.models import UserRole
from omnisight_lab.errors import MirrorError, QueryError, UnknownName
from omnisight_lab.lab import Lab
from tests import needs
from tests.analytics.conftest import Site, lab_of_a_module
from tests.conftest import DatabaseMaker


@pytest.fixture(scope="module")
def judged(database_maker: DatabaseMaker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Two cameras with an event each; that of `gate` is relabelled."""
    with lab_of_a_module(database_maker, tmp_path_factory) as lab:
        fill(Site(lab.database))
        lab.refresh()
        yield lab


def fill(site: Site) -> None:
    event = site.event(site.camera("gate", "Europe/Berlin"), "2026-10-20T12:00", tracks=("1",))
    site.event(site.camera("yard", "Asia/Kathmandu"), "2026-10-20T13:00", tracks=("1", "2"))
    site.add(Verdict(event_id=event, verdict="relabel", label="van"))


def duckdb_of(lab: Lab, cameras: tuple[str, ...] | None = None) -> DuckDBEngine:
    return DuckDBEngine(lab.mirror.store, manifest_of(lab), cameras)


def manifest_of(lab: Lab) -> Manifest:
    manifest = lab.mirror.manifest()
    assert manifest
    return manifest


def test_views_show_the_verdict_and_the_local_time(judged: Lab) -> None:
    sql = "SELECT camera_id, label, detected_label, verdict, local_time::text AS local FROM events ORDER BY 1"
    want = [
        {
            "camera_id": "gate",
            "label": "van",
            "detected_label": "car",
            "verdict": "relabel",
            "local": "2026-10-20 14:00:00",
        },
        {
            "camera_id": "yard",
            "label": "car",
            "detected_label": "car",
            "verdict": None,
            "local": "2026-10-20 18:45:00",
        },
    ]
    assert judged.sql(sql).rows() == want
    assert judged.sql(f"SELECT DISTINCT * FROM ({sql.replace('events', 'objects')})").count() == 2


@pytest.mark.parametrize("name", LOGICAL)
def test_columns_are_as_declared(judged: Lab, name: str) -> None:
    columns = judged.engine().fetch_sql(f"SELECT * FROM {name}").schema
    assert columns == TABLES.__dict__[name].schema().to_pyarrow()


def test_what_is_not_asked_for_is_not_joined(judged: Lab) -> None:
    engine = judged.engine()
    for table in ("events", "objects"):
        plan = engine.fetch_sql(f"EXPLAIN SELECT camera_id, count(*) FROM {table} GROUP BY 1").to_pylist()
        assert "Read Parquet" in str(plan)
        assert "Join" not in str(plan)
        assert "Join" in str(engine.fetch_sql(f"EXPLAIN SELECT DISTINCT label FROM {table}").to_pylist())


def test_postgres_sorts_text_as_the_mirror_does(site: Site, lab: Lab) -> None:
    """By its bytes, whatever the database's collation: in most of them b comes before C."""
    for name in ("b", "C", "a"):
        site.camera(name)
    live = lab.coverage(engine="postgres")
    assert [row for n in range(3) for row in live.page(n, limit=1)["camera"]] == ["C", "a", "b"]
    cameras = TABLES.cameras
    sorted_by_all = cameras.order_by(cameras.name, ibis.desc("created_at"), ibis.row_number().over(order_by="id"))
    sql = compiled(sorted_by_all, "postgres")
    assert sql.count('COLLATE "C"') == 2
    assert '"name" COLLATE "C" ASC' in sql


def test_memory_has_a_limit(judged: Lab) -> None:
    limit = duckdb_of(judged).fetch_sql("SELECT current_setting('memory_limit') AS bytes")["bytes"][0].as_py()
    assert limit == "953.6 MiB"  # 1 GB


def test_without_verdicts_a_label_is_looked_for_in_the_files(site: Site, lab: Lab) -> None:
    site.event(site.camera("gate"), "2026-10-20T12:00")
    plan = str(lab.engine().fetch_sql("EXPLAIN SELECT camera_id FROM events WHERE label = 'car'").to_pylist())
    assert "Join" not in plan


@pytest.mark.parametrize(
    ("make", "cameras", "tables"),
    [
        (DuckDBEngine, ("yard",), tuple(LOGICAL)),
        (DuckDBEngine, ("gate", "it's"), tuple(LOGICAL)),
        (DuckDBEngine, (), tuple(LOGICAL)),
        pytest.param(SparkEngine, ("yard",), ("events", "policies"), marks=needs.spark),
    ],
)
def test_an_engine_of_some_cameras_shows_what_they_may_see(
    judged: Lab, make: Callable[..., Any], cameras: tuple[str, ...], tables: tuple[str, ...]
) -> None:
    engine, whole = make(judged.mirror.store, manifest_of(judged), cameras), duckdb_of(judged)
    allowed = vars(visible(TABLES, cameras))
    for name in tables:
        assert _rows(engine.fetch(TABLES.__dict__[name])) == _rows(whole.fetch(allowed[name])), name


def _rows(table: pa.Table) -> list[str]:
    return sorted(map(str, table.to_pylist()))


SELECT_ONLY = "takes one SELECT and nothing else"
REFUSED = "is refused"
ATTACKS = {
    "WITH x AS (COPY (SELECT 1) TO '{mirror}/x.csv') SELECT * FROM x": SELECT_ONLY,
    "WITH x AS (COPY (SELECT 1 AS a) TO '{mirror}/.spill/x.parquet') SELECT 1": SELECT_ONLY,
    "WITH x AS (INSERT INTO lab.events SELECT * FROM events RETURNING id) SELECT * FROM x": SELECT_ONLY,
    "WITH x AS (DELETE FROM lab.events RETURNING id) SELECT * FROM x": SELECT_ONLY,
    "SELECT * FROM (WITH x AS (COPY (SELECT 1) TO '{mirror}/x.csv') FROM x)": SELECT_ONLY,
    "SELECT 1; SELECT 2": SELECT_ONLY,
    "EXPLAIN ANALYZE SELECT 1": SELECT_ONLY,
    "PREPARE x AS SELECT 1": SELECT_ONLY,
    "EXECUTE x": SELECT_ONLY,
    "SET threads = 64": SELECT_ONLY,
    "RESET memory_limit": SELECT_ONLY,
    "PRAGMA enable_profiling": SELECT_ONLY,
    "LOAD httpfs": SELECT_ONLY,
    "INSTALL httpfs": SELECT_ONLY,
    "ATTACH ':memory:' AS other": SELECT_ONLY,
    "USE memory.main": SELECT_ONLY,
    "CREATE SECRET s (TYPE s3)": SELECT_ONLY,
    "VACUUM": SELECT_ONLY,
    "SELECT * FROM read_text('/etc/passwd')": REFUSED,
    "SELECT * FROM read_csv('/etc/passwd')": REFUSED,
    "SELECT * FROM read_blob('/proc/self/environ')": REFUSED,
    "SELECT * FROM read_json_auto('/etc/hostname')": REFUSED,
    "SELECT * FROM glob('{mirror}/*')": REFUSED,
    "SELECT * FROM read_parquet('{file}')": REFUSED,
    "SELECT * FROM parquet_metadata('{file}')": REFUSED,
    "SELECT * FROM '{file}'": REFUSED,
    'DESCRIBE "{file}"': REFUSED,
    'WITH "{file}" AS (SELECT 1) SELECT (SELECT 1 FROM "{file}")': REFUSED,
    "SELECT * FROM query('SELECT * FROM events')": REFUSED,
    "SELECT * FROM query_table('events')": REFUSED,
    "SELECT * FROM json_execute_serialized_sql('x')": REFUSED,
    "SELECT (SELECT count(*) FROM glob('*'))": REFUSED,
    "SELECT 1 ORDER BY (SELECT content FROM read_text('/etc/passwd'))": REFUSED,
    "SELECT [x FOR x IN [1] IF (SELECT count(*) FROM glob('*')) > 0]": REFUSED,
    "SELECT * FROM duckdb_secrets()": REFUSED,
    "SELECT * FROM duckdb_settings()": REFUSED,
    "SELECT * FROM checkpoint()": REFUSED,
    "SELECT * FROM enable_logging()": REFUSED,
    "SELECT * FROM sniff_csv('/etc/passwd')": REFUSED,
    "SELECT * FROM 'https://example.org/x.parquet'": REFUSED,
    "SELECT * FROM 's3://bucket/x.parquet'": REFUSED,
    "SELECT write_log('x')": REFUSED,
    "SELECT 'x'.write_log()": REFUSED,
    "SELECT nextval('s')": REFUSED,
    "SELECT sleep_ms(100000)": REFUSED,
    "SELECT * FROM pg_catalog.pg_class": "does not exist",
    "SELECT * FROM other.lab.events": "does not exist",
    "SELECT * FROM local_rows": "does not exist",
    "SELECT getenv('HOME')": "does not exist",
    "SELECT * FROM events WHERE id = $1": "the query failed",
    "SELECT " + "(SELECT " * 300 + "1" + ")" * 300: "nested too deeply",
}


@pytest.fixture(scope="module")
def analysts(database_maker: DatabaseMaker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Lab]]:
    """The lab of somebody who may see everything, and of somebody who may see one of two cameras."""
    with lab_of_a_module(database_maker, tmp_path_factory) as lab:
        site = Site(lab.database)
        for camera in ("gate", "yard"):
            site.event(site.camera(camera), "2026-10-20T12:00", tracks=("1",))
        accounts.add_user(lab.database, "bob", role=UserRole.USER)
        with lab.database.session() as session:
            bob = reads.user_by_name(session, "bob")
        writes.set_rights(lab.database, bob.id, ["gate"])
        lab.refresh()
        yield {"all": lab, "gate": lab.as_user(bob)}


@pytest.mark.parametrize("statement", ATTACKS)
def test_analysts_sql_reads_tables_and_nothing_else(analysts: dict[str, Lab], statement: str) -> None:
    local_rows = pa.table({"secret": [1]})
    mirror = analysts["all"].paths.mirror
    before, file = set(mirror.rglob("*")), next(mirror.rglob("*.parquet"))
    sql = statement.replace("{mirror}", str(mirror)).replace("{file}", str(file))
    for lab in analysts.values():
        with pytest.raises(QueryError, match=ATTACKS[statement]):
            lab.sql(sql).arrow()
    assert set(mirror.rglob("*")) == before
    assert local_rows.num_rows == 1


ALLOWED = {
    "SELECT * FROM events": (2, 1),
    "FROM memory.lab.Events": (2, 1),
    "WITH e AS (FROM events), f AS (FROM e) SELECT * FROM f": (2, 1),
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT * FROM t": (3, 3),
    "SELECT * FROM generate_series(1, 4) t(n), unnest([1, 2]) u(m)": (8, 8),
    "SELECT * FROM cameras UNION ALL BY NAME SELECT * FROM cameras": (4, 2),
    "SELECT e.id FROM events e JOIN objects o ON o.event_id = e.id WHERE o.confidence > 0.1": (2, 1),
    "SELECT id FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM events) WHERE n <= 2": (2, 1),
    "SELECT * FROM (VALUES (1), (2)) v(x)": (2, 2),
    "DESCRIBE events": (len(LOGICAL["events"].columns),) * 2,
    "SELECT DISTINCT table_name FROM information_schema.tables": (len(LOGICAL),) * 2,
    "SELECT * FROM json_each('[1, 2, 3]')": (3, 3),
}


@pytest.mark.parametrize("statement", ALLOWED)
def test_analysts_sql_may_be_any_select_over_tables(analysts: dict[str, Lab], statement: str) -> None:
    assert tuple(lab.sql(statement).arrow().num_rows for lab in analysts.values()) == ALLOWED[statement]


LOCKED = (
    "SET threads = 64",
    "SET GLOBAL memory_limit = '1TB'",
    "SET enable_external_access = true",
    "RESET allowed_paths",
    "COPY (SELECT 1) TO '{mirror}/x.csv'",
    "COPY (SELECT 1) TO '{file}'",
    "SELECT * FROM read_text('{mirror}/manifest.json')",
    "SELECT * FROM read_text('/etc/passwd')",
    "ATTACH '{mirror}/x.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "FROM local_rows",
)


@pytest.mark.parametrize("statement", LOCKED)
def test_a_locked_connection_refuses_it_too(analysts: dict[str, Lab], statement: str) -> None:
    local_rows = pa.table({"secret": [1]})
    lab = analysts["all"]
    engine, mirror = duckdb_of(lab), lab.paths.mirror
    engine.lock_down("1GB", threads=1)
    file = next(mirror.rglob("*.parquet"))
    with pytest.raises(QueryError):
        engine.fetch_sql(statement.replace("{mirror}", str(mirror)).replace("{file}", str(file)))
    assert not list(mirror.glob("x.*"))
    assert local_rows.num_rows == engine.fetch_sql("SELECT DISTINCT label FROM events").num_rows


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT range, repeat('x', 100) FROM range(100000)", r"larger than 0\.001 GB; ask for fewer rows or columns"),
        ("SELECT list(range) FROM range(50000000)", "Out of Memory"),
    ],
)
def test_answers_are_limited(analysts: dict[str, Lab], sql: str, why: str) -> None:
    engine = duckdb_of(analysts["all"])
    engine.lock_down("50MB", threads=1, largest=1_000_000)
    with pytest.raises(QueryError, match=why):
        engine.fetch_sql(sql, seconds=60)
    assert engine.fetch_sql("SELECT * FROM range(1000)").num_rows == 1000


@needs.spark
def test_spark_says_in_one_line_what_is_wrong(site: Site, lab: Lab) -> None:
    fill(site)
    lab.refresh()
    engine = lab.engine("spark")
    assert engine.fetch_sql("SELECT * FROM events").num_rows == 2
    with pytest.raises(QueryError, match=r"the query failed: .*nothing_there") as told:
        engine.fetch_sql("SELECT * FROM nothing_there")
    assert "\n" not in str(told.value)
    for file in lab.paths.mirror.rglob("*.parquet"):
        file.write_bytes(b"")
    with pytest.raises(MirrorError, match="run `omnisight mirror refresh`"):
        engine.fetch_sql("SELECT * FROM events")


@pytest.mark.parametrize(
    ("spoil", "missing"),
    [
        ("sys.modules['pyspark'] = None", "needs PySpark: pip install 'omnisight-lab[spark]'"),
        ("os.environ.update(PATH='', JAVA_HOME='')", "needs Java 17 or newer"),
    ],
)
def test_spark_names_what_is_not_installed(spoil: str, missing: str) -> None:
    if "Java" in missing and not needs.HAS_SPARK:
        pytest.skip("needs the extra spark and Debian's default-jre-headless")
    code = f"""
import os, sys
{spoil}
from omnisight_lab.analytics.engines.spark import _new_session
_new_session()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert missing in done.stderr.splitlines()[-1]


def test_an_unknown_engine_is_named_with_the_others(lab: Lab) -> None:
    with pytest.raises(UnknownName, match="duckdb, postgres, spark"):
        lab.engine("trino")
