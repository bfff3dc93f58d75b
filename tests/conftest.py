"""Fixtures that every area shares."""

from __future__ import annotations

import itertools
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import psycopg
import pytest

from omnisight_lab.db import migrate
from omnisight_lab.db import server as servers
from omnisight_lab.db.server import EmbeddedServer
from omnisight_lab.db.session import Database, parse_url
from tests.homes import new_home

_numbers = itertools.count(1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where all that tests need is installed (`.ci/run` says so), a skipped test is a failed one."""
    report = yield
    if report.skipped and os.environ.get("OMNISIGHT_TEST_NO_SKIP"):
        report.outcome, report.longrepr = "failed", f"nothing may be skipped here: {report.longreprtext}"
    return report


class DatabaseMaker:
    """Makes databases on the one embedded server of the test run."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.address = parse_url(url)

    def url_of(self, name: str) -> str:
        return self.url.rpartition("/")[0] + "/" + name

    def run(self, sql: str) -> None:
        with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
            connection.execute(sql)

    def new(self, template: str = "template1") -> str:
        """URL of a fresh database."""
        name = f"test_{next(_numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url_of(name)

    def drop(self, url: str) -> None:
        self.run(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")


@pytest.fixture(scope="session")
def database_server() -> Iterator[EmbeddedServer]:
    """The embedded server of the test run."""
    with new_home() as home:
        server = EmbeddedServer(home / "database")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(servers, "INITDB", (*servers.INITDB, "--no-sync"))
            server.start()
        yield server


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty data folder."""
    with new_home() as folder:
        yield folder


@pytest.fixture(scope="session")
def database_maker(database_server: EmbeddedServer) -> DatabaseMaker:
    """Makes empty databases; `omnisight` is migrated and serves as the template of the others."""
    maker = DatabaseMaker(database_server.start())
    maker.run("ALTER SYSTEM SET fsync = off")
    maker.run("SELECT pg_reload_conf()")
    template = Database(maker.url)
    migrate.upgrade(template)
    template.close()
    return maker


@pytest.fixture
def empty_database_url(database_maker: DatabaseMaker) -> Iterator[str]:
    """URL of a database without any table."""
    url = database_maker.new()
    yield url
    database_maker.drop(url)


@pytest.fixture
def database(database_maker: DatabaseMaker) -> Iterator[Database]:
    """A fresh, migrated database of its own for each test."""
    url = database_maker.new("omnisight")
    database = Database(url)
    yield database
    database.close()
    database_maker.drop(url)
