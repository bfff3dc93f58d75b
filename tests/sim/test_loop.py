"""Which files become loops, and what the loop holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from omnisight_lab.errors import NotAVideo
from omnisight_lab.sim.loop import CLOCK, read_loop
from tests.sim.conftest import encode


def test_b_frames_are_shown_after_they_are_sent(clip: Path) -> None:
    loop = read_loop(clip)
    assert len(loop.units) == 36 and loop.length == 1.5 * CLOCK and loop.rate == 24
    assert sorted(unit.shown for unit in loop.units) == [number * CLOCK // 24 for number in range(36)]
    sent = [unit.sent for unit in loop.units]
    assert sent == sorted(sent) and any(a.shown > b.shown for a, b in zip(loop.units, loop.units[1:], strict=False))
    # Nothing is sent before the moment at which the picture was taken, nor much later.
    assert min(unit.sent - unit.shown for unit in loop.units) == 0
    assert max(unit.sent - unit.shown for unit in loop.units) <= CLOCK / 4


def test_keyframes_carry_parameter_sets(clip: Path) -> None:
    loop = read_loop(clip)
    assert [number for number, unit in enumerate(loop.units) if unit.keyframe] == [0, 12, 24]
    assert all(loop.sps in unit.nals and loop.pps in unit.nals for unit in loop.units if unit.keyframe)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("clip.mkv", "libx264", {"g": "12"}),
        ("clip.ts", "libx264", {"g": "12"}),
        ("clip.h264", "libx264", {"g": "12"}),
        ("clip.mp4", "mpeg4", {}),
        ("clip.webm", "libvpx", {}),
    ],
)
def test_containers_and_codecs(tmp_path: Path, name: str, codec: str, options: dict[str, str]) -> None:
    loop = read_loop(encode(tmp_path / name, codec, **options))
    assert len(loop.units) == 36
    assert loop.length / CLOCK == pytest.approx(1.5, abs=0.1) or name == "clip.h264"  # which holds no rate
    assert sum(unit.keyframe for unit in loop.units) >= 2


def test_rare_keyframes_are_made_frequent(tmp_path: Path) -> None:
    loop = read_loop(encode(tmp_path / "rare.mp4", frames=160, g="250", sc_threshold="0"))
    assert sum(unit.keyframe for unit in loop.units) == 7


@pytest.mark.parametrize("content", [b"", b"no video at all " * 100])
def test_no_video(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(NotAVideo, match=r"clip\.mp4 is not a video"):
        read_loop(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(NotAVideo, match=r"clip\.mp4 cannot be read: No such file"):
        read_loop(tmp_path / "clip.mp4")
