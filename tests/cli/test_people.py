"""Who asks, what they may see, what they judge and draw: as it is typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from omnisight_lab.db import writes
from omnisight_lab.db.models import UserRole
from omnisight_lab.db.session import Database
from tests.analytics.conftest import Site
from tests.cli.conftest import Run

SPAN = ("--from", "2026-03-28T00:00Z", "--to", "2026-03-29T00:00Z")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNISIGHT_HOME", str(tmp_path))
    monkeypatch.setenv("OMNISIGHT_USER", "bob")


@pytest.fixture
def site(database: Database) -> Site:
    """Two cameras with an event each, and the user bob."""
    site = Site(database)
    for name in ("gate", "yard"):
        site.event(site.camera(name), "2026-03-28T10:30")
    writes.add_user(database, username="bob", email="b", password_hash="x", role=UserRole.USER)
    return site


def events(site: Site) -> dict[str, str]:
    """Camera -> id of its event."""
    with site.database.session() as session:
        return {camera: id for camera, id in session.execute(text("SELECT camera_id, id FROM lab.events"))}


def counted(omnisight: Run, *more: str) -> int:
    found: list[dict[str, Any]] = json.loads(omnisight("query", "activity", "--json", *SPAN, *more).stdout)
    return sum(row["events"] for row in found)


def test_verdicts(site: Site, omnisight: Run) -> None:
    ids = events(site)
    assert "figures follow" in omnisight("verdict", *ids.values(), "false", "--note", "shadows").stderr
    omnisight("mirror", "refresh")
    assert counted(omnisight) == 0 and counted(omnisight, "-p", "include_rejected=true") == 2
    (given,) = json.loads(omnisight("verdict", ids["gate"], "undo", "--json").stdout)
    assert (given["verdict"], given["user"], given["stands"]) == ("undo", "bob", False)
    told = json.loads(omnisight("verdict", ids["gate"], "--json").stdout)
    assert [(one["verdict"], one["note"], one["stands"]) for one in told] == [
        ("false", "shadows", False),
        ("undo", None, False),
    ]
    assert counted(omnisight, "--engine", "postgres") == 1
    assert "van" in omnisight("verdict", ids["gate"], "relabel", "--label", "van", "--json").stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["verdict", "false"], 2, "which event?"),
        (["verdict", "gone", "false"], 2, "there is no event 'gone'"),
        (["verdict", "gone", "flase", "--note", "x"], 2, "which verdict?"),
        (["verdict", "gone", "relabel"], 2, "a relabel needs the right label"),
        (
            ["query", "activity", "--as", "eve"],
            1,
            "there is no user 'eve' here; an ADMIN adds one with `omnisight user",
        ),
        (["query", "activity", "--as", "gone"], 1, "user 'gone' is not active"),
        (["zone", "add", "gate", "door", "--points", "0,0 1,1 1,0 0,1"], 2, "may not cross each other"),
        (["zone", "add", "gate", "door", "--points", "0;0"], 2, "points are typed as"),
        (["zone", "remove", "gate", "door"], 2, "there is no zone or line 'door'"),
        (["user", "cameras", "bob", "--only", "gate", "--all"], 2, "give one of them"),
        (["user", "cameras", "ann", "--only", "gate"], 2, "is an ADMIN, who sees every camera"),
        (["user", "cameras", "bob", "--only", "gat"], 2, "did you mean 'gate'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_used_wrongly(words: list[str], code: int, says: str, site: Site, omnisight: Run) -> None:
    writes.add_user(site.database, username="ann", email="a", password_hash="x", role=UserRole.ADMIN)
    gone = writes.add_user(site.database, username="gone", email="g", password_hash="x", role=UserRole.USER)
    writes.update_user(site.database, gone.id, is_active=False)
    told = omnisight(*words, code=code).stderr
    assert says in told and told.startswith("omnisight: ") and len(told.splitlines()) == 1


def test_zones(site: Site, omnisight: Run) -> None:
    omnisight("zone", "add", "gate", "door", "--points", "0.1,0.1 0.5,0.1 0.3,0.6")
    omnisight("zone", "add", "gate", "door", "--points", "0.1,0.1 0.5,0.1 0.3,0.7")
    drawn = json.loads(omnisight("zone", "add", "yard", "way", "--line", "--points", "0,0.5 1,0.5", "--json").stdout)
    assert (drawn["kind"], drawn["version"], drawn["points"]) == ("line", 1, [[0, 0.5], [1, 0.5]])
    assert "0.1,0.1 0.5,0.1 0.3,0.7" in omnisight("zone", "list", "--camera", "gate").stdout
    listed = json.loads(omnisight("zone", "list", "--all", "--json").stdout)
    assert [(zone["name"], zone["version"], zone["retired"] is None) for zone in listed] == [
        ("door", 1, False),
        ("door", 2, True),
        ("way", 1, True),
    ]
    omnisight("zone", "remove", "gate", "door")
    assert [zone["name"] for zone in json.loads(omnisight("zone", "list", "--json").stdout)] == ["way"]


def test_rights_are_set_shown_and_hold(site: Site, omnisight: Run) -> None:
    omnisight("user", "cameras", "bob", "--only", "yard")
    shown = json.loads(omnisight("user", "cameras", "bob", "--json").stdout)
    assert shown == [{"name": "gate", "visible": False}, {"name": "yard", "visible": True}]
    assert counted(omnisight) == 1
    assert "there is no camera 'gate'" in omnisight("query", "activity", "--camera", "gate", code=2).stderr
    assert "there is no event" in omnisight("verdict", events(site)["gate"], "false", code=2).stderr
    omnisight("user", "cameras", "bob", "--all")
    assert counted(omnisight) == 2


def test_an_analysts_role(site: Site, omnisight: Run) -> None:
    made = omnisight("db", "grant-analyst", "analyst of a test", "--judge")
    url = made.stdout.strip()
    assert url.startswith("postgresql://analyst%20of%20a%20test:") and "may judge" in made.stderr
    try:
        assert "refused: permission denied" in omnisight("camera", "list", code=1, DATABASE_URL=url).stderr
        omnisight("verdict", events(site)["gate"], "false", DATABASE_URL=url)
        found = json.loads(omnisight("query", "activity", "--json", *SPAN, DATABASE_URL=url).stdout)
        assert sum(row["events"] for row in found) == 1
        again = json.loads(omnisight("db", "grant-analyst", "analyst of a test", "--json").stdout)
        assert again == {"name": "analyst of a test", "judge": False, "url": None}
        told = omnisight("verdict", events(site)["gate"], "undo", code=1, DATABASE_URL=url).stderr
        assert "permission denied" in told and "analyst%20" not in told
    finally:
        with site.database.engine.begin() as connection:
            connection.exec_driver_sql('DROP OWNED BY "analyst of a test"; DROP ROLE "analyst of a test"')
