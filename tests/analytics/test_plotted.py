"""Every query of the catalogue has a chart, on each backend, on a site that has a bit of everything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import holoviews as hv
import matplotlib.pyplot as plt
import pytest

from omnisight_lab.analytics.queries import QUERIES
from omnisight_lab.clock import FakeClock
from omnisight_lab.db.session import Database
from omnisight_lab.lab import Lab
from omnisight_lab.settings import Paths
from tests.analytics import rich
from tests.analytics.conftest import Site
from tests.conftest import DatabaseMaker


@pytest.fixture(scope="module")
def full(database_maker: DatabaseMaker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    url, folder = database_maker.new("omnisight"), tmp_path_factory.mktemp("plotted")
    with Lab(Database(url), Paths(folder / "home", folder / "media"), FakeClock(rich.END)) as lab:
        rich.fill(Site(lab.database))
        lab.refresh()
        yield lab
    database_maker.drop(url)


def titles(chart: Any, backend: str) -> list[str]:
    parts = list(chart) if isinstance(chart, hv.Layout) else [chart]
    return [part.opts.get("plot", backend).kwargs["title"] for part in parts]


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_has_a_chart(full: Lab, name: str) -> None:
    result = full.query(name, rich.START, rich.END)
    for backend in ("bokeh", "matplotlib"):
        chart = result.plot(backend)
        assert all("each camera's own zone" in title or "UTC" in title for title in titles(chart, backend))
        assert hv.render(chart, backend=backend)
    plt.close("all")


def test_what_is_chosen_and_grouped_has_a_chart(full: Lab) -> None:
    events = full.events(rich.START, rich.END)
    assert titles(events.by("camera", "label").plot("bokeh"), "bokeh") == ["Events (each camera's own zone)"]
    assert isinstance(full.storage(rich.START, rich.END).by("camera").plot("bokeh"), hv.Overlay)
    chart = full.sql("SELECT label, count(*) AS n FROM events WHERE label IS NOT NULL GROUP BY label").plot("bokeh")
    assert next(label for _, label in chart.opts.get("plot", "bokeh").kwargs["yticks"]) in full.labels()
