"""Household objects made of primitive shapes: what they look like and where to grasp them.

Lengths are metres. An object's frame has its origin at the middle of the base, z upwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Shape = Literal["box", "cylinder", "capsule", "ellipsoid"]
Rgb = tuple[float, float, float]
Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]

IDENTITY: Quaternion = (1.0, 0.0, 0.0, 0.0)
BODY = "body"
"""Colour role of a part that wears the object's own colour."""


class Colour(NamedTuple):
    """A named colour, in English and Chinese."""

    name: str
    name_zh: str
    rgb: Rgb


COLOURS: Mapping[str, Colour] = MappingProxyType(
    {
        colour.name: colour
        for colour in (
            Colour("red", "红色", (0.86, 0.07, 0.08)),
            Colour("orange", "橙色", (1.0, 0.47, 0.0)),
            Colour("yellow", "黄色", (0.98, 0.85, 0.05)),
            Colour("green", "绿色", (0.08, 0.62, 0.16)),
            Colour("blue", "蓝色", (0.07, 0.22, 0.87)),
            Colour("purple", "紫色", (0.48, 0.10, 0.70)),
            Colour("pink", "粉色", (0.98, 0.42, 0.68)),
            Colour("white", "白色", (0.94, 0.94, 0.92)),
            Colour("grey", "灰色", (0.50, 0.52, 0.55)),
            Colour("black", "黑色", (0.08, 0.08, 0.09)),
        )
    }
)
SATURATED = ("red", "orange", "yellow", "green", "blue", "purple", "pink")


@dataclass(frozen=True, slots=True)
class Part:
    """One primitive shape.

    Attributes:
        shape: MuJoCo's name of the shape.
        size: Half lengths in metres, in MuJoCo's order for the shape (cylinder and capsule:
            radius, half height, unused).
        position: Centre in the object's frame.
        quaternion: Rotation w, x, y, z.
        colour: `BODY` for the object's own colour, else red, green and blue between 0 and 1.
        solid: Takes part in collisions.
    """

    shape: Shape
    size: Vector
    position: Vector
    quaternion: Quaternion = IDENTITY
    colour: str | Rgb = BODY
    solid: bool = True


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """A kind of household object.

    Attributes:
        name: English noun; `name_zh` the Chinese one.
        build: Gives the parts at a scale around 1.
        colours: Colours the kind comes in.
        footprint: Radius in metres of the circle it covers on the table.
        height: Top above the table in metres.
        grasp_height: Height of the fingers' middle above the base.
        grasp_yaw: Direction in which the fingers close, in the object's frame, radians;
            None when it can be grasped from any side.
        mass: Kilograms.
    """

    name: str
    name_zh: str
    build: Callable[[float], tuple[Part, ...]]
    colours: tuple[str, ...]
    footprint: float
    height: float
    grasp_height: float
    grasp_yaw: float | None
    mass: float
    four_sided: bool = False
    """Can be grasped at a right angle to `grasp_yaw` too."""


def about_axis(axis: Literal["x", "y", "z"], *, angle: float) -> Quaternion:
    """Quaternion of a turn by `angle` radians about a main axis."""
    half = 0.5 * angle
    turned = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}[axis]
    x, y, z = (math.sin(half) * part for part in turned)
    return (math.cos(half), x, y, z)


def _ring(
    radius: float,
    *,
    height: float,
    thickness: float,
    z: float,
    num_sides: int,
    tilt: float = 0.0,
    colour: str | Rgb = BODY,
) -> tuple[Part, ...]:
    """A wall of `num_sides` boxes around the z axis; `tilt` leans it outwards."""
    half_width = radius * math.tan(math.pi / num_sides) * 1.12
    parts: list[Part] = []
    for side in range(num_sides):
        angle = 2 * math.pi * side / num_sides
        turn = np.array(about_axis("z", angle=angle))
        lean = np.array(about_axis("y", angle=tilt))
        w, x, y, z_part = multiply_quaternions(turn, lean)
        place = (radius * math.cos(angle), radius * math.sin(angle), z)
        parts.append(Part("box", (thickness, half_width, height), place, (w, x, y, z_part), colour))
    return tuple(parts)


