from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from omnisight_lab.db.columns import LARGEST_INTEGER, clean_json, iso
from omnisight_lab.db.models import Camera, Stream
from omnisight_lab.db.session import Database
from omnisight_lab.errors import BadTime

JUST_BEFORE = datetime(2026, 3, 29, 0, 59, 59, 999_600, tzinfo=UTC)


def _stored(database: Database, at: datetime) -> tuple[datetime, datetime | None]:
    """What the column holds, and what the model gives back."""
    with Session(database.engine) as session:
        camera = Camera(name="gate", rtsp_url="")
        camera.streams.append(Stream(started_at=at))
        session.add(camera)
        session.commit()
        raw = session.scalars(text('SELECT "startedAt" FROM "Stream"')).one()
        return raw, session.scalars(select(Stream)).one().started_at


def test_times_are_truncated_not_rounded(database: Database) -> None:
    raw, read = _stored(database, JUST_BEFORE)
    assert raw == datetime(2026, 3, 29, 0, 59, 59, 999_000)  # noqa: DTZ001 - as the column holds it
    assert read == JUST_BEFORE.replace(microsecond=999_000)


def test_times_of_other_zones_are_stored_in_utc(database: Database) -> None:
    raw, read = _stored(database, JUST_BEFORE.astimezone(timezone(timedelta(hours=5, minutes=45))))
    assert raw.hour == 0 and raw.minute == 59
    assert read is not None and read.tzinfo is UTC


def test_naive_times_are_refused(database: Database) -> None:
    with pytest.raises(Exception, match="has no time zone") as caught:
        _stored(database, JUST_BEFORE.replace(tzinfo=None))
    assert isinstance(caught.value.__cause__ or caught.value, BadTime) or "BadTime" in str(caught.value)


def test_both_timestamps_are_set_by_us(database: Database) -> None:
    with Session(database.engine) as session:
        camera = Camera(name="gate", rtsp_url="")
        session.add(camera)
        session.commit()
        made = camera.updated_at
        assert camera.created_at == made or abs(camera.created_at - made) < timedelta(seconds=1)
        camera.location = "yard"
        session.commit()
        assert camera.updated_at >= made


def test_json_null_is_sql_null(database: Database) -> None:
    with Session(database.engine) as session:
        session.add(Camera(name="gate", rtsp_url="", settings=None))
        session.commit()
        assert session.scalars(text('SELECT settings IS NULL FROM "Camera"')).one()


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        (float("nan"), None),
        ({"a": [float("inf"), 1.5]}, {"a": [None, 1.5]}),
        (LARGEST_INTEGER, LARGEST_INTEGER),
        (LARGEST_INTEGER + 1, "9007199254740992"),
        (True, True),
        ("a\0b", "ab"),
        ({1: (2, 3)}, {"1": [2, 3]}),
    ],
)
def test_json_that_other_readers_can_take(value: object, clean: object) -> None:
    assert clean_json(value) == clean


def test_iso_is_what_javascript_writes() -> None:
    assert iso(JUST_BEFORE) == "2026-03-29T00:59:59.999Z"
