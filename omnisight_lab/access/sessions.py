"""Logins: who may in, and for how long. The browser has a random token, the database its SHA-256."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import deque
from datetime import timedelta

from sqlalchemy import select

from omnisight_lab.access.passwords import verify_password
from omnisight_lab.clock import Clock, SystemClock
from omnisight_lab.db import reads, writes
from omnisight_lab.db.columns import now
from omnisight_lab.db.lab_models import Session
from omnisight_lab.db.models import User
from omnisight_lab.db.session import Database
from omnisight_lab.errors import AccessDenied, TooManyAttempts

ATTEMPTS = 5
WINDOW_SECONDS = 60.0
"""So many failures of one user from one address in so many seconds; then further attempts wait."""

_REFUSED = "wrong user name or password, or the user is not active"
"""One text for all three, so that nobody learns which names exist."""


class RateLimit:
    """Counts failures per key in the memory of this process."""

    def __init__(self, clock: Clock, attempts: int = ATTEMPTS, seconds: float = WINDOW_SECONDS) -> None:
        self._clock, self._attempts, self._seconds = clock, attempts, seconds
        self._failures: dict[tuple[str, str], deque[float]] = {}
        self._lock = threading.Lock()

    def attempt(self, key: tuple[str, str]) -> float:
        """Seconds until the key may try again; 0: now, which counts as a failure until it `succeeded`.

        (Counted afterwards, any number of guesses made at once would go through.)
        """
        with self._lock:
            self._forget()
            failures = self._failures.setdefault(key, deque(maxlen=self._attempts))
            if len(failures) == self._attempts:
                return failures[0] + self._seconds - self._clock.monotonic()
            failures.append(self._clock.monotonic())
            return 0.0

    def succeeded(self, key: tuple[str, str]) -> None:
        with self._lock:
            self._failures.pop(key, None)

    def _forget(self) -> None:
        old = self._clock.monotonic() - self._seconds
        for key, failures in list(self._failures.items()):
            while failures and failures[0] <= old:
                failures.popleft()
            if not failures:
                del self._failures[key]


_limit = RateLimit(SystemClock())


def login(
    database: Database, username: str, password: str, address: str, limit: RateLimit | None = None
) -> tuple[str, User]:
    """A new session's token and its user, whose lastLogin is set; AccessDenied says no more than needed,
    TooManyAttempts how long to wait."""
    limit = limit or _limit
    key = (username.lower(), address)
    if (seconds := limit.attempt(key)) > 0:
        raise TooManyAttempts(seconds)
    with database.session() as session:
        user = session.scalars(select(User).where(User.username == username)).first()
        hours = reads.site_settings(session)["dashboards.session_hours"]
    if not verify_password(password, user.password if user else None) or user is None or not user.is_active:
        raise AccessDenied(_REFUSED)
    limit.succeeded(key)
    token, at = secrets.token_urlsafe(32), now()
    writes.record_login(
        database,
        Session(
            token_sha256=_hash(token),
            user_id=user.id,
            created_at=at,
            expires_at=at + timedelta(hours=hours),
            address=address,
        ),
    )
    return token, user


def user_of(database: Database, token: str) -> User | None:
    """The user of a session that has not expired, while active; None for any other token."""
    statement = (
        select(User)
        .join(Session, Session.user_id == User.id)
        .where(Session.token_sha256 == _hash(token), Session.expires_at > now(), User.is_active)
    )
    with database.session() as session:
        return session.scalars(statement).first()


def logout(database: Database, token: str) -> None:
    """Ends the session; harmless for one that is over."""
    writes.end_login(database, _hash(token))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
