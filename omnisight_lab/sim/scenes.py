"""Drawn places with people and cars whose boxes are known: `yard` and `car_park`, by day and by night.

A scene is a loop: it begins and ends with nothing moving, so that it can be played over and over.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator

from omnisight_lab.errors import UnknownName
from omnisight_lab.sim import textures
from omnisight_lab.sim.actors import Clothes, Pose, car, person
from omnisight_lab.sim.loop import add_h264
from omnisight_lab.sim.world import Array, Colour, Model, View, backdrop, draw, draw_shadow
from omnisight_lab.types import Box, Image

_WALL_DISTANCE = {"yard": 13.0, "car_park": 19.0}


@dataclass(frozen=True, slots=True)
class Truth:
    """One object that is seen: `id` within the scene, the detector's label, and its box in pixels."""

    id: int
    label: str
    box: Box


@dataclass(frozen=True)
class Actor:
    """Somebody or something with a way: `stops` are (second, x, y, heading), driven smoothly; absent outside them.

    An actor with one stop stands there for ever.
    """

    id: int
    label: str
    look: Callable[[Pose, Array], Model]
    stops: tuple[tuple[float, float, float, float], ...]

    @property
    def parked(self) -> bool:
        return len(self.stops) == 1

    @cached_property
    def _way(self) -> PchipInterpolator:
        stops = np.array(self.stops)
        steps = np.hypot(*np.diff(stops[:, 1:3], axis=0).T)
        return PchipInterpolator(stops[:, 0], np.column_stack([stops[:, 1:], np.cumsum([0, *steps])]))

    def at(self, second: float) -> Pose | None:
        if self.parked:
            return Pose(*self.stops[0][1:])
        if not self.stops[0][0] <= second <= self.stops[-1][0]:
            return None
        return Pose(*(float(value) for value in self._way(second)))


class Scene:
    """The scene `name`, `night` or day, of `seconds` at `rate` pictures a second; equal arguments give equal pictures.

    A shorter `seconds` cuts the loop off; `seed` changes noise and textures. Raises UnknownName.
    """

    def __init__(
        self,
        name: str,
        *,
        night: bool = False,
        width: int = 768,
        height: int = 432,
        rate: int = 12,
        seconds: float = 48.0,
        seed: int = 0,
    ) -> None:
        if name not in SCENES:
            raise UnknownName("scene", name, SCENES)
        self.name, self.night, self.rate, self.seconds, self.seed = name, night, rate, seconds, seed
        make = SCENES[name]
        self.view, self.actors = make(width, height)
        self.frames = round(seconds * rate)

    def truth(self, second: float) -> list[Truth]:
        """What is to be seen `second`s after the loop's start, the nearest last."""
        seen = ((actor, self.view.box(model)) for actor, model in self._models(second % self.seconds))
        return [Truth(actor.id, actor.label, box) for actor, box in seen if box is not None]

    def picture(self, second: float) -> Image:
        """The frame at `second`, shape (height, width, 3), BGR."""
        picture = self._empty.copy()
        models = [model for actor, model in self._models(second % self.seconds) if not actor.parked]
        if not self.night:
            for model in models:
                draw_shadow(picture, self.view, model)
        for model in models:
            draw(picture, self.view, model)
        return self._developed(picture, round(second * self.rate))

    def render(self, path: Path) -> Path:
        """Encodes the loop as H.264, a keyframe a second, into `path`; returns it."""
        with av.open(str(path), "w") as container:
            encoder = add_h264(container, self.view.width, self.view.height, Fraction(self.rate))
            for number in range(self.frames):
                frame = av.VideoFrame.from_ndarray(self.picture(number / self.rate), format="bgr24")
                frame.pts, frame.time_base = number, Fraction(1, self.rate)
                container.mux(encoder.encode(frame))
            container.mux(encoder.encode(None))
        return path

    def cached(self, folder: Path) -> Path:
        """The loop's file in `folder`, rendered if it is not there yet."""
        code = b"".join(file.read_bytes() for file in sorted(Path(__file__).parent.glob("*.py")))
        size = f"{self.view.width}x{self.view.height}"
        what = f"{self.name}{self.night}{size}{self.rate}{self.seconds}{self.seed}".encode()
        stem = f"{self.name}{'_night' if self.night else ''}_{size}_{hashlib.sha256(what + code).hexdigest()[:8]}"
        path = folder / f"{stem}.mp4"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            self.render(folder / f"{stem}.part.mp4").rename(path)
        return path

    def _models(self, second: float) -> Iterator[tuple[Actor, Model]]:
        """Who is there, the farthest first."""
        poses = ((actor, actor.at(second)) for actor in self.actors)
        there = [(actor, actor.look(pose, self.view.eye)) for actor, pose in poses if pose is not None]
        yield from sorted(there, key=lambda pair: -pair[1].distance)

    @cached_property
    def _empty(self) -> Image:
        """The place with what is parked in it."""
        random = np.random.default_rng(self.seed)
        ground, wall = textures.PLACES[self.name](random)
        picture = backdrop(self.view, ground, wall, textures.PER_METRE, _WALL_DISTANCE[self.name])
        parked = [model for actor, model in self._models(0.0) if actor.parked]
        for model in parked:
            if not self.night:
                draw_shadow(picture, self.view, model)
            draw(picture, self.view, model)
        return picture

    @cached_property
    def _noise(self) -> list[Array]:
        """Sensor noise, a little larger than the frame, so that it can be shifted."""
        random = np.random.default_rng(self.seed + 1)
        shape = (self.view.height + 64, self.view.width + 64, 3)
        return [random.normal(0, 4.0 if self.night else 2.0, shape).astype(np.int16) for _ in range(4)]

    @cached_property
    def _lamp(self) -> Array:
        """How much infrared light falls on every pixel: bright in the middle, dark at the edges."""
        y, x = np.mgrid[-1 : 1 : self.view.height * 1j, -1 : 1 : self.view.width * 1j]
        return np.asarray(0.28 + 0.6 * np.exp(-(x**2 * 0.9 + (y - 0.1) ** 2 * 0.8)), np.float32)

    def _developed(self, picture: Image, number: int) -> Image:
        """`picture` as a cheap sensor gives it: slightly soft, noisy, at night in grey under its own lamp."""
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.6), np.uint8)
        if self.night:
            grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) * self._lamp
            picture = cv2.cvtColor(grey.astype(np.uint8), cv2.COLOR_GRAY2BGR).astype(np.uint8)
        random = np.random.default_rng((self.seed, number))
        top, left = random.integers(0, 64, 2)
        noise = self._noise[number % 4][top : top + self.view.height, left : left + self.view.width]
        if self.night:
            noise = np.repeat(noise[..., :1], 3, axis=2)
        return np.asarray(cv2.add(picture, noise, dtype=cv2.CV_8U), np.uint8)


