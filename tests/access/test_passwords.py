from __future__ import annotations

import time

import bcrypt
import pytest

from omnisight_lab.access import passwords
from omnisight_lab.access.passwords import hash_password, new_password, verify_password
from omnisight_lab.errors import UsageError


def test_what_other_services_write_is_read_and_the_reverse() -> None:
    theirs = bcrypt.hashpw(b"correct horse", bcrypt.gensalt(4)).decode()
    assert verify_password("correct horse", theirs)
    ours = hash_password("correct horse")
    assert ours.startswith("$2b$") and bcrypt.checkpw(b"correct horse", ours.encode())


@pytest.mark.parametrize("password", ["short", "x" * 73, "ü" * 37, "with\0zero"])
def test_passwords_that_bcrypt_would_not_keep_whole(password: str) -> None:
    with pytest.raises(UsageError, match="a password has"):
        hash_password(password)


@pytest.mark.parametrize("hashed", ["", "plain text", "$2b$12$short", "$argon2id$v=19$x"])
def test_what_is_no_hash_lets_nobody_in(hashed: str) -> None:
    assert not verify_password(hashed, hashed)


def test_an_unknown_user_takes_as_long_as_a_wrong_password() -> None:
    hashed = hash_password("correct horse")
    verify_password("warm up", None)

    def seconds(known: str | None) -> float:
        start = time.process_time()
        assert not verify_password("wrong", known)
        return time.process_time() - start

    assert min(seconds(None) for _ in range(5)) > 0.5 * min(seconds(hashed) for _ in range(5))


def test_the_dummy_hash_is_nobodys_password() -> None:
    assert not verify_password("", None) and not verify_password("x" * 100, None)


def test_random_passwords_differ_and_fit() -> None:
    assert passwords.SHORTEST < len(new_password()) < passwords.LONGEST
    assert len({new_password() for _ in range(100)}) == 100
    password = new_password()
    assert verify_password(password, hash_password(password))
