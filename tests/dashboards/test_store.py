"""What the pages ask the Lab, without a browser."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from dashboards.filters import ROWS, Filters
from dashboards.pages import overview
from dashboards.store import CameraDay, EventsStore, Overview, OverviewStore, _hours
from omnisight_lab.db import writes
from omnisight_lab.db.session import Database
from omnisight_lab.lab import Lab
from omnisight_lab.settings import Paths
from omnisight_lab.types import EventDraft, EventType
from tests.dashboards.seed import OLD_EVENTS, SECONDS, Site, name_id

WITH_FOOTAGE = 5
OBJECTS = WITH_FOOTAGE + OLD_EVENTS - 1


@pytest.fixture
def data(lab: Lab) -> Overview:
    return OverviewStore(lab).load()


def of(data: Overview, name: str) -> CameraDay:
    return next(camera for camera in data.cameras if camera.state.name == name)


def test_cameras_say_how_they_are(data: Overview) -> None:
    assert [(camera.state.name, camera.condition) for camera in data.cameras] == [
        ("Front gate", "recording"),
        ("Loading bay", "recording"),
        ("Quay <east>", "failing"),
    ]
    assert data.recording == 2
    assert of(data, "Quay <east>").state.gap == "camera_unreachable"
    paused = of(data, "Front gate")
    assert replace(paused, state=replace(paused.state, enabled=False)).condition == "paused"
    assert replace(paused, state=replace(paused.state, status="OFFLINE")).condition == "offline"


def test_the_figures_are_those_of_the_day(data: Overview, site: Site) -> None:
    zone = data.now.tzinfo
    today = [
        number
        for number in range(OLD_EVENTS - 1)
        if (site.start - timedelta(minutes=20 + 50 * number)).astimezone(zone).date() == data.now.date()
    ]
    assert data.events == WITH_FOOTAGE + len(today)
    assert dict(data.labels) == {"car": WITH_FOOTAGE, "person": len(today)}
    assert sum(hour.events for hour in of(data, "Front gate").hours) == of(data, "Front gate").events
    assert len(data.latest) == 6
    assert data.latest[0].id == site.event
    stored = sum(path.stat().st_size for path in (site.media / "segments").rglob("*.mp4"))
    assert data.bytes == stored
    assert data.free_bytes


def test_coverage_and_gaps(data: Overview) -> None:
    assert of(data, "Front gate").coverage == pytest.approx(1)
    assert of(data, "Loading bay").coverage == pytest.approx(SECONDS / (SECONDS + 20))
    assert of(data, "Quay <east>").coverage == 0
    causes = {(gap.camera, gap.cause) for gap in data.gaps}
    assert ("Loading bay", "stalled") in causes
    assert ("Quay <east>", "camera_unreachable") in causes


def test_hours_of_a_day_on_which_the_clock_changes() -> None:
    zone = ZoneInfo("Europe/Berlin")
    spring, autumn = datetime(2026, 3, 29, 12, tzinfo=zone), datetime(2026, 10, 25, 12, tzinfo=zone)
    assert len(_hours(spring, [])) == 23
    assert len(_hours(autumn, [])) == 25
    assert [hour.start.hour for hour in _hours(autumn, [])][1:5] == [1, 2, 2, 3]


def test_days_are_those_of_the_site_whatever_zone_its_cameras_have(database: Database, home: Path) -> None:
    zone = ZoneInfo("UTC")
    writes.set_setting(database, "site.timezone", "UTC")
    camera = writes.add_camera(database, name="Far", rtsp_url="", settings={"timezone": "Pacific/Kiritimati"})
    midnight = datetime.now(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    starts = [midnight - timedelta(minutes=1), midnight, midnight + timedelta(hours=23, minutes=59)]
    writes.save_events(
        database,
        [
            EventDraft(str(uuid4()), camera.id, None, EventType.OBJECT_DETECTED, start, extra={"label": "car"})
            for start in starts
        ],
    )
    with Lab(database, Paths(home, home / "media")) as lab:
        data = OverviewStore(lab)._ask(midnight + timedelta(hours=12))
        hours = of(data, "Far").hours
        assert [hour.events for hour in (hours[0], hours[23])] == [1, 1]
        assert (data.events, len(data.latest)) == (2, 2)
        found = EventsStore(lab).load(Filters(cameras=("Far",), period="today"), midnight + timedelta(hours=12))
        assert found.total == 2
        assert {row.local.hour for row in found.rows} == {14, 13}, "each on the clock of its camera"


def test_an_hour_tells_quiet_from_blind() -> None:
    now = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
    rows = [
        {
            "start": datetime(2026, 3, 10, hour, tzinfo=UTC),
            "events": 0,
            "recorded_hours": recorded,
            "expected_hours": 1.0,
        }
        for hour, recorded in ((1, 1.0), (2, 0.5), (3, 0.0), (12, 0.4))
    ]
    states = [hour.state for hour in _hours(now, rows)]
    assert (states[1], states[2], states[3], states[4], states[12], states[13]) == (
        "recorded",
        "partly",
        "missing",
        "off",
        "recorded",
        "ahead",
    )


def test_a_site_without_cameras_says_what_to_do(data: Overview) -> None:
    empty = overview.sections(replace(data, cameras=(), latest=(), gaps=()))
    assert "omnisight camera add" in empty["cameras"]
    assert empty["activity"] == empty["figures"] == ""


def test_markup_escapes_names(data: Overview) -> None:
    for html in overview.sections(data).values():
        assert "<east>" not in html


def test_events_come_by_pages(lab: Lab, site: Site) -> None:
    store = EventsStore(lab)
    first, second, last = (store.load(Filters(page=page)) for page in (1, 2, 99))
    assert (first.total, first.pages, len(first.rows), len(second.rows)) == (OBJECTS, 3, ROWS, ROWS)
    assert first.rows[0].id == site.event
    assert (last.filters.page, len(last.rows)) == (3, OBJECTS - 2 * ROWS)
    seen = [row.id for page in (first, second, last) for row in page.rows]
    assert len(set(seen)) == OBJECTS
    assert first.neighbour(first.rows[0].id, 1) == first.rows[1]
    assert first.neighbour(first.rows[0].id, -1) is None


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (Filters(labels=("car",)), WITH_FOOTAGE),
        (Filters(labels=("car",), cameras=("Front gate",)), 3),
        (Filters(type="motion"), 1),
        (Filters(type="all"), OBJECTS + 1),
        (Filters(min_confidence=0.85), 5 + OLD_EVENTS // 6 - 1),
        (Filters(period="all", labels=("zebra",)), 0),
        (Filters(type="camera_offline"), 0),
    ],
)
def test_filters(lab: Lab, filters: Filters, count: int) -> None:
    listed = EventsStore(lab).load(filters)
    assert (listed.total, listed.pages >= 1) == (count, True)


def test_an_unknown_camera_is_left_out_and_named(lab: Lab) -> None:
    listed = EventsStore(lab).load(Filters(cameras=("Front gate", "Roof")))
    assert listed.filters.cameras == ("Front gate",)
    assert listed.filters.problems == ("there is no camera 'Roof'",)


def test_times_are_local(lab: Lab, site: Site) -> None:
    store = EventsStore(lab)
    row = store.load(Filters()).rows[0]
    start = site.start + timedelta(seconds=27)
    assert row.local == start.astimezone(ZoneInfo(store.zone)).replace(tzinfo=None)
    assert row.seconds == 5


def test_the_clip_spans_the_segments_of_the_event(lab: Lab, site: Site) -> None:
    opened = EventsStore(lab).open(site.event)
    assert opened is not None
    clip, start = opened.clip, site.start.timestamp() * 1000
    assert [part["url"] for part in clip["parts"]] == [
        f"/media/segments/{name_id(f'Front gate {number}')}" for number in (2, 3)
    ]
    assert clip["start"] - start == pytest.approx(27_000, abs=1)
    assert (clip["from"] - start, clip["to"] - start) == (
        pytest.approx(22_000, abs=1),
        pytest.approx(37_000, abs=1),
    )
    assert len(clip["boxes"]) == 11
    assert clip["boxes"][0]["w"] == 120
    assert clip["frame"] == {"width": 640, "height": 360}


def test_an_event_without_footage_says_why(lab: Lab, site: Site) -> None:
    store = EventsStore(lab)
    bare = store.open(site.bare_event)
    assert bare is not None
    assert (bare.clip, bare.why[:30]) == ({}, "There is no footage of this ev")
    just_now = store.open(site.bare_event, bare.event.start + timedelta(seconds=30))
    assert just_now is not None
    assert "still being recorded" in just_now.why
    assert store.open("unknown") is None
