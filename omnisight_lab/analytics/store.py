"""Where the files of a mirror are: a folder of this machine, or an address that fsspec knows (`s3://bucket/site`).

Files are written in a local staging folder first and then put in their place, whole; only the manifest is ever
replaced, by one rename or one PUT. Engines read by the addresses that `address` gives, after `open_in` has made them
known to DuckDB. Credentials of an address are never shown. What goes wrong here is one StorageError.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import duckdb
import fsspec

from omnisight_lab import addresses
from omnisight_lab.errors import StorageError, UsageError

STAGING = ".staging"
SPILL = ".spill"


class Store(Protocol):
    """The files of one mirror. Paths are relative to it, with slashes.

    `shown`: its address without credentials, the same wherever it is opened. `local`: a folder of this machine for what
    is written before it is put in place.
    """

    shown: str
    local: Path

    def address(self, path: str = "") -> str:
        """What engines read the file at."""
        ...

    def open_in(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Makes the addresses known to a DuckDB connection."""
        ...

    def read(self, path: str) -> bytes | None:
        """A small file; None where there is none."""
        ...

    def replace(self, path: str, data: bytes) -> None:
        """Puts `data` in the place of the file: after a crash there is the old one or the new one, never a part."""
        ...

    def put(self, staged: Path, paths: Iterable[str]) -> None:
        """Moves finished files from the folder `staged` to the same paths here; they are there for good."""
        ...

    def sizes(self) -> dict[str, int]:
        """Bytes of every Parquet file."""
        ...

    def remove(self, paths: Iterable[str]) -> None:
        """Deletes files; those that are gone already don't matter."""
        ...


def open_store(root: Path | str, local: Path | None = None) -> Store:
    """The store of a folder, or of an address, which needs a `local` folder beside it."""
    if isinstance(root, str) and "://" in root:
        return ObjectStore(root, local or Path.cwd())
    return Folder(Path(root))


@contextmanager
def staging(store: Store) -> Iterator[Path]:
    """An empty local folder for the one writer of the mirror; what killed ones have left behind goes."""
    with told(store.shown):
        folder = store.local / STAGING
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def told(shown: str, doing: str = "written") -> Iterator[None]:
    """Errors of a disk or an object store as one sentence without credentials."""
    try:
        yield
    except OSError as error:
        reason = addresses.redact(error.strerror or str(error)) or type(error).__name__
        raise StorageError(f"the mirror in {shown} can't be {doing}: {reason}") from error


def sync(path: Path) -> None:
    """Forces a file or the entries of a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Folder:
    """A folder of this machine, or of a network disk."""

    def __init__(self, root: Path) -> None:
        self.root = self.local = root
        self.shown = str(root)

    def address(self, path: str = "") -> str:
        return str(self.root / path)

    def open_in(self, connection: duckdb.DuckDBPyConnection) -> None:
        """DuckDB reads folders by itself."""

    def read(self, path: str) -> bytes | None:
        try:
            with told(self.shown, "read"):
                return (self.root / path).read_bytes()
        except StorageError as error:
            if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
                return None
            raise

    def replace(self, path: str, data: bytes) -> None:
        with told(self.shown):
            self.root.mkdir(parents=True, exist_ok=True)
            temporary = self.root / STAGING / path
            temporary.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(data)
            sync(temporary)
            temporary.replace(self.root / path)
            sync(self.root)

    def put(self, staged: Path, paths: Iterable[str]) -> None:
        with told(self.shown):
            folders = set()
            for path in paths:
                target = self.root / path
                target.parent.mkdir(parents=True, exist_ok=True)
                sync(staged / path)
                (staged / path).replace(target)
                folders |= {target.parent, target.parent.parent}
            for folder in folders:
                sync(folder)

    def sizes(self) -> dict[str, int]:
        found = {}
        with told(self.shown, "read"):
            for folder, names, files in os.walk(self.root):
                names[:] = [name for name in names if not name.startswith(".")]
                for file in files:
                    if file.endswith(".parquet") and (size := _size(Path(folder, file))) is not None:
                        found[Path(folder, file).relative_to(self.root).as_posix()] = size
        return found

    def remove(self, paths: Iterable[str]) -> None:
        with told(self.shown):
            for path in paths:
                (self.root / path).unlink(missing_ok=True)


def _size(path: Path) -> int | None:
    """Bytes of a file; None if it has just gone."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


class ObjectStore:
    """What stands at an fsspec address: `s3://bucket/site`, `memory://site`, …"""

    def __init__(self, root: str, local: Path) -> None:
        self.local = local
        scheme = root.partition("://")[0]
        try:
            with told(f"{scheme}://…", "opened"), _foreign():
                self._fs, self._root = fsspec.core.url_to_fs(
                    root.rstrip("/"), use_listings_cache=False, skip_instance_cache=True
                )
        except (ImportError, ValueError) as error:
            raise UsageError(
                f"the mirror's address begins with {scheme}://, which needs a package that is not installed "
                "(for s3:// that is `pip install omnisight-lab[s3]`)"
            ) from error
        self._base: str = self._fs.unstrip_protocol(self._root)
        self.shown = addresses.redact(self._base)

    def address(self, path: str = "") -> str:
        return f"{self._base}/{path}"

    def open_in(self, connection: duckdb.DuckDBPyConnection) -> None:
        connection.register_filesystem(self._fs)

    def read(self, path: str) -> bytes | None:
        with told(self.shown, "read"), _foreign():
            try:
                return bytes(self._fs.cat_file(self._at(path)))
            except FileNotFoundError:
                return None

    def replace(self, path: str, data: bytes) -> None:
        with told(self.shown), _foreign():
            self._fs.pipe_file(self._at(path), data)

    def put(self, staged: Path, paths: Iterable[str]) -> None:
        paths = list(paths)
        with told(self.shown), _foreign():
            if paths:
                self._fs.put([str(staged / path) for path in paths], [self._at(path) for path in paths])
        for path in paths:
            (staged / path).unlink()

    def sizes(self) -> dict[str, int]:
        with told(self.shown, "read"), _foreign():
            found = self._fs.find(self._root, detail=True)
        start = len(self._root) + 1
        return {name[start:]: info["size"] for name, info in found.items() if name.endswith(".parquet")}

    def remove(self, paths: Iterable[str]) -> None:
        with told(self.shown), _foreign():
            for path in paths:
                with suppress(FileNotFoundError):
                    self._fs.rm_file(self._at(path))

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"


@contextmanager
def _foreign() -> Iterator[None]:
    """What the clients of object stores raise beside OSError, as OSError."""
    try:
        yield
    except (OSError, ImportError, ValueError):
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
