"""The files of a mirror in a folder, in memory, and in moto's S3: the same mirror, the same answers."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import s3fs

from omnisight_lab import settings
from omnisight_lab.analytics.engines import DuckDBEngine
from omnisight_lab.analytics.manifest import NAME
from omnisight_lab.analytics.mirror import Mirror
from omnisight_lab.analytics.store import Folder, ObjectStore, Store, open_store
from omnisight_lab.db.session import Database
from omnisight_lab.errors import MirrorError, OmniSightError, QueryError, StorageError, UsageError
from omnisight_lab.lab import Lab
from omnisight_lab.settings import Paths
from tests.analytics.conftest import Site
from tests.analytics.mirrors import contents, following

KINDS = ("folder", "memory", "s3")
SECRET = "geheim-7"


@pytest.fixture(scope="module")
def s3_port() -> Iterator[int]:
    arguments = [sys.executable, "-m", "tests.analytics.object_store"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        yield int(server.stdout.readline())
        server.communicate()


@pytest.fixture
def s3(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address of a new bucket; its server and the keys to it stand in the environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{s3_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    bucket = f"bucket-{uuid.uuid4()}"
    s3fs.S3FileSystem(skip_instance_cache=True).mkdir(bucket)
    return f"s3://{bucket}/site one"


@pytest.fixture
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a mirror may be."""
    if request.param == "folder":
        return tmp_path / "it's here"
    if request.param == "memory":
        return f"memory://{uuid.uuid4()}/site"
    return str(request.getfixturevalue("s3"))


@pytest.fixture
def store(root: Path | str, tmp_path: Path) -> Store:
    return open_store(root, tmp_path / "local")


def put(store: Store, tmp_path: Path, path: str, data: bytes = b"data") -> None:
    staged = tmp_path / "staged"
    (staged / path).parent.mkdir(parents=True, exist_ok=True)
    (staged / path).write_bytes(data)
    store.put(staged, [path])
    assert not (staged / path).exists()


@pytest.mark.parametrize("root", KINDS, indirect=True)
def test_files_come_change_and_go(store: Store, tmp_path: Path) -> None:
    assert (store.sizes(), store.read("manifest.json")) == ({}, None)
    put(store, tmp_path, "events/day=2026-10-01/a.parquet", b"abc")
    put(store, tmp_path, "cameras/b.parquet", b"12345")
    for text in (b"one", b"two"):
        store.replace("manifest.json", text)
        assert store.read("manifest.json") == text
    assert store.sizes() == {"events/day=2026-10-01/a.parquet": 3, "cameras/b.parquet": 5}
    store.remove(["cameras/b.parquet", "events/none.parquet"])
    assert store.sizes() == {"events/day=2026-10-01/a.parquet": 3}


@pytest.mark.parametrize("root", KINDS, indirect=True)
def test_a_mirror_follows_the_database_there(
    root: Path | str, three_days: Site, database: Database, tmp_path: Path
) -> None:
    mirror = Mirror(root, tmp_path / "local")
    follows = following(mirror, database)
    assert follows() == 21
    three_days.event("yard", "2026-10-02T15:00", tracks=("1",))
    assert follows() == 2
    assert follows() == 2, "the deltas are joined"
    manifest = mirror.manifest()
    assert manifest
    assert mirror.store.sizes().keys() >= {file.path for file in manifest.files()}
    mirror.store.remove([manifest.files("detected_objects")[0].path])
    with pytest.raises(MirrorError, match="omnisight mirror refresh"):
        contents(mirror)
    assert follows() == 2
    mirror.store.remove([NAME])
    assert follows() == 21
    assert {one.state for one in mirror.verify(database)} == {"equal"}
    assert not list((tmp_path / "local").rglob("*.parquet")), "what is on its way is moved"


@pytest.mark.parametrize("root", KINDS, indirect=True)
def test_a_locked_engine_reads_the_mirror_and_nothing_else(
    root: Path | str, three_days: Site, database: Database, tmp_path: Path
) -> None:
    mirror = Mirror(root, tmp_path / "local")
    engine = DuckDBEngine(mirror.store, mirror.refresh(database).manifest)
    engine.lock_down("1GB", 2)
    assert engine.fetch_sql("SELECT count(*) AS n FROM events").to_pylist() == [{"n": 3}]
    beside = open_store(f"{root}-2", tmp_path / "local")
    put(beside, tmp_path, "x/secret.parquet", b"secret")
    there = beside.address("x/secret.parquet")
    for source in (
        there,
        str(tmp_path / "pages"),
        "/etc/hostname",
        mirror.store.address(f"../{there.rsplit('/', 3)[1]}"),
    ):
        path = source.replace("'", "''")
        try:
            assert engine.fetch_sql(f"SELECT * FROM read_text('{path}')").num_rows == 0
        except QueryError as error:
            assert "no other file" in str(error)
    engine.close()


def test_lab_answers_from_a_bucket(
    s3: str, three_days: Site, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMNISIGHT_MIRROR", s3)
    paths = settings.paths(tmp_path / "home")
    with Lab(database, paths) as lab:
        assert lab.events("2026-10-01", "2026-10-04").count() == 3
        assert lab.sql("SELECT count(*) AS n FROM objects").rows()[0]["n"] == 6
        assert lab.mirror_status().path == s3
    assert not (paths.mirror / NAME).exists()


def test_a_folder_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNISIGHT_MIRROR", str(tmp_path / "disk"))
    paths = settings.paths(tmp_path / "home")
    store = open_store(paths.mirror_at or paths.mirror, paths.mirror)
    assert isinstance(store, Folder)
    assert store.local == tmp_path / "disk"


def test_the_demo_leaves_the_mirror_of_others_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from omnisight_lab.cli import demo

    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setenv("OMNISIGHT_HOME", str(tmp_path))
    monkeypatch.setenv("OMNISIGHT_MIRROR", "s3://theirs/site")
    assert demo._own_home().mirror_at is None
    assert settings.paths().mirror_at is None, "its children don't see it either"


def test_credentials_of_an_address_are_never_shown(tmp_path: Path) -> None:
    address = f"http://me:{SECRET}@127.0.0.1:1/mirror"
    paths = Paths(tmp_path, tmp_path, address)
    assert SECRET not in repr(paths)
    with pytest.raises(OmniSightError) as told:
        Mirror(address, tmp_path).manifest()
    assert SECRET not in str(told.value)
    assert SECRET not in open_store(address, tmp_path).shown


@pytest.mark.parametrize("address", ["nonsense://x/y", "dropbox://x/y"])
def test_an_address_of_another_kind_is_said(address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not installed"):
        open_store(address, tmp_path)


def test_a_bucket_that_is_not_there_is_said(s3: str, tmp_path: Path, database: Database) -> None:
    with pytest.raises(StorageError, match="the mirror in s3://") as told:
        Mirror("s3://no-such-bucket/x", tmp_path).refresh(database)
    assert SECRET not in str(told.value)


def test_a_server_that_is_away_is_said(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(StorageError, match="can't be read"):
        ObjectStore("s3://other/x", tmp_path).read(NAME)
