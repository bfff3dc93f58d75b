"""Who may see some cameras only: nothing else is there, whatever is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from omnisight_lab.access import accounts
from omnisight_lab.access.rights import visible_cameras
from omnisight_lab.db import reads, writes
from omnisight_lab.db.models import User, UserRole
from omnisight_lab.db.session import Database
from omnisight_lab.errors import AccessDenied, QueryError, UnknownName, UsageError
from omnisight_lab.lab import Lab
from omnisight_lab.settings import Paths
from omnisight_lab.types import TimeRange
from tests.analytics.conftest import Site, at

SPAN = ("2026-03-28T00:00Z", "2026-03-29T00:00Z")


@pytest.fixture
def site(database: Database) -> Site:
    """An hour of footage and a judged event at each of two cameras."""
    site = Site(database)
    for name in ("gate", "yard"):
        camera = site.camera(name)
        site.expect(camera, "2026-03-28T10:00", "2026-03-28T11:00")
        site.footage(camera, "2026-03-28T10:00", "2026-03-28T11:00")
        event = site.event(camera, "2026-03-28T10:30", label=f"thing of {name}", tracks=("1",))
        writes.judge(database, {event: None}, "confirm", user_id=None)
        writes.add_zone(database, camera, f"door of {name}", "zone", ((0, 0), (1, 0), (1, 1)))
    return site


@pytest.fixture
def bob(site: Site) -> User:
    """A USER who may see the yard."""
    accounts.add_user(site.database, "ann", role=UserRole.ADMIN)
    accounts.add_user(site.database, "bob", role=UserRole.USER)
    with site.database.session() as session:
        user = reads.user_by_name(session, "bob")
    writes.set_rights(site.database, user.id, ["yard"])
    return user


@pytest.fixture
def lab(site: Site, tmp_path: Path) -> Iterator[Lab]:
    with Lab(site.database, Paths(tmp_path / "home", tmp_path / "media")) as lab:
        yield lab


def test_rights_by_role_and_row(site: Site, bob: User) -> None:
    def seen(username: str) -> tuple[str, ...] | None:
        with site.database.session() as session:
            return visible_cameras(session, reads.user_by_name(session, username))

    assert seen("bob") == ("yard",) and seen("ann") is None
    writes.set_rights(site.database, bob.id, ["yard", "gate", "gate"])
    assert seen("bob") == ("gate", "yard")
    writes.update_user(site.database, bob.id, role=UserRole.ADMIN)
    assert seen("bob") is None
    writes.update_user(site.database, bob.id, role=UserRole.VIEWER)
    writes.set_rights(site.database, bob.id, None)
    assert seen("bob") is None


def test_no_camera_at_all_is_not_taken_for_every_one(site: Site, bob: User) -> None:
    for cameras, says in (([], "one camera at least"), (["yard", "gone"], "there is no camera 'gone'")):
        with pytest.raises(UsageError, match=says):
            writes.set_rights(site.database, bob.id, cameras)
    with site.database.session() as session:
        assert visible_cameras(session, bob) == ("yard",)


def test_whose_only_camera_is_gone_sees_none(site: Site, lab: Lab, bob: User) -> None:
    """Also where another service took it away, which knows nothing of rights."""
    theirs = lab.as_user(bob)
    site.run("""DELETE FROM "DetectedObject"; DELETE FROM "Event" WHERE "cameraId" = 'yard'; DELETE FROM "Segment";
                DELETE FROM "Recording"; DELETE FROM "Camera" WHERE id = 'yard'""")
    assert (theirs.cameras(), theirs.labels(), theirs.zones.list()) == ([], [], [])
    assert theirs.sql("SELECT * FROM cameras").rows() == []
    writes.remove_camera(site.database, "gate", with_footage=True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("""DELETE FROM "User" WHERE username = 'bob'""", "there is no user 'bob'"),
        ("""UPDATE "User" SET "isActive" = false WHERE username = 'bob'""", "user 'bob' is not active"),
    ],
)
def test_who_is_gone_meanwhile_sees_nothing(site: Site, lab: Lab, bob: User, change: str, says: str) -> None:
    theirs = lab.as_user(bob)
    (event,) = theirs.events(*SPAN).rows()
    site.run(change)
    looks: list[Callable[[], object]] = [
        theirs.cameras,
        theirs.labels,
        lambda: theirs.zones.list(),
        lambda: theirs.events(*SPAN),
        lambda: theirs.sql("SELECT 1"),
        lambda: theirs.thumbnail(event),
        theirs.ledger,
    ]
    for look in looks:
        with pytest.raises(AccessDenied, match=says):
            look()


def test_every_query_is_of_the_visible_cameras(lab: Lab, bob: User) -> None:
    theirs = lab.as_user(bob)
    answers = {name: repr(theirs.query(name, *SPAN).rows()) for name in lab.queries}
    assert [name for name, answer in answers.items() if "gate" in answer] == []
    for name in ("activity", "coverage", "storage"):  # what names cameras
        assert "yard" in answers[name] and "gate" in repr(lab.query(name, *SPAN).rows())
        assert repr(theirs.query(name, *SPAN, engine="postgres").rows()) == answers[name]
    with pytest.raises(UnknownName, match="there is no camera 'gate'; known: yard"):
        theirs.activity(*SPAN, cameras="gate")


def test_what_lab_gives_beside_queries(site: Site, lab: Lab, bob: User) -> None:
    theirs = lab.as_user(bob)
    (hidden,) = (row["id"] for row in lab.events(*SPAN, cameras="gate").rows())
    (shown,) = (row["id"] for row in theirs.events(*SPAN).rows())
    assert [camera.name for camera in theirs.cameras()] == ["yard"]
    assert theirs.labels() == ["thing of yard"] and len(lab.labels()) == 2
    assert theirs.event(shown).camera == "yard"
    span = TimeRange(at("2026-03-28T10:00"), at("2026-03-28T11:00"))
    assert len(theirs.footage("yard", span)) == 1
    segment = lab.footage("gate", span)[0].id
    refusals: list[Callable[[], object]] = [
        lambda: theirs.event(hidden),
        lambda: theirs.verdicts(hidden),
        lambda: theirs.judge(hidden, "false"),
        lambda: theirs.clip(hidden),
        lambda: theirs.thumbnail(hidden),
        lambda: theirs.media_file("segment", segment),
        lambda: theirs.footage("gate", span),
        lambda: theirs.latest_picture("gate"),
        lambda: theirs.zones.list("gate"),
    ]
    for ask in refusals:
        with pytest.raises(UnknownName, match="there is no"):
            ask()


def test_sql_sees_the_same(site: Site, lab: Lab, bob: User) -> None:
    theirs = lab.as_user(bob)
    tables = [row["name"] for row in lab.sql("SELECT table_name AS name FROM information_schema.tables").rows()]
    assert {"events", "detected_events", "verdicts", "zone_edges", "recorded"} <= set(tables)
    for table in tables:
        assert "gate" not in repr(theirs.sql(f"SELECT * FROM {table}").rows()), table
    count = "SELECT count(*) AS n FROM verdicts"
    assert (lab.sql(count).rows(), theirs.sql(count).rows()) == ([{"n": 2}], [{"n": 1}])
    writes.set_rights(site.database, bob.id, None)
    assert theirs.sql(count).rows() == [{"n": 2}]


def test_errors_of_sql_tell_nothing_of_other_cameras(site: Site, lab: Lab, bob: User) -> None:
    """A condition that fails says on which value; it must not be asked of rows that are not seen."""
    (hidden,) = (row["id"] for row in lab.events(*SPAN, cameras="gate").rows())
    writes.judge(site.database, {hidden: None}, "relabel", user_id=None, label="fox of gate")
    lab.refresh()
    theirs = lab.as_user(bob)
    assert theirs.sql("SELECT * FROM verdicts WHERE CAST(coalesce(label, '1') AS INTEGER) = 1").count() == 1
    with pytest.raises(QueryError, match="thing of yard"):
        theirs.sql("SELECT * FROM events WHERE CAST(label AS INTEGER) = 1").rows()


def test_sql_of_one_who_is_restricted_reads_no_file(site: Site, lab: Lab, bob: User) -> None:
    theirs = lab.as_user(bob)
    lab.refresh()
    file = next(lab.paths.mirror.rglob("*.parquet"))
    for statement in (
        f"SELECT * FROM read_parquet('{file}')",
        f"SELECT * FROM '{file}'",
        f"WITH a AS (SELECT * FROM parquet_scan('{file}')) SELECT * FROM a",
        f"SELECT (SELECT count(*) FROM Read_Parquet('{file}')) AS n",
        f"SELECT * FROM query('SELECT * FROM read_parquet(''{file}'')')",
        f"SELECT * FROM glob('{file.parent}/*')",
        "SELECT * FROM duckdb_views()",
        "SELECT stats(label) FROM events",
    ):
        with pytest.raises(QueryError, match="is refused"):
            theirs.sql(statement)
    assert theirs.sql("SELECT * FROM generate_series(1, 2) t(n) JOIN lab.events ON true").count() == 2
