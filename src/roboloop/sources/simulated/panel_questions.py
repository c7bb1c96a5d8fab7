"""Choice questions that need a drawing: which box, which grasp, which path, which direction."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from PIL import Image

from roboloop.base.geometry import PictureSize, box_iou
from roboloop.records.answers import Choice
from roboloop.records.record import InputValue
from roboloop.sources.simulated.objects import KINDS, SATURATED
from roboloop.sources.simulated.panels import (
    ARROW_COLOURS,
    ARROW_PIXELS,
    PURPLE,
    Sketch,
    four_panels,
)
from roboloop.sources.simulated.questions import Sight, is_asked_for, path_in_picture
from roboloop.sources.simulated.truth import BoxPx, PointPx

NUM_OPTIONS = 4
LETTERS = "ABCD"
MAX_WRONG_IOU = 0.15
MIN_DIRECTION_PIXELS = 20.0


@dataclass(frozen=True, slots=True)
class DrawnChoice:
    """A question whose options are drawn.

    Attributes:
        draw: Makes the picture from the sight's own.
    """

    answer: Choice
    inputs: Mapping[str, InputValue]
    draw: Callable[[Image.Image], Image.Image]


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


def _answer(sight: Sight, order: Sequence[int]) -> tuple[Choice, dict[str, InputValue]]:
    letter = LETTERS[list(order).index(0)]
    return Choice(letter), {"instruction": sight.story.instruction, "letters": LETTERS}


def _grounding_choice(sight: Sight, rng: np.random.Generator) -> DrawnChoice | None:
    """Four panels with a purple box: the named object, other things, empty places."""
    target = sight.truth.thing(sight.story.target)
    if not is_asked_for(target) or target.box_px is None:
        return None
    boxes: list[BoxPx] = [target.box_px]
    others = [thing for thing in sight.truth.objects if thing is not target and is_asked_for(thing)]
    for index in rng.permutation(len(others)):
        box = others[int(index)].box_px
        if box is not None and _apart(box, boxes):
            boxes.append(box)
    boxes = boxes[:NUM_OPTIONS]
    while len(boxes) < NUM_OPTIONS:
        boxes.append(_empty_box(rng, like=target.box_px, size=sight.size, taken=boxes))
    order = _shuffled(rng)
    answer, inputs = _answer(sight, order)
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


def _grasppose_choice(sight: Sight, rng: np.random.Generator) -> DrawnChoice | None:
    """Four panels with an orange fork: at the contact points, turned, and beside the object."""
    points = sight.view.contact_points_px
    if not sight.before_contact or points is None:
        return None
    (ax, ay), (bx, by) = points
    reach = max(math.dist(points[0], points[1]), 10.0)
    kind = KINDS[sight.truth.thing(sight.story.target).kind]
    options: list[tuple[PointPx, PointPx]] = [points]
    # A can may be grasped from any side, so a turned fork would be right too.
    if kind.grasp_yaw is not None and not kind.four_sided:
        options.append(_turned(points, angle=math.pi / 2))
    start = float(rng.uniform(0, 2 * math.pi))
    while len(options) < NUM_OPTIONS:
        angle = start + len(options) * 2 * math.pi / 3 + float(rng.uniform(-0.4, 0.4))
        away = reach * float(rng.uniform(1.6, 2.4))
        dx, dy = away * math.cos(angle), away * math.sin(angle)
        options.append(((ax + dx, ay + dy), (bx + dx, by + dy)))
    tips = [tip for option in options for tip in option]
    if not all(_inside(tip, size=sight.size) and tip[1] > 1.5 * reach for tip in tips):
        return None
    order = _shuffled(rng)
    answer, inputs = _answer(sight, order)
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


def _traj_choice(sight: Sight, rng: np.random.Generator) -> DrawnChoice | None:
    """Four panels with a path: the true one, and turned or mirrored copies from the same start."""
    path = path_in_picture(sight)
    if not sight.story.success or path is None:
        return None
    first = path[0]
    middle = (0.5 * sight.size.width, 0.6 * sight.size.height)
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
        if all(_inside(p, size=sight.size) for p in other):
            made.append(other)
    # Near the edge turned copies may leave the picture; then the path is bent to other ends.
    while len(made) < NUM_OPTIONS:
        end = (middle[0] + float(rng.uniform(-120, 120)), middle[1] + float(rng.uniform(-50, 50)))
        made.append(_bent(made[0], end=end))
    order = _shuffled(rng)
    answer, inputs = _answer(sight, order)
    return DrawnChoice(answer, inputs, _panels(order, [_path_mark(p) for p in made[:NUM_OPTIONS]]))


def _bent(path: Sequence[PointPx], *, end: PointPx) -> list[PointPx]:
    """The path pulled to another end, the more the later."""
    last = len(path) - 1
    dx, dy = end[0] - path[-1][0], end[1] - path[-1][1]
    return [(x + dx * i / last, y + dy * i / last) for i, (x, y) in enumerate(path)]


def _path_mark(path: Sequence[PointPx]) -> Callable[[Sketch], None]:
    return lambda sketch: sketch.path(path)


def _traj_direction_choice(sight: Sight, rng: np.random.Generator) -> DrawnChoice | None:
    """One picture with four lettered arrows round the tool; one points along the path."""
    path = path_in_picture(sight)
    if not sight.story.success or path is None:
        return None
    start = path[0]
    later = next((p for p in path if math.dist(start, p) >= MIN_DIRECTION_PIXELS), None)
    far = ARROW_PIXELS[1]
    roomy = far <= start.x <= sight.size.width - far and far <= start.y <= sight.size.height - far
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

    answer, inputs = _answer(sight, order)
    return DrawnChoice(answer, inputs, draw)


def _trajlang_choice(sight: Sight, rng: np.random.Generator) -> DrawnChoice | None:
    """One drawn path and four sentences: the sub-task's own, and about other things."""
    path = path_in_picture(sight)
    if not sight.story.success or path is None or sight.truth.phase in ("release", "retreat"):
        return None
    to_goal = not sight.before_contact
    story = sight.story
    right = (
        f"bring the {story.target} to the {story.destination}"
        if to_goal
        else (f"reach for the {story.target}")
    )
    names = [t.name for t in sight.truth.objects if t.name not in (story.target, story.destination)]
    names += [
        f"{colour} {kind}"
        for kind in KINDS
        for colour in SATURATED
        if colour in KINDS[kind].colours and rng.random() < 0.1
    ]
    wrong = [f"reach for the {name}" for name in dict.fromkeys(names) if name != story.target]
    wrong = [f"reach for the {story.destination}", *wrong][:3] if to_goal else wrong[:3]
    if len(wrong) < NUM_OPTIONS - 1:
        return None
    texts = [right, *wrong]
    order = _shuffled(rng)
    options = tuple(texts[index] for index in order)
    letter = LETTERS[order.index(0)]
    mark = _path_mark([(p.x, p.y) for p in path])

    def draw(picture: Image.Image) -> Image.Image:
        sketch = Sketch(picture)
        mark(sketch)
        return sketch.picture()

    return DrawnChoice(Choice(letter, options), {"options": options}, draw)


DRAWN_QUESTIONS: Mapping[str, Callable[[Sight, np.random.Generator], DrawnChoice | None]] = (
    MappingProxyType(
        {
            "grounding_choice": _grounding_choice,
            "grasppose_choice": _grasppose_choice,
            "traj_choice": _traj_choice,
            "traj_direction_choice": _traj_direction_choice,
            "trajlang_choice": _trajlang_choice,
        }
    )
)
"""Task -> the question it asks about one picture, None when the picture does not allow it."""
