"""Choice questions that need a drawing: which box, which grasp, which path, which direction."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from PIL import Image

from roboloop.base.files import atomic_write_bytes
from roboloop.base.geometry import BoxPx, PictureSize, Point, PointPx, box_iou
from roboloop.records.answers import Choice
from roboloop.records.media import FilePicture
from roboloop.records.record import InputValue
from roboloop.sources.base import MADE_ROOT, SourceContext
from roboloop.sources.drawing.scene import Scene
from roboloop.sources.drawing.sketch import (
    ARROW_COLOURS,
    ARROW_PIXELS,
    PURPLE,
    Sketch,
    encode,
    four_panels,
)

NUM_OPTIONS = 4
LETTERS = "ABCD"
MAX_WRONG_IOU = 0.15
MIN_DIRECTION_PIXELS = 20.0


@dataclass(frozen=True, slots=True)
class DrawnChoice:
    """A question whose options are drawn.

    Attributes:
        draw: Makes the picture from the one asked about.
    """

    answer: Choice
    inputs: Mapping[str, InputValue]
    draw: Callable[[Image.Image], Image.Image]

    def drawn(self, picture: Image.Image, *, relative: str, context: SourceContext) -> FilePicture:
        """Draw the options over `picture` and keep the result as `made:<relative>`."""
        sheet = self.draw(picture)
        atomic_write_bytes(context.made_folder / relative, data=encode(sheet))
        return FilePicture(path=f"{MADE_ROOT}:{relative}", size=PictureSize(*sheet.size))


def _shuffled(rng: np.random.Generator, num: int = NUM_OPTIONS) -> list[int]:
    """A random order; option 0 is the right one."""
    return [int(index) for index in rng.permutation(num)]


def _panels(
    order: Sequence[int], marks: Sequence[Callable[[Sketch], None]]
) -> Callable[[Image.Image], Image.Image]:
    def draw(picture: Image.Image) -> Image.Image:
        blank = Sketch(picture)
        made: list[Sketch] = []
        for index in order:
            sketch = blank.copy()
            marks[index](sketch)
            made.append(sketch)
        return four_panels(made)

    return draw


def _answer(scene: Scene, order: Sequence[int]) -> tuple[Choice, dict[str, InputValue]]:
    letter = LETTERS[list(order).index(0)]
    return Choice(letter), {"instruction": scene.instruction, "letters": LETTERS}


def _grounding_choice(scene: Scene, rng: np.random.Generator) -> DrawnChoice | None:
    """Four panels with a purple box: the named object, other things, empty places."""
    target = scene.object_box_px
    if target is None:
        return None
    boxes: list[BoxPx] = [target]
    others = scene.other_boxes_px
    for index in rng.permutation(len(others)):
        box = others[int(index)]
        if _apart(box, boxes):
            boxes.append(box)
    boxes = boxes[:NUM_OPTIONS]
    while len(boxes) < NUM_OPTIONS:
        boxes.append(_empty_box(rng, like=target, size=scene.size, taken=boxes))
    order = _shuffled(rng)
    answer, inputs = _answer(scene, order)
    marks = [_box_mark(box) for box in boxes]
    return DrawnChoice(answer, inputs, _panels(order, marks))


def _apart(box: BoxPx, others: Sequence[BoxPx]) -> bool:
    return all(box_iou(box, second_px=other) <= MAX_WRONG_IOU for other in others)


def _empty_box(
    rng: np.random.Generator, *, like: BoxPx, size: PictureSize, taken: Sequence[BoxPx]
) -> BoxPx:
    """A box of about the same size somewhere else."""
    limit = MAX_WRONG_IOU
    while True:
        width = (like[2] - like[0]) * float(rng.uniform(0.8, 1.3))
        height = (like[3] - like[1]) * float(rng.uniform(0.8, 1.3))
        x = float(rng.uniform(0, size.width - width))
        y = float(rng.uniform(0.15 * size.height, max(size.height - height, 1.0)))
        box = (x, y, min(x + width, size.width), min(y + height, size.height))
        if all(box_iou(box, second_px=other) <= limit for other in taken):
            return box
        limit += 0.01


def _box_mark(box_px: BoxPx) -> Callable[[Sketch], None]:
    return lambda sketch: sketch.box(box_px, colour=PURPLE)


def _grasppose_choice(scene: Scene, rng: np.random.Generator) -> DrawnChoice | None:
    """Four panels with an orange fork: at the contact points, turned, and beside the object."""
    points = scene.contact_points_px
    if points is None:
        return None
    (ax, ay), (bx, by) = points
    reach = max(math.dist(points[0], points[1]), 10.0)
    options: list[tuple[PointPx, PointPx]] = [points]
    if scene.is_turned_grasp_wrong:
        options.append(_turned(points, angle=math.pi / 2))
    start = float(rng.uniform(0, 2 * math.pi))
    while len(options) < NUM_OPTIONS:
        angle = start + len(options) * 2 * math.pi / 3 + float(rng.uniform(-0.4, 0.4))
        away = reach * float(rng.uniform(1.6, 2.4))
        dx, dy = away * math.cos(angle), away * math.sin(angle)
        options.append(((ax + dx, ay + dy), (bx + dx, by + dy)))
    tips = [tip for option in options for tip in option]
    if not all(_inside(tip, size=scene.size) and tip[1] > 1.5 * reach for tip in tips):
        return None
    order = _shuffled(rng)
    answer, inputs = _answer(scene, order)
    return DrawnChoice(answer, inputs, _panels(order, [_fork_mark(o) for o in options]))


def _turned(points: tuple[PointPx, PointPx], *, angle: float) -> tuple[PointPx, PointPx]:
    (ax, ay), (bx, by) = points
    cx, cy = (ax + bx) / 2, (ay + by) / 2
    cosine, sine = math.cos(angle), math.sin(angle)

    def turn(x: float, y: float) -> PointPx:
        return (cx + cosine * (x - cx) - sine * (y - cy), cy + sine * (x - cx) + cosine * (y - cy))

    first, second = sorted((turn(ax, ay), turn(bx, by)))
    return (first, second)


def _fork_mark(points: tuple[PointPx, PointPx]) -> Callable[[Sketch], None]:
    return lambda sketch: sketch.fork(points)


def _inside(point: PointPx, *, size: PictureSize) -> bool:
    return 0 <= point[0] <= size.width and 0 <= point[1] <= size.height


def _traj_choice(scene: Scene, rng: np.random.Generator) -> DrawnChoice | None:
    """Four panels with a path: the true one, and turned or mirrored copies from the same start."""
    path = scene.path_px
    if path is None:
        return None
    first = path[0]
    middle = (0.5 * scene.size.width, 0.6 * scene.size.height)
    made: list[list[PointPx]] = [[(p.x, p.y) for p in path]]
    for turn in rng.permutation(np.array([-140.0, -100.0, -60.0, 60.0, 100.0, 140.0])):
        angle = math.radians(float(turn) + float(rng.uniform(-12, 12)))
        cosine, sine = math.cos(angle), math.sin(angle)
        other = [
            (
                first.x + cosine * (p.x - first.x) - sine * (p.y - first.y),
                first.y + sine * (p.x - first.x) + cosine * (p.y - first.y),
            )
            for p in path
        ]
        if all(_inside(p, size=scene.size) for p in other):
            made.append(other)
    # Near the edge turned copies may leave the picture; then the path is bent to other ends.
    while len(made) < NUM_OPTIONS:
        end = (middle[0] + float(rng.uniform(-120, 120)), middle[1] + float(rng.uniform(-50, 50)))
        made.append(_bent(made[0], end=end))
    order = _shuffled(rng)
    answer, inputs = _answer(scene, order)
    return DrawnChoice(answer, inputs, _panels(order, [_path_mark(p) for p in made[:NUM_OPTIONS]]))


def _bent(path: Sequence[PointPx], *, end: PointPx) -> list[PointPx]:
    """The path pulled to another end, the more the later."""
    last = len(path) - 1
    dx, dy = end[0] - path[-1][0], end[1] - path[-1][1]
    return [(x + dx * i / last, y + dy * i / last) for i, (x, y) in enumerate(path)]


def _path_mark(path: Sequence[PointPx]) -> Callable[[Sketch], None]:
    return lambda sketch: sketch.path(path)


def _traj_direction_choice(scene: Scene, rng: np.random.Generator) -> DrawnChoice | None:
    """One picture with four lettered arrows round the tool; one points along the path."""
    path = scene.path_px
    if path is None:
        return None
    start = path[0]
    later = next((p for p in path if math.dist(start, p) >= MIN_DIRECTION_PIXELS), None)
    far = ARROW_PIXELS[1]
    roomy = far <= start.x <= scene.size.width - far and far <= start.y <= scene.size.height - far
    if later is None or not roomy:
        return None
    true_angle = math.atan2(later.y - start.y, later.x - start.x)
    order = _shuffled(rng)

    def draw(picture: Image.Image) -> Image.Image:
        sketch = Sketch(picture)
        for place, index in enumerate(order):
            angle = true_angle + 0.5 * math.pi * index
            near, end = (
                (start.x + r * math.cos(angle), start.y + r * math.sin(angle)) for r in ARROW_PIXELS
            )
            tag = (start.x + (far + 9) * math.cos(angle), start.y + (far + 9) * math.sin(angle))
            sketch.arrow(near, end_px=end, colour=ARROW_COLOURS[place])
            sketch.letter(LETTERS[place], at_px=tag, colour=ARROW_COLOURS[place])
        return sketch.picture()

    answer, inputs = _answer(scene, order)
    return DrawnChoice(answer, inputs, draw)


def sentence_choice(
    right: str, *, wrong: Sequence[str], path_px: Sequence[Point], rng: np.random.Generator
) -> DrawnChoice:
    """One drawn path and sentences: the one it carries out, and others (`trajlang_choice`)."""
    texts = [right, *wrong]
    order = _shuffled(rng, len(texts))
    options = tuple(texts[index] for index in order)
    letter = LETTERS[order.index(0)]
    mark = _path_mark([(p.x, p.y) for p in path_px])

    def draw(picture: Image.Image) -> Image.Image:
        sketch = Sketch(picture)
        mark(sketch)
        return sketch.picture()

    return DrawnChoice(Choice(letter, options), {"options": options}, draw)


SCENE_QUESTIONS: Mapping[str, Callable[[Scene, np.random.Generator], DrawnChoice | None]] = (
    MappingProxyType(
        {
            "grounding_choice": _grounding_choice,
            "grasppose_choice": _grasppose_choice,
            "traj_choice": _traj_choice,
            "traj_direction_choice": _traj_direction_choice,
        }
    )
)
"""Task -> the question it asks about one picture, None when the picture does not allow it."""
