from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from omnisight_lab.types import Boxes

START = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def boxes(*rows: tuple[float, float, float, float, float], label: str = "person") -> Boxes:
    """Detections by x1, y1, x2, y2, confidence."""
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Boxes(table[:, :4], table[:, 4], (label,) * len(table))
