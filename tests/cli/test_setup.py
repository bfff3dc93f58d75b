"""`init`, `db`, `camera`, `user` and `settings`, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from omnisight_lab import settings
from omnisight_lab.db.session import Database
from tests.cli.conftest import Run
from tests.conftest import DatabaseMaker
from tests.db.dumps import PRISMA


def test_init_prints_the_password_once(home: Path, omnisight: Run) -> None:
    own = {"OMNISIGHT_HOME": str(home), "DATABASE_URL": ""}
    first = json.loads(omnisight("init", "--json", **own).stdout)
    assert first["username"] == "admin" and len(first["password"]) == 20 and first["home"] == str(home)
    again = omnisight("init", "--json", **own)
    assert json.loads(again.stdout)["password"] is None
    with psycopg.connect(omnisight("db", "url", "--libpq", **own).stdout.strip()) as connection:
        assert connection.execute("SELECT count(*) FROM lab.cameras").fetchone() == (0,)
    assert "is stopped" in omnisight("db", "stop", **own).stderr
    assert "was not running" in omnisight("db", "stop", **own).stderr
    users = json.loads(omnisight("user", "list", "--json", **own).stdout)  # starts it again
    assert {(user["username"], user["role"]) for user in users} == {("admin", "ADMIN"), (settings.user_name(), "ADMIN")}


def test_without_a_database_the_way_to_one_is_named(home: Path, omnisight: Run) -> None:
    for arguments in (["camera", "list"], ["db", "url"], ["db", "upgrade"], ["settings", "list"]):
        told = omnisight(*arguments, code=1, OMNISIGHT_HOME=str(home), DATABASE_URL="").stderr
        assert told.startswith("omnisight: there is no database") and "omnisight init" in told
    assert list(home.iterdir()) == []


def test_init_adopts_a_database(omnisight: Run, database_maker: DatabaseMaker, home: Path) -> None:
    url = database_maker.new()
    with psycopg.connect(url) as connection:
        connection.execute(PRISMA.read_text())
    there = {"DATABASE_URL": url + "?schema=public&connection_limit=2", "OMNISIGHT_HOME": str(home)}
    assert "run `omnisight db upgrade`" in omnisight("camera", "list", code=1, **there).stderr
    assert json.loads(omnisight("init", "--json", **there).stdout)["username"] == "admin"
    assert json.loads(omnisight("db", "check", "--json", **there).stdout) == []
    omnisight("db", "upgrade", "--indexes", **there)
    omnisight("db", "upgrade", "--no-indexes", **there)
    database_maker.drop(url)


def test_check_prints_what_would_mend_it(omnisight: Run, database: Database) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql('ALTER TABLE "Event" DROP COLUMN "cameraId"')
        connection.exec_driver_sql('CREATE INDEX extra ON "Event" (timestamp)')
    told = omnisight("db", "check", code=1)
    assert 'ALTER TABLE "Event" ADD COLUMN "cameraId" TEXT;' in told.stdout and "index extra" in told.stdout
    assert told.stderr.startswith("omnisight: this database can't be used as it is: Event.cameraId is missing")
    rows = json.loads(omnisight("db", "check", "--json", code=1).stdout)
    assert [row["stops"] for row in rows] == [True, False]


def test_cameras_from_add_to_remove(omnisight: Run) -> None:
    url = "rtsp://viewer:geheim@192.0.2.1:554/main?token=geheim"
    omnisight("camera", "add", "gate", url, "--location", "yard", "--timezone", "Europe/Berlin")
    omnisight("camera", "add", "back", "rtsp://192.0.2.2/", "--username", "u", "--password", "-", typed="geheim\n")
    omnisight("camera", "add", "files")
    for shown in (omnisight("camera", "list").stdout, omnisight("camera", "list", "--json").stdout):
        assert "geheim" not in shown and "192.0.2.1:554/main" in shown
    omnisight("camera", "set", "gate", "--pause", "--name", "front")
    rows = {row["name"]: row for row in json.loads(omnisight("camera", "list", "--json").stdout)}
    assert [rows[name]["enabled"] for name in ("front", "back", "files")] == [False, True, False]
    assert rows["front"]["timezone"] == "Europe/Berlin" and rows["front"]["last_recorded"] is None
    omnisight("camera", "set", "front", "--enable")
    omnisight("camera", "remove", "front")
    assert "did you mean" in omnisight("camera", "remove", "bakc", code=2).stderr


def test_settings_of_a_camera_that_are_no_object_are_left_alone(omnisight: Run, database: Database) -> None:
    omnisight("camera", "add", "gate", "rtsp://192.0.2.1/")
    with database.engine.begin() as connection:
        connection.exec_driver_sql("""UPDATE "Camera" SET settings = '"of another service"'""")
    assert json.loads(omnisight("camera", "list", "--json").stdout)[0]["enabled"] is True
    omnisight("camera", "set", "gate", "--location", "yard")
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql('SELECT settings FROM "Camera"').scalar() == "of another service"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["camera", "add", "x", "http://u:geheim@h/"], "begins with rtsp://"),
        (["camera", "add", "x", "--timezone", "Mars/Olympus"], "no IANA time zone"),
        (["camera", "set", "files"], "nothing to change"),
        (["camera", "test", "files"], "has no address"),
        (["camera", "test", "nowhere"], "there is no camera 'nowhere'"),
        (["user", "add", "bob", "--role", "chief"], "there is no role 'chief'"),
        (["user", "add", "bob", "--password", "short"], "at least 8"),
        (["user", "set", "nobody", "--role", "user"], "there is no user 'nobody'"),
        (["settings", "set", "site.timezone", "Mars"], "no IANA time zone"),
        (["settings", "set", "recording.segment_seconds", "many"], "no whole number"),
        (["settings", "get", "site.timezon"], "did you mean 'site.timezone'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_used_wrongly(arguments: list[str], says: str, omnisight: Run) -> None:
    omnisight("camera", "add", "files")
    told = omnisight(*arguments, code=2).stderr
    assert says in told and told.startswith("omnisight: ") and len(told.splitlines()) == 1
    assert "geheim" not in told


def test_users(omnisight: Run) -> None:
    made = json.loads(omnisight("user", "add", "ann", "--role", "admin", "--json").stdout)
    assert len(made["password"]) == 20
    omnisight("user", "add", "bob", "--password", "-", "--email", "bob@example.org", typed="correct horse\n")
    omnisight("user", "set", "bob", "--role", "viewer", "--inactive")
    rows = json.loads(omnisight("user", "list", "--json").stdout)
    assert [(row["username"], row["role"], row["active"]) for row in rows] == [
        ("ann", "ADMIN", True),
        ("bob", "VIEWER", False),
    ]
    assert "$2b$" not in json.dumps(rows)
    assert "last active ADMIN" in omnisight("user", "set", "ann", "--inactive", code=2).stderr
    assert json.loads(omnisight("user", "password", "bob", "--json").stdout)["password"]


def test_settings(omnisight: Run) -> None:
    omnisight("settings", "set", "site.timezone", "Europe/Berlin")
    omnisight("settings", "set", "detection.labels", "person, car")
    assert omnisight("settings", "get", "site.timezone").stdout == "Europe/Berlin\n"
    assert json.loads(omnisight("settings", "get", "detection.labels", "--json").stdout) == ["person", "car"]
    listed = omnisight("settings", "list", "--json", OMNISIGHT_SITE_NAME="Harbour").stdout
    rows = {row["key"]: row for row in json.loads(listed)}
    assert (rows["site.timezone"]["value"], rows["site.timezone"]["from"]) == ("Europe/Berlin", "stored")
    assert (rows["site.name"]["value"], rows["site.name"]["from"]) == ("Harbour", "OMNISIGHT_SITE_NAME")
    assert rows["recording.segment_seconds"]["value"] == 60 and rows["recording.segment_seconds"]["type"] == "seconds"
