"""The ten tables are physically what Prisma makes, whichever way they came about."""

from __future__ import annotations

from omnisight_lab.db import migrate
from omnisight_lab.db.models import PUBLIC_TABLES, Base
from omnisight_lab.db.session import Database
from tests.db.dumps import EXPECTED, PRISMA, dump, normalized


def test_migrated(database: Database) -> None:
    text = dump(database)
    assert normalized(text) == normalized(EXPECTED.read_text())
    assert text.count("CREATE INDEX omnisight_") == len(migrate.INDEXES)
    assert all(" WHERE " in line for line in text.splitlines() if line.startswith("CREATE INDEX"))


def test_made_from_the_models(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    Base.metadata.create_all(database.engine, tables=list(PUBLIC_TABLES))
    assert normalized(dump(database)) == normalized(EXPECTED.read_text())
    database.close()


def test_the_comparison_sees_a_difference(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    sql = PRISMA.read_text().replace('"duration" INTEGER NOT NULL', '"duration" BIGINT NOT NULL')
    with database.engine.begin() as connection:
        connection.exec_driver_sql(sql)
    assert normalized(dump(database)) != normalized(EXPECTED.read_text())
    database.close()


def test_in_a_schema_of_another_name(empty_database_url: str) -> None:
    database = Database(empty_database_url + "?schema=site")
    migrate.upgrade(database)
    expected = EXPECTED.read_text().replace("public.", "site.")
    found = [line for line in normalized(dump(database, "site")) if line != "CREATE SCHEMA site;"]
    assert found == normalized(expected)
    assert not [line for line in normalized(dump(database)) if line.startswith("CREATE")]
    database.close()
