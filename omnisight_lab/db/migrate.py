"""Brings schema `lab` to this version by Alembic, and makes the ten tables where there are none."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, text

from omnisight_lab.db import analyst, check, views
from omnisight_lab.db.session import Database, translated
from omnisight_lab.errors import SchemaMismatch
from omnisight_lab.resources import folder

HEAD = "0002"
"""The newest revision; a test compares it with the migrations, so that opening a database needs no Alembic run."""

LOCK = 0x6F6D6E6973696768
"""Key of the advisory lock under which migrations run: processes that start together wait for the first."""

INDEXES = {
    "omnisight_segment_recording": ("Segment", ("recordingId",)),
    "omnisight_segment_start": ("Segment", ("startTime",)),
    "omnisight_segment_end": ("Segment", ("endTime",)),
    "omnisight_recording_camera": ("Recording", ("cameraId", "startTime")),
    "omnisight_event_time": ("Event", ("timestamp",)),
    "omnisight_event_camera": ("Event", ("cameraId", "timestamp")),
    "omnisight_event_recording": ("Event", ("recordingId",)),
    "omnisight_object_event": ("DetectedObject", ("eventId",)),
}
"""Name -> table and columns. Partial, because Prisma takes a plain index for drift and does not see these."""


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration for the migrations of this installation, in a checkout or in a wheel."""
    result = Config()
    result.set_main_option("script_location", str(folder("migrations")).replace("%", "%%"))
    result.attributes["connection"] = connection
    return result


def upgrade(database: Database, *, indexes: bool | None = None) -> None:
    """Migrates to HEAD in one transaction; harmless when there is nothing to do.

    The ten tables are made where the schema has none of them; others' tables are adopted as they are, or refused with
    SchemaMismatch. `indexes` adds (True) or takes away (False) the partial indexes; None adds them to new tables.
    """
    with translated(database), database.engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        _require_own_schema(check.installed_schema(connection), database)
        new = not check.tables_present(connection)
        if new:
            connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {database.quoted_schema}")
        else:
            check.refuse([difference for difference in check.compare(connection) if difference.stops])
        readers = analyst.analysts(connection)
        if revision(connection) != HEAD:
            connection.exec_driver_sql(views.DROP)
            command.upgrade(config(connection), "head")
        if indexes or (indexes is None and new):
            _add_indexes(connection)
        elif indexes is False:
            _drop_indexes(connection)
        _refresh_views(connection, database)
        for name, judge in readers.items():
            analyst.grant(connection, name, judge=judge)


def downgrade(database: Database, revision: str = "base") -> None:
    """Back to `revision`. At `base` schema lab is gone, and the ten tables too where our migration had made them."""
    with translated(database), database.engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        connection.exec_driver_sql(views.DROP)
        _drop_indexes(connection)
        command.downgrade(config(connection), revision)


def revision(connection: Connection) -> str | None:
    """The revision of the live database, or None before the first migration."""
    if connection.scalar(text("SELECT to_regclass('lab.alembic_version')")) is None:
        return None
    live: str | None = connection.scalar(text("SELECT version_num FROM lab.alembic_version"))
    return live


def require_current(database: Database) -> None:
    """SchemaMismatch where the database was never migrated, is older or newer than this version, or differs."""
    with translated(database), database.engine.connect() as connection:
        live = revision(connection)
        installed = check.installed_schema(connection)
        empty = not check.tables_present(connection)
    if live is None and empty:
        raise SchemaMismatch("this database has none of OmniSight's tables; `omnisight init` makes them")
    if live is None:
        check.require(database)
        raise SchemaMismatch("this database has not been prepared yet; run `omnisight db upgrade`")
    if live < HEAD:
        raise SchemaMismatch("this database is of an older version; run `omnisight db upgrade`")
    if live > HEAD:
        raise SchemaMismatch(f"this database is of a newer version ({live}) than this program ({HEAD}); update it")
    _require_own_schema(installed, database)
    _require_current_views(database)


def _require_current_views(database: Database) -> None:
    """SchemaMismatch where another version of this program has made the views: it would read columns that are not."""
    ours = {views.digest(views.create_sql(database.quoted_schema, indexed)) for indexed in (True, False)}
    with translated(database), database.engine.connect() as connection:
        if _views_digest(connection) not in ours:
            raise SchemaMismatch(
                "the views of this database are of another version of this program; run `omnisight db upgrade`"
            )


def _views_digest(connection: Connection) -> str | None:
    """The digest of the text that made the views, as it stands in the database."""
    digest: str | None = connection.scalar(text("SELECT obj_description(to_regclass('lab.recorded'))"))
    return digest


def _require_own_schema(installed: str | None, database: Database) -> None:
    if installed not in (None, database.schema):
        raise SchemaMismatch(f"schema lab of this database belongs to ?schema={installed}, not {database.schema}")


def _refresh_views(connection: Connection, database: Database) -> None:
    sql = views.create_sql(database.quoted_schema, _objects_indexed(connection))
    digest = views.digest(sql)
    if _views_digest(connection) != digest:
        connection.exec_driver_sql(views.DROP)
        connection.exec_driver_sql(sql)
        connection.exec_driver_sql(f"COMMENT ON VIEW lab.recorded IS '{digest}'")


def _objects_indexed(connection: Connection) -> bool:
    """Whether any index, ours or another's, finds the objects of an event."""
    indexes = inspect(connection).get_indexes("DetectedObject")
    return any(index["column_names"][:1] == ["eventId"] for index in indexes)


def _add_indexes(connection: Connection) -> None:
    for name, (table, columns) in INDEXES.items():
        names = ", ".join(f'"{column}"' for column in columns)
        connection.exec_driver_sql(
            f'CREATE INDEX IF NOT EXISTS {name} ON "{table}" ({names}) WHERE "{columns[-1]}" IS NOT NULL'
        )


def _drop_indexes(connection: Connection) -> None:
    for name in INDEXES:
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS {name}")
