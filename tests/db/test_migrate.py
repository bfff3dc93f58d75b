from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.orm import configure_mappers

from omnisight_lab.db import lab_models, migrate, views, writes
from omnisight_lab.db.models import Base
from omnisight_lab.db.session import Database
from omnisight_lab.errors import SchemaMismatch
from tests.db.dumps import EXPECTED, PRISMA, dump, normalized


def test_head_is_the_newest_revision() -> None:
    script = ScriptDirectory.from_config(migrate.config())
    assert script.get_heads() == [migrate.HEAD]


def test_the_upgrade_gives_what_the_models_say(database: Database) -> None:
    options = {"include_schemas": True, "target_metadata": Base.metadata, "compare_server_default": True}
    options["include_name"] = lambda name, kind, _: not (kind == "index" and name.startswith("omnisight_"))
    with database.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)
    # The one table that no model describes is Alembic's own
    assert [(kind, table.name) for kind, table in differences] == [("remove_table", "alembic_version")]


def test_lab_made_from_the_models_dumps_alike(database: Database, empty_database_url: str) -> None:
    plain = Database(empty_database_url)
    with plain.engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA lab")
        Base.metadata.create_all(connection)
        connection.exec_driver_sql(views.create_sql('"public"'))
    ours = {line for line in normalized(dump(plain, "lab"))}
    migrated = {line for line in normalized(dump(database, "lab"))}
    extra = {line for line in migrated - ours if "alembic_version" not in line and "COMMENT ON VIEW" not in line}
    assert extra <= {"    version_num character varying(32) NOT NULL"}
    assert not ours - migrated
    plain.close()


def test_down_and_up_again(database: Database) -> None:
    migrate.downgrade(database)
    with database.engine.connect() as connection:
        assert inspect(connection).get_table_names() == []
        assert connection.scalar(text("SELECT count(*) FROM pg_type WHERE typname LIKE '%Status'")) == 0
    migrate.upgrade(database)
    migrate.require_current(database)
    assert normalized(dump(database)) == normalized(EXPECTED.read_text())


OLD_VERDICTS = """
INSERT INTO "Event" (id, timestamp, "eventType", "updatedAt") VALUES ('e1', now(), 'motion', now());
INSERT INTO "User" (id, username, email, password, "updatedAt") VALUES ('u1', 'bob', 'b', 'x', now());
INSERT INTO lab.verdict (id, event_id, user_id, verdict, created_at) VALUES
    ('v3', 'e1', 'u1', 'undo', '2026-01-03'), ('v1', 'e1', NULL, 'confirm', '2026-01-01'),
    ('v2', 'e1', 'u1', 'false', '2026-01-02'), ('v0', 'e1', NULL, 'undo', '2025-12-31');
CREATE FUNCTION lab.read_events() RETURNS TABLE (id text) LANGUAGE sql AS $$SELECT id FROM "Event"$$;
CREATE VIEW lab.events AS SELECT * FROM lab.read_events();
"""


def test_the_first_version_with_rows_in_it_becomes_this_one(database: Database, empty_database_url: str) -> None:
    old = Database(empty_database_url)
    with old.engine.begin() as connection:
        command.upgrade(migrate.config(connection), "0001")
        connection.exec_driver_sql(OLD_VERDICTS)
    with pytest.raises(SchemaMismatch, match="older version; run `omnisight db upgrade`"):
        migrate.require_current(old)
    migrate.upgrade(old, indexes=True)
    # A column that came later stands last in the table; in every other way it is the same
    assert sorted(normalized(dump(old, "lab"))) == sorted(normalized(dump(database, "lab")))
    assert normalized(dump(old)) == normalized(EXPECTED.read_text())
    with old.session() as session:
        found = session.execute(text("SELECT id, number, undoes FROM lab.verdict ORDER BY number")).all()
        assert [tuple(row) for row in found] == [("v0", 1, None), ("v1", 2, None), ("v2", 3, None), ("v3", 4, "v2")]
        assert session.scalar(text("SELECT verdict FROM lab.verdicts")) == "confirm"
        new = "INSERT INTO lab.verdict (id, event_id, verdict, created_at) VALUES ('v4', 'e1', 'false', now())"
        assert session.scalar(text(new + " RETURNING number")) == 5
    old.close()


def test_down_to_the_first_version_and_up_again(database: Database) -> None:
    before = normalized(dump(database, "lab"))
    migrate.downgrade(database, "0001")
    with database.engine.connect() as connection:
        assert migrate.revision(connection) == "0001"
        assert "zone" not in inspect(connection).get_table_names("lab")
    migrate.upgrade(database, indexes=True)
    assert sorted(normalized(dump(database, "lab"))) == sorted(before)


