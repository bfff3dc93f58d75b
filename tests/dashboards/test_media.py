"""Footage and pictures over real HTTP."""

from __future__ import annotations

import io
from collections.abc import Callable

import av
import httpx
import pytest
from sqlalchemy import text

from omnisight_lab.db.models import Segment
from omnisight_lab.db.session import Database
from tests.dashboards.seed import Site

LogIn = Callable[[str], httpx.Client]


def test_a_segment_comes_whole_and_in_parts(site: Site, log_in: LogIn) -> None:
    client, path = log_in("vic"), f"/media/segments/{site.segment}"
    whole = client.get(path)
    assert whole.status_code == 200
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["cache-control"].startswith("private")
    size = len(whole.content)
    part = client.get(path, headers={"Range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.headers["content-range"] == f"bytes 100-199/{size}"
    assert part.content == whole.content[100:200]
    beyond = client.get(path, headers={"Range": f"bytes={size + 10}-"})
    assert beyond.status_code == 416
    assert client.get(path, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
    assert client.head(path).headers["content-length"] == str(size)


def test_pictures(site: Site, log_in: LogIn) -> None:
    client = log_in("vic")
    paths = [
        f"/media/segments/{site.segment}/thumbnail",
        f"/media/events/{site.event}/thumbnail",
        f"/media/cameras/{site.cameras['Front gate']}/latest",
    ]
    for path in paths:
        answer = client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        assert answer.content[:2] == b"\xff\xd8"


@pytest.mark.parametrize(
    "path",
    [
        "/media/segments/unknown",
        "/media/events/{bare_event}/thumbnail",
        "/media/cameras/unknown/latest",
        "/media/segments/..%2f..%2fetc%2fpasswd",
        "/media/segments/../../dashboards.key",
        "/media/../dashboards.key",
        "/assets/../auth.py",
        "/assets/..%2fauth.py",
    ],
)
def test_what_is_not_there_or_not_meant_is_404(site: Site, log_in: LogIn, path: str) -> None:
    url = path.format(bare_event=site.bare_event)
    assert log_in("ada").get(url).status_code == 404


def test_nothing_without_login(site: Site, client: httpx.Client) -> None:
    for path in (
        f"/media/segments/{site.segment}",
        f"/media/events/{site.event}/thumbnail",
        f"/media/events/{site.event}/clip.mp4",
        f"/media/cameras/{site.cameras['Front gate']}/latest",
        "/media/segments/unknown",
    ):
        assert client.get(path).status_code == 403


@pytest.mark.parametrize(("username", "status"), [("vic", 403), ("uma", 200), ("ada", 200)])
def test_a_clip_to_keep_is_for_those_who_may_export(site: Site, log_in: LogIn, username: str, status: int) -> None:
    answer = log_in(username).get(f"/media/events/{site.event}/clip.mp4")
    assert answer.status_code == status
    if status == 200:
        assert answer.headers["content-disposition"] == f'attachment; filename="event-{site.event}.mp4"'
        with av.open(io.BytesIO(answer.content)) as clip:
            # The event runs from 27 s to 32 s, over the cut between two segments
            assert float(clip.duration or 0) / av.time_base >= 5


def _move(database: Database, segment: str, path: str) -> None:
    with database.engine.begin() as connection:
        statement = text('UPDATE "Segment" SET "filePath" = :path WHERE id = :id')
        connection.execute(statement, {"path": path, "id": segment})


@pytest.mark.parametrize("path", ["../dashboards.key", "link.mp4", "/etc/passwd", "segments/gone.mp4"])
def test_a_path_that_leads_out_of_the_media_is_refused(site: Site, log_in: LogIn, path: str) -> None:
    """Even where another service wrote it into the database."""
    outside = site.home / "outside.mp4"
    outside.write_bytes(b"secret")
    link = site.media / "link.mp4"
    if not link.is_symlink():
        link.symlink_to(outside)
    client = log_in("ada")
    with site.database.session() as session:
        before = session.get_one(Segment, site.segment).file_path
    try:
        _move(site.database, site.segment, path)
        assert client.get(f"/media/segments/{site.segment}").status_code == 404
    finally:
        _move(site.database, site.segment, before)
