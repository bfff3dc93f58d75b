"""Every chart draws with both backends, and says its zone."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from omnisight_lab.errors import UnknownName
from omnisight_lab.plots.charts import RATE, draw
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


@pytest.mark.parametrize("groups", [["camera"], ["hour"], [], ["camera", "label"]])
def test_recorded_hours_count_once_for_all_labels(groups: list[str]) -> None:
    """A car and a person on each of two cameras, recorded for 2 and 4 hours: 4 events in 6 hours, and not in 12."""
    hour = pd.Timestamp("2026-10-24T10:00")
    rows = [
        (camera, label, hour, 1, hours) for camera, hours in (("a", 2.0), ("b", 4.0)) for label in ("car", "person")
    ]
    data = pd.DataFrame(rows, columns=["camera", "label", "hour", "events", "recorded_hours"])
    data["rate"] = data["events"] / data["recorded_hours"]
    found = RATE.of(data, groups)["value"].tolist()
    assert found == pytest.approx(
        {"camera": [1.0, 0.5], "hour": [4 / 6], "": [4 / 6], "camera,label": [0.5, 0.5, 0.25, 0.25]}[",".join(groups)]
    )


def test_days_and_hours_of_several_labels_have_the_rate_of_all() -> None:
    hours = pd.date_range("2026-10-20", periods=4 * 24, freq="h")
    rows = [("yard", label, hour, 3, 1.0, 3.0) for hour in hours for label in ("car", "person")]
    names = ["camera", "label", "hour", "events", "recorded_hours", "rate"]
    chart = draw("activity", pd.DataFrame(rows, columns=names), zone=ZONE, backend="bokeh")
    assert np.unique(chart.dimension_values("value")).tolist() == [6.0]


def test_precision_of_several_labels_is_that_of_all_their_verdicts() -> None:
    """9 of 10 cars and none of 10 persons are right at 8 o'clock: 45 %, and not 90 % + 0 %."""
    rows = [(label, 5, 8, right, 10 - right, 0, 10, right / 10, 0.0) for label, right in (("car", 9), ("person", 0))]
    verdicts = ["confirmed", "rejected", "relabelled", "judged", "precision", "precision_low"]
    data = pd.DataFrame(rows, columns=["label", "weekday", "hour_of_day", *verdicts])
    chart = draw("quality", data, zone=ZONE, backend="bokeh")
    assert np.nanmax(chart.dimension_values("value")) == pytest.approx(45)


def test_of_too_many_ways_the_newest_are_drawn() -> None:
    """Paths come newest first."""
    ways = pd.DataFrame({"start_x": 0.0, "start_y": 0.0, "end_x": np.arange(600) / 600, "end_y": 0.5})
    chart = draw("paths", ways.assign(direction="right"), zone=ZONE, backend="bokeh")
    assert "the newest 500 of 600" in chart.opts.get("plot", "bokeh").kwargs["title"]
    assert chart.dimension_values("end_x").max() == pytest.approx(499 / 600)


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


RATES = pd.DataFrame(
    {
        "camera_id": ["one-id-aaaaaa", "other-id-bbbbbb"],
        "camera": ["Gate $1 to $2", "Gate $1 to $2"],
        "events": [6, 0],
        "recorded_hours": [2.0, 0.0],
        "rate": [3.0, np.nan],
        "rate_low": [1.1, np.nan],
        "rate_high": [6.5, np.nan],
    }
)


def by(clock: str, camera: str = "gate") -> pd.DataFrame:
    """Rates of three times, one of which is not recorded."""
    times = {"day": pd.to_datetime(["2026-10-24", "2026-10-25", "2026-10-27"])}
    times["month"] = pd.to_datetime(["2026-08-01", "2026-09-01", "2026-11-01"])
    rates = {"rate": [3.0, np.nan, 1.0], "rate_low": [1.0, np.nan, 0.0], "rate_high": [6.0, np.nan, 5.0]}
    counts = {"events": [6, 0, 2], "recorded_hours": [2.0, 0.0, 2.0]}
    return pd.DataFrame({"camera": camera, clock: times[clock], **counts, **rates})


