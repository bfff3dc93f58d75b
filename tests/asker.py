"""Who runs the tests, as a user of the site: whom `ol.connect()` and `omnisight query` want to know."""

from __future__ import annotations

from omnisight_lab import settings
from omnisight_lab.db import writes
from omnisight_lab.db.models import UserRole
from omnisight_lab.db.session import Database


def add_asker(database: Database) -> str:
    """The name of a new ADMIN who is called as the system's user, and can't log in."""
    name = settings.user_name()
    writes.add_user(database, username=name, email=f"{name}@localhost", password_hash="none", role=UserRole.ADMIN)
    return name
