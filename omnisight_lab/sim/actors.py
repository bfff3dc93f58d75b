"""People and cars as solids: how they stand at one moment."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from omnisight_lab.sim.world import SUN, Array, Colour, Model, Solid, shade

_STRIDE = 1.45
"""Metres of a full cycle of two steps."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Where an actor is on the ground (metres), where it looks to (radians, 0 is along x), how far it has come."""

    x: float
    y: float
    heading: float
    walked: float = 0.0


@dataclass(frozen=True, slots=True)
class Clothes:
    skin: Colour
    hair: Colour
    coat: Colour
    trousers: Colour
    shoes: Colour = (35, 32, 38)
    height: float = 1.76


def person(pose: Pose, clothes: Clothes, eye: Array) -> Model:
    """A walking (or, where `walked` stands still, standing) person."""
    scale = clothes.height / 1.76
    limbs = [
        Solid(_placed(np.array(spheres) * scale, pose), colour)
        for spheres, colour in _sorted(_limbs(pose.walked / scale / _STRIDE * 2 * math.pi, clothes), pose, eye)
    ]
    lit = tuple(part for limb in limbs for part in _lit(limb))
    return Model(lit, tuple(limbs), _distance(pose, eye))


_Limb = tuple[Sequence[tuple[float, float, float, float]], Colour]


def _limbs(phase: float, clothes: Clothes) -> Iterator[_Limb]:
    """Body parts as spheres (forward, left, up, radius) of a person who looks along the first axis."""
    bob = 0.02 * math.cos(2 * phase)
    hip, shoulder = 0.93 + bob, 1.43 + bob
    for side, swing in ((0.1, phase), (-0.1, phase + math.pi)):
        yield from _leg(side, hip, swing, clothes)
        yield from _arm(2.15 * side, shoulder, swing + math.pi, clothes)
    lean = 0.04
    chest = [(lean * 0.6, y, hip + 0.28, 0.125) for y in (-0.09, 0.09)]
    yield [(-0.01, y, hip - 0.04, 0.13) for y in (-0.07, 0.07)] + chest, clothes.coat
    yield chest + [(lean, y, shoulder - 0.07, 0.115) for y in (-0.13, 0.13)], clothes.coat
    yield [(0, y, hip - 0.1, 0.115) for y in (-0.07, 0.07)], clothes.trousers
    yield [(lean, 0, shoulder - 0.02, 0.06), (lean + 0.02, 0, shoulder + 0.08, 0.055)], clothes.skin
    face = shoulder + 0.15
    yield [(lean + 0.05, 0, face - 0.02, 0.062), (lean + 0.03, 0, face + 0.06, 0.078)], clothes.skin
    yield [(lean - 0.02, 0, face + 0.02, 0.072), (lean - 0.005, 0, face + 0.075, 0.082)], clothes.hair


def _leg(side: float, hip: float, swing: float, clothes: Clothes) -> Iterator[_Limb]:
    thigh = 0.42 * math.sin(swing)
    bend = 0.1 + 0.7 * max(0.0, math.cos(swing + 0.15)) ** 2
    knee = (0.44 * math.sin(thigh), hip - 0.44 * math.cos(thigh))
    ankle = (knee[0] + 0.42 * math.sin(thigh - bend), knee[1] - 0.42 * math.cos(thigh - bend))
    ankle = (ankle[0], max(0.07, ankle[1]))
    tilt = min(0.0, thigh - bend) * 0.1
    yield (
        [(ankle[0] - 0.03, side, ankle[1] - 0.01, 0.05), (ankle[0] + 0.16, side, ankle[1] - 0.03 + tilt, 0.04)],
        (clothes.shoes),
    )
    yield [(0, side * 0.9, hip, 0.1), (knee[0], side, knee[1], 0.075)], clothes.trousers
    yield [(knee[0], side, knee[1], 0.075), (ankle[0], side, ankle[1] + 0.04, 0.055)], clothes.trousers


def _arm(side: float, shoulder: float, swing: float, clothes: Clothes) -> Iterator[_Limb]:
    upper = 0.38 * math.sin(swing)
    fore = upper + 0.35 + 0.15 * math.sin(swing)
    elbow = (0.28 * math.sin(upper), shoulder - 0.05 - 0.28 * math.cos(upper))
    hand = (elbow[0] + 0.25 * math.sin(fore), elbow[1] - 0.25 * math.cos(fore))
    out = side * 1.12
    yield [(hand[0], out, hand[1], 0.045), (hand[0] + 0.02, out, hand[1] - 0.06, 0.04)], clothes.skin
    yield [(0.02, side, shoulder - 0.05, 0.075), (elbow[0], out, elbow[1], 0.06)], clothes.coat
    yield [(elbow[0], out, elbow[1], 0.06), (hand[0], out, hand[1], 0.05)], clothes.coat


