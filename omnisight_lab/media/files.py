"""Writing so that a power cut leaves either the whole file or none, and a full disk is told from other trouble."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omnisight_lab.errors import DiskFull, StorageError

_FULL = {errno.ENOSPC, errno.EDQUOT}


class MediaFile(io.FileIO):
    """A file for PyAV to write: each write goes to the system whole, and after a failed one nothing is touched.

    So a file that hit a full disk stays as it was then: the muxer's attempts to finish it do not spoil it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self.failure: OSError | None = None

    def write(self, data: Any, /) -> int:
        view = memoryview(data).cast("B")
        while view and self.failure is None:
            try:
                view = view[super().write(view) :]
            except OSError as error:
                self.failure = error
                raise
        return memoryview(data).nbytes


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns the system's errors about `path` into DiskFull or StorageError."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(f"the disk that holds {path.parent} is full") from error
        raise StorageError(f"{path} can't be written: {error.strerror or error}") from error


def finish(part: Path, path: Path) -> None:
    """Moves the written `part` to `path` for good: file and folder reach the disk."""
    sync(part)
    part.rename(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Waits until the file or folder at `path` is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Makes `folder` and its parents, and syncs the parent of each new one."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync(folder.parent)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a small file at once, in place of what was there; DiskFull or StorageError."""
    part = path.with_name(path.name + ".part")
    with writing(path):
        make_folder(path.parent)
        part.write_bytes(content)
        finish(part, path)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
