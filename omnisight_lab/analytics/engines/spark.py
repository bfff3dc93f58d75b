"""Spark as an engine: the same files of the mirror, for sites whose mirror outgrows one machine (extra `spark`)."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa

from omnisight_lab.analytics.engines.base import addresses, compiled, damaged, seen, typed
from omnisight_lab.analytics.manifest import Manifest
from omnisight_lab.analytics.store import Store
from omnisight_lab.analytics.tables import LOGICAL, SCHEMA, STORED
from omnisight_lab.errors import QueryError, UsageError

TYPES = {
    "string": "STRING",
    "timestamp": "TIMESTAMP_NTZ",
    "float64": "DOUBLE",
    "int64": "BIGINT",
    "boolean": "BOOLEAN",
}
LAUNCH = {
    "spark.app.name": "OmniSight Lab",
    "spark.master": "local[*]",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "2g",
    "spark.sql.shuffle.partitions": "4",
    "spark.ui.enabled": "false",
}
"""How a JVM of our own is started; one that the process has already, of a notebook on a cluster, is used as it is."""
SESSION = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
}
LOCAL_TIME = """
CREATE TEMPORARY FUNCTION local_time(zone STRING, utc TIMESTAMP_NTZ) RETURNS TIMESTAMP_NTZ
RETURN CAST(from_utc_timestamp(CAST(utc AS TIMESTAMP), zone) AS TIMESTAMP_NTZ)
"""
JAVA = "the engine spark needs Java 17 or newer: install Debian's default-jre-headless, or set JAVA_HOME"
ZONE_OF = """
CREATE TEMPORARY FUNCTION zone_of(camera STRING) RETURNS STRING
RETURN (SELECT any_value(c.timezone) FROM cameras c WHERE c.id = camera)
"""
DAMAGED = ("FAILED_READ_FILE", "PATH_NOT_FOUND", "FileNotFoundException")
_starting = threading.Lock()


class SparkEngine:
    """Spark over the files of one generation of the mirror, in one JVM a process; safe to use from several threads.

    `cameras`: the only ones (ids) whose rows it has; None: all.
    """

    name = "spark"

    def __init__(self, store: Store, manifest: Manifest, cameras: tuple[str, ...] | None = None) -> None:
        self.store, self.generation, self.snapshot = store, manifest.generation, manifest.snapshot
        self.cameras = cameras
        self._session = _new_session()
        with _translated(store):
            self._make_views(manifest, cameras)

    def _make_views(self, manifest: Manifest, cameras: tuple[str, ...] | None) -> None:
        """The stored tables, and over them the logical ones."""
        self._session.sql(LOCAL_TIME)
        for name in STORED:
            rows = self._stored(name, addresses(self.store, manifest, name))
            rows.createOrReplaceTempView(name)
            if only := seen(name, cameras):
                self._select(f"SELECT * FROM {name}{only}").createOrReplaceTempView(name)
        self._session.sql(ZONE_OF)
        judged = bool(addresses(self.store, manifest, "verdicts"))
        for name, table in LOGICAL.items():
            if sql := table.sql if judged else table.unjudged:
                self._select(sql).createOrReplaceTempView(name)

    def _select(self, sql: str) -> Any:
        """Temporary views and functions stand in no schema."""
        return self._session.sql(sql.replace(f"{SCHEMA}.", ""))

    def _stored(self, name: str, files: list[str]) -> Any:
        columns = {column: TYPES[kind] for column, kind in STORED[name].columns.items()}
        if not files:
            nothing = ", ".join(f"CAST(NULL AS {kind}) AS {column}" for column, kind in columns.items())
            return self._session.sql(f"SELECT {nothing} WHERE false")
        schema = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        return self._session.read.schema(schema).parquet(*map(_plain, files))

    def fetch(self, expression: ir.Table) -> pa.Table:
        return typed(self.fetch_sql(compiled(expression, "spark")), expression)

    def fetch_sql(self, sql: str) -> pa.Table:
        with _translated(self.store):
            return self._session.sql(sql).toArrow()


def _plain(address: str) -> str:
    """`address` as Spark reads it: without wildcards."""
    return re.sub(r"([\\{}\[\]*?])", r"\\\1", address)


def _new_session() -> Any:
    """A session with tables and settings of its own."""
    with _starting:
        session = _spark().newSession()
    for name, value in SESSION.items():
        session.conf.set(name, value)
    return session


def _spark() -> Any:
    """This process's Spark, started where there is none."""
    if find_spec("pyspark") is None:
        raise UsageError("the engine spark needs PySpark: pip install 'omnisight-lab[spark]'")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of pandas 3, which is not used here
        import pyspark.testing.utils  # noqa: F401  # what toArrow would import
        from pyspark.sql import SparkSession

        return SparkSession.getActiveSession() or _started()


def _started() -> Any:
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkRuntimeError
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=f"{home}/bin" if home else None) is None:
        raise UsageError(JAVA)
    logging.getLogger("SQLQueryContextLogger").disabled = True  # it prints what is raised as well
    conf = SparkConf().setAll(list(LAUNCH.items()))
    try:
        # What the JVM prints is progress and warnings; its errors come as exceptions
        gateway = launch_gateway(conf, {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL})
    except PySparkRuntimeError as error:
        raise UsageError(JAVA) from error
    return SparkSession(SparkContext(conf=conf, gateway=gateway))


@contextmanager
def _translated(store: Store) -> Iterator[None]:
    """Spark's errors as ours, in one line."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as error:
        if any(sign in str(error) for sign in DAMAGED):
            raise damaged(store) from error
        line = next((line for line in str(error).splitlines() if "[" in line), str(error).split("\n", 1)[0])
        raise QueryError(f"the query failed: {line.strip()}") from error