def test_views_of_another_version_are_refused_until_they_are_made_anew(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql("COMMENT ON VIEW lab.recorded IS 'of another text'")
    with pytest.raises(SchemaMismatch, match="of another version of this program; run `omnisight db upgrade`"):
        migrate.require_current(database)
    migrate.upgrade(database)
    migrate.require_current(database)


def test_processes_that_start_together_wait_for_the_first(empty_database_url: str) -> None:
    databases = [Database(empty_database_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate.upgrade, databases))
    for database in databases:
        migrate.require_current(database)
        database.close()


def test_a_failed_upgrade_leaves_nothing(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(empty_database_url)
    monkeypatch.setattr(views, "create_sql", lambda public, indexed: "SELECT 1 / 0")
    with pytest.raises(Exception, match="division by zero"):
        migrate.upgrade(database)
    with database.engine.connect() as connection:
        assert inspect(connection).get_schema_names() == ["information_schema", "public"]
    database.close()


def test_changed_views_are_made_anew(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DROP VIEW lab.gaps; CREATE VIEW lab.gaps AS SELECT 1 AS old")
        connection.exec_driver_sql("COMMENT ON VIEW lab.recorded IS 'an older text'")
    migrate.upgrade(database)
    with database.session() as session:
        assert "cause" in list(session.execute(text("SELECT * FROM lab.gaps")).keys())


def test_adoption_leaves_public_as_it_is(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    with database.engine.begin() as connection:
        connection.exec_driver_sql(PRISMA.read_text())
        connection.exec_driver_sql('CREATE INDEX "Event_timestamp_idx" ON "Event" ("timestamp")')
    before = re.sub(r"\\\w*restrict \w+", "", dump(database))
    migrate.upgrade(database)
    assert re.sub(r"\\\w*restrict \w+", "", dump(database)) == before
    migrate.upgrade(database, indexes=True)
    assert dump(database).count("CREATE INDEX omnisight_") == len(migrate.INDEXES)
    migrate.upgrade(database, indexes=False)
    assert re.sub(r"\\\w*restrict \w+", "", dump(database)) == before
    migrate.downgrade(database)
    assert re.sub(r"\\\w*restrict \w+", "", dump(database)) == before
    database.close()


def test_prismas_next_migration_is_not_blocked(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql('ALTER TABLE "Event" DROP COLUMN "thumbnailPath"')
        connection.exec_driver_sql('ALTER TABLE "Segment" ALTER COLUMN "fileSize" TYPE BIGINT')


def test_unprepared_older_and_newer_databases_are_told_apart(database: Database, empty_database_url: str) -> None:
    foreign = Database(empty_database_url)
    with foreign.engine.begin() as connection:
        connection.exec_driver_sql(PRISMA.read_text())
    with pytest.raises(SchemaMismatch, match="run `omnisight db upgrade`"):
        migrate.require_current(foreign)
    foreign.close()
    for revision, says in (("0000", "older version"), ("9999", "newer version")):
        with database.engine.begin() as connection:
            connection.execute(text("UPDATE lab.alembic_version SET version_num = :r"), {"r": revision})
        with pytest.raises(SchemaMismatch, match=says):
            migrate.require_current(database)


def test_lab_belongs_to_one_schema(database: Database) -> None:
    other = Database(database.libpq_url + "?schema=other")
    with pytest.raises(SchemaMismatch, match=r"belongs to \?schema=public"):
        migrate.require_current(other)
    with pytest.raises(SchemaMismatch, match=r"belongs to \?schema=public"):
        migrate.upgrade(other)
    other.close()


def test_another_schema_holds_a_whole_site(empty_database_url: str) -> None:
    database = Database(empty_database_url + "?schema=my%20site")
    migrate.upgrade(database)
    camera = writes.add_camera(database, name="gate", rtsp_url="rtsp://h/1")
    with database.session() as session:
        assert session.scalar(text("SELECT id FROM lab.cameras")) == camera.id
        assert session.scalar(text('SELECT count(*) FROM "my site"."Camera"')) == 1
    database.close()


def test_every_table_and_column_is_described() -> None:
    configure_mappers()
    for mapper in lab_models.Base.registry.mappers:
        assert mapper.class_.__doc__, mapper
        for column in mapper.local_table.columns:
            assert column.doc, column
