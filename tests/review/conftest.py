from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from omnisight_lab.access import accounts, passwords
from omnisight_lab.db import reads
from omnisight_lab.db.models import UserRole
from omnisight_lab.db.session import Database
from omnisight_lab.lab import Lab
from omnisight_lab.settings import Paths
from tests.analytics.conftest import Site


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "ROUNDS", 4)


@pytest.fixture
def site(database: Database) -> Site:
    """Two cameras, gate and yard, and three users: ann (ADMIN), bob (USER), eve (VIEWER)."""
    site = Site(database)
    for camera in ("gate", "yard"):
        site.camera(camera)
    for name, role in (("ann", UserRole.ADMIN), ("bob", UserRole.USER), ("eve", UserRole.VIEWER)):
        accounts.add_user(database, name, role=role)
    return site


@pytest.fixture
def lab(database: Database, tmp_path: Path) -> Iterator[Lab]:
    """The site's own lab."""
    with Lab(database, Paths(tmp_path / "home", tmp_path / "media")) as lab:
        yield lab


@pytest.fixture
def ask_as(lab: Lab, site: Site) -> Callable[[str], Lab]:
    """The lab as a user of this name sees it."""

    def ask_as(name: str) -> Lab:
        with site.database.session() as session:
            return lab.as_user(reads.user_by_name(session, name))

    return ask_as