def _sorted(limbs: Iterator[_Limb], pose: Pose, eye: Array) -> list[_Limb]:
    """Farthest limb first."""
    forward, left = _axes(pose)
    towards = np.array([eye[0] - pose.x, eye[1] - pose.y])
    towards /= np.linalg.norm(towards)

    def nearness(limb: _Limb) -> float:
        middle = np.mean(limb[0], axis=0)
        return float((forward * middle[0] + left * middle[1]) @ towards)

    # Head and hair share their depth: what comes later in the list stays above.
    return sorted(limbs, key=lambda limb: round(nearness(limb), 2))


def _lit(limb: Solid) -> Iterator[Solid]:
    """`limb` in its shade, then, inside it, the part towards the sun."""
    yield Solid(limb.spheres, _scaled(limb.colour, 0.68))
    for inward, light in ((0.25, 0.88), (0.45, 1.06)):
        spheres = limb.spheres.copy()
        spheres[:, :3] += spheres[:, 3:] * inward * SUN
        spheres[:, 3] *= 1 - inward
        yield Solid(spheres, _scaled(limb.colour, light))


def car(pose: Pose, paint: Colour, eye: Array) -> Model:
    """A hatchback of 4.2 by 1.76 by 1.46 metres."""
    shell = [*_body(paint), *_cabin(paint)]
    solids = tuple(
        Solid(_placed(_corners(face), pose), shade(colour, normal, gloss))
        for face, colour, gloss in shell
        if (normal := _facing(face, pose, eye)) is not None
    )
    hulls = (np.concatenate(_rings(_BODY)), np.concatenate(_rings(_CABIN)))
    casters = tuple(Solid(_placed(_corners(hull), pose), (0, 0, 0)) for hull in hulls)
    return Model(solids, casters, _distance(pose, eye))


_Face = tuple[Array, Colour, float]
"""Corners (N, 3) counter-clockwise from outside, colour, gloss."""

# Rings from below upwards: (rear x, front x, half width, z at the rear, z at the front), metres.
_BODY = (
    (-1.98, 1.98, 0.78, 0.2, 0.2),
    (-2.1, 2.1, 0.87, 0.42, 0.4),
    (-2.1, 2.08, 0.88, 0.62, 0.58),
    (-2.04, 1.96, 0.83, 0.9, 0.76),
)
_CABIN = ((-2.0, 1.02, 0.8, 0.88, 0.86), (-1.5, 0.12, 0.6, 1.45, 1.45))
_GLASS: Colour = (74, 64, 54)
_BLACK: Colour = (32, 30, 30)


def _rings(sections: Sequence[tuple[float, ...]]) -> list[Array]:
    """Each section as eight corners, with the four edges cut off, counter-clockwise from above."""
    rings = []
    for rear, front, half, low, high in sections:
        cut_x, cut_y = 0.2, 0.16
        flat = np.array(
            [
                (front, -half + cut_y), (front, half - cut_y), (front - cut_x, half), (rear + cut_x, half),
                (rear, half - cut_y), (rear, -half + cut_y), (rear + cut_x, -half), (front - cut_x, -half),
            ]
        )  # fmt: skip
        z = low + (flat[:, 0] - rear) / (front - rear) * (high - low)
        rings.append(np.column_stack([flat, z]))
    return rings


def _sides(rings: Sequence[Array], index: int) -> Iterator[Array]:
    """The quads between the rings along edge `index`: 0 front, 2 left, 4 rear, 6 right, odd ones the corners."""
    after = (index + 1) % 8
    for below, above in pairwise(rings):
        yield np.array([below[index], below[after], above[after], above[index]])


