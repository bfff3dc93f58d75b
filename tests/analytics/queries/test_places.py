"""Heat maps in the frame, worked out by hand, on both engines."""

from __future__ import annotations

from omnisight_lab.db.models import DetectedObject
from omnisight_lab.lab import Lab
from tests.analytics.conftest import Site, ask, table

DAY = ("2026-10-20", "2026-10-21")
FRAME = {"frame": {"width": 640, "height": 360}}


def boxed(site: Site, *boxes: tuple[float, float, float, float], label: str = "car") -> str:
    """An event whose boxes (x, y, width, height, in pixels of 640 x 360) are one object."""
    event = site.event("yard", "2026-10-20T08:00", label, meta=FRAME)
    for number, box in enumerate(boxes):
        shape = dict(zip(("x", "y", "width", "height"), box, strict=True))
        meta = {"trackId": "1", "offsetMs": number * 500}
        site.add(
            DetectedObject(
                id=f"{event}-{number}", event_id=event, object_type=label, confidence=0.5, bounding_box=shape, meta=meta
            )
        )
    return event


def test_a_border_belongs_to_the_cell_on_its_right_and_below(site: Site, lab: Lab) -> None:
    """A grid of 32 x 18 in 640 x 360: cells of 20 x 20 pixels."""
    site.camera("yard")
    boxed(site, (10, 40, 20, 20), (9.9, 39.9, 20, 20), (0, 0, 40, 60))
    lab.refresh()
    # Feet at (20, 60), (19.9, 59.9) and (20, 60)
    rows = ask(lab, "spatial_heatmap", *DAY)
    assert table(rows, "camera", "column", "row", "objects", "boxes") == [("yard", 0, 2, 1, 1), ("yard", 1, 3, 1, 2)]
    assert table(rows, "x", "y")[1] == (1.5 / 32, 3.5 / 18)
    centres = ask(lab, "spatial_heatmap", *DAY, point="centre")
    assert table(centres, "column", "row", "boxes") == [(1, 1, 1), (0, 2, 1), (1, 2, 1)]


def test_every_column_begins_at_its_border(site: Site, lab: Lab) -> None:
    """Thirds, sevenths and the like have no exact float."""
    site.camera("yard")
    columns = 160
    boxed(site, *((4.0 * column - 1, 0, 2, 10) for column in range(columns)))
    lab.refresh()
    rows = ask(lab, "spatial_heatmap", *DAY, columns=columns, rows=1)
    assert table(rows, "column", "boxes") == [(column, 1) for column in range(columns)]


def test_boxes_are_cut_to_the_frame(site: Site, lab: Lab) -> None:
    site.camera("yard")
    boxed(site, (-30, 340, 40, 50), (620, 300, 60, 60), (700, 400, 10, 10))
    lab.refresh()
    # (0..10, foot 360), (620..640, foot 360), beyond the corner
    rows = ask(lab, "spatial_heatmap", *DAY)
    assert table(rows, "column", "row", "objects", "boxes") == [(0, 17, 1, 1), (31, 17, 1, 2)]


def test_who_lingers_is_one_object_and_labels_stand_apart_where_asked(site: Site, lab: Lab) -> None:
    site.camera("yard", "Europe/Berlin")
    boxed(site, *[(100, 100, 20, 20)] * 5)
    boxed(site, (100, 100, 20, 20), label="person")
    site.verdict(boxed(site, (100, 100, 20, 20)), "false")
    lab.refresh()
    assert table(ask(lab, "spatial_heatmap", *DAY), "column", "row", "objects", "boxes") == [(5, 6, 2, 6)]
    rows = ask(lab, "spatial_heatmap", *DAY, by="label")
    assert table(rows, "label", "objects", "boxes") == [("car", 1, 5), ("person", 1, 1)]
    rows = ask(lab, "spatial_heatmap", *DAY, by="hour_of_day", columns=1, rows=1, labels="car")
    assert table(rows, "hour_of_day", "column", "row", "objects") == [(10, 0, 0, 1)]
    assert ask(lab, "spatial_heatmap", *DAY, where="weekday=1") == []
