"""What a scene holds, drawn from a seed: objects, destination, cameras, lights, table.

Needs no simulator; `scene.py` turns a layout into a MuJoCo model.
The robot's base stands at the origin of the table top (z = 0) and looks along +x; y is its left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from roboloop.sources.simulated.camera import Camera, around, look_at
from roboloop.sources.simulated.objects import (
    COLOURS,
    DESTINATIONS,
    KINDS,
    SATURATED,
    Colour,
    DestinationKind,
    ObjectKind,
    Part,
    Rgb,
    Vector,
)

WORKSPACE_X = (0.39, 0.63)
WORKSPACE_Y = (-0.21, 0.21)
FINGER_ROOM = 0.042
"""Free space in metres around an object so that open fingers fit."""
SAME_COLOUR_FRACTION = 0.15
EDGE_PIXELS = 3.0
"""Things keep this far from the picture's edge when the episode starts."""
TABLE_STYLES = ("oak", "walnut", "birch", "grey", "cloth")


@dataclass(frozen=True, slots=True)
class PlacedObject:
    """An object where it first stands. `name` is unique in the scene, such as `red mug`."""

    kind: ObjectKind
    colour: Colour
    x: float
    y: float
    yaw: float
    scale: float

    @property
    def name(self) -> str:
        """Colour and noun in English."""
        return f"{self.colour.name} {self.kind.name}"

    @property
    def name_zh(self) -> str:
        """Colour and noun in Chinese."""
        return f"{self.colour.name_zh}{self.kind.name_zh}"

    @property
    def parts(self) -> tuple[Part, ...]:
        """Its shapes, in its own frame."""
        return self.kind.build(self.scale)


@dataclass(frozen=True, slots=True)
class PlacedDestination:
    """The tray, plate or bowl of a scene; it does not move."""

    kind: DestinationKind
    colour: Colour
    x: float
    y: float
    yaw: float
    scale: float

    @property
    def name(self) -> str:
        """Colour and noun in English."""
        return f"{self.colour.name} {self.kind.name}"

    @property
    def name_zh(self) -> str:
        """Colour and noun in Chinese."""
        return f"{self.colour.name_zh}{self.kind.name_zh}"

    @property
    def parts(self) -> tuple[Part, ...]:
        """Its shapes, in its own frame."""
        return self.kind.build(self.scale)


