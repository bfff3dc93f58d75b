from __future__ import annotations

import pytest

from omnisight_lab.access.roles import ALLOWED, Action, may, require
from omnisight_lab.db.models import User, UserRole
from omnisight_lab.errors import AccessDenied

EXPECTED = {
    UserRole.VIEWER: {Action.LOOK},
    UserRole.USER: {Action.LOOK, Action.REVIEW, Action.ZONES, Action.REPORT, Action.EXPORT},
    UserRole.ADMIN: set(Action),
}


@pytest.mark.parametrize("role", UserRole)
def test_what_each_role_may_do(role: UserRole) -> None:
    user = User(username="bob", role=role, is_active=True)
    assert {action for action in Action if may(user, action)} == EXPECTED[role]
    for action in set(Action) - EXPECTED[role]:
        with pytest.raises(AccessDenied, match=f"bob \\({role.value}\\) may not"):
            require(user, action)


def test_every_role_is_known() -> None:
    assert set(ALLOWED) == set(UserRole)


def test_who_is_not_active_may_nothing() -> None:
    user = User(username="bob", role=UserRole.ADMIN, is_active=False)
    assert not any(may(user, action) for action in Action)
