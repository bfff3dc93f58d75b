"""Free space of the media root, and the floor below which nothing is recorded."""

from __future__ import annotations

import shutil
from pathlib import Path

from omnisight_lab.errors import DiskFull, StorageError

MEGABYTE = 1_000_000


def prepare(folder: Path) -> None:
    """Make `folder`; StorageError where it can't be made or written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink(missing_ok=True)  # another process may look at the same time
    except OSError as error:
        raise StorageError(f"the folder {folder} can't be written to: {error.strerror}") from error


def free_bytes(folder: Path) -> int:
    """Bytes that an ordinary user may still write below `folder`, which need not exist yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        return shutil.disk_usage(folder).free
    except OSError as error:
        raise StorageError(f"the free space of {folder} can't be read: {error.strerror}") from error


def require_room(folder: Path, floor_mb: int) -> None:
    """Raise DiskFull when less than `floor_mb` megabytes are free below `folder`."""
    free = free_bytes(folder)
    if free < floor_mb * MEGABYTE:
        raise DiskFull(
            f"{folder} has {free // MEGABYTE} MB free, less than the floor of {floor_mb} MB "
            "(setting recording.free_space_floor_mb)"
        )
