"""Passwords as every OmniSight service keeps them: bcrypt, `$2b$`."""

from __future__ import annotations

import secrets
from functools import cache

import bcrypt

from omnisight_lab.errors import UsageError

LONGEST = 72
"""Bytes that bcrypt looks at; a longer password would be cut without a word."""

SHORTEST = 8

ROUNDS = 12
"""bcrypt's cost: a quarter of a second for each guess."""


def hash_password(password: str) -> str:
    """A bcrypt hash (`$2b$`, cost 12); UsageError for a password that is too short, too long, or has a NUL."""
    data = password.encode()
    if len(password) < SHORTEST:
        raise UsageError(f"a password has at least {SHORTEST} characters")
    if len(data) > LONGEST or b"\0" in data:
        raise UsageError(f"a password has at most {LONGEST} bytes, none of them zero")
    return bcrypt.hashpw(data, bcrypt.gensalt(ROUNDS)).decode()


def verify_password(password: str, hashed: str | None) -> bool:
    """Whether it is the password; without a hash (no such user) it takes as long, and is False."""
    data = password.encode()[:LONGEST]  # as the other services' libraries do
    if b"\0" in data:
        return False
    try:
        right = bcrypt.checkpw(data, (hashed or _dummy()).encode())
    except ValueError:  # what stands in the column is no bcrypt hash
        return False
    return right and hashed is not None


def new_password() -> str:
    """A random password of 20 characters (120 bits)."""
    return secrets.token_urlsafe(15)


@cache
def _dummy() -> str:
    return bcrypt.hashpw(secrets.token_bytes(16).hex().encode(), bcrypt.gensalt(ROUNDS)).decode()
