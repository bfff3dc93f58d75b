"""`omnisight analyse` on a drawn car park: MOTChallenge lines against the truth, and bad input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from omnisight_lab.sim.scenes import Scene
from omnisight_lab.types import Box
from tests.ingest.test_analysis import overlap


def omnisight(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "omnisight_lab.cli", "analyse", *map(str, arguments)]
    return subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=False)


def test_tracks_agree_with_the_truth(park: Path, park_scene: Scene, tmp_path: Path) -> None:
    done = omnisight(park, "--mot", tmp_path / "mot.txt", "--json", "--fps", 12)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["frames"], summary["width"], summary["height"]) == (park_scene.frames, 768, 432)
    lines = [line.split(",") for line in (tmp_path / "mot.txt").read_text().splitlines()]
    assert all(len(line) == 10 and line[7:] == ["-1", "-1", "-1"] for line in lines)
    assert [int(line[0]) for line in lines] == sorted(int(line[0]) for line in lines)
    assert {int(line[1]) for line in lines} == {track["id"] for track in summary["tracks"]}
    car = next(actor for actor in park_scene.actors if not actor.parked)
    best = max(summary["tracks"], key=lambda track: track["first_second"])
    assert best["label"] == "vehicle"
    right = []
    for frame, _, *place in (line for line in lines if int(line[1]) == best["id"]):
        truth = [seen.box for seen in park_scene.truth((int(frame) - 1) / park_scene.rate) if seen.id == car.id]
        right.append(bool(truth) and overlap(Box(*map(float, place[:4])), truth[0]) > 0.5)
    assert len(right) >= 20
    assert sum(right) / len(right) > 0.7, "the rest is cut off by the picture's edge"
    (event,) = summary["events"]
    assert (event["type"], event["label"], event["track"]) == ("object_detected", "vehicle", best["id"])
    assert event["start"] == best["first_second"]


def test_threshold_and_labels(park: Path) -> None:
    done = omnisight(park, "--json", "--labels", "person", "--threshold", "0.99")
    assert json.loads(done.stdout)["tracks"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["absent.mp4"], 1, "does not exist"),
        (["PARK", "--mot", "/proc/none/mot.txt"], 1, "can't be written"),
        (["PARK", "--threshold", "7"], 2, "is not between 0.01 and 1"),
        (["PARK", "--labels", "persn"], 2, "there is no label 'persn'"),
    ],
)
def test_bad_input_is_one_line(park: Path, arguments: list[str], code: int, message: str) -> None:
    done = omnisight(*(str(park) if word == "PARK" else word for word in arguments))
    lines = [line for line in done.stderr.splitlines() if not line.startswith("analysing")]
    assert done.returncode == code
    assert len(lines) == 1
    assert message in lines[0]