def multiply_quaternions(first: NDArray[np.float64], second: NDArray[np.float64]) -> Quaternion:
    """Hamilton product of two quaternions w, x, y, z."""
    aw, ax, ay, az = (float(value) for value in first)
    bw, bx, by, bz = (float(value) for value in second)
    return (
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    )


def _mug(scale: float) -> tuple[Part, ...]:
    radius, half = 0.034 * scale, 0.046 * scale
    handle = [
        Part(
            "capsule",
            (0.0065 * scale, 0.012 * scale, 0),
            (x * scale, 0, z * scale),
            about_axis("y", angle=angle),
            solid=False,
        )
        for x, z, angle in (
            (0.046, 0.068, math.pi / 2),
            (0.058, 0.047, 0.0),
            (0.046, 0.026, math.pi / 2),
        )
    ]
    return (
        Part("cylinder", (radius, half, 0), (0, 0, half)),
        Part(
            "cylinder",
            (radius * 0.86, 0.0015, 0),
            (0, 0, 2 * half),
            colour=(0.16, 0.12, 0.10),
            solid=False,
        ),
        *handle,
    )


def _can(scale: float) -> tuple[Part, ...]:
    radius, half = 0.033 * scale, 0.056 * scale
    metal = (0.75, 0.76, 0.78)
    return (
        Part("cylinder", (radius, half, 0), (0, 0, half)),
        Part("cylinder", (radius * 0.93, 0.004, 0), (0, 0, 2 * half), colour=metal, solid=False),
        Part(
            "cylinder",
            (radius * 1.01, 0.010 * scale, 0),
            (0, 0, half * 0.9),
            colour=(0.95, 0.95, 0.93),
            solid=False,
        ),
    )


def _bottle(scale: float) -> tuple[Part, ...]:
    radius = 0.032 * scale
    return (
        Part("cylinder", (radius, 0.046 * scale, 0), (0, 0, 0.046 * scale)),
        Part("ellipsoid", (radius, radius, 0.026 * scale), (0, 0, 0.092 * scale)),
        Part("cylinder", (0.012 * scale, 0.012 * scale, 0), (0, 0, 0.122 * scale)),
        Part(
            "cylinder",
            (0.014 * scale, 0.008 * scale, 0),
            (0, 0, 0.136 * scale),
            colour=(0.93, 0.93, 0.93),
        ),
        Part(
            "cylinder",
            (radius * 1.01, 0.014 * scale, 0),
            (0, 0, 0.040 * scale),
            colour=(0.95, 0.95, 0.93),
            solid=False,
        ),
    )


def _carton(scale: float) -> tuple[Part, ...]:
    half = 0.031 * scale
    slope = 0.021 * scale
    roof = [
        Part(
            "box",
            (slope, half, 0.0022),
            (side * 0.0155 * scale, 0, 0.114 * scale),
            about_axis("y", angle=side * 0.74),
            colour=(0.95, 0.95, 0.95),
            solid=False,
        )
        for side in (-1, 1)
    ]
    return (
        Part("box", (half, half, 0.050 * scale), (0, 0, 0.050 * scale)),
        Part(
            "box",
            (half * 1.01, half * 1.01, 0.010 * scale),
            (0, 0, 0.072 * scale),
            colour=(0.95, 0.95, 0.95),
            solid=False,
        ),
        *roof,
        Part("box", (0.003, half, 0.010 * scale), (0, 0, 0.135 * scale), solid=False),
    )


def _block(scale: float) -> tuple[Part, ...]:
    half = 0.030 * scale
    return (Part("box", (half, half, half), (0, 0, half)),)


def _sponge(scale: float) -> tuple[Part, ...]:
    x, y = 0.050 * scale, 0.031 * scale
    return (
        Part("box", (x, y, 0.016 * scale), (0, 0, 0.024 * scale)),
        Part("box", (x, y, 0.004 * scale), (0, 0, 0.004 * scale), colour=(0.20, 0.22, 0.20)),
    )


