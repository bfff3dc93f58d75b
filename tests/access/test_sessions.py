from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from omnisight_lab.access import accounts, sessions
from omnisight_lab.clock import FakeClock
from omnisight_lab.db import reads, writes
from omnisight_lab.db.columns import now
from omnisight_lab.db.lab_models import Session
from omnisight_lab.db.models import User, UserRole
from omnisight_lab.db.session import Database
from omnisight_lab.errors import AccessDenied, TooManyAttempts

PASSWORD = "correct horse"


@pytest.fixture
def limit() -> sessions.RateLimit:
    return sessions.RateLimit(FakeClock(datetime(2026, 3, 29, tzinfo=UTC)), attempts=3, seconds=60)


@pytest.fixture
def bob(database: Database) -> User:
    accounts.add_user(database, "admin", password=PASSWORD, role=UserRole.ADMIN)
    accounts.add_user(database, "bob", password=PASSWORD, role=UserRole.USER)
    with database.session() as session:
        return reads.user_by_name(session, "bob")


def test_a_login_and_its_end(database: Database, bob: User, limit: sessions.RateLimit) -> None:
    token, user = sessions.login(database, "bob", PASSWORD, "192.0.2.7", limit)
    assert user.id == bob.id
    found = sessions.user_of(database, token)
    assert found is not None and found.last_login is not None and now() - found.last_login < timedelta(minutes=1)
    with database.session() as session:
        (kept,) = session.scalars(select(Session))
    assert token not in (kept.token_sha256, kept.user_id) and len(kept.token_sha256) == 64
    assert kept.address == "192.0.2.7" and kept.expires_at - kept.created_at == timedelta(hours=12)
    sessions.logout(database, token)
    sessions.logout(database, token)
    assert sessions.user_of(database, token) is None


@pytest.mark.parametrize(
    ("username", "password"), [("bob", "wrong"), ("nobody", PASSWORD), ("Bob", PASSWORD), ("", "")]
)
def test_refusals_tell_no_more_than_needed(
    username: str, password: str, database: Database, bob: User, limit: sessions.RateLimit
) -> None:
    with pytest.raises(AccessDenied, match=r"^wrong user name or password, or the user is not active$"):
        sessions.login(database, username, password, "192.0.2.7", limit)
    with database.session() as session:
        assert reads.user_by_name(session, "bob").last_login is None


def test_an_inactive_user_is_refused_and_out(database: Database, bob: User, limit: sessions.RateLimit) -> None:
    token, _ = sessions.login(database, "bob", PASSWORD, "192.0.2.7", limit)
    writes.update_user(database, bob.id, is_active=False)
    assert sessions.user_of(database, token) is None
    with pytest.raises(AccessDenied, match="not active"):
        sessions.login(database, "bob", PASSWORD, "192.0.2.7", limit)
    writes.update_user(database, bob.id, is_active=True)
    assert sessions.user_of(database, token) is None


def test_a_new_password_ends_open_sessions(database: Database, bob: User, limit: sessions.RateLimit) -> None:
    token, user = sessions.login(database, "bob", PASSWORD, "192.0.2.7", limit)
    new = accounts.set_password(database, user)
    assert sessions.user_of(database, token) is None
    with pytest.raises(AccessDenied):
        sessions.login(database, "bob", PASSWORD, "192.0.2.7", limit)
    assert sessions.login(database, "bob", new, "192.0.2.7", limit)


def test_sessions_expire_and_are_forgotten(database: Database, bob: User, limit: sessions.RateLimit) -> None:
    token, _ = sessions.login(database, "bob", PASSWORD, "192.0.2.7", limit)
    with database.engine.begin() as connection:
        connection.execute(update(Session).values(expires_at=now() - timedelta(seconds=1)))
    assert sessions.user_of(database, token) is None
    sessions.login(database, "bob", PASSWORD, "192.0.2.7", limit)
    with database.session() as session:
        assert len(list(session.scalars(select(Session)))) == 1


def test_failures_are_limited_per_user_and_address(database: Database, bob: User) -> None:
    clock = FakeClock(datetime(2026, 3, 29, tzinfo=UTC))
    limit = sessions.RateLimit(clock, attempts=3, seconds=60)
    for _ in range(3):
        with pytest.raises(AccessDenied, match="wrong"):
            sessions.login(database, "bob", "wrong", "192.0.2.7", limit)
        clock.advance(10)
    with pytest.raises(AccessDenied, match="try again in 30 seconds"):
        sessions.login(database, "bob", PASSWORD, "192.0.2.7", limit)
    assert sessions.login(database, "bob", PASSWORD, "192.0.2.8", limit)
    assert sessions.login(database, "admin", PASSWORD, "192.0.2.7", limit)
    clock.advance(31)
    assert sessions.login(database, "bob", PASSWORD, "192.0.2.7", limit)


def test_a_success_clears_the_count(limit: sessions.RateLimit) -> None:
    key = ("bob", "192.0.2.7")
    assert [limit.attempt(key) for _ in range(2)] == [0, 0]
    limit.succeeded(key)
    assert [limit.attempt(key) for _ in range(4)] == [0, 0, 0, 60]


def test_guesses_made_at_once_are_limited_too(database: Database, bob: User, limit: sessions.RateLimit) -> None:
    def guess(number: int) -> type[Exception] | None:
        try:
            sessions.login(database, "bob", f"wrong {number}", "192.0.2.7", limit)
        except AccessDenied as error:
            return type(error)
        return None

    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(guess, range(6)))
    assert sorted(told, key=str) == [AccessDenied] * 3 + [TooManyAttempts] * 3
