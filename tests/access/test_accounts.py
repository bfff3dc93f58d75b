from __future__ import annotations

import pytest

from omnisight_lab.access import accounts
from omnisight_lab.access.passwords import verify_password
from omnisight_lab.db import reads
from omnisight_lab.db.models import UserRole
from omnisight_lab.db.session import Database
from omnisight_lab.errors import UnknownName, UsageError


def test_the_first_admin_is_made_once(database: Database) -> None:
    password = accounts.first_admin(database)
    assert password is not None and accounts.first_admin(database) is None
    with database.session() as session:
        (admin,) = reads.users(session)
    assert (admin.username, admin.role) == ("admin", UserRole.ADMIN) and verify_password(password, admin.password)


def test_roles_by_name() -> None:
    assert accounts.role_of("viewer") is UserRole.VIEWER
    with pytest.raises(UnknownName, match="did you mean 'VIEWER'"):
        accounts.role_of("VIEWR")


def test_a_user_needs_a_name(database: Database) -> None:
    with pytest.raises(UsageError, match="needs a name"):
        accounts.add_user(database, " ", role=UserRole.USER)
