"""The public names, and what Lab gives that is no query."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import omnisight_lab as ol
from omnisight_lab import lab as lab_module
from omnisight_lab.access import accounts
from omnisight_lab.analytics import refresh as refreshing
from omnisight_lab.clock import FakeClock
from omnisight_lab.db.models import UserRole
from omnisight_lab.db.session import Database
from omnisight_lab.lab import Action, Lab
from omnisight_lab.settings import Paths
from tests.analytics.conftest import Site, at
from tests.asker import add_asker
from tests.media.footage import encode

PUBLIC = {
    "AccessDenied",
    "BadTime",
    "Box",
    "CameraState",
    "DatabaseError",
    "EventDetail",
    "EventType",
    "FrameSize",
    "GapCause",
    "Lab",
    "MediaError",
    "MirrorError",
    "OmniSightError",
    "QueryError",
    "ReportFailed",
    "Result",
    "SeenObject",
    "StorageError",
    "TimeRange",
    "UnknownName",
    "UsageError",
    "Verdict",
    "__version__",
    "connect",
    "load_ipython_extension",
    "reports",
}


@pytest.fixture
def site(database: Database) -> Site:
    return Site(database)


@pytest.fixture
def lab(database: Database, tmp_path: Path) -> Iterator[Lab]:
    paths = Paths(tmp_path / "home", tmp_path / "media")
    with Lab(database, paths, FakeClock(at("2026-11-01T12:34:56"))) as lab:
        yield lab


def test_the_public_names_are_these_and_all_exist() -> None:
    assert set(ol.__all__) == PUBLIC
    assert set(dir(ol)) == PUBLIC
    assert all(getattr(ol, name) for name in PUBLIC)
    with pytest.raises(AttributeError, match="no attribute 'conect'"):
        ol.conect  # noqa: B018


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.strip()


def test_the_import_loads_nothing_heavy() -> None:
    heavy = "{'pandas', 'panel', 'duckdb', 'sqlalchemy', 'holoviews', 'ibis', 'numpy', 'cv2', 'onnxruntime'}"
    assert run(f"import sys, omnisight_lab; print(sorted({heavy} & set(sys.modules)))") == "[]"


def test_the_extension_loads_into_a_notebook() -> None:
    code = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "omnisight_lab")
import holoviews
print("loaded", holoviews.Store.current_backend)
"""
    assert run(code).endswith("loaded bokeh")


def test_connect_takes_an_address_and_a_home(database: Database, tmp_path: Path) -> None:
    name = add_asker(database)
    with ol.connect(database.url, tmp_path / "home") as lab:
        assert lab.user is not None and lab.user.username == name
        assert lab.activity().rows() == []
        assert (tmp_path / "home" / "mirror" / "manifest.json").exists()
        assert "password" not in repr(lab).lower()
        secret = database.address.parameters["password"]
        assert secret not in repr(lab)


def test_the_default_window_is_seven_local_days(lab: Lab, site: Site) -> None:
    site.camera("yard", "Asia/Kathmandu")
    window = lab.activity().window
    assert window is not None
    assert (window.start, window.end) == (at("2026-10-26T00:00+05:45"), at("2026-11-02T00:00+05:45"))


def test_times_are_checked(lab: Lab) -> None:
    wrong: list[tuple[object, object, str]] = [
        ("2026-10-02", "2026-10-01", "before it starts"),
        ("2026-10-02T10:00", None, "has no time zone"),
        ("yesterday", None, "'yesterday' is no time"),
        ("0001-01-01T00:00+02:00", None, "before the year 1900"),
        (None, "9999-12-31T23:59-05:00", "after the year 2200"),
        (at("2026-10-02").replace(tzinfo=None), None, "has no time zone"),
    ]
    for start, end, said in wrong:
        with pytest.raises(ol.BadTime, match=said):
            lab.activity(start, end)  # type: ignore[arg-type]


def test_what_is_no_time_no_zone_and_no_camera_is_said(lab: Lab) -> None:
    with pytest.raises(ol.BadTime, match="5 is no time; write 2026-03-29"):
        lab.activity(5)  # type: ignore[arg-type]
    with pytest.raises(ol.UnknownName, match="no time zone '5'"):
        lab.activity(tz=5)  # type: ignore[arg-type]
    with pytest.raises(ol.UsageError, match="asked for by name or id"):
        lab.activity(cameras=5)  # type: ignore[arg-type]
    with pytest.raises(ol.UsageError, match="labels: 5 is neither a name nor a list"):
        lab.activity(labels=5)  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
def test_a_slip_in_a_label_is_said_and_a_new_label_counts_none(lab: Lab, site: Site, engine: str) -> None:
    site.event(site.camera("yard"), "2026-10-30T12:00", label="person")
    with pytest.raises(ol.UnknownName, match="no label 'persn'; did you mean 'person'"):
        lab.activity(labels="persn", engine=engine)
    with pytest.raises(ol.UnknownName, match="no event type 'motoin'; did you mean 'motion'"):
        lab.events(event_types=["motoin"], engine=engine)
    assert lab.events(labels=["person", "cat"], engine=engine).count() == 1


