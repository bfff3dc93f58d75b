"""The ledger of the disk: what rows name, what lies there, and what else takes its space."""

from __future__ import annotations

import errno
import os
import stat
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omnisight_lab.db import reads
from omnisight_lab.db.session import Database
from omnisight_lab.errors import StorageError
from omnisight_lab.media.naming import PART
from omnisight_lab.ops.storage import MEGABYTE
from omnisight_lab.settings import Paths

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = 3
FRESH = timedelta(minutes=2)
"""A file that was written so short before has no row yet, and lacks none."""
NOWHERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP})
"""What the system says where a path names no file; other errors mean that nobody can tell."""
TOLD_EVERY = 2_000
"""Files from one report of progress to the next."""

Progress = Callable[[int, int], None]
"""Takes how many files were looked at, and how many rows there are."""


@dataclass(frozen=True, slots=True)
class CameraFiles:
    """Rows of a camera and their files. Bytes are sizes: `listed_bytes` as the rows say, the others as the files say.

    `missing`: rows without a file. `unlisted`: files in its folder without a row. `missing_paths` and `unlisted_paths`:
    a few of them, relative to the media root.
    """

    camera_id: str
    camera: str
    rows: int
    listed_bytes: int
    files: int
    found_bytes: int
    missing: int
    missing_bytes: int
    unlisted: int
    unlisted_bytes: int
    missing_paths: tuple[str, ...]
    unlisted_paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """What takes space: `bytes` on the disk of the media root (allocated blocks), `elsewhere` on other disks."""

    name: str
    files: int
    bytes: int
    elsewhere: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Ledger:
    """The disk of the media root, `total` bytes large, as the sum of its `parts`.

    The part `rest` is what the system counts as used beyond what was looked at: other folders, and the file system's
    own. `for_footage`: what footage may take in all, the free space above the floor included.
    """

    media: Path
    at: datetime
    total: int
    for_footage: int
    parts: tuple[Part, ...]
    cameras: tuple[CameraFiles, ...]

    @property
    def accounted(self) -> int:
        """The sum of the parts: `total`, as far as nothing was written meanwhile."""
        return sum(part.bytes for part in self.parts)

    def part(self, name: str) -> Part:
        return next(part for part in self.parts if part.name == name)

    def df(self) -> pd.DataFrame:
        """The parts: files, gigabytes on the disk, and their share of it; the whole disk last."""
        import pandas as pd

        whole = Part("the disk", sum(part.files for part in self.parts), self.total)
        rows = [
            {"part": part.name, "files": part.files, "GB": part.bytes / 1e9, "share": part.bytes / self.total}
            for part in (*self.parts, whole)
        ]
        return pd.DataFrame(rows)

    def _shown(self) -> pd.DataFrame:
        table = self.df()
        return table.assign(GB=table["GB"].map("{:,.3f}".format), share=table["share"].map("{:.1%}".format))

    def __repr__(self) -> str:
        return str(self._shown().to_string(index=False))

    def _repr_html_(self) -> str:
        return str(self._shown().to_html(index=False, border=0))


@dataclass(slots=True)
class _Sum:
    files: int = 0
    bytes: int = 0
    elsewhere: int = 0

    def add(self, found: os.stat_result, device: int) -> None:
        allocated = found.st_blocks * 512
        self.files += 1
        if found.st_dev == device:
            self.bytes += allocated
        else:
            self.elsewhere += allocated

    def part(self, name: str) -> Part:
        return Part(name, self.files, self.bytes, self.elsewhere)


@dataclass(slots=True)
class _Camera:
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    missing_paths: list[str] = field(default_factory=list)
    unlisted_paths: list[str] = field(default_factory=list)

    def add(self, what: str, size: int, bytes_of: str) -> None:
        self.counts[what] += 1
        self.counts[bytes_of] += size


Rows = dict[str, tuple[str, int]]
"""Path of a segment, relative to the media root where it lies there -> camera's id, size."""


