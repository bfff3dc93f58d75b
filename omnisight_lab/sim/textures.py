"""Ground and walls of the drawn places: pictures with 80 pixels a metre, made of noise, tiles and lines."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from omnisight_lab.sim.world import Array, Colour
from omnisight_lab.types import Image

PER_METRE = 80


def _size(width: float, height: float) -> tuple[int, int]:
    return round(height * PER_METRE), round(width * PER_METRE)


def _clouds(random: np.random.Generator, shape: tuple[int, int], metres: float) -> Array:
    """Smooth noise of deviation 1 with blotches of about `metres`."""
    step = max(1, round(metres * PER_METRE / 2))
    small = random.normal(0, 1, (shape[0] // step + 3, shape[1] // step + 3)).astype(np.float32)
    return np.asarray(cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC))


def _rough(random: np.random.Generator, shape: tuple[int, int], colour: Colour, grain: float) -> Array:
    """A surface of one colour with fine grain and large stains."""
    light = _clouds(random, shape, 0.03) * grain + _clouds(random, shape, 0.4) * 3 + _clouds(random, shape, 3) * 6
    return np.asarray(light[..., None] + np.array(colour, np.float32))


def _tiles(random: np.random.Generator, surface: Array, tile: tuple[float, float], joint: float, spread: float) -> None:
    """Cuts `surface` into tiles of width and height in metres, each row shifted by half, each in a tone of its own."""
    width, height = (round(side * PER_METRE) for side in tile)
    gap = max(1, round(joint * PER_METRE))
    for row, top in enumerate(range(0, surface.shape[0], height)):
        for left in range(-(row % 2) * width // 2, surface.shape[1], width):
            start = max(0, left)
            surface[top : top + height, start : left + width] += random.normal(0, spread)
            surface[top : top + height, start : max(0, left + gap)] *= 0.72
        surface[top : top + gap] *= 0.72


def _rectangle(surface: Array, x: tuple[float, float], y: tuple[float, float], colour: Colour) -> None:
    """Paints a rectangle; x from the middle, y from the top, in metres."""
    middle = surface.shape[1] / 2
    left, right = (round(middle + value * PER_METRE) for value in x)
    top, bottom = (round(value * PER_METRE) for value in y)
    surface[max(0, top) : bottom, max(0, left) : right] = colour


def _finished(surface: Array) -> Image:
    return np.clip(surface, 0, 255).astype(np.uint8)


def _window(wall: Array, x: float, top: float, width: float, height: float) -> None:
    _rectangle(wall, (x - 0.1, x + width + 0.1), (top - 0.1, top + height + 0.12), (215, 218, 220))
    for half in (0, 1):
        left = x + half * width / 2 + 0.03
        _rectangle(wall, (left, left + width / 2 - 0.06), (top, top + height), (88, 76, 66))
        _rectangle(wall, (left, left + width / 2 - 0.06), (top, top + height * 0.3), (120, 106, 92))
    _rectangle(wall, (x - 0.15, x + width + 0.15), (top + height + 0.12, top + height + 0.2), (150, 152, 155))


def yard(random: np.random.Generator) -> tuple[Image, Image]:
    """A paved yard with a strip of grass before a brick house."""
    ground = _rough(random, _size(30, 20), (138, 146, 150), 5)
    _tiles(random, ground, (0.8, 0.5), 0.02, 5)
    grass = _rough(random, _size(30, 1.6), (62, 118, 96), 15)
    ground[round(11.4 * PER_METRE) : round(13.0 * PER_METRE)] = grass
    _rectangle(ground, (-15, 15), (11.3, 11.42), (170, 172, 174))
    path = _rough(random, _size(1.6, 1.6), (150, 158, 160), 5)
    left = round(ground.shape[1] / 2 + 2.2 * PER_METRE)
    ground[round(11.4 * PER_METRE) : round(13.0 * PER_METRE), left : left + path.shape[1]] = path
    wall = _rough(random, _size(30, 5), (92, 112, 152), 5)
    _tiles(random, wall, (0.25, 0.085), 0.014, 7)
    _rectangle(wall, (-15, 15), (4.65, 5), (120, 124, 126))
    for x in (-8.2, -4.6, -1.4, 5.0, 8.4):
        _window(wall, x, 2.4, 1.5, 1.25)
    _rectangle(wall, (2.3, 3.7), (2.6, 5), (210, 214, 216))
    _rectangle(wall, (2.42, 3.58), (2.72, 4.92), (70, 92, 60))
    _rectangle(wall, (2.62, 3.38), (2.95, 3.5), (105, 95, 84))
    return _finished(ground), _finished(wall)


def car_park(random: np.random.Generator) -> tuple[Image, Image]:
    """Asphalt with marked bays before a hall."""
    ground = _rough(random, _size(40, 26), (112, 112, 110), 9)
    for x in np.arange(-18.2, 18, 2.8):
        _rectangle(ground, (x - 0.06, x + 0.06), (12.2, 17.2), (205, 208, 208))
    for x in np.arange(-17, 18, 3.0):
        _rectangle(ground, (x, x + 1.6), (7.35, 7.45), (190, 194, 194))
    pavement = _rough(random, _size(40, 1.8), (150, 154, 156), 5)
    _tiles(random, pavement, (0.6, 0.6), 0.02, 4)
    top = round(17.2 * PER_METRE)
    ground[top : top + pavement.shape[0]] = pavement
    _rectangle(ground, (-20, 20), (17.2, 17.35), (178, 180, 182))
    wall = _rough(random, _size(40, 6), (168, 172, 170), 4)
    _tiles(random, wall, (1.2, 6.0), 0.025, 3)
    _rectangle(wall, (-20, 20), (5.5, 6), (105, 104, 102))
    for x in (-14.5, -9.5, -4.5, 5.5, 10.5):
        _window(wall, x, 3.0, 3.4, 1.6)
    _rectangle(wall, (0.4, 3.6), (2.7, 6), (190, 190, 188))
    for x in (0.55, 2.05):
        _rectangle(wall, (x, x + 1.4), (2.9, 5.95), (96, 84, 72))
    ground += _clouds(random, (ground.shape[0], ground.shape[1]), 0.8)[..., None] * 2
    return _finished(ground), _finished(wall)


PLACES: dict[str, Callable[[np.random.Generator], tuple[Image, Image]]] = {"yard": yard, "car_park": car_park}