@dataclass(frozen=True, slots=True)
class Light:
    """A directional light. `direction` is where its rays go."""

    direction: Vector
    diffuse: Rgb
    casts_shadow: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole scene. `objects[target]` is the one the instruction names."""

    objects: tuple[PlacedObject, ...]
    target: int
    destination: PlacedDestination
    cameras: tuple[Camera, ...]
    lights: tuple[Light, ...]
    ambient: float
    table_style: str
    wall_rgb: Rgb
    floor_rgb: Rgb
    texture_seed: int


@dataclass(frozen=True, slots=True)
class LayoutOptions:
    """Bounds of the random draws; angles in degrees, lengths in metres.

    A camera stands as near as it can, but no nearer than `nearest`, with everything in view;
    `distance_slack` then moves it away by a factor.
    """

    num_objects: tuple[int, int] = (2, 4)
    azimuths: tuple[float, ...] = (48.0, -48.0)
    azimuth_jitter: float = 25.0
    elevation: tuple[float, float] = (32.0, 50.0)
    nearest: float = 0.48
    distance_slack: tuple[float, float] = (1.0, 1.08)
    fovy: tuple[float, float] = (38.0, 42.0)
    nudge_pixels: float = 12.0
    width: int = 320
    height: int = 180


def draw_layout(rng: np.random.Generator, *, options: LayoutOptions) -> Layout:
    """Draw a scene. The same generator state gives the same scene."""
    while True:
        placed = _draw_things(rng, options=options)
        if placed is not None:
            break
    objects, destination = placed
    cameras = tuple(
        _draw_camera(
            rng,
            name=f"exterior_{index + 1}",
            azimuth=azimuth,
            objects=objects,
            destination=destination,
            options=options,
        )
        for index, azimuth in enumerate(options.azimuths)
    )
    tint = rng.uniform(0.90, 1.0, size=3)
    wall = rng.uniform(0.55, 0.9) * tint
    floor = rng.uniform(0.25, 0.55) * rng.uniform(0.9, 1.0, size=3)
    return Layout(
        objects=objects,
        target=0,
        destination=destination,
        cameras=cameras,
        lights=_draw_lights(rng),
        ambient=float(rng.uniform(0.30, 0.40)),
        table_style=TABLE_STYLES[int(rng.choice(len(TABLE_STYLES), p=(0.3, 0.2, 0.2, 0.15, 0.15)))],
        wall_rgb=_rgb(wall),
        floor_rgb=_rgb(floor),
        texture_seed=int(rng.integers(2**31)),
    )


def _rgb(values: np.ndarray) -> Rgb:
    red, green, blue = (float(value) for value in values)
    return (red, green, blue)


def _draw_things(
    rng: np.random.Generator, *, options: LayoutOptions
) -> tuple[tuple[PlacedObject, ...], PlacedDestination] | None:
    """Destination, then objects, each clear of the others; None when they do not fit."""
    low, high = options.num_objects
    num_objects = int(rng.integers(low, high + 1))
    names = _draw_names(rng, num_objects=num_objects)
    kind = DESTINATIONS[str(rng.choice(list(DESTINATIONS)))]
    taken = {colour for _, colour in names}
    free = [name for name in kind.colours if name not in taken] or ["white"]
    destination = PlacedDestination(
        kind=kind,
        colour=COLOURS[str(rng.choice(free))],
        x=float(rng.uniform(0.45, 0.57)),
        y=float(rng.uniform(0.05, 0.17) * rng.choice([-1, 1])),
        yaw=float(rng.uniform(-0.4, 0.4)),
        scale=float(rng.uniform(0.95, 1.05)),
    )
    circles = [(destination.x, destination.y, kind.footprint * destination.scale)]
    objects: list[PlacedObject] = []
    for noun, colour in names:
        placed = _place(rng, noun=noun, colour=colour, circles=circles)
        if placed is None:
            return None
        objects.append(placed)
        circles.append((placed.x, placed.y, placed.kind.footprint * placed.scale))
    return tuple(objects), destination


def _draw_names(rng: np.random.Generator, *, num_objects: int) -> list[tuple[str, str]]:
    """Pairs of noun and colour, all different; mostly of different colours too."""
    share_colours = bool(rng.random() < SAME_COLOUR_FRACTION)
    names: list[tuple[str, str]] = []
    while len(names) < num_objects:
        kind = KINDS[str(rng.choice(list(KINDS)))]
        colour = str(rng.choice([name for name in SATURATED if name in kind.colours]))
        others = {other for _, other in names}
        if (kind.name, colour) in names or (colour in others and not share_colours):
            continue
        names.append((kind.name, colour))
    return names


def _place(
    rng: np.random.Generator,
    *,
    noun: str,
    colour: str,
    circles: list[tuple[float, float, float]],
) -> PlacedObject | None:
    kind = KINDS[noun]
    for _ in range(60):
        x, y = float(rng.uniform(*WORKSPACE_X)), float(rng.uniform(*WORKSPACE_Y))
        clear = all(
            math.hypot(x - other_x, y - other_y) > radius + kind.footprint + FINGER_ROOM
            for other_x, other_y, radius in circles
        )
        if clear:
            yaw = float(rng.uniform(-math.pi, math.pi))
            return PlacedObject(kind, COLOURS[colour], x, y, yaw, float(rng.uniform(1.0, 1.12)))
    return None


def _draw_camera(
    rng: np.random.Generator,
    *,
    name: str,
    azimuth: float,
    objects: tuple[PlacedObject, ...],
    destination: PlacedDestination,
    options: LayoutOptions,
) -> Camera:
    """A camera that sees every object, the destination and the space above them."""
    points: list[tuple[float, float, float]] = []
    for thing in (*objects, destination):
        reach = thing.kind.footprint
        points += [
            (thing.x + dx * reach, thing.y + dy * reach, z)
            for dx in (-1, 1)
            for dy in (-1, 1)
            for z in (0.0, thing.kind.height)
        ]
    points += [(thing.x, thing.y, 0.27) for thing in (objects[0], destination)]
    corners = np.array(points)
    target = 0.5 * (corners.min(axis=0) + corners.max(axis=0))
    angle = math.radians(azimuth + rng.uniform(-options.azimuth_jitter, options.azimuth_jitter))
    elevation = math.radians(rng.uniform(*options.elevation))
    fovy, roll = float(rng.uniform(*options.fovy)), float(rng.normal(0.0, 0.02))
    slack = float(rng.uniform(*options.distance_slack))
    nudge = rng.uniform(-options.nudge_pixels, options.nudge_pixels, size=2)

    def camera_at(distance: float) -> Camera:
        position = around(_vector(target), azimuth=angle, elevation=elevation, distance=distance)
        return look_at(
            name,
            position=position,
            target=target,
            fovy_degrees=fovy,
            roll=roll,
            width=options.width,
            height=options.height,
        )

    distance = options.nearest
    for _ in range(4):
        target = target + _off_centre(camera_at(distance), points=corners, distance=distance)
    while not _sees(camera_at(distance), points=corners):
        distance *= 1.02
        target = target + _off_centre(camera_at(distance), points=corners, distance=distance)
    camera = camera_at(distance * slack)
    shifted = target + nudge @ camera.rotation[:2] * distance / camera.focal_px
    target = (
        shifted
        if _sees(replace(camera, position=camera.position + shifted - target), points=corners)
        else target
    )
    return camera_at(distance * slack)


def _off_centre(camera: Camera, *, points: np.ndarray, distance: float) -> np.ndarray:
    """How to move camera and target sideways so that the points' box is centred, metres (3,)."""
    pixels = camera.project(points)
    centre = 0.5 * (pixels.min(axis=0) + pixels.max(axis=0))
    aside = (centre - 0.5 * np.array([camera.width, camera.height])) / camera.focal_px * distance
    return aside @ camera.rotation[:2]


