"""Users as people set them up: passwords come in clear, and go into the database hashed."""

from __future__ import annotations

from omnisight_lab.access.passwords import hash_password, new_password
from omnisight_lab.db import reads, writes
from omnisight_lab.db.models import User, UserRole
from omnisight_lab.db.session import Database
from omnisight_lab.errors import AccessDenied, UnknownName, UsageError

FIRST_ADMIN = "admin"


def who_asks(database: Database, username: str) -> User:
    """The active user of this name; AccessDenied says how to add one, or to let one in again."""
    with database.session() as session:
        try:
            user = reads.user_by_name(session, username)
        except UnknownName as error:
            raise AccessDenied(
                f"there is no user {username!r} here; an ADMIN adds one with `omnisight user add {username}`, "
                "or ask as another one (--as NAME, OMNISIGHT_USER, connect(user=…))"
            ) from error
    if not user.is_active:
        raise AccessDenied(f"user {username!r} is not active; `omnisight user set {username} --active` lets them in")
    return user


def add_operator(database: Database, username: str) -> None:
    """Makes sure that who sets this database up is a user: an ADMIN, with a password that nobody knows."""
    with database.session() as session:
        known = {user.username for user in reads.users(session)}
    if username not in known:
        add_user(database, username, role=UserRole.ADMIN)


def first_admin(database: Database) -> str | None:
    """The password of a new ADMIN `admin`, in the clear this once; None where there are users already."""
    with database.session() as session:
        if reads.users(session):
            return None
    return add_user(database, FIRST_ADMIN, role=UserRole.ADMIN)


def add_user(
    database: Database, username: str, *, email: str | None = None, password: str | None = None, role: UserRole
) -> str:
    """The password of the new user: the one given, or a random one."""
    if not username.strip():
        raise UsageError("a user needs a name")
    password = new_password() if password is None else password
    address = email or f"{username}@localhost"
    writes.add_user(database, username=username, email=address, password_hash=hash_password(password), role=role)
    return password


def set_password(database: Database, user: User, password: str | None = None) -> str:
    """The user's new password: the one given, or a random one. The user's open sessions end."""
    password = new_password() if password is None else password
    writes.update_user(database, user.id, password=hash_password(password))
    return password


def role_of(name: str) -> UserRole:
    """The role of this name, in capitals or not; UnknownName suggests another."""
    try:
        return UserRole[name.upper()]
    except KeyError:
        raise UnknownName("role", name, [role.value for role in UserRole]) from None
