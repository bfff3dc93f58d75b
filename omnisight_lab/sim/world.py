"""A small renderer: solids in metres, seen by a fixed camera, drawn with edges and shadows that are soft.

World axes: x to the right, y away from the camera, z up, origin on the ground below the camera.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from omnisight_lab.types import Box, Image

Array = npt.NDArray[np.float64]
Colour = tuple[float, float, float]
"""Blue, green, red, 0 to 255."""

SUN: Array = np.array([-0.45, -0.5, 0.74])
"""Direction to the sun, of length 1."""

_SUPERSAMPLING = 4
_CIRCLE: Array = np.stack([np.cos(angles := np.arange(16) * math.pi / 8), np.sin(angles)], axis=1)


@dataclass(frozen=True, slots=True)
class Solid:
    """The convex hull of `spheres`, (N, 4): x, y, z and radius in metres (0: a corner), in one colour."""

    spheres: Array
    colour: Colour


@dataclass(frozen=True, slots=True)
class Model:
    """An actor as it stands at one moment: `solids` in drawing order, and the rougher ones that cast its shadow."""

    solids: tuple[Solid, ...]
    casters: tuple[Solid, ...]
    distance: float


@dataclass(frozen=True)
class View:
    """The camera: frame size in pixels, height in metres, tilt below the horizon in radians, focal length in pixels."""

    width: int
    height: int
    eye_height: float
    tilt: float
    focal: float

    @property
    def eye(self) -> Array:
        return np.array([0.0, 0.0, self.eye_height])

    def project(self, spheres: Array) -> Array:
        """(N, 3): x, y and radius in pixels of `spheres`."""
        sine, cosine = math.sin(self.tilt), math.cos(self.tilt)
        rise = spheres[:, 2] - self.eye_height
        depth = np.maximum(spheres[:, 1] * cosine - rise * sine, 0.1)
        scale = self.focal / depth
        up = spheres[:, 1] * sine + rise * cosine
        return np.stack(
            [self.width / 2 + spheres[:, 0] * scale, self.height / 2 - up * scale, spheres[:, 3] * scale], axis=1
        )

    def outline(self, solid: Solid) -> Array:
        """The points in pixels whose convex hull is `solid`'s picture."""
        seen = self.project(solid.spheres)
        if not seen[:, 2].any():
            return seen[:, :2]
        return (seen[:, None, :2] + seen[:, None, 2:] * _CIRCLE).reshape(-1, 2)

    def box(self, model: Model) -> Box | None:
        """Where `model` is seen, cut at the frame's edges; None when most of it is outside."""
        points = np.concatenate([self.outline(solid) for solid in model.solids])
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        x1, x2 = np.clip([left, right], 0, self.width)
        y1, y2 = np.clip([top, bottom], 0, self.height)
        if (x2 - x1) * (y2 - y1) < 0.4 * (right - left) * (bottom - top):
            return None
        return Box(float(x1), float(y1), float(x2 - x1), float(y2 - y1))

    @cached_property
    def rays(self) -> tuple[Array, Array, Array]:
        """Direction x, y, z of the ray through every pixel of a frame of twice the size."""
        columns = (np.arange(self.width * 2) + 0.5) / 2 - self.width / 2
        rows = (np.arange(self.height * 2) + 0.5) / 2 - self.height / 2
        across, down = np.meshgrid(columns / self.focal, rows / self.focal)
        sine, cosine = math.sin(self.tilt), math.cos(self.tilt)
        return across, cosine - down * sine, -sine - down * cosine


def shade(colour: Colour, normal: Array, gloss: float = 0.0) -> Colour:
    """`colour` under the sun and the sky; `gloss` mirrors the sky in what looks upwards."""
    light = 0.5 + 0.55 * max(0.0, float(normal @ SUN)) + 0.12 * float(normal[2])
    mirrored = gloss * max(0.0, float(normal[2])) ** 2 * 60
    return (colour[0] * light + mirrored, colour[1] * light + mirrored, colour[2] * light + mirrored)


