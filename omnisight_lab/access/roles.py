"""What each role may do. Every change is asked for here, on the server; hiding a button is no protection."""

from __future__ import annotations

from enum import Enum

from omnisight_lab.db.models import User, UserRole
from omnisight_lab.errors import AccessDenied


class Action(Enum):
    """`value`: how a refusal names it."""

    LOOK = "look at cameras, events and reports"
    REVIEW = "judge events"
    ZONES = "draw zones and lines"
    REPORT = "run reports"
    EXPORT = "export footage and data"
    SETTINGS = "change settings"
    CAMERAS = "change cameras"
    USERS = "change users"
    POLICIES = "change retention policies"


_VIEWER = frozenset({Action.LOOK})
_USER = _VIEWER | {Action.REVIEW, Action.ZONES, Action.REPORT, Action.EXPORT}

ALLOWED = {UserRole.VIEWER: _VIEWER, UserRole.USER: _USER, UserRole.ADMIN: frozenset(Action)}


def may(user: User, action: Action) -> bool:
    return user.is_active and action in ALLOWED[user.role]


def require(user: User, action: Action) -> None:
    """AccessDenied where the user's role does not allow it."""
    if not may(user, action):
        raise AccessDenied(f"{user.username} ({user.role.value}) may not {action.value}")
