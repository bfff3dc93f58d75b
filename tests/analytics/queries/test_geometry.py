"""Containment as engines work it out against the classes by which live events are made."""

from __future__ import annotations

import numpy as np

from omnisight_lab.db.models import DetectedObject
from omnisight_lab.lab import Lab
from omnisight_lab.types import Box, FrameSize
from omnisight_lab.vision.zones import Point, Zone, foot
from tests.analytics.conftest import Site, ask

SIZE = FrameSize(640, 360)
EDGE = 1e-4
"""Feet this near to an edge may count either way: OpenCV reckons in 32 bits."""


def star(chance: np.random.Generator, corners: int) -> tuple[Point, ...]:
    """Corners in order around a middle, mostly concave; some are as a person draws them, on round numbers."""
    angles = np.sort(chance.uniform(0, 2 * np.pi, corners))
    reach = chance.uniform(0.1, 0.5, corners)
    points = np.clip(np.stack([0.5 + reach * np.cos(angles), 0.5 + reach * np.sin(angles)], axis=1), 0, 1)
    rounded = np.round(points, 1) if corners % 2 else points
    return tuple(dict.fromkeys((float(x), float(y)) for x, y in rounded))


def distance(point: Point, zone: Zone) -> float:
    """From the nearest edge."""
    corners = np.array(zone.polygon)
    along = np.roll(corners, -1, axis=0) - corners
    share = np.clip(((point - corners) * along).sum(axis=1) / (along**2).sum(axis=1), 0, 1)
    return float(np.linalg.norm(corners + share[:, None] * along - point, axis=1).min())


def test_a_foot_stands_in_the_zones_that_contain_it(site: Site, lab: Lab) -> None:
    chance = np.random.default_rng(3)
    zones = [Zone(f"zone {number}", star(chance, 3 + number)) for number in range(8)]
    zones = [zone for zone in zones if len(zone.polygon) > 2]
    site.camera("yard")
    for zone in zones:
        site.zone("yard", zone.name, *zone.polygon)
    event = site.event("yard", "2026-10-20T08:00", meta={"frame": {"width": SIZE.width, "height": SIZE.height}})
    boxes = [Box(*(float(side) for side in chance.uniform(0, 1, 4) * (500, 200, 200, 150))) for _ in range(1500)]
    site.add(
        *(
            DetectedObject(id=f"{n}", event_id=event, object_type="car", confidence=0.5, bounding_box=box.as_json())
            for n, box in enumerate(boxes)
        )
    )
    lab.refresh()
    rows = ask(lab, "detections", "2026-10-20", "2026-10-21", by="zone")
    found = {row["zone"]: row["boxes"] for row in rows}
    feet = [foot(Box(**box.as_json()), SIZE) for box in boxes]
    assert all(min(distance(point, zone) for point in feet) > EDGE / 1000 for zone in zones)
    sure = {zone.name: sum(zone.contains(p) for p in feet if distance(p, zone) > EDGE) for zone in zones}
    unsure = {zone.name: sum(distance(p, zone) <= EDGE for p in feet) for zone in zones}
    assert sum(sure.values()) > 1000
    for name, count in sure.items():
        assert count <= found.get(name, 0) <= count + unsure[name]