def _sees(camera: Camera, *, points: np.ndarray) -> bool:
    """Whether all points (N, 3) lie in the picture, a little off its edge."""
    pixels = camera.project(points)
    size = np.array([camera.width, camera.height])
    return bool(((pixels > EDGE_PIXELS) & (pixels < size - EDGE_PIXELS)).all())


def _vector(values: np.ndarray) -> Vector:
    x, y, z = (float(value) for value in values)
    return (x, y, z)


def _draw_lights(rng: np.random.Generator) -> tuple[Light, ...]:
    """A key light that casts shadows and a weak one from the other side."""
    turn = rng.uniform(-math.pi, math.pi)
    tilt = rng.uniform(math.radians(20), math.radians(50))
    warmth = rng.uniform(-0.06, 0.06)
    strength = rng.uniform(0.55, 0.75)
    key = Light(
        (math.sin(tilt) * math.cos(turn), math.sin(tilt) * math.sin(turn), -math.cos(tilt)),
        (strength * (1 + warmth), strength, strength * (1 - warmth)),
        casts_shadow=True,
    )
    fill_turn = turn + math.pi + rng.uniform(-0.6, 0.6)
    fill = Light(
        (0.6 * math.cos(fill_turn), 0.6 * math.sin(fill_turn), -0.8),
        (0.14, 0.14, 0.15),
        casts_shadow=False,
    )
    return (key, fill)
