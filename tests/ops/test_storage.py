"""Free space, its floor, and folders that can't be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from omnisight_lab.errors import DiskFull, StorageError
from omnisight_lab.ops import storage


def test_a_folder_that_is_not_there_yet_has_the_space_of_its_parent(tmp_path: Path) -> None:
    free = storage.free_bytes(tmp_path / "not" / "yet")
    assert free > 0
    assert abs(free - storage.free_bytes(tmp_path)) < 10**9


def test_the_floor(tmp_path: Path) -> None:
    storage.require_room(tmp_path, 0)
    with pytest.raises(DiskFull, match=r"MB free, less than the floor of 1000000000 MB"):
        storage.require_room(tmp_path, 10**9)


def test_a_folder_is_made_and_one_that_can_t_be_is_refused(tmp_path: Path) -> None:
    storage.prepare(tmp_path / "media" / "deep")
    assert list((tmp_path / "media" / "deep").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="can't be written to"):
        storage.prepare(tmp_path / "file" / "media")
