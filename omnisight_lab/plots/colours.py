"""Colours that charts and reports share; loads no plotting library."""

from __future__ import annotations

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#999999")
"""Told apart by most colour-blind people (Okabe and Ito 2008)."""

CAUSES = {
    "recorded": "#009e73",
    "camera_unreachable": "#d55e00",
    "wrong_credentials": "#cc79a7",
    "stream_not_found": "#b2567f",
    "stalled": "#e69f00",
    "no_keyframe": "#8c6bb1",
    "disk_full": "#56b4e9",
    "worker_down": "#0072b2",
    "retention": "#c9b458",
    "missing_file": "#7a4b2a",
    "unknown": "#999999",
}