class _Count:
    """Goes through the media root once, file by file, and crosses off the rows."""

    def __init__(self, media: Path, rows: Rows, device: int, at: datetime, progress: Progress | None) -> None:
        self.media, self.rows, self.device, self.progress = media, rows, device, progress
        self.fresh = (at - FRESH).timestamp()
        self.sums: dict[str, _Sum] = defaultdict(_Sum)
        self.cameras: dict[str, _Camera] = defaultdict(_Camera)
        for camera_id, size in rows.values():
            self.cameras[camera_id].add("rows", size, "listed_bytes")

    def run(self) -> None:
        total, seen = len(self.rows), 0
        for seen, (path, found) in enumerate(files_below(self.media), start=1):
            self._file(path, found)
            if self.progress and seen % TOLD_EVERY == 0:
                self.progress(seen, total)
        for path, (camera_id, size) in self.rows.items():
            self._not_met(path, camera_id, size)
        if self.progress:
            self.progress(max(seen, total), total)

    def _file(self, path: str, found: os.stat_result) -> None:
        row = self.rows.pop(path, None)
        if row is not None:
            self._listed(row[0], found)
        elif path.startswith("thumbnails/"):
            self.sums["pictures"].add(found, self.device)
        elif path.endswith(PART) or found.st_mtime >= self.fresh:
            self.sums["being written"].add(found, self.device)
        else:
            self._unlisted(path, found)

    def _listed(self, camera_id: str, found: os.stat_result) -> None:
        self.sums["footage"].add(found, self.device)
        self.cameras[camera_id].add("files", found.st_size, "found_bytes")

    def _unlisted(self, path: str, found: os.stat_result) -> None:
        self.sums["files without row"].add(found, self.device)
        parts = path.split("/", 2)
        if parts[0] == "segments" and len(parts) == 3:
            camera = self.cameras[parts[1]]
            camera.add("unlisted", found.st_size, "unlisted_bytes")
            camera.unlisted_paths += [path] if len(camera.unlisted_paths) < EXAMPLES else []

    def _not_met(self, path: str, camera_id: str, size: int) -> None:
        """A row whose file was not met: it lies elsewhere, behind a link, or nowhere."""
        try:
            self._listed(camera_id, (self.media / path).stat())
        except OSError as error:
            if error.errno not in NOWHERE:
                raise StorageError(f"{self.media / path} can't be looked at: {error.strerror}") from error
            camera = self.cameras[camera_id]
            camera.add("missing", size, "missing_bytes")
            camera.missing_paths += [path] if len(camera.missing_paths) < EXAMPLES else []


def files_below(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Every file below `folder` with its path relative to it; links are not followed, and what vanishes is left out.

    A folder that can't be read is passed over.
    """
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        try:
            with os.scandir(folder / prefix) as entries:
                for entry in entries:
                    try:
                        found = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    if stat.S_ISDIR(found.st_mode):
                        waiting.append(f"{prefix}{entry.name}/")
                    else:
                        yield prefix + entry.name, found
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue


def ledger(
    database: Database, paths: Paths, at: datetime, floor_mb: int = 0, progress: Progress | None = None
) -> Ledger:
    """Rows against files, and every part of the media root's disk; a million files take 10 s of a core and 0.3 GB.

    Rows are read first, so that a segment which is closed meanwhile has a file that is fresh, and no row without file.
    """
    media = paths.media.resolve()
    with database.session() as session:
        names = reads.camera_names(session)
        rows = {_relative(path, media): (camera_id, size) for camera_id, path, size in reads.segment_files(session)}
    disk, device = _disk(media)
    count = _Count(media, rows, device, at, progress)
    count.run()
    parts = [
        *(count.sums[name].part(name) for name in ("footage", "files without row", "being written", "pictures")),
        *(_folder(folder, device) for folder in _own_folders(paths)),
    ]
    block, free = disk.f_frsize, disk.f_bavail * disk.f_frsize
    used = (disk.f_blocks - disk.f_bfree) * block
    parts += [
        Part("rest", 0, max(0, used - sum(part.bytes for part in parts))),
        Part("reserved", 0, (disk.f_bfree - disk.f_bavail) * block),
        Part("free", 0, free),
    ]
    room = max(0, parts[0].bytes + free - floor_mb * MEGABYTE)
    cameras = [_camera(id_, names.get(id_, id_), its) for id_, its in count.cameras.items()]
    cameras.sort(key=lambda camera: (camera.camera, camera.camera_id))
    return Ledger(media, at, disk.f_blocks * block, room, tuple(parts), tuple(cameras))


def _relative(path: str, media: Path) -> str:
    """The path of a row as the walk through the media root gives it; absolute where it lies elsewhere."""
    clean = os.path.normpath(path)
    return clean.removeprefix(f"{media}/")


def _disk(folder: Path) -> tuple[os.statvfs_result, int]:
    """The file system of `folder`, which need not exist yet, and its device number."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        return os.statvfs(folder), folder.stat().st_dev
    except OSError as error:
        raise StorageError(f"the disk of {folder} can't be read: {error.strerror}") from error


def _own_folders(paths: Paths) -> tuple[Path, ...]:
    return paths.database, paths.mirror, paths.reports, paths.journal, paths.logs, paths.notebooks


def _folder(folder: Path, device: int) -> Part:
    total = _Sum()
    for _, found in files_below(folder):
        total.add(found, device)
    return total.part(folder.name)


def _camera(camera_id: str, name: str, its: _Camera) -> CameraFiles:
    counted: dict[str, Any] = {
        column: its.counts[column]
        for column in (
            *("rows", "listed_bytes", "files", "found_bytes"),
            *("missing", "missing_bytes", "unlisted", "unlisted_bytes"),
        )
    }
    return CameraFiles(
        camera_id,
        name,
        **counted,
        missing_paths=tuple(sorted(its.missing_paths)),
        unlisted_paths=tuple(sorted(its.unlisted_paths)),
    )
