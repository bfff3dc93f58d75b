from __future__ import annotations

from pathlib import Path

import pytest

from omnisight_lab.db import check, migrate
from omnisight_lab.db.session import Database
from omnisight_lab.errors import SchemaMismatch
from tests.db.dumps import PRISMA, dump

FIRST_LAYOUT = Path(__file__).with_name("first_layout.sql")


def _changed(url: str, *statements: str) -> Database:
    database = Database(url)
    with database.engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    return database


def test_a_migrated_database_differs_in_nothing(database: Database) -> None:
    assert check.check(database) == []


def test_the_first_layout_is_refused_with_what_it_lacks(empty_database_url: str) -> None:
    database = _changed(empty_database_url, FIRST_LAYOUT.read_text())
    before = dump(database).replace("\\", "").splitlines()[8:-4]
    with pytest.raises(SchemaMismatch) as caught:
        migrate.upgrade(database)
    missing = {"Notification", "RetentionPolicy", "SystemSettings", "Event.cameraId", "Recording.streamId"}
    assert missing <= set(caught.value.missing)
    assert {"Event.recordingId", "Event.confidence"} <= set(caught.value.missing)  # they refuse null
    assert dump(database).replace("\\", "").splitlines()[8:-4] == before
    database.close()


def test_the_sql_that_is_printed_mends_the_first_layout(empty_database_url: str) -> None:
    database = _changed(empty_database_url, FIRST_LAYOUT.read_text())
    sql = [difference.sql for difference in check.check(database) if difference.stops]
    assert all(sql)
    with database.engine.begin() as connection:
        for statement in sql:
            connection.exec_driver_sql(statement)
    left = check.check(database)
    assert left and not any(difference.stops for difference in left)
    costs = {difference.subject: difference.differs for difference in left}
    assert costs["Segment.endTime"] == "may be null"
    assert costs["Segment.streamId"] == "is a column more"
    migrate.upgrade(database)
    migrate.require_current(database)
    database.close()


def test_the_sql_that_is_printed_fills_an_empty_database(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    with pytest.raises(SchemaMismatch, match="none of OmniSight's tables; `omnisight init`"):
        migrate.require_current(database)
    with pytest.raises(SchemaMismatch, match="; and 8 more"):
        check.require(database)
    with database.engine.begin() as connection:
        for difference in check.check(database):
            connection.exec_driver_sql(difference.sql)
    assert not any(difference.stops for difference in check.check(database))
    database.close()


TOLERATED = {
    'CREATE INDEX extra ON "Event" ("timestamp")': "Event: index extra",
    "ALTER TABLE \"Camera\" ALTER COLUMN settings SET DEFAULT '{}'": "Camera.settings",
    'ALTER TABLE "Camera" ADD COLUMN note TEXT': "Camera.note",
    'ALTER TABLE "Camera" ALTER COLUMN name TYPE VARCHAR(191)': "Camera.name",
    'ALTER TABLE "Segment" DROP CONSTRAINT "Segment_recordingId_fkey", '
    'ADD FOREIGN KEY ("recordingId") REFERENCES "Recording" (id) ON DELETE CASCADE': "Segment.recordingId",
    'ALTER TABLE "Stream" DROP CONSTRAINT "Stream_cameraId_fkey"': "Stream.cameraId",
    'DROP INDEX "User_email_key"': "User.email",
    'ALTER TABLE "Segment" ALTER COLUMN "duration" DROP NOT NULL': "Segment.duration",
}

STOPPING = {
    'DROP TABLE "RetentionPolicy"': "RetentionPolicy",
    'ALTER TABLE "Event" DROP COLUMN "cameraId"': "Event.cameraId",
    'ALTER TABLE "Event" ALTER COLUMN confidence SET NOT NULL': "Event.confidence",
    'ALTER TABLE "Event" ALTER COLUMN "timestamp" TYPE TIMESTAMPTZ': "Event.timestamp",
    'ALTER TABLE "Camera" ADD COLUMN site TEXT NOT NULL': "Camera.site",
    'ALTER TABLE "Recording" ALTER COLUMN status DROP DEFAULT, ALTER COLUMN status TYPE TEXT': "Recording.status",
}


@pytest.mark.parametrize(("statement", "subject"), TOLERATED.items(), ids=TOLERATED.values())
def test_tolerated(statement: str, subject: str, empty_database_url: str) -> None:
    database = _changed(empty_database_url, PRISMA.read_text(), statement)
    (difference,) = check.check(database)
    assert (difference.subject, difference.stops) == (subject, False)
    assert difference.cost
    check.require(database)
    database.close()


@pytest.mark.parametrize(("statement", "subject"), STOPPING.items(), ids=STOPPING.values())
def test_refused(statement: str, subject: str, empty_database_url: str) -> None:
    database = _changed(empty_database_url, PRISMA.read_text(), statement)
    with pytest.raises(SchemaMismatch, match="nothing was changed") as caught:
        check.require(database)
    assert caught.value.missing == (subject,)
    with database.engine.begin() as connection:
        for sql in caught.value.sql:
            connection.exec_driver_sql(sql.replace(";", ""))
    check.require(database)
    database.close()


def test_a_missing_enum_value_is_named(empty_database_url: str) -> None:
    sql = PRISMA.read_text().replace("('ADMIN', 'USER', 'VIEWER')", "('ADMIN', 'USER')")
    database = _changed(empty_database_url, sql)
    with pytest.raises(SchemaMismatch, match=r"UserRole\.VIEWER is missing"):
        check.require(database)
    database.close()