def test_an_error_is_one_line_in_a_notebook() -> None:
    code = """
from IPython.core.interactiveshell import InteractiveShell
InteractiveShell.instance().run_cell("import omnisight_lab as ol; ol.connect('mysql://x')")
"""
    shown = run(code)
    assert shown.startswith("UsageError: the database address begins with mysql://")
    assert "\n" not in shown


def test_an_unknown_zone_is_said(lab: Lab) -> None:
    with pytest.raises(ol.UnknownName, match="no time zone 'Mars/Phobos'"):
        lab.activity(tz="Mars/Phobos")


def test_the_mirror_is_refreshed_when_it_is_old(site: Site, database: Database, tmp_path: Path) -> None:
    camera = site.camera("yard")
    add_asker(database)
    with ol.connect(database.url, tmp_path / "home") as lab:
        site.event(camera, "2026-10-20T12:00")
        assert lab.events("2026-10-20", "2026-10-21").count() == 1
        site.event(camera, "2026-10-20T13:00")
        assert lab.events("2026-10-20", "2026-10-21").count() == 1, "young enough"
        lab.refresh()
        assert lab.events("2026-10-20", "2026-10-21").count() == 2


@pytest.mark.parametrize(("longest", "days"), [(1000.0, 3), (0.0, 1)])
def test_the_first_question_looks_at_every_day_only_where_that_is_quick(
    site: Site, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, longest: float, days: int
) -> None:
    """Of three changed old days: all, or the one whose turn it is."""
    camera, paths = site.camera("yard"), Paths(tmp_path / "home", tmp_path / "media")
    october = [f"2026-10-{day}" for day in (20, 21, 22)]
    for day in october:
        site.event(camera, f"{day}T12:00")
    with Lab(database, paths) as first:
        written = first.refresh().manifest
    for day in october:
        site.event(camera, f"{day}T13:00")
    while written.young(datetime.now(UTC), 1.0):
        time.sleep(0.05)
    monkeypatch.setenv("OMNISIGHT_MIRROR_REFRESH_SECONDS", "1")
    monkeypatch.setattr(lab_module, "FIRST_LOOK_SECONDS", longest)
    monkeypatch.setattr(refreshing, "SLICE_SECONDS", 0)
    with Lab(database, paths) as later:
        assert later.events("2026-10-20", "2026-10-23").count() == 3 + days


def test_answers_of_one_engine_are_of_one_moment(lab: Lab, site: Site) -> None:
    camera, day = site.camera("yard"), ("2026-10-20", "2026-10-21")
    site.event(camera, "2026-10-20T12:00")
    lab.refresh()
    engine = lab.engine()
    site.event(camera, "2026-10-20T13:00")
    lab.refresh()
    assert lab.query("activity", *day).count() == 2
    assert lab.query("activity", *day, engine=engine).count() == lab.query("events", *day, engine=engine).count() == 1


def test_cameras_as_they_stand(lab: Lab, site: Site) -> None:
    site.camera("b")
    site.camera("a", "Europe/Berlin")
    site.footage("a", "2026-10-20T10:00", "2026-10-20T11:00")
    site.gap("a", "2026-10-20T11:00", None, "stalled")
    site.gap("a", "2026-10-20T11:30", None, "disk_full")
    site.gap("a", "2026-10-20T08:00", "2026-10-20T09:00", "worker_down")
    a, b = lab.cameras()
    assert (a.name, a.timezone, a.last_recorded, a.gap, a.gap_since) == (
        "a",
        "Europe/Berlin",
        at("2026-10-20T11:00"),
        "stalled",
        at("2026-10-20T11:00"),
    )
    assert (b.name, b.timezone, b.status, b.last_recorded, b.gap, b.enabled) == (
        "b",
        "UTC",
        "OFFLINE",
        None,
        None,
        False,
    )


def test_an_event_with_its_boxes(lab: Lab, site: Site) -> None:
    camera = site.camera("yard", "Europe/Berlin")
    id = site.event(
        camera,
        "2026-10-20T10:00",
        tracks=("1", None),
        meta={"frame": {"width": 640, "height": 360}, "model": {"name": "ssd", "version": "2"}},
    )
    detail = lab.event(id)
    assert (detail.camera, detail.timezone, detail.start, detail.end) == (
        "yard",
        "Europe/Berlin",
        at("2026-10-20T10:00"),
        None,
    )
    assert (detail.model, detail.frame) == ("ssd 2", ol.FrameSize(640, 360))
    first = next(seen for seen in detail.objects if seen.track_id)
    assert (first.box, first.offset, first.best) == (ol.Box(1, 2.5, 30, 40), timedelta(seconds=0.5), True)
    lab.refresh()
    assert lab.event(lab.events("2026-10-20", "2026-10-21").rows()[0]) == lab.event(detail) == detail
    with pytest.raises(ol.UnknownName, match="no event 'nix'"):
        lab.event("nix")
    with pytest.raises(ol.UnknownName, match="no event \"50%s' OR 'a\""):
        lab.event("50%s' OR 'a")
    with pytest.raises(ol.UsageError, match="by its id"):
        lab.event(7)


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((90, 160, 3), 99, np.uint8))