def _body(paint: Colour) -> Iterator[_Face]:
    rings = _rings(_BODY)
    for index in range(8):
        for number, quad in enumerate(_sides(rings, index)):
            yield quad, _scaled(paint, 0.45) if number == 0 else paint, 0.3
    yield rings[-1], paint, 0.8
    for side in (-1, 1):
        yield from _lamps(side)
        for x in (-1.3, 1.3):
            yield _disc(x, 0.855 * side, 0.34, 0.37), _scaled(_BLACK, 0.7), 0
            yield _disc(x, 0.86 * side, 0.31, 0.31), _BLACK, 0
            yield _disc(x, 0.865 * side, 0.31, 0.2), (150, 148, 146), 0.5
            yield _disc(x, 0.87 * side, 0.31, 0.07), (90, 90, 90), 0
        for x in (-0.95, 0.1):
            yield _plate((x, 0.885 * side), 0.02, 0.3, 0.86, side), _scaled(paint, 0.55), 0
        yield _plate((-0.68, 0.89 * side), 0.16, 0.72, 0.76, side), _scaled(paint, 0.5), 0
    for x, colour in ((2.1, (225, 225, 225)), (-2.12, (120, 215, 235))):
        yield _across(x, 0.0, 0.26, 0.4, 0.52), colour, 0
    yield _across(2.09, 0.0, 0.42, 0.56, 0.66), _BLACK, 0


def _lamps(side: int) -> Iterator[_Face]:
    yield _across(2.07, 0.56 * side, 0.15, 0.56, 0.7), (235, 240, 240), 0
    yield _across(-2.1, 0.6 * side, 0.13, 0.6, 0.8), (40, 35, 190), 0


def _cabin(paint: Colour) -> Iterator[_Face]:
    rings = _rings(_CABIN)
    for index in range(8):
        quad = next(_sides(rings, index))
        yield quad, paint, 0.3
        if index in (0, 4):
            yield _inset(quad, 0.03, 0.97, 0.1, 0.92), _GLASS, 0.9
        if index in (2, 6):
            yield _inset(quad, 0.03, 0.5, 0.14, 0.88), _GLASS, 0.5
            yield _inset(quad, 0.54, 0.97, 0.14, 0.88), _GLASS, 0.5
    yield rings[-1], paint, 0.8


def _inset(quad: Array, left: float, right: float, low: float, high: float) -> Array:
    """The part of `quad` between fractions of its width and height, a hair in front of it."""
    corners = [(left, low), (right, low), (right, high), (left, high)]
    bottom, top = quad[1] - quad[0], quad[2] - quad[3]
    return np.array([(quad[0] + u * bottom) * (1 - v) + (quad[3] + u * top) * v for u, v in corners])


def _disc(x: float, y: float, z: float, radius: float) -> Array:
    angles = np.arange(20) * math.pi / 10 * (-1 if y > 0 else 1)
    return np.column_stack([x + radius * np.cos(angles), np.full(20, y), z + radius * np.sin(angles)])


def _plate(at: tuple[float, float], width: float, low: float, high: float, side: int) -> Array:
    """A rectangle on the car's side."""
    (x, y), half = at, width / 2 * -side
    return np.array([(x - half, y, low), (x + half, y, low), (x + half, y, high), (x - half, y, high)])


def _across(x: float, y: float, half: float, low: float, high: float) -> Array:
    """A rectangle on the car's front (x > 0) or rear."""
    half = math.copysign(half, x)
    return np.array([(x, y - half, low), (x, y + half, low), (x, y + half, high), (x, y - half, high)])


def _facing(face: Array, pose: Pose, eye: Array) -> Array | None:
    """The face's outward normal in the world; None when it is turned away from the camera."""
    world = _placed(_corners(face), pose)[:, :3]
    normal = np.cross(world[1] - world[0], world[2] - world[1])
    normal /= np.linalg.norm(normal)
    return normal if float(normal @ (eye - world[0])) > 0 else None


def _corners(points: Array) -> Array:
    return np.column_stack([points, np.zeros(len(points))])


def _axes(pose: Pose) -> tuple[Array, Array]:
    cosine, sine = math.cos(pose.heading), math.sin(pose.heading)
    return np.array([cosine, sine]), np.array([-sine, cosine])


def _placed(spheres: Array, pose: Pose) -> Array:
    """`spheres` (forward, left, up, radius) in the world."""
    forward, left = _axes(pose)
    placed = spheres.astype(float)
    placed[:, :2] = spheres[:, :1] * forward + spheres[:, 1:2] * left + (pose.x, pose.y)
    return placed


def _distance(pose: Pose, eye: Array) -> float:
    return math.hypot(pose.x - eye[0], pose.y - eye[1])


def _scaled(colour: Colour, factor: float) -> Colour:
    return (min(255.0, colour[0] * factor), min(255.0, colour[1] * factor), min(255.0, colour[2] * factor))
