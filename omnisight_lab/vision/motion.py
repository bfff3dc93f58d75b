"""Where something moves: in the sizes of packets before anything is decoded, and in small gray pictures."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from omnisight_lab.types import FrameSize
from omnisight_lab.vision.boxes import Corners

Gray = npt.NDArray[np.uint8]

GRID = 16


class Activity(StrEnum):
    """What the sizes of a group of pictures say; only `quiet` may be left undecoded."""

    QUIET = "quiet"
    BUSY = "busy"
    UNKNOWN = "unknown"


class PacketGate:
    """Tells quiet groups of pictures from busy ones by their inter frames' bytes alone.

    An encoder at free bit rate spends bytes on what changes. The gate learns what a quiet group costs on this
    camera from groups that were decoded (`learn`): median and MAD of the logarithm of those without motion, and the
    smallest of those with motion. Only what lies below both is quiet. It answers unknown, so that the group is
    decoded, while it has seen too little; where quiet groups vary too much, or are large beside their keyframe
    (constant bit rate, noise), so that motion could hide in them; and once in a while in any case, to stay honest.
    """

    HISTORY = 60  # groups that make up the statistics
    WARM_UP = 8  # groups without motion that it takes to begin
    HONEST = 10  # every so many quiet groups one is decoded
    LARGEST_SPREAD = 0.5  # deviation of the logarithm above which sizes tell nothing
    MARGIN = 0.1  # of the logarithm, below the smallest busy groups
    SMALLEST = 200  # bytes a frame that the smallest thing worth seeing may cost: nothing larger may be hidden by noise
    LARGEST_SHARE = 0.05  # of a keyframe, by a quiet inter frame: beyond, the stream is noise or padding
    WINDOW = 5  # inter frames over which a burst is looked for

    def __init__(self) -> None:
        self._quiet: deque[float] = deque(maxlen=self.HISTORY)
        self._share: deque[float] = deque(maxlen=self.HISTORY)
        self._busy: deque[float] = deque(maxlen=self.HISTORY)
        self._since_decoded = 0

    def judge(self, sizes: Sequence[int]) -> Activity:
        """`sizes` are the bytes of a group's packets, the keyframe first."""
        limit = self._limit()
        if limit is None or len(sizes) < 2:
            return Activity.UNKNOWN
        if self._level(sizes) > limit:
            return Activity.BUSY
        self._since_decoded += 1
        if self._since_decoded >= self.HONEST:
            self._since_decoded = 0
            return Activity.UNKNOWN
        return Activity.QUIET

    def learn(self, sizes: Sequence[int], *, moving: bool) -> None:
        """Takes in a group that was decoded, and whether motion was found in it."""
        if len(sizes) < 2:
            return
        (self._busy if moving else self._quiet).append(self._level(sizes))
        if not moving:
            self._share.append(float(np.mean(sizes[1:])) / max(sizes[0], 1))

    def _level(self, sizes: Sequence[int]) -> float:
        """Logarithm of the mean size in the group's largest burst."""
        inter = np.asarray(sizes[1:], float)
        window = min(self.WINDOW, len(inter))
        burst = np.convolve(inter, np.full(window, 1 / window), "valid").max()
        return float(np.log(burst + 16))  # 16 bytes: differences between empty frames mean nothing

    def _limit(self) -> float | None:
        """The level up to which a group is quiet, or None while sizes can't be trusted."""
        if len(self._quiet) < self.WARM_UP or float(np.median(self._share)) > self.LARGEST_SHARE:
            return None
        # The quietest two thirds: somebody may have stood there in the rest, which costs bytes without motion.
        levels = np.sort(self._quiet)[: -(-len(self._quiet) * 2 // 3)]
        median = float(np.median(levels))
        spread = 1.4826 * float(np.median(np.abs(levels - median)))
        limit = median + max(2 * spread, 0.15)
        hidden = np.exp(median + spread) - np.exp(median)
        if spread > self.LARGEST_SPREAD or hidden > self.SMALLEST:
            return None
        limit = min(limit, float(np.log(np.exp(median) + self.SMALLEST)))
        # A tenth of the busy groups may be as small as quiet ones: those into which motion's last moment fell.
        return min(limit, float(np.quantile(self._busy, 0.1)) - self.MARGIN) if self._busy else limit


@dataclass(frozen=True, slots=True)
class Motion:
    """What moved in a picture: boxes (x1, y1, x2, y2) in pixels of the full frame, and the moved area.

    `grid` is uint8 (16, 16): the share of each cell that moved, 0 to 255. `relight` says that the light changed
    as a whole, so that nothing can be said of motion. `mask` is the moved area (0 or 255) in a small picture, each
    of whose pixels stands for `scale` pixels of the frame across and down; None where nothing moved.
    """

    regions: tuple[Corners, ...] = ()
    grid: npt.NDArray[np.uint8] = field(default_factory=lambda: np.zeros((GRID, GRID), np.uint8))
    relight: bool = False

    mask: Gray | None = None
    scale: tuple[float, float] = (1.0, 1.0)

    @property
    def moving(self) -> bool:
        return bool(self.regions)

    def share(self, corners: Corners) -> float:
        """The share of a box that moved, 0 to 1; `corners` in pixels of the full frame."""
        if self.mask is None:
            return 0.0
        (x1, y1, x2, y2), (across, down) = corners, self.scale
        height, width = self.mask.shape
        left, right = max(int(x1 / across), 0), min(int(np.ceil(x2 / across)), width)
        top, bottom = max(int(y1 / down), 0), min(int(np.ceil(y2 / down)), height)
        if left >= right or top >= bottom:
            return 0.0
        part = self.mask[top:bottom, left:right]
        return cv2.countNonZero(part) / part.size


class MotionDetector:
    """Motion in pictures of one camera: OpenCV's MOG2 on small gray frames, with two doubts.

    Foreground (opened 3x3, contours of at least 0.15 % of the frame) counts only where the picture also differs
    from that of about a second before: what stopped, what was uncovered, and light that has
    changed for good do not move. And a change of brightness as a whole is taken out of the picture first (gain
    and offset fitted to the background), and relearned where that fails. MOG2's own test for shadows is not used: in
    gray it takes whole people in dark clothes for shadows.
    """

    WIDTH = 320  # pixels of the working picture
    MEMORY = 60.0  # seconds over which the background is learned
    SMALLEST = 0.0015  # share of the frame
    WHOLE = 0.6  # share of the frame in the foreground that only light, or a turned camera, explains
    BEFORE = 0.6  # seconds between the pictures that are compared for change

    def __init__(self, size: FrameSize) -> None:
        width = min(self.WIDTH, size.width)
        self.size = size
        self.working = FrameSize(width, max(1, round(width * size.height / size.width)))
        self._model = cv2.createBackgroundSubtractorMOG2(history=500, varThreshold=16, detectShadows=False)
        self._last: datetime | None = None
        self._earlier: deque[tuple[datetime, Gray]] = deque()
        self._settling = 2

    def update(self, image: Gray, time: datetime) -> Motion:
        """Motion up to this picture, gray (H, W) or BGR (H, W, 3); best given gray at `working` size."""
        gray = self._small(image)
        elapsed = (time - self._last).total_seconds() if self._last else 0.0
        self._last = time
        steady = self._without_light(cv2.GaussianBlur(gray, (3, 3), 0))  # type: ignore[arg-type]
        mask = self._model.apply(steady, learningRate=self._rate(elapsed))
        foreground = cv2.morphologyEx(mask, cv2.MORPH_OPEN, _SQUARE)
        changed = self._changed(steady, time)
        if foreground.mean() > 255 * self.WHOLE:
            self._settling = 3
        if self._settling:
            self._settling -= 1
            self._earlier.clear()
            return Motion(relight=True)
        return self._describe(foreground, changed)

    def _small(self, image: Gray) -> Gray:
        wanted = (self.working.width, self.working.height)
        if image.shape[1::-1] != wanted:
            image = cv2.resize(image, wanted, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)  # type: ignore[return-value]

    def _rate(self, elapsed: float) -> float:
        """Learning rate: the background's memory is in seconds, whatever the frame rate; fast while settling."""
        if self._settling:
            return 0.5
        return float(np.clip(elapsed / self.MEMORY, 0.001, 0.2))

    def _without_light(self, gray: Gray) -> Gray:
        """`gray` with the background's brightness: gain and offset by medians and spread, moderate ones only."""
        background: Any = self._model.getBackgroundImage() if self._earlier else None
        if background is None or background.shape != gray.shape:
            return gray
        here, there = gray[::4, ::4].astype(np.float32), background[::4, ::4].astype(np.float32)
        offset = float(np.median(there - here))
        if abs(offset) < 1:
            return gray
        gain = float(np.median((there + 8) / (here + 8)))
        by_gain, by_offset = (here + 8) * gain - 8, here + offset
        if np.median(np.abs(by_gain - there)) < np.median(np.abs(by_offset - there)):
            return cv2.convertScaleAbs(gray, alpha=gain, beta=8 * gain - 8)  # type: ignore[return-value]
        return cv2.convertScaleAbs(gray, alpha=1, beta=offset)  # type: ignore[return-value]

    def _changed(self, gray: Gray, time: datetime) -> Gray:
        """Pixels that differ from the picture `BEFORE` seconds ago by more than noise does: 0 or 255."""
        while len(self._earlier) > 1 and (time - self._earlier[1][0]).total_seconds() >= self.BEFORE:
            self._earlier.popleft()
        before = self._earlier[0][1] if self._earlier else gray
        self._earlier.append((time, gray))
        difference = cv2.absdiff(gray, before)
        noise = float(np.median(difference[::4, ::4]))
        changed = np.where(difference > max(10.0, 4.5 * noise), 255, 0).astype(np.uint8)
        return cv2.morphologyEx(changed, cv2.MORPH_OPEN, _CROSS)  # type: ignore[return-value]

    def _describe(self, foreground: Any, changed: Gray) -> Motion:
        height, width = foreground.shape
        least = self.SMALLEST * height * width
        scale = np.array([self.size.width / width, self.size.height / height] * 2)
        contours, _ = cv2.findContours(foreground, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        moved = np.zeros_like(foreground)
        regions = []
        for contour in contours:
            x, y, w, h = cv2.boundingRect(contour)
            if cv2.contourArea(contour) < least:
                continue
            part = foreground[y : y + h, x : x + w] & changed[y : y + h, x : x + w]
            if cv2.countNonZero(part) < least / 3:
                continue
            moved[y : y + h, x : x + w] |= part
            regions.append(tuple(float(v) for v in np.array([x, y, x + w, y + h]) * scale))
        if not regions:
            return Motion()
        grid = cv2.resize(moved, (GRID, GRID), interpolation=cv2.INTER_AREA).astype(np.uint8)
        across, down = float(scale[0]), float(scale[1])
        return Motion(tuple(_joined(regions, 0.02 * self.size.width)), grid, mask=moved, scale=(across, down))


_SQUARE = np.ones((3, 3), np.uint8)
_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)


def _joined(regions: Sequence[tuple[float, ...]], near: float) -> list[Corners]:
    """Boxes in which those that touch, or are less than `near` pixels apart, have become one."""
    left = [tuple(region) for region in regions]
    done: list[Corners] = []
    while left:
        x1, y1, x2, y2 = left.pop()
        close = [b for b in left if b[0] < x2 + near and b[2] > x1 - near and b[1] < y2 + near and b[3] > y1 - near]
        if not close:
            done.append((x1, y1, x2, y2))
            continue
        group = [(x1, y1, x2, y2), *close]
        left = [b for b in left if b not in close]
        left.append(
            (min(b[0] for b in group), min(b[1] for b in group), max(b[2] for b in group), max(b[3] for b in group))
        )
    return done