WEEKLY = pd.DataFrame(
    {
        "camera": ["gate", "yard", "gate"],
        "weekday": [1, 1, 7],
        "hour_of_day": [0, 0, 23],
        "events": [2, 4, 1],
        "recorded_hours": [1.0, 2.0, 0.0],
        "rate": [2.0, 2.0, np.nan],
    }
)

CASES: dict[str, tuple[str, pd.DataFrame, dict[str, pd.DataFrame]]] = {
    "activity by curves": ("activity", activity(25), {}),
    "activity by heat map": ("activity", activity(80), {}),
    "activity without footage": ("activity", activity(80).assign(rate=np.nan, recorded_hours=0.0), {}),
    "coverage by lanes": ("coverage", COVERAGE, {"gaps": GAPS, "expected": EXPECTED}),
    "coverage without gaps": ("coverage", COVERAGE, {"gaps": GAPS[:0], "expected": EXPECTED}),
    "coverage by shares": ("coverage", COVERAGE, {}),
    "gaps": ("gaps", GAPS, {}),
    "detections": ("detections", OBJECTS, {}),
    "detections of one class list": ("detections", OBJECTS.drop(columns="camera"), {}),
    "rates by camera": ("activity", RATES, {}),
    "rates in all": ("activity", RATES.drop(columns=["camera", "camera_id"])[:1], {}),
    "rates by weekday": ("activity", RATES.assign(weekday=[1, 7]).drop(columns=["camera", "camera_id"]), {}),
    "rates by day": ("activity", by("day").drop(columns="camera"), {}),
    "rates by camera and day": ("activity", by("day"), {}),
    "rates of many cameras by day": ("activity", pd.concat([by("day", f"camera {n}") for n in range(9)]), {}),
    "rates by month": ("activity", by("month"), {}),
    "rates by weekday and hour": ("weekly_profile", WEEKLY, {}),
    "rates by camera and label": ("activity", RATES.assign(label=["car", "dog"]), {}),
    "a query without a chart": ("census", pd.DataFrame({"camera": ["gate", "yard"], "bees": [3, None]}), {}),
    "only names": ("census", pd.DataFrame({"camera": ["gate", "yard"], "colour": ["red", "blue"]}), {}),
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
    figure = drawn(case, "matplotlib")
    titles = [axes.get_title() for axes in figure.axes] + [text.get_text() for text in figure.texts]
    assert any(ZONE in title or "UTC" in title for title in titles)
    assert figure.patch.get_alpha() == 0
    figure.canvas.draw()
    plt.close(figure)


def test_hours_without_footage_stay_empty_on_the_heat_map() -> None:
    chart = draw("activity", activity(80).query("camera == 'yard'"), zone=ZONE, backend="bokeh")
    rates = chart.dimension_values("value", flat=False)
    assert np.isnan(rates[0, 0]), "the first hour of the first day has no footage"
    assert np.nanmin(rates) == np.nanmax(rates) == 12


@pytest.mark.parametrize("backend", ["bokeh", "matplotlib"])
def test_a_single_hour_shows_as_a_point(backend: str) -> None:
    chart = draw("activity", activity(1), zone=ZONE, backend=backend)
    points = [part for part in chart if isinstance(part, hv.Scatter)]
    assert points[0].dimension_values(1).tolist() == [12.0]
    low, high = chart.opts.get("plot", backend).kwargs["xlim"]
    assert high - low == pd.Timedelta(hours=1)


def test_the_hour_that_comes_twice_is_one_cell_of_both() -> None:
    chart = draw("activity", activity(80), zone=ZONE, backend="bokeh")
    recorded = chart.dimension_values("recorded_hours", flat=False)
    assert recorded[2, 0] == 0.5 * 2 + 0.5 + 0.0, "02:00 of the 25th, twice on the gate, once alive on the yard"


def test_cells_of_several_cameras_are_worked_out_anew() -> None:
    """Monday at 0: 6 events in 3 hours; Sunday at 23: an event in none, which is no rate."""
    rates = draw("weekly_profile", WEEKLY, zone=ZONE, backend="bokeh").dimension_values("value", flat=False)
    assert (rates[0, 0], rates.shape, np.isfinite(rates).sum()) == (2.0, (7, 24), 1)


def test_days_that_are_missing_are_seen() -> None:
    data = pd.concat([by("day", f"camera {number}") for number in range(9)])
    rates = draw("activity", data, zone=ZONE, backend="bokeh").dimension_values("value", flat=False)
    assert rates.shape == (9, 4)
    assert np.isnan(rates[:, 1:3]).all(), "the 25th was not recorded, of the 26th there is no row"


def boxes(chart: hv.Overlay) -> list[tuple[float, ...]]:
    """Left and right of each bar, from the top."""
    drawn = pd.concat([part.data for part in chart if isinstance(part, hv.Rectangles)])
    return [tuple(row) for row in drawn.sort_values("high", ascending=False)[["from", "to"]].to_numpy(float)]


def test_bars_have_their_length_and_whiskers() -> None:
    chart = draw("activity", RATES, zone=ZONE, backend="bokeh")
    assert boxes(chart) == [(0.0, 3.0), (0.0, 0.0)]
    (whiskers,) = [part.data for part in chart if isinstance(part, hv.Segments)]
    assert whiskers[["from", "to"]].to_numpy().tolist() == [[1.1, 6.5]]


def test_stacked_bars_begin_where_the_last_ends() -> None:
    assert boxes(draw("detections", OBJECTS, zone=ZONE, backend="bokeh")) == [(0, 3), (3, 7), (0, 1)]


def labels(chart: Any, backend: str) -> list[str]:
    return [name for _, name in chart.opts.get("plot", backend).kwargs["yticks"]]


def test_cameras_of_equal_name_stay_apart_and_dollars_are_no_formula() -> None:
    names = ["Gate $1 to $2 (aaaaaa)", "Gate $1 to $2 (bbbbbb)"]
    assert labels(draw("activity", RATES, zone=ZONE, backend="bokeh"), "bokeh") == names
    chart = draw("activity", RATES, zone=ZONE, backend="matplotlib")
    figure = hv.render(chart, backend="matplotlib")
    figure.canvas.draw()
    shown = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert shown == [name.replace("$", r"\$") for name in names], "an escaped dollar shows as a dollar"
    plt.close(figure)


NOTHING: list[tuple[str, pd.DataFrame]] = [
    ("threshold_curve", pd.DataFrame({"label": ["car"], "threshold": [0.5], "precision": [np.nan]})),
    ("quality", pd.DataFrame({"precision": [np.nan], "precision_low": [np.nan], "judged": [0]})),
    ("storage_forecast", pd.DataFrame({"camera": ["gate"], "stored_bytes": [np.nan], "steady_bytes": [np.nan]})),
    ("co_occurrence", pd.DataFrame({"label_a": ["car"], "label_b": ["dog"], "share": [np.nan]})),
    ("ingest_lag", pd.DataFrame({"day": pd.to_datetime(["2026-10-24"]), "p95_seconds": [np.nan]})),
]


@pytest.mark.parametrize("backend", ["bokeh", "matplotlib"])
@pytest.mark.parametrize(("name", "data"), NOTHING)
def test_rows_without_figures_are_said_in_words(name: str, data: pd.DataFrame, backend: str) -> None:
    chart = draw(name, data, zone=ZONE, backend=backend)
    assert isinstance(chart, hv.Text)
    assert hv.render(chart, backend=backend)
    plt.close("all")


def test_many_bars_say_how_many_are_left_out() -> None:
    many = pd.DataFrame({"label": [f"kind {number:02}" for number in range(50)], "objects": range(50)})
    chart = draw("detections", many, zone=ZONE, backend="bokeh")
    assert len(labels(chart, "bokeh")) == 40
    assert chart.opts.get("plot", "bokeh").kwargs["title"] == f"Distinct objects: the first 40 of 50 ({ZONE})"


def test_an_unknown_backend_is_said() -> None:
    with pytest.raises(UnknownName, match="no plot backend 'ggplot'"):
        draw("detections", OBJECTS, zone=ZONE, backend="ggplot")