def _ball(scale: float) -> tuple[Part, ...]:
    radius = 0.033 * scale
    band = Part(
        "cylinder",
        (radius * 1.005, 0.004, 0),
        (0, 0, radius),
        about_axis("x", angle=0.5),
        (0.96, 0.96, 0.96),
        solid=False,
    )
    return (Part("ellipsoid", (radius, radius, radius), (0, 0, radius)), band)


def _lemon(scale: float) -> tuple[Part, ...]:
    radius = 0.028 * scale
    tips = [
        Part(
            "ellipsoid",
            (0.011 * scale, 0.011 * scale, 0.011 * scale),
            (side * 0.040 * scale, 0, radius),
            solid=False,
        )
        for side in (-1, 1)
    ]
    return (Part("ellipsoid", (0.043 * scale, radius, radius), (0, 0, radius)), *tips)


def _apple(scale: float) -> tuple[Part, ...]:
    radius = 0.034 * scale
    return (
        Part("ellipsoid", (radius, radius, 0.031 * scale), (0, 0, 0.031 * scale)),
        Part(
            "capsule",
            (0.003, 0.008, 0),
            (0.002, 0, 0.066 * scale),
            about_axis("y", angle=0.3),
            (0.30, 0.18, 0.08),
            solid=False,
        ),
        Part(
            "ellipsoid",
            (0.012, 0.006, 0.002),
            (0.012, 0, 0.070 * scale),
            about_axis("y", angle=-0.3),
            (0.15, 0.45, 0.12),
            solid=False,
        ),
    )


def _banana(scale: float) -> tuple[Part, ...]:
    radius = 0.0185 * scale
    lying = about_axis("y", angle=math.pi / 2)
    parts = [Part("capsule", (radius, 0.024 * scale, 0), (0, 0, radius), lying)]
    for side in (-1, 1):
        turn = multiply_quaternions(np.array(about_axis("z", angle=side * 0.55)), np.array(lying))
        place = (side * 0.046 * scale, 0.0135 * scale, radius)
        parts.append(Part("capsule", (radius * 0.92, 0.022 * scale, 0), place, turn))
    parts.append(
        Part(
            "ellipsoid",
            (0.008, 0.008, 0.008),
            (0.078 * scale, 0.034 * scale, radius),
            colour=(0.25, 0.17, 0.05),
            solid=False,
        )
    )
    return tuple(parts)


KINDS: Mapping[str, ObjectKind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            ObjectKind("mug", "马克杯", _mug, SATURATED, 0.055, 0.094, 0.060, math.pi / 2, 0.12),
            ObjectKind("can", "易拉罐", _can, SATURATED, 0.035, 0.116, 0.078, None, 0.12),
            ObjectKind("bottle", "瓶子", _bottle, SATURATED, 0.035, 0.144, 0.084, None, 0.12),
            ObjectKind(
                "carton",
                "纸盒",
                _carton,
                SATURATED,
                0.045,
                0.145,
                0.082,
                0.0,
                0.12,
                four_sided=True,
            ),
            ObjectKind(
                "block", "积木", _block, SATURATED, 0.043, 0.060, 0.034, 0.0, 0.08, four_sided=True
            ),
            ObjectKind(
                "sponge", "海绵", _sponge, SATURATED, 0.060, 0.040, 0.023, math.pi / 2, 0.04
            ),
            ObjectKind("ball", "球", _ball, SATURATED, 0.034, 0.066, 0.034, None, 0.06),
            ObjectKind(
                "lemon", "柠檬", _lemon, ("yellow",), 0.052, 0.056, 0.028, math.pi / 2, 0.08
            ),
            ObjectKind("apple", "苹果", _apple, ("red", "green"), 0.035, 0.075, 0.032, None, 0.09),
            ObjectKind(
                "banana", "香蕉", _banana, ("yellow",), 0.080, 0.037, 0.019, math.pi / 2, 0.08
            ),
        )
    }
)


