"""`omnisight storage`, as it is typed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from omnisight_lab.access import accounts
from omnisight_lab.cli import main
from omnisight_lab.db.models import Segment, UserRole
from omnisight_lab.db.session import Database
from tests.analytics.conftest import Site, at


@pytest.fixture
def media(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A media root with one file that its row names, one without a row, and a row without its file."""
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setenv("OMNISIGHT_HOME", str(tmp_path))
    monkeypatch.setenv("OMNISIGHT_USER", "vera")
    accounts.add_user(database, "vera", role=UserRole.VIEWER)
    site = Site(database)
    site.camera("[yard]")
    folder = tmp_path / "media" / "segments" / "[yard]"
    folder.mkdir(parents=True)
    for name in ("a", "stray"):
        (folder / f"{name}.mp4").write_bytes(bytes(1000))
        os.utime(folder / f"{name}.mp4", (0, 0))
    site.add(
        *(
            Segment(
                recording_id="recording-[yard]",
                start_time=at("2026-11-01"),
                end_time=at("2026-11-01"),
                duration=0,
                file_path=f"segments/[yard]/{name}.mp4",
                file_size=1000,
            )
            for name in ("a", "lost")
        )
    )
    return folder


def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, str]:
    monkeypatch.setattr("sys.argv", ["omnisight", "storage", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert not ended.value.code, said.err
    return said.out, said.err


def test_tables_and_what_does_not_fit(
    media: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, err = typed(monkeypatch, capsys)
    parts = [line.split("  ")[0].strip() for line in out.splitlines()]
    assert parts[1:3] == ["footage", "files without row"]
    assert [part in parts for part in ("pictures", "database", "rest", "free", "the disk", "[yard]")] == [True] * 6
    assert out.splitlines()[-1].split() == ["[yard]", "2", "2.0", "kB", "1", "1.0", "kB", "1", "1"]
    assert "[yard]: 1 rows without file, as segments/[yard]/lost.mp4" in err
    assert "[yard]: 1 files without row, as segments/[yard]/stray.mp4" in err
    assert "omnisight query storage_forecast -p capacity=" in err


def test_json(media: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(typed(monkeypatch, capsys, "--json")[0])
    (camera,) = found["cameras"]
    assert (camera["rows"], camera["files"], camera["missing"], camera["unlisted"]) == (2, 1, 1, 1)
    assert sum(part["bytes"] for part in found["parts"]) == found["accounted"]
    assert found["accounted"] == pytest.approx(found["total"], rel=0.01)