def _walker(number: int, clothes: Clothes, *stops: tuple[float, float, float]) -> Actor:
    """A person who walks straight from stop to stop: (second, x, y)."""
    headings = [math.atan2(b[2] - a[2], b[1] - a[1]) for a, b in pairwise(stops)]
    ways = tuple((*stop, heading) for stop, heading in zip(stops, [*headings, headings[-1]], strict=True))
    return Actor(number, "person", lambda pose, eye: person(pose, clothes, eye), ways)


def _driver(number: int, paint: Colour, *stops: tuple[float, float, float, float]) -> Actor:
    return Actor(number, "vehicle", lambda pose, eye: car(pose, paint, eye), stops)


_BLUE = Clothes(skin=(150, 175, 215), hair=(35, 45, 60), coat=(150, 85, 45), trousers=(70, 60, 55))
_RED = Clothes(skin=(120, 150, 195), hair=(25, 28, 35), coat=(50, 50, 165), trousers=(110, 80, 60), height=1.68)
_GREEN = Clothes(skin=(165, 190, 225), hair=(70, 110, 150), coat=(80, 105, 70), trousers=(50, 45, 45), height=1.84)
_BEIGE = Clothes(skin=(85, 115, 160), hair=(20, 20, 22), coat=(150, 170, 185), trousers=(60, 52, 50), height=1.8)


def _yard(width: int, height: int) -> tuple[View, tuple[Actor, ...]]:
    actors = (
        _walker(1, _BLUE, (1.0, -5.4, 7.0), (9.0, 5.4, 7.2)),
        _walker(2, _RED, (8.0, 6.5, 8.6), (17.0, -6.4, 8.2)),
        _walker(3, _GREEN, (16.5, -6.5, 10.2), (20.5, -0.6, 9.4), (27.0, 4.6, 5.4)),
        _walker(4, _BEIGE, (22.0, 6.0, 7.8), (30.5, -5.8, 7.4)),
    )
    return View(width, height, 2.9, math.radians(15), width * 0.92), actors


def _car_park(width: int, height: int) -> tuple[View, tuple[Actor, ...]]:
    turn = math.pi
    actors = (
        _driver(1, (60, 50, 48), (0, -2.8, 14.6, -math.pi / 2)),
        _driver(2, (150, 70, 40), (1.0, 10.5, 9.2, turn), (6.5, -11.0, 9.2, turn)),
        _driver(
            3, (42, 40, 170),
            (8.0, -11.0, 10.2, 0.0), (10.5, -3.4, 10.2, 0.0), (12.0, 0.2, 10.6, 0.15), (13.2, 2.1, 12.2, 0.9),
            (14.8, 2.8, 14.6, turn / 2), (24.0, 2.8, 14.6, turn / 2), (26.0, 2.9, 12.0, turn / 2 + 0.15),
            (27.5, 3.7, 10.0, turn - 0.5), (28.6, 4.4, 9.5, turn), (29.4, 4.2, 9.4, turn), (33.0, -11.0, 9.0, turn),
        ),
        _walker(4, _BEIGE, (17.0, 7.5, 10.4), (27.0, -6.8, 8.0)),
        _driver(5, (205, 205, 205), (32.5, -10.5, 10.6, 0.0), (37.5, 11.0, 10.6, 0.0)),
    )  # fmt: skip
    return View(width, height, 3.8, math.radians(17), width * 0.9), actors


SCENES: dict[str, Callable[[int, int], tuple[View, tuple[Actor, ...]]]] = {"yard": _yard, "car_park": _car_park}
