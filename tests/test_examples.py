"""Every public function has an example, and every example gives what it says."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import omnisight_lab as ol
from omnisight_lab.access import accounts
from omnisight_lab.analytics import statistics
from omnisight_lab.clock import FakeClock
from omnisight_lab.db.models import UserRole
from omnisight_lab.db.session import Database
from omnisight_lab.lab import Lab
from omnisight_lab.settings import Paths
from tests.analytics.conftest import Site, at
from tests.conftest import DatabaseMaker
from tests.media.footage import encode

ELSEWHERE = {"load_ipython_extension"}
"""Run by a notebook's kernel: see test_lab."""


def functions() -> dict[str, Callable[..., Any]]:
    """The public functions, and the public methods of Lab and Result."""
    names = {name: getattr(ol, name) for name in ol.__all__ if name not in ELSEWHERE}
    found = {name: value for name, value in names.items() if inspect.isfunction(value)}
    for owner in (ol.Lab, ol.Result, statistics):
        own = {f"{owner.__name__}.{name}": value for name, value in vars(owner).items() if not name.startswith("_")}
        found |= {name: value for name, value in own.items() if inspect.isfunction(value)}
    return found


FUNCTIONS = functions()


@pytest.fixture(scope="module")
def names(database_maker: DatabaseMaker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What examples find: `ol`, a `lab` of a small site, `event` (the id of a car with footage), `password` of vera."""
    url, folder = database_maker.new("omnisight"), tmp_path_factory.mktemp("examples")
    database = Database(url)
    password = accounts.add_user(database, "vera", role=UserRole.USER)
    paths = Paths(folder / "home", folder / "media")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DATABASE_URL", url)
        patch.setenv("OMNISIGHT_HOME", str(folder / "home"))
        patch.setenv("OMNISIGHT_MEDIA", str(folder / "media"))
        with Lab(database, paths, FakeClock(at("2026-10-21T12:00"))) as lab:
            event = fill(Site(database), paths.media)
            lab.refresh()
            vera = accounts.who_asks(database, "vera")
            yield {"ol": ol, "lab": lab.as_user(vera), "event": event, "password": password}
    database_maker.drop(url)


def fill(site: Site, media: Path) -> str:
    """Two of two and a half hours recorded, two cars and a person; the first car has picture, boxes and footage."""
    site.camera("yard", "Europe/Berlin")
    site.run("""UPDATE "Camera" SET name = 'Yard'""")
    site.expect("yard", "2026-10-20T12:00", "2026-10-20T14:30")
    site.gap("yard", "2026-10-20T14:00", "2026-10-20T14:30", "stalled")
    (media / "segments").mkdir(parents=True)
    encode(media / "segments" / "x.mp4", frames=40, rate=10)
    cv2.imwrite(str(media / "car.jpg"), np.full((90, 160, 3), 99, np.uint8))
    site.footage("yard", "2026-10-20T12:00:00", "2026-10-20T12:00:04")
    site.footage("yard", "2026-10-20T12:00:04", "2026-10-20T14:00")
    site.run("""UPDATE "Segment" SET "thumbnailPath" = 'car.jpg'""")
    frame = {"frame": {"width": 160, "height": 90}, "endTime": "2026-10-20T12:00:02Z"}
    event = site.event("yard", "2026-10-20T12:00:01", tracks=("1", "1"), meta=frame, thumbnail_path="car.jpg")
    site.event("yard", "2026-10-20T12:30")
    site.event("yard", "2026-10-20T13:10", label="person")
    return event


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_gives_what_it_says(names: dict[str, Any], name: str) -> None:
    found = doctest.DocTestFinder(recurse=False).find(FUNCTIONS[name], name, globs=vars(statistics) | names)
    assert any(test.examples for test in found), f"{name} has no example in its docstring"
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in found:
        runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)
