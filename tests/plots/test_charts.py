"""Every chart draws with both backends, and says its zone."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd
import pytest

from omnisight_lab.errors import UnknownName, UsageError
from omnisight_lab.plots.charts import CHARTS, draw
from omnisight_lab.plots.look import TEXT

ZONE = "Europe/Berlin"


def activity(hours: int) -> pd.DataFrame:
    """Two cameras; the second has no footage in every third hour."""
    start = pd.date_range("2026-10-24T22:00Z", periods=hours, freq="h")
    frames = []
    for camera in ("gate", "yard"):
        dead = np.arange(hours) % 3 == 0 if camera == "yard" else np.zeros(hours, bool)
        frame = pd.DataFrame({"camera": camera, "start": start, "hour": start.tz_convert(ZONE).tz_localize(None)})
        frame["events"] = np.where(dead, 0, 6)
        frame["recorded_hours"] = np.where(dead, 0.0, 0.5)
        frame["rate"] = np.where(dead, np.nan, 12.0)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def spans(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["camera", "start", "end", "cause"])
    return frame.assign(start=pd.to_datetime(frame["start"], utc=True), end=pd.to_datetime(frame["end"], utc=True))


COVERAGE = pd.DataFrame({"camera": ["gate", "yard"], "share": [0.5, np.nan]})
GAPS = spans(
    ("gate", "2026-10-25T01:00", "2026-10-25T02:00", "stalled"),
    ("gate", "2026-10-25T05:00", "2026-10-25T06:00", "a cause of tomorrow"),
)
EXPECTED = spans(("gate", "2026-10-25T00:00", "2026-10-26T00:00", "")).drop(columns="cause")
OBJECTS = pd.DataFrame({"label": ["car", "car", "dog"], "camera": ["gate", "yard", "yard"], "objects": [3, 4, 1]})


def storage(days: int) -> pd.DataFrame:
    day = pd.date_range("2026-10-24", periods=days, freq="D")
    return pd.DataFrame({"day": [*day, day[0]], "camera": ["gate"] * days + ["yard"], "bytes": 3_000_000})


CASES: dict[str, tuple[str, pd.DataFrame, dict[str, pd.DataFrame]]] = {
    "activity by curves": ("activity", activity(25), {}),
    "activity by heat map": ("activity", activity(80), {}),
    "activity without footage": ("activity", activity(80).assign(rate=np.nan, recorded_hours=0.0), {}),
    "coverage by lanes": ("coverage", COVERAGE, {"gaps": GAPS, "expected": EXPECTED}),
    "coverage without gaps": ("coverage", COVERAGE, {"gaps": GAPS[:0], "expected": EXPECTED}),
    "coverage by shares": ("coverage", COVERAGE, {}),
    "detections": ("detections", OBJECTS, {}),
    "storage by areas": ("storage", storage(5), {}),
    "storage by bars": ("storage", storage(1), {}),
    "nothing": ("storage", storage(1)[:0], {}),
}


def drawn(case: str, backend: str) -> Any:
    name, data, beside = CASES[case]
    return hv.render(draw(name, data, zone=ZONE, backend=backend, **beside), backend=backend)


@pytest.mark.parametrize("case", CASES)
def test_bokeh(case: str) -> None:
    figure = drawn(case, "bokeh")
    assert ZONE in figure.title.text or "UTC" in figure.title.text
    assert (figure.background_fill_alpha, figure.border_fill_alpha) == (0, 0)
    assert figure.title.text_color == TEXT
    assert figure.renderers


@pytest.mark.parametrize("case", CASES)
def test_matplotlib(case: str) -> None:
    import matplotlib.pyplot as plt

    figure = drawn(case, "matplotlib")
    titles = [axes.get_title() for axes in figure.axes] + [text.get_text() for text in figure.texts]
    assert any(ZONE in title or "UTC" in title for title in titles)
    assert figure.patch.get_alpha() == 0
    figure.canvas.draw()
    plt.close(figure)


def test_hours_without_footage_stay_empty_on_the_heat_map() -> None:
    chart = draw("activity", activity(80).query("camera == 'yard'"), zone=ZONE, backend="bokeh")
    rates = chart.dimension_values("rate", flat=False)
    assert np.isnan(rates[0, 0]), "the first hour of the first day has no footage"
    assert np.nanmin(rates) == np.nanmax(rates) == 12


@pytest.mark.parametrize("backend", ["bokeh", "matplotlib"])
def test_a_single_hour_shows_as_a_point(backend: str) -> None:
    chart = draw("activity", activity(1), zone=ZONE, backend=backend)
    points = [part for part in chart if isinstance(part, hv.Scatter)]
    assert next(iter(points))["rate"].tolist() == [12.0]
    low, high = chart.opts.get("plot", backend).kwargs["xlim"]
    assert high - low == pd.Timedelta(hours=1)


def test_the_hour_that_comes_twice_is_one_cell_of_both() -> None:
    chart = draw("activity", activity(80), zone=ZONE, backend="bokeh")
    recorded = chart.dimension_values("recorded", flat=False)
    assert recorded[2, 0] == 0.5 * 2 + 0.5 + 0.0, "02:00 of the 25th, twice on the gate, once alive on the yard"


def test_a_name_without_chart_and_an_unknown_backend_are_said() -> None:
    with pytest.raises(UsageError, match=f"there are charts for {', '.join(sorted(CHARTS))}"):
        draw("events", OBJECTS, zone=ZONE)
    with pytest.raises(UnknownName, match="no plot backend 'ggplot'"):
        draw("detections", OBJECTS, zone=ZONE, backend="ggplot")