def backdrop(view: View, ground: Image, wall: Image, per_metre: float, wall_distance: float) -> Image:
    """The empty place: `ground` from y = 0 on and `wall` standing at `wall_distance`, both centred on x = 0.

    The textures have `per_metre` pixels a metre; the wall's bottom row stands on the ground.
    """
    across, away, up = view.rays
    down = np.minimum(up, -1e-6)
    near = -view.eye_height / down
    to_wall = wall_distance / away
    on_wall = near > to_wall
    picture = _sample(ground, near * across, near * away, per_metre)
    height = wall.shape[0] / per_metre - (view.eye_height + to_wall * up)
    picture[on_wall] = _sample(wall, to_wall * across, height, per_metre)[on_wall]
    return cv2.resize(picture, (view.width, view.height), interpolation=cv2.INTER_AREA).astype(np.uint8)


def _sample(texture: Image, x: Array, y: Array, per_metre: float) -> Image:
    columns = (x * per_metre + texture.shape[1] / 2).astype(np.float32)
    rows = (y * per_metre).astype(np.float32)
    return cv2.remap(texture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8)


def draw(picture: Image, view: View, model: Model) -> None:
    """Draws `model` into `picture`, 4 times as large and then scaled down."""
    outlines = [view.outline(solid) for solid in model.solids]
    area = _area(view, outlines, pad=2)
    if area is None:
        return
    left, top, right, bottom = area
    shape = ((bottom - top) * _SUPERSAMPLING, (right - left) * _SUPERSAMPLING)
    canvas, mask = np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8)
    for outline, solid in zip(outlines, model.solids, strict=True):
        hull = _hull((outline - (left, top)) * _SUPERSAMPLING)
        cv2.fillConvexPoly(canvas, hull, solid.colour)
        cv2.fillConvexPoly(mask, hull, 255.0)
    size = (right - left, bottom - top)
    colour, cover = (
        cv2.resize(cv2.GaussianBlur(layer, (0, 0), 1.6), size, interpolation=cv2.INTER_AREA) for layer in (canvas, mask)
    )
    cover = cover[..., None].astype(np.float32) / 255
    below = picture[top:bottom, left:right]
    below[:] = np.clip(below * (1 - cover) + colour, 0, 255)


def draw_shadow(picture: Image, view: View, model: Model, strength: float = 0.5) -> None:
    """Darkens the ground where `model` keeps the sun away."""
    outlines = [view.outline(_on_ground(solid)) for solid in model.casters]
    area = _area(view, outlines, pad=12)
    if area is None:
        return
    left, top, right, bottom = area
    mask = np.zeros((bottom - top, right - left), np.uint8)
    for outline in outlines:
        cv2.fillConvexPoly(mask, _hull(outline - (left, top)), 255.0)
    cover = cv2.GaussianBlur(mask, (0, 0), 2.2)[..., None].astype(np.float32) * (strength / 255)
    below = picture[top:bottom, left:right]
    below[:] = below * (1 - cover)


def _on_ground(solid: Solid) -> Solid:
    spheres = solid.spheres.copy()
    spheres[:, :2] -= spheres[:, 2:3] * SUN[:2] / SUN[2]
    spheres[:, 2] = 0
    spheres[:, 3] *= 0.5  # a disc on the ground is seen aslant
    return Solid(spheres, solid.colour)


def _hull(points: Array) -> npt.NDArray[np.int32]:
    return cv2.convexHull(np.rint(points).astype(np.int32)).astype(np.int32)


def _area(view: View, outlines: Sequence[Array], pad: int) -> tuple[int, int, int, int] | None:
    """The part of the frame that `outlines` touch: left, top, right, bottom; None when they are outside."""
    points = np.concatenate(outlines)
    low = np.floor(points.min(axis=0)).astype(int) - pad
    high = np.ceil(points.max(axis=0)).astype(int) + pad
    left, top = (int(value) for value in np.maximum(low, 0))
    right, bottom = (int(value) for value in np.minimum(high, (view.width, view.height)))
    return (left, top, right, bottom) if right > left and bottom > top else None
