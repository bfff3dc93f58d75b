"""The role of an analyst: all that is no secret can be read, and nothing changed but verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import omnisight_lab as ol
from omnisight_lab import settings
from omnisight_lab.access import accounts
from omnisight_lab.db import analyst, migrate, writes
from omnisight_lab.db.models import UserRole
from omnisight_lab.db.session import Database
from omnisight_lab.errors import UsageError
from tests.conftest import DatabaseMaker
from tests.db.conftest import START, Site, after, seen
from tests.db.dumps import EXPECTED, dump, normalized

ROLE = "ana lyst"
"""A name that must be quoted."""

SECRETS = ("geheim-camera", "geheim-login", "geheim-setting", "geheim-user", "geheim-token")


@pytest.fixture
def filled(site: Site) -> Site:
    """A camera, footage and an event, and secrets wherever the schema keeps one."""
    database = site.database
    writes.update_camera(database, site.camera.id, username=SECRETS[1], password=SECRETS[0])
    writes.close_segment(database, site.segment("s1", 0, 60))
    writes.save_event(database, site.event("e1", seen("o1", "car", best=True), end=4))
    writes.set_setting(database, "site.name", "Harbour")
    accounts.add_user(database, "bob", role=UserRole.USER)
    with database.engine.begin() as connection:
        connection.exec_driver_sql(
            f"""UPDATE "User" SET password = '{SECRETS[3]}', settings = '{{"token": "{SECRETS[4]}"}}';
            INSERT INTO "SystemSettings" (id, "settingKey", "settingValue", category, "updatedAt")
            VALUES ('x', 'smtp.password', '{SECRETS[2]}', 'smtp', now());
            UPDATE "Camera" SET "rtspUrl" = 'rtsp://{SECRETS[1]}:{SECRETS[0]}@192.0.2.1/'"""
        )
    return site


@pytest.fixture
def role(database_maker: DatabaseMaker, filled: Site) -> Iterator[str]:
    """A name of a role, which is gone at the end."""
    yield ROLE
    with filled.database.engine.begin() as connection:
        connection.exec_driver_sql(f'DROP OWNED BY "{ROLE}"; DROP ROLE "{ROLE}"')


def as_analyst(site: Site, role: str, *, judge: bool = False) -> Database:
    password = analyst.grant_analyst(site.database, role, judge=judge)
    assert password is not None
    return Database(site.database.url_as(role, password))


def refused(database: Database, statement: str) -> bool:
    with database.engine.connect() as connection:
        try:
            connection.execute(text(statement))
        except DBAPIError as error:
            return getattr(error.orig, "sqlstate", None) == "42501"
    return False


READABLE = [*(f"lab.{name}" for name in ("events", "objects", "cameras", "segments", "settings", "verdict", "zone"))]
SECRET = [
    'SELECT password FROM "User"',
    'SELECT settings FROM "User"',
    'SELECT * FROM "User"',
    'SELECT password FROM "Camera"',
    'SELECT username FROM "Camera"',
    'SELECT "rtspUrl" FROM "Camera"',
    'SELECT * FROM "SystemSettings"',
    'SELECT "settingValue" FROM "SystemSettings"',
    "SELECT * FROM lab.session",
]
CHANGES = [
    "DELETE FROM lab.verdict",
    "UPDATE lab.verdict SET note = 'x'",
    "INSERT INTO lab.camera_right (user_id, camera_id) VALUES ('x', 'y')",
    """UPDATE "User" SET role = 'ADMIN'""",
    'DELETE FROM "Event"',
    "CREATE TABLE lab.mine (id text)",
    "CREATE TABLE public.mine (id text)",
]


def test_what_an_analyst_may_read_and_may_not(filled: Site, role: str) -> None:
    with as_analyst(filled, role) as database:
        with database.session() as session:
            for table in READABLE:
                session.execute(text(f"SELECT * FROM {table}")).all()
            assert session.execute(text("SELECT * FROM lab.settings")).all() == [("site.name", "Harbour")]
            assert session.scalar(text('SELECT name FROM "Camera"')) == "gate"
        for statement in (*SECRET, *CHANGES):
            assert refused(database, statement), statement
        insert = "INSERT INTO lab.verdict (id, event_id, verdict, created_at) VALUES ('v', 'e1', 'false', now())"
        assert refused(database, insert)


def test_an_analyst_works_with_the_lab_as_others_do(
    filled: Site, role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMNISIGHT_USER", "bob")
    database = as_analyst(filled, role, judge=True)
    span = ("2026-03-29T00:00Z", "2026-03-29T02:00Z")
    with ol.connect(database.prisma_url, tmp_path) as lab:
        for engine in ("duckdb", "postgres"):
            for name in lab.queries:
                lab.query(name, *span, engine=engine).rows()
            assert len(lab.events(*span, engine=engine).rows()) == 1
        assert [camera.enabled for camera in lab.cameras()] == [True]
        assert lab.event("e1").label == "car" and lab.settings["site.name"] == "Harbour"
        assert len(lab.footage(filled.camera.id, ol.TimeRange(START, after(5)))) == 1
        assert [camera.camera for camera in lab.ledger().cameras] == ["gate"] and lab.zones.list() == []
        (given,) = lab.judge("e1", "relabel", "van", note="a van, I say")
        assert given.user == "bob" and [one.stands for one in lab.verdicts("e1")] == [True]
        lab.refresh()
        assert lab.sql("SELECT label, verdict FROM events").rows() == [{"label": "van", "verdict": "relabel"}]
        lab.judge("e1", "undo")
        assert lab.event("e1").label == "car"
    database.close()


def test_no_mirror_holds_a_secret(filled: Site, tmp_path: Path) -> None:
    with ol.Lab(filled.database, settings.paths(tmp_path)) as lab:
        lab.refresh()
    files = sorted(tmp_path.rglob("*.parquet"))
    told = [repr(pq.read_table(file).to_pydict()) for file in files]
    assert any("gate" in text for text in told) and any("car" in text for text in told)
    for secret in SECRETS:
        assert not [text for text in told if secret in text]
        assert not [file for file in tmp_path.rglob("*") if file.is_file() and secret.encode() in file.read_bytes()]


def test_rights_outlive_views_that_are_made_anew(filled: Site, role: str) -> None:
    with as_analyst(filled, role, judge=True) as database:
        for revision in ("0002", "0001"):
            migrate.downgrade(filled.database, revision)  # which takes the views away, at least
            migrate.upgrade(filled.database)
            with database.session() as session:
                assert session.scalar(text("SELECT count(*) FROM lab.events")) == 1
            assert refused(database, "SELECT * FROM lab.session")
    with filled.database.engine.connect() as connection:
        assert analyst.analysts(connection) == {ROLE: True}


def test_the_right_to_judge_is_given_and_taken(filled: Site, role: str) -> None:
    assert analyst.grant_analyst(filled.database, role) is not None
    for judge in (True, False):
        assert analyst.grant_analyst(filled.database, role, judge=judge) is None
        with filled.database.engine.connect() as connection:
            assert analyst.analysts(connection) == {ROLE: judge}


def test_a_role_that_reads_secrets_already_is_refused(filled: Site, role: str) -> None:
    analyst.grant_analyst(filled.database, role)
    with filled.database.engine.begin() as connection:
        connection.exec_driver_sql(f'GRANT SELECT ON "User" TO "{role}"')
    with pytest.raises(UsageError, match=r"can read User.password by rights that it has already"):
        analyst.grant_analyst(filled.database, role)
    with filled.database.engine.begin() as connection:
        connection.exec_driver_sql(f'REVOKE SELECT ON "User" FROM "{role}"; GRANT SELECT ON lab.session TO "{role}"')
    with pytest.raises(UsageError, match=r"can read lab.session.token_sha256 by rights that it has already"):
        analyst.grant_analyst(filled.database, role)
    owner = filled.database.address.parameters["user"]
    with pytest.raises(UsageError, match=f"role '{owner}' can read"):
        analyst.grant_analyst(filled.database, owner)


def test_the_ten_tables_stay_as_prisma_made_them(filled: Site, role: str) -> None:
    analyst.grant_analyst(filled.database, role, judge=True)
    assert normalized(dump(filled.database)) == normalized(EXPECTED.read_text())