def test_thumbnails_and_files(lab: Lab, site: Site) -> None:
    camera = site.camera("yard")
    id = site.event(camera, "2026-10-20T10:00", thumbnail_path="thumbnails/e.jpg")
    with pytest.raises(ol.MediaError, match=r"e\.jpg is not there any more"):
        lab.thumbnail(id)
    picture(lab.paths.media / "thumbnails" / "e.jpg")
    assert lab.thumbnail(id)._repr_jpeg_()[:2] == b"\xff\xd8"
    assert lab.media_file("event_thumbnail", id) == lab.paths.media / "thumbnails" / "e.jpg"
    (segment,) = site.footage(camera, "2026-10-20T10:00", "2026-10-20T11:00")
    with pytest.raises(ol.MediaError, match=f"no segment thumbnail for {segment}"):
        lab.media_file("segment_thumbnail", segment)
    with pytest.raises(ol.UnknownName, match="no kind of media 'passwd'"):
        lab.media_file("passwd", segment)
    assert lab.latest_picture("yard") is None
    site.run("""UPDATE "Segment" SET "thumbnailPath" = 'thumbnails/e.jpg'""")
    assert lab.latest_picture("yard") == lab.paths.media / "thumbnails" / "e.jpg"


def test_no_file_outside_the_media_is_given(lab: Lab, site: Site, tmp_path: Path) -> None:
    picture(tmp_path / "secret.jpg")
    (lab.paths.media / "a").mkdir(parents=True)
    (lab.paths.media / "notes.txt").write_text("")
    (lab.paths.media / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    camera = site.camera("yard")
    for path in ("../secret.jpg", "/etc/passwd", "a/../../secret.jpg", "link.jpg", "notes.txt"):
        id = site.event(camera, "2026-10-20T10:00", thumbnail_path=path)
        with pytest.raises(ol.MediaError, match="no media file of this site"):
            lab.thumbnail(id)


def test_an_absolute_path_of_another_service_is_read(lab: Lab, site: Site, tmp_path: Path) -> None:
    picture(tmp_path / "theirs" / "x.jpg")
    id = site.event(site.camera("yard"), "2026-10-20T10:00", thumbnail_path=str(tmp_path / "theirs" / "x.jpg"))
    assert lab.thumbnail(id).path == tmp_path / "theirs" / "x.jpg"


def colours(clip: bytes) -> np.ndarray:
    """Pictures of a clip, (frames, height, width, 3)."""
    with av.open(io.BytesIO(clip)) as container:
        return np.stack([frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)])


def test_a_clip_is_the_footage_around_the_event(lab: Lab, site: Site) -> None:
    camera = site.camera("yard")
    (lab.paths.media / "segments").mkdir(parents=True)
    encode(lab.paths.media / "segments" / "x.mp4", frames=40, rate=10)
    id = site.event(camera, "2026-10-20T10:00:01", tracks=("1",), meta={"endTime": "2026-10-20T10:00:02Z"})
    with pytest.raises(ol.MediaError, match=f"no footage of event {id}"):
        lab.clip(id)
    site.footage(camera, "2026-10-20T10:00:00", "2026-10-20T10:00:04")
    plain = lab.clip(id, before=1, after=1)
    assert "video/mp4;base64," in plain._repr_html_()
    assert plain.save(lab.paths.media / "clip.mp4").read_bytes() == plain.data
    boxed = lab.clip(id, boxes=True, before=1, after=1)
    bare, drawn = colours(plain.data), colours(boxed.data)
    assert len(bare) == pytest.approx(len(drawn), abs=2)
    half = len(drawn) // 2
    edge = (slice(0, 50), slice(0, 40))
    assert np.abs(drawn[half][edge].astype(int) - bare[half][edge]).max() > 60, "the box is drawn where it stands"


def test_a_login_and_its_rights(lab: Lab, database: Database) -> None:
    password = accounts.add_user(database, "vera", role=UserRole.VIEWER)
    token, user = lab.login("vera", password, "127.0.0.1")
    assert (lab.user_of(token) or user).username == "vera"
    lab.require(user, Action.LOOK)
    with pytest.raises(ol.AccessDenied):
        lab.require(user, Action.SETTINGS)
    lab.logout(token)
    assert lab.user_of(token) is None