@dataclass(frozen=True, slots=True)
class DestinationKind:
    """Something to put objects into or onto.

    Attributes:
        preposition: "in" or "on"; `preposition_zh` the Chinese word after the noun.
        floor_height: Height of the surface on which an object comes to rest.
        inner_radius: An object within this distance of the middle counts as placed.
    """

    name: str
    name_zh: str
    build: Callable[[float], tuple[Part, ...]]
    colours: tuple[str, ...]
    footprint: float
    height: float
    floor_height: float
    inner_radius: float
    preposition: str
    preposition_zh: str


def _tray(scale: float) -> tuple[Part, ...]:
    half, wall, rise = 0.085 * scale, 0.005, 0.014
    sides = [Part("box", (wall, half, rise), (side * half, 0, rise)) for side in (-1, 1)] + [
        Part("box", (half + wall, wall, rise), (0, side * half, rise)) for side in (-1, 1)
    ]
    return (Part("box", (half, half, 0.004), (0, 0, 0.004)), *sides)


def _plate(scale: float) -> tuple[Part, ...]:
    radius = 0.088 * scale
    return (
        Part("cylinder", (radius * 0.78, 0.004, 0), (0, 0, 0.004)),
        *_ring(
            radius * 0.88, height=radius * 0.17, thickness=0.003, z=0.011, num_sides=20, tilt=1.15
        ),
    )


def _bowl(scale: float) -> tuple[Part, ...]:
    radius = 0.082 * scale
    return (
        Part("cylinder", (radius * 0.72, 0.004, 0), (0, 0, 0.004)),
        *_ring(radius * 0.90, height=0.022, thickness=0.003, z=0.022, num_sides=20, tilt=0.45),
    )


DESTINATIONS: Mapping[str, DestinationKind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            DestinationKind(
                "tray",
                "托盘",
                _tray,
                ("red", "green", "blue", "yellow", "white", "black", "grey"),
                0.128,
                0.028,
                0.008,
                0.075,
                "in",
                "里",
            ),
            DestinationKind(
                "plate",
                "盘子",
                _plate,
                ("red", "green", "blue", "yellow", "white"),
                0.100,
                0.020,
                0.008,
                0.075,
                "on",
                "上",
            ),
            DestinationKind(
                "bowl",
                "碗",
                _bowl,
                ("red", "green", "blue", "yellow", "white"),
                0.105,
                0.044,
                0.008,
                0.070,
                "in",
                "里",
            ),
        )
    }
)


def surface_points(part: Part) -> NDArray[np.float64]:
    """Points on a part's surface, (N, 3), in the object's frame.

    Their projections span the picture of the part: corners of a box, two circles of a cylinder,
    a grid on rounded shapes.
    """
    around = np.linspace(0.0, 2 * math.pi, 24, endpoint=False)
    circle = np.stack([np.cos(around), np.sin(around)], axis=1)
    a, b, c = part.size
    if part.shape == "box":
        signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
        local = signs * np.array([a, b, c])
    elif part.shape == "cylinder":
        rings = [np.column_stack([circle * a, np.full(24, side * b)]) for side in (-1, 1)]
        local = np.concatenate(rings)
    else:
        latitudes = np.linspace(-0.5 * math.pi, 0.5 * math.pi, 13)
        sphere = np.concatenate(
            [np.column_stack([circle * math.cos(t), np.full(24, math.sin(t))]) for t in latitudes]
        )
        if part.shape == "ellipsoid":
            local = sphere * np.array([a, b, c])
        else:
            local = sphere * a + np.sign(sphere[:, 2:]) * np.array([0.0, 0.0, b])
    return local @ rotation_matrix(part.quaternion).T + np.array(part.position)


def rotation_matrix(quaternion: Quaternion) -> NDArray[np.float64]:
    """The 3 x 3 rotation of a quaternion w, x, y, z."""
    w, x, y, z = np.array(quaternion) / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
