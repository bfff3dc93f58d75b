"""The embedded server, as root and as a plain user; the tests that need the other one are skipped, and say so."""

from __future__ import annotations

import multiprocessing
import os
import pwd
import shutil
import signal
import stat
import warnings
from multiprocessing.connection import Connection
from pathlib import Path

import psycopg
import pytest

from omnisight_lab.db import server as servers
from omnisight_lab.db.server import EmbeddedServer
from omnisight_lab.errors import DatabaseUnreachable, OmniSightError, StorageError

ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not ROOT, reason="needs root")


@pytest.fixture(autouse=True)
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """First starts need not survive a power cut here."""
    monkeypatch.setattr(servers, "INITDB", (*servers.INITDB, "--no-sync"))


def _ask(url: str, sql: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(sql).fetchone()
    assert row is not None
    return row[0]


def _start(folder: Path) -> str:
    return EmbeddedServer(folder).start()


def test_four_processes_race_for_the_first_start(home: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        urls = pool.map(_start, [home / "database"] * 4)
    assert len(set(urls)) == 1
    assert _ask(urls[0], "SELECT 1") == 1


def test_what_the_server_is_like(home: Path) -> None:
    server = EmbeddedServer(home / "database")
    assert not server.exists and not server.running
    url = server.start()
    assert server.running and server.we_started
    assert server.start() == url and not EmbeddedServer(server.folder).we_started
    expected = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "password_encryption": "scram-sha-256",
        "data_checksums": "on",
        "timezone": "UTC",
        "server_encoding": "UTF8",
    }
    assert {name: _ask(url, f"SHOW {name}") for name in expected} == expected
    assert _ask(url, "SELECT 'a' < 'B' COLLATE \"default\"") is False  # by code point
    assert stat.S_IMODE((server.folder / "password").stat().st_mode) == 0o600
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url.replace(servers.USER + ":", servers.USER + ":x"))
    assert server.stop() and not server.running and not server.stop()
    assert EmbeddedServer(server.folder).start() == url  # on the same port, where that is free


def test_data_survive_a_killed_postmaster(home: Path) -> None:
    server = EmbeddedServer(home / "database")
    url = server.start()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
    pid = int((server.data / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    url = EmbeddedServer(home / "database").start()
    assert _ask(url, "SELECT n FROM kept") == 42


def test_a_first_start_that_was_killed_leaves_nothing_in_the_way(home: Path) -> None:
    left = home / "database" / "new-1" / "data"
    left.mkdir(parents=True)
    (left / "PG_VERSION").write_text("18\n")
    assert _ask(EmbeddedServer(home / "database").start(), "SELECT 1") == 1
    assert not left.exists()


def test_the_port_is_taken_meanwhile(home: Path) -> None:
    server = EmbeddedServer(home / "database")
    port = int(server.start().rpartition(":")[2].split("/")[0])
    server.stop()
    with servers.socket.create_server(("127.0.0.1", port)):
        assert _ask(server.start(), "SELECT 1") == 1


def test_data_of_another_major_version_are_refused(home: Path) -> None:
    server = EmbeddedServer(home / "database")
    server.start()
    server.stop()
    (server.data / "PG_VERSION").write_text("15\n")
    with pytest.raises(DatabaseUnreachable, match="made by PostgreSQL 15"):
        server.start()


def test_a_server_that_can_not_start_says_why(home: Path) -> None:
    server = EmbeddedServer(home / "database")
    server.start()
    server.stop()
    with (server.data / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = nonsense\n")
    with pytest.raises(DatabaseUnreachable, match=r"does not start.*see .*server\.log"):
        server.start()


def test_a_file_where_the_folder_should_be(home: Path) -> None:
    (home / "database").write_text("")
    with pytest.raises(StorageError, match="data folder"):
        EmbeddedServer(home / "database").start()


def test_a_read_only_file_system() -> None:
    with pytest.raises(StorageError, match="data folder /proc/omnisight can't be made"):
        EmbeddedServer(Path("/proc/omnisight")).start()


@as_root
def test_a_home_that_the_servers_user_can_not_reach_is_refused(home: Path) -> None:
    private = home / "private"
    private.mkdir(mode=0o700)
    with pytest.raises(StorageError, match=r"can't be reached by the user .* set OMNISIGHT_HOME"):
        EmbeddedServer(private / "database").start()
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


@as_root
def test_folders_that_are_made_can_be_reached_whatever_the_umask(home: Path) -> None:
    before = os.umask(0o077)
    try:
        server = EmbeddedServer(home / "a" / "b" / "database")
        assert _ask(server.start(), "SELECT 1") == 1
        server.stop()
    finally:
        os.umask(before)


@as_root
def test_binaries_out_of_reach_are_copied_beside_the_data(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = home / "private" / "site-packages"
    packages.parent.mkdir(mode=0o700)
    package = servers.binaries().parents[1]
    for name in (package.name, f"{package.name}.libs"):
        shutil.copytree(package.with_name(name), packages / name, symlinks=True)
    monkeypatch.setattr(servers, "binaries", lambda: packages / package.name / "pginstall" / "bin")
    server = EmbeddedServer(home / "database")
    assert _ask(server.start(), "SELECT 1") == 1
    assert (server.data / "postmaster.opts").read_text().startswith(str(server.folder / "postgresql-"))


def _start_and_tell(folder: Path, answers: Connection, uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    try:
        answers.send(EmbeddedServer(folder).start())
    except OmniSightError as error:
        answers.send(f"{type(error).__name__}: {error}")


def _as_nobody(folder: Path) -> str:
    """URL or error of a start by a plain user; forked, for that user may not be able to run this Python anew."""
    nobody = pwd.getpwnam("nobody")
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_start_and_tell, args=(folder, theirs, nobody.pw_uid, nobody.pw_gid))
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        process.start()
    told: str = ours.recv()
    process.join()
    ours.close()
    theirs.close()
    return told


@as_root
def test_a_plain_user_has_a_server_of_its_own(home: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    folder = home / "mine"
    folder.mkdir()
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    server = EmbeddedServer(folder / "database")
    assert _ask(_as_nobody(server.folder), "SELECT 1") == 1
    assert server.data.stat().st_uid == nobody.pw_uid
    assert server.stop()
    url = server.start()  # root goes on as the owner of the data
    assert server.data.stat().st_uid == nobody.pw_uid
    assert _as_nobody(server.folder) == url
    server.stop()


@as_root
def test_another_users_database_is_refused_in_one_line(home: Path) -> None:
    EmbeddedServer(home / "database").start()
    assert "belongs to another user" in _as_nobody(home / "database")


@as_root
def test_a_plain_user_without_a_writable_home(home: Path) -> None:
    told = _as_nobody(home / "locked" / "database")
    assert told.startswith("StorageError: the data folder") and "Permission denied" in told
