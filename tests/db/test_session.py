from __future__ import annotations

import pickle

import psycopg
import pytest
from sqlalchemy import text

from omnisight_lab.db.session import PATIENCE, Database, parse_url
from omnisight_lab.errors import DatabaseError, DatabaseUnreachable, UsageError

SPELLINGS = {
    "libpq": "postgresql://u:p%40ss@db.example:5433/site",
    "libpq, short scheme": "postgres://u:p%40ss@db.example:5433/site",
    "libpq, key=value": "host=db.example port=5433 user=u password=p@ss dbname=site",
    "Prisma": "postgresql://u:p%40ss@db.example:5433/site?schema=public&connection_limit=5&pool_timeout=2",
    "Prisma behind a pooler": "postgresql://u:p%40ss@db.example:5433/site?pgbouncer=true&statement_cache_size=0",
    "SQLAlchemy": "postgresql+psycopg://u:p%40ss@db.example:5433/site",
    "SQLAlchemy, other driver": "postgresql+asyncpg://u:p%40ss@db.example:5433/site",
}


@pytest.mark.parametrize("url", SPELLINGS.values(), ids=SPELLINGS)
def test_every_spelling_is_the_same_address(url: str) -> None:
    address = parse_url(url)
    assert dict(address.parameters) == {
        "host": "db.example",
        "port": "5433",
        "user": "u",
        "password": "p@ss",
        "dbname": "site",
    }
    assert address.uri() == "postgresql://u:p%40ss@db.example:5433/site"
    assert address.schema == "public"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@[::1]:5432/site",
        "postgresql:///site?host=/var/run/postgresql",
        "postgresql://u@a.example:1,b.example:2/site",
        "postgresql://u:%2F%3F%23@h/a%20b?sslmode=require",
    ],
)
def test_an_address_is_kept_through_its_uri(url: str) -> None:
    assert parse_url(parse_url(url).uri()) == parse_url(url)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://u:geheim@h/db", "only PostgreSQL"),
        ("prisma://accelerate/?api_key=geheim", "only PostgreSQL"),
        ("postgresql://u:geheim@h:port/db%zz", "can't be read"),
        ("postgresql://u:geheim@h/db?conection_limit=1", "conection_limit"),
        ("nonsense geheim", "can't be read"),
    ],
)
def test_a_bad_address_is_refused_without_its_password(url: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        parse_url(url)
    assert "geheim" not in str(caught.value)


def test_shown_addresses_have_no_password() -> None:
    database = Database("postgresql://u:geheim@h/db?sslpassword=geheim")
    assert "geheim" not in database.safe_url + repr(database)
    assert "geheim" in database.libpq_url


def test_the_schema_of_the_address_comes_first(empty_database_url: str) -> None:
    database = Database(empty_database_url + '?schema=our%20"site"&connection_limit=1')
    assert database.schema == 'our "site"'
    assert "schema=our" in database.prisma_url
    with database.session() as session:
        assert session.scalar(text("SHOW search_path")) == '"our ""site"""'
        assert session.scalar(text("SHOW timezone")) == "UTC"
    database.close()


def test_a_pickled_database_is_its_address(database: Database) -> None:
    copy = pickle.loads(pickle.dumps(database))
    with copy.session() as session:
        assert session.scalar(text("SELECT count(*) FROM lab.cameras")) == 0
    copy.close()


def test_a_session_never_commits(database: Database) -> None:
    with database.session() as session:
        session.execute(text("INSERT INTO lab.audit_log VALUES ('1', now(), NULL, 'a', 'b', NULL)"))
    with database.session() as session:
        assert session.scalar(text("SELECT count(*) FROM lab.audit_log")) == 0


def test_nobody_answers() -> None:
    database = Database("postgresql://u:geheim@127.0.0.1:1/db")
    with (
        pytest.raises(DatabaseUnreachable, match=r"no database at postgresql://u@127\.0\.0\.1:1/db") as caught,
        database.session() as session,
    ):
        session.execute(text("SELECT 1"))
    assert "geheim" not in str(caught.value)


def test_a_query_that_was_cut_short_is_no_absence(database: Database) -> None:
    with pytest.raises(DatabaseError, match="the database failed") as caught, database.session() as session:
        session.execute(text("SET LOCAL statement_timeout = 10"))
        session.execute(text("SELECT pg_sleep(5)"))
    assert not isinstance(caught.value, DatabaseUnreachable)


def test_a_server_that_vanishes_is_noticed_soon(database: Database) -> None:
    with database.session() as session:
        connection = session.connection().connection.driver_connection
        assert isinstance(connection, psycopg.Connection)
        known = connection.info.get_parameters()
    assert {name: known[name] for name in PATIENCE} == PATIENCE


def test_bytes_that_are_no_text_are_said(database: Database) -> None:
    """Python reads the byte 0xff of a command line as the character U+DCFF."""
    with pytest.raises(UsageError, match="none of Unicode's"), database.session() as session:
        session.execute(text("SELECT CAST(:id AS text)"), {"id": "event \udcff"})


def test_a_wrong_password_is_said(database: Database) -> None:
    wrong = Database(database.url.replace(database.address.parameters["password"], "geheim"))
    with (
        pytest.raises(DatabaseUnreachable, match="password authentication failed") as caught,
        wrong.session() as session,
    ):
        session.execute(text("SELECT 1"))
    assert "geheim" not in str(caught.value)


def _ask(database: Database) -> None:
    with database.session() as session:
        session.execute(text("SELECT 1"))
