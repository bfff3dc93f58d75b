"""Rows against files, file by file; and the parts of a disk, which add up."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from omnisight_lab.access import accounts
from omnisight_lab.clock import FakeClock
from omnisight_lab.db.lab_models import CameraRight
from omnisight_lab.db.models import Segment, UserRole
from omnisight_lab.db.session import Database
from omnisight_lab.lab import Lab
from omnisight_lab.ops.ledger import CameraFiles, Ledger, files_below, ledger
from omnisight_lab.settings import Paths
from tests.analytics.conftest import Site, at

NOW = at("2026-11-01T12:00")
LONG_AGO = (NOW - timedelta(days=1)).timestamp()


@pytest.fixture
def site(database: Database) -> Site:
    return Site(database)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "home", tmp_path / "media")


def file(path: Path, size: int, written: float = LONG_AGO) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (written, written))
    return path


def row(site: Site, camera: str, path: str, size: int) -> None:
    site.add(
        Segment(
            recording_id=f"recording-{camera}",
            start_time=NOW,
            end_time=NOW,
            duration=0,
            file_path=path,
            file_size=size,
        )
    )


def look(site: Site, paths: Paths) -> Ledger:
    return ledger(site.database, paths, NOW)


def test_each_row_meets_its_file(site: Site, paths: Paths, tmp_path: Path) -> None:
    """Two rows with files (one truncated, one that another service names absolutely), two without; two files more."""
    yard = site.camera("yard")
    for name, listed, there in (("a", 900, 900), ("b", 800, 300), ("c", 700, None), ("d", 600, None)):
        row(site, yard, f"segments/yard/{name}.mp4", listed)
        if there:
            file(paths.media / f"segments/yard/{name}.mp4", there)
    row(site, yard, str(file(tmp_path / "others" / "e.mp4", 50)), 50)
    row(site, yard, str(paths.media / "segments" / "." / "yard" / "f.mp4"), 40)
    file(paths.media / "segments/yard/f.mp4", 40)
    file(paths.media / "segments/yard/2026/stray.mp4", 77)
    file(paths.media / "segments/gone/stray.mp4", 7)
    found = look(site, paths)
    assert found.cameras == (
        CameraFiles("gone", "gone", 0, 0, 0, 0, 0, 0, 1, 7, (), ("segments/gone/stray.mp4",)),
        CameraFiles(
            *("yard", "yard", 6, 3090, 4, 1290, 2, 1300, 1, 77),
            ("segments/yard/c.mp4", "segments/yard/d.mp4"),
            ("segments/yard/2026/stray.mp4",),
        ),
    )
    assert (found.part("footage").files, found.part("files without row").files) == (4, 2)


def test_what_is_being_written_and_pictures_lack_no_row(site: Site, paths: Paths) -> None:
    site.camera("yard")
    file(paths.media / "segments/yard/new.part.mp4", 5000)
    file(paths.media / "segments/yard/just_closed.mp4", 5000, (NOW - timedelta(seconds=100)).timestamp())
    file(paths.media / "segments/yard/old.mp4", 5000, (NOW - timedelta(seconds=140)).timestamp())
    file(paths.media / "thumbnails/yard/a.jpg", 100)
    found = look(site, paths)
    counted = {part.name: part.files for part in found.parts if part.files}
    assert counted == {"being written": 2, "files without row": 1, "pictures": 1}


def test_links_are_followed_for_rows_and_not_by_the_walk(site: Site, paths: Paths, tmp_path: Path) -> None:
    yard = site.camera("yard")
    file(tmp_path / "second" / "a.mp4", 10)
    (paths.media / "segments").mkdir(parents=True)
    (paths.media / "segments" / "yard").symlink_to(tmp_path / "second")
    (paths.media / "round").symlink_to(paths.media)
    row(site, yard, "segments/yard/a.mp4", 10)
    (camera,) = look(site, paths).cameras
    assert (camera.files, camera.missing, camera.found_bytes) == (1, 0, 10)


def test_a_media_root_that_is_not_there(site: Site, paths: Paths) -> None:
    row(site, site.camera("yard"), "segments/yard/a.mp4", 10)
    found = look(site, paths)
    assert (found.cameras[0].missing, found.part("footage").bytes) == (1, 0)
    assert found.total > 0


def test_a_name_that_no_file_can_have(site: Site, paths: Paths) -> None:
    paths.media.mkdir()
    (paths.media / "loop").symlink_to(paths.media / "loop")
    yard = site.camera("yard")
    for path in ("a" * 300, "loop/a.mp4"):
        row(site, yard, path, 10)
    assert look(site, paths).cameras[0].missing == 2


def test_progress_is_told_and_ends_full(site: Site, paths: Paths) -> None:
    yard = site.camera("yard")
    for number in range(3):
        row(site, yard, f"{number}.mp4", 1)
    for number in range(4_100):
        (paths.media / str(number % 3)).mkdir(parents=True, exist_ok=True)
        (paths.media / str(number % 3) / f"{number}.jpg").touch()
    told: list[tuple[int, int]] = []
    ledger(site.database, paths, NOW, progress=lambda done, total: told.append((done, total)))
    assert told == [(2000, 3), (4000, 3), (4100, 3)]


def test_what_vanishes_while_it_is_looked_at(tmp_path: Path) -> None:
    for name in "abc":
        file(tmp_path / "folder" / name, 1)
    walk = files_below(tmp_path)
    first, _ = next(walk)
    for left in (tmp_path / "folder").iterdir():
        left.unlink()
    assert {first, *(path for path, _ in walk)} <= {"folder/a", "folder/b", "folder/c"}
    assert list(files_below(tmp_path / "nowhere")) == []


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_the_parts_add_up_to_the_disk(site: Site, disk: Path, tmp_path: Path) -> None:
    """The rest is what we did not look at, 2 MB of somebody else; what lies on another disk is told apart."""
    paths = Paths(disk / "home", disk / "media")
    yard, door = site.camera("yard"), site.camera("door")
    for camera, size in ((yard, 3_000_000), (door, 1_000_000)):
        file(paths.media / "segments" / camera / "a.mp4", size)
        row(site, camera, f"segments/{camera}/a.mp4", size)
    row(site, door, str(file(tmp_path / "elsewhere.mp4", 500_000)), 500_000)
    file(paths.media / "segments" / yard / "b.mp4", 1_500_000)
    for name, size in (("database/base/1", 1_200_000), ("mirror/events/x.parquet", 400_000), ("logs/a.log", 100_000)):
        file(paths.home / name, size)
    file(disk / "somebody" / "else", 2_000_000)
    with Lab(site.database, paths, FakeClock(NOW)) as lab:
        found = lab.ledger()
    one_percent = found.total / 100
    assert found.total == 16 * 2**20
    assert abs(found.accounted - found.total) <= one_percent
    wanted = {
        "footage": 4_000_000,
        "files without row": 1_500_000,
        "database": 1_200_000,
        "mirror": 400_000,
        "logs": 100_000,
        "rest": 2_000_000,
        "free": 16 * 2**20 - 9_200_000,
    }
    assert {name: found.part(name).bytes for name in wanted} == pytest.approx(wanted, abs=one_percent)
    assert found.part("footage").elsewhere == pytest.approx(500_000, abs=5000)
    assert sum(camera.found_bytes for camera in found.cameras) == 4_500_000
    # The floor of 1024 MB is more than all of it
    assert found.for_footage == 0
    assert ledger(site.database, paths, NOW, floor_mb=1).for_footage == pytest.approx(10_577_216, abs=one_percent)


def test_the_parts_of_a_real_disk_add_up(site: Site, paths: Paths) -> None:
    file(paths.media / "segments/yard/a.mp4", 3_000_000)
    row(site, site.camera("yard"), "segments/yard/a.mp4", 3_000_000)
    found = look(site, paths)
    assert abs(found.accounted - found.total) <= found.total / 100
    assert all(part.bytes >= 0 for part in found.parts)
    assert found.part("footage").bytes >= 3_000_000


def test_who_may_see_some_cameras_sees_theirs(site: Site, paths: Paths, database: Database) -> None:
    site.camera("yard")
    row(site, site.camera("door"), "segments/door/a.mp4", 1)
    row(site, "yard", "segments/yard/a.mp4", 1)
    accounts.add_user(database, "vera", role=UserRole.VIEWER)
    with Lab(database, paths, FakeClock(NOW)) as lab:
        vera = accounts.who_asks(database, "vera")
        site.add(CameraRight(user_id=vera.id, camera_id="door"))
        assert [camera.camera for camera in lab.ledger().cameras] == ["door", "yard"]
        assert [camera.camera for camera in lab.as_user(vera).ledger().cameras] == ["door"]
