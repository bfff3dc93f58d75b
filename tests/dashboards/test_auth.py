from __future__ import annotations

from pathlib import Path

import httpx

from omnisight_lab.access.passwords import hash_password
from omnisight_lab.db import migrate, writes
from omnisight_lab.db.server import EmbeddedServer
from omnisight_lab.db.session import Database
from tests.dashboards.conftest import serving
from tests.dashboards.seed import PASSWORD


def test_pages_and_logins_say_when_the_database_is_away(home: Path) -> None:
    server = EmbeddedServer(home / "database")
    with Database(server.start()) as database:
        migrate.upgrade(database)
        writes.add_user(database, username="anna", email="anna@localhost", password_hash=hash_password(PASSWORD))
        with serving(database.url, home) as address, httpx.Client(base_url=address) as client:
            client.get("/login")
            form = {"username": "anna", "password": PASSWORD, "_xsrf": client.cookies["_xsrf"]}
            assert client.post("/login", data=form).status_code == 302
            assert client.get("/overview").status_code == 200
            server.stop()
            for answer in (client.get("/overview"), client.post("/login", data=form)):
                assert answer.status_code == 503
                assert "The database does not answer just now" in answer.text and "Traceback" not in answer.text
            server.start()
            assert client.get("/overview").status_code == 200
