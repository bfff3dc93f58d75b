"""Who may see some cameras only sees no other on any page, and gets no footage of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from dashboards.filters import Filters
from dashboards.store import EventsStore, OverviewStore
from omnisight_lab.db import reads, writes
from omnisight_lab.db.models import User
from omnisight_lab.lab import Lab
from tests.dashboards.seed import Site

SEEN = "Loading bay"


@pytest.fixture
def uma(site: Site) -> Iterator[User]:
    """A user who sees one of three cameras, for this test."""
    with site.database.session() as session:
        user = reads.user_by_name(session, "uma")
    writes.set_rights(site.database, user.id, [site.cameras[SEEN]])
    yield user
    writes.set_rights(site.database, user.id, None)


def test_pages_show_what_the_person_may_see(site: Site, lab: Lab, uma: User) -> None:
    overview = OverviewStore(lab)
    assert {camera.state.name for camera in overview.load().cameras} == set(site.cameras)
    seen = overview.load(lab.as_user(uma))
    assert {camera.state.name for camera in seen.cameras} == {SEEN}
    assert {event.camera for event in seen.latest} <= {SEEN}
    assert {camera.state.name for camera in overview.load(lab).cameras} == set(site.cameras)
    events = EventsStore(lab.as_user(uma))
    assert events.choices()[0] == [SEEN]
    assert {row.camera for row in events.load(Filters(period="7d")).rows} == {SEEN}
    assert events.open(site.event) is None and EventsStore(lab).open(site.event) is not None
    assert events.load(Filters(cameras=("Front gate",))).filters.problems == ("there is no camera 'Front gate'",)


def test_media_of_other_cameras_are_not_there(site: Site, uma: User, log_in: Callable[[str], httpx.Client]) -> None:
    paths = [
        f"/media/segments/{site.segment}",
        f"/media/segments/{site.segment}/thumbnail",
        f"/media/events/{site.event}/thumbnail",
        f"/media/events/{site.event}/clip.mp4",
        f"/media/cameras/{site.cameras['Front gate']}/latest",
    ]
    hers, his = log_in("uma"), log_in("ada")
    assert [hers.get(path).status_code for path in paths] == [404] * len(paths)
    assert [his.get(path).status_code for path in paths] == [200] * len(paths)
