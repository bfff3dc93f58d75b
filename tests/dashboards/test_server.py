"""The served site over real HTTP."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from dashboards.server import HEADERS, secret_key
from omnisight_lab.access import accounts
from omnisight_lab.db import reads, writes
from omnisight_lab.db.models import UserRole
from omnisight_lab.errors import StorageError
from tests.dashboards.seed import PASSWORD, Site

LogIn = Callable[[str], httpx.Client]
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "bokeh, token",
}


def send_form(client: httpx.Client, username: str, password: str, **more: str) -> httpx.Response:
    client.get("/login")
    form = {"username": username, "password": password, "_xsrf": client.cookies["_xsrf"], **more}
    return client.post("/login", data=form)


@pytest.mark.parametrize(
    "path", ["/login", "/", "/overview", "/nothing", "/media/segments/x", "/static/js/bokeh.min.js"]
)
def test_every_answer_has_the_headers(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "server" not in answer.headers


@pytest.mark.parametrize("path", ["/overview", "/events?camera=Front+gate"])
def test_pages_lead_to_the_login_and_back(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 302
    form = client.get(answer.headers["location"])
    assert form.status_code == 200
    target = path.replace("&", "&amp;")
    assert f'value="{target}"' in form.text
    assert send_form(client, "vic", PASSWORD, next=path).headers["location"] == path


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "x"]
)
def test_next_must_be_a_path_of_this_site(client: httpx.Client, target: str) -> None:
    assert client.get("/login", params={"next": target}).status_code == 400
    assert send_form(client, "vic", PASSWORD, next=target).status_code == 400


def test_wrong_password_is_401_and_the_sixth_try_429(client: httpx.Client) -> None:
    for _ in range(5):
        answer = send_form(client, "nobody", "wrong")
        assert answer.status_code == 401
        assert "Wrong user name or password" in answer.text
    last = send_form(client, "nobody", "wrong")
    assert last.status_code == 429
    assert 0 < int(last.headers["retry-after"]) <= 60
    assert send_form(client, "vic", PASSWORD).status_code == 302  # others go on


def test_the_form_escapes_what_was_typed(client: httpx.Client) -> None:
    answer = send_form(client, '"><script>alert(1)</script>', "wrong")
    assert "<script>alert" not in answer.text


def test_a_form_without_xsrf_token_is_403(client: httpx.Client) -> None:
    client.get("/login")
    assert client.post("/login", data={"username": "vic", "password": PASSWORD}).status_code == 403


def test_the_session_cookie_is_shut_to_scripts(client: httpx.Client) -> None:
    cookie = send_form(client, "vic", PASSWORD).headers["set-cookie"]
    assert cookie.startswith("omnisight_session=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_the_page_does_not_hold_the_session_token(log_in: LogIn) -> None:
    client = log_in("vic")
    page = client.get("/overview")
    assert page.status_code == 200
    assert client.cookies["omnisight_session"] not in page.text
    token = page.text.split('"token":"')[1].split('"')[0]
    payload = token.split(".")[0]
    assert client.cookies["omnisight_session"] not in _decoded(payload)


def _decoded(payload: str) -> str:
    raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()
    packed = raw.partition('"__bk__zlib_":')[2].strip('} "')
    if not packed:
        return raw
    return raw + zlib.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))).decode()


def test_logout_ends_the_session_for_every_copy_of_the_cookie(log_in: LogIn, server: str) -> None:
    client = log_in("vic")
    token = client.cookies["omnisight_session"]
    assert client.get("/logout").status_code == 405
    assert client.post("/logout").status_code == 403
    assert client.post("/logout", data={"_xsrf": client.cookies["_xsrf"]}).status_code == 302
    with httpx.Client(base_url=server, cookies={"omnisight_session": token}) as copy:
        assert copy.get("/overview").status_code == 302


def test_an_inactive_user_is_out_at_once(site: Site, log_in: LogIn, client: httpx.Client) -> None:
    accounts.add_user(site.database, "temp", password=PASSWORD, role=UserRole.USER)
    session = log_in("temp")
    assert session.get("/overview").status_code == 200
    with site.database.session() as connection:
        user = reads.user_by_name(connection, "temp")
    writes.update_user(site.database, user.id, is_active=False)
    assert session.get("/overview").status_code == 302
    assert session.get(f"/media/segments/{site.segment}").status_code == 403
    assert send_form(client, "temp", PASSWORD).status_code == 401


@pytest.mark.parametrize("cookie", ["", "made-up"])
def test_a_websocket_without_login_is_403(client: httpx.Client, server: str, cookie: str) -> None:
    headers = {**UPGRADE, "Origin": server, "Cookie": f"omnisight_session={cookie}"}
    assert client.get("/overview/ws", headers=headers).status_code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:1", "null"])
def test_a_foreign_websocket_is_403(log_in: LogIn, origin: str) -> None:
    assert log_in("vic").get("/overview/ws", headers={**UPGRADE, "Origin": origin}).status_code == 403


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    key = secret_key(tmp_path / "home")
    assert len(key) >= 32
    path = tmp_path / "home" / "dashboards.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert secret_key(tmp_path / "home") == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("")
    with pytest.raises(StorageError, match="holds no key"):
        secret_key(tmp_path / "home")


def test_a_taken_port_is_one_sentence(site: Site, server: str) -> None:
    port = server.rpartition(":")[2]
    environment = {**os.environ, "DATABASE_URL": site.database.url, "OMNISIGHT_HOME": str(site.home)}
    command = [sys.executable, "-m", "omnisight_lab.cli", "dashboards", "--port", port]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert ended.stderr == f"omnisight: the dashboards can't listen at 127.0.0.1:{port}: Address already in use\n"


def test_the_key_of_the_served_site_is_private(site: Site, server: str) -> None:
    assert os.stat(site.home / "dashboards.key").st_mode & 0o077 == 0  # noqa: PTH116
