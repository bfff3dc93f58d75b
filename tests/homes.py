"""Data folders for tests."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omnisight_lab.db.server import EmbeddedServer


@contextmanager
def new_home() -> Iterator[Path]:
    """A folder that the database's own user can enter, which it can't do with pytest's `tmp_path` when root runs the
    tests. In the end its server is stopped and the folder is gone."""
    folder = Path(tempfile.mkdtemp(prefix="omnisight-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        EmbeddedServer(folder / "database").stop()
        shutil.rmtree(folder)
