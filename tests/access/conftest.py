from __future__ import annotations

import pytest

from omnisight_lab.access import passwords


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes of another cost than the real one: they are as right, and take milliseconds."""
    monkeypatch.setattr(passwords, "ROUNDS", 6)
    passwords._dummy.cache_clear()
