"""Typed answers. Coordinates are float pixels of the original picture, x right, y down.

An answer knows nothing of text: `dialects/` turn its coordinates into the numbers a model writes,
`tasks/` put words around them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize, Point
from roboloop.records.regions import Mask, Polygon, region_to_json


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in pixels, x1 <= x2 and y1 <= y2, with an optional label."""

    kind: ClassVar[str] = "box"
    x1: float
    y1: float
    x2: float
    y2: float
    label: str | None = None

    @property
    def corners_px(self) -> tuple[float, float, float, float]:
        """(x1, y1, x2, y2) in pixels."""
        return (self.x1, self.y1, self.x2, self.y2)

    @property
    def center_px(self) -> Point:
        """The middle of the box, in pixels."""
        return Point((self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2)


@dataclass(frozen=True, slots=True)
class Boxes:
    """Several boxes, such as all objects of a scene, in no meaningful order."""

    kind: ClassVar[str] = "boxes"
    items: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Points:
    """Places in a picture, in pixels, such as the two contact points of a gripper's fingers."""

    kind: ClassVar[str] = "points"
    points_px: tuple[Point, ...]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A path in the picture, in pixels, in the order of time."""

    kind: ClassVar[str] = "trajectory"
    points_px: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """The letter of the option that is right; `options` are the texts behind A, B, C ..."""

    kind: ClassVar[str] = "choice"
    letter: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class YesNo:
    """Yes (True) or no."""

    kind: ClassVar[str] = "yes_no"
    value: bool


@dataclass(frozen=True, slots=True)
class Number:
    """A number with its unit, such as a count or a distance."""

    kind: ClassVar[str] = "number"
    value: float
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in the order in which they are to be done."""

    kind: ClassVar[str] = "plan"
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """Free text."""

    kind: ClassVar[str] = "text"
    text: str


Answer = Box | Boxes | Points | Trajectory | Polygon | Mask | Choice | YesNo | Number | Plan | Text

SPATIAL_KINDS = (Box.kind, Boxes.kind, Points.kind, Trajectory.kind, Polygon.kind)
"""Kinds of the answers that are coordinates."""


def answer_to_json(answer: Answer) -> dict[str, Any]:
    """The answer as a JSON object with its `kind`; coordinates as plain numbers."""
    match answer:
        case Box():
            value: dict[str, Any] = {"box_px": list(map(float, answer.corners_px))}
            if answer.label is not None:
                value["label"] = answer.label
        case Boxes():
            value = {"items": [_without_kind(answer_to_json(box)) for box in answer.items]}
        case Points():
            value = {"points_px": [[float(x), float(y)] for x, y in answer.points_px]}
            if answer.labels:
                value["labels"] = list(answer.labels)
        case Trajectory():
            value = {"points_px": [[float(x), float(y)] for x, y in answer.points_px]}
        case Polygon() | Mask():
            value = region_to_json(answer)
        case Choice():
            value = {"letter": answer.letter}
            if answer.options:
                value["options"] = list(answer.options)
        case YesNo():
            value = {"value": answer.value}
        case Number():
            value = {"value": float(answer.value)}
            if answer.unit is not None:
                value["unit"] = answer.unit
        case Plan():
            value = {"steps": list(answer.steps)}
        case Text():
            value = {"text": answer.text}
    return {"kind": answer.kind, **value}


def answer_from_json(value: Any) -> Answer:
    """The inverse of `answer_to_json`.

    Raises:
        RoboLoopError: E-REC-002 for missing or unknown keys, E-REC-003 for a wrong type.
    """
    if not isinstance(value, dict) or "kind" not in value:
        raise RoboLoopError("E-REC-002", f"an answer is an object with a 'kind', not {value!r}")
    fields: dict[str, Any] = dict(value)  # pyright: ignore[reportUnknownArgumentType]
    kind = fields.pop("kind")
    try:
        match kind:
            case "box":
                answer: Answer = _box(fields)
            case "boxes":
                answer = Boxes(tuple(_box(_object(box)) for box in _list(fields.pop("items"))))
            case "points":
                labels = _texts(fields.pop("labels", []))
                answer = Points(_points(fields.pop("points_px")), labels)
            case "trajectory":
                answer = Trajectory(_points(fields.pop("points_px")))
            case "polygon" | "mask":
                answer = _region(kind, fields)
            case "choice":
                letter = _text(fields.pop("letter"))
                answer = Choice(letter, _texts(fields.pop("options", [])))
            case "yes_no":
                answer = YesNo(_flag(fields.pop("value")))
            case "number":
                unit = fields.pop("unit", None)
                answer = Number(_number(fields.pop("value")), None if unit is None else _text(unit))
            case "plan":
                answer = Plan(_texts(fields.pop("steps")))
            case "text":
                answer = Text(_text(fields.pop("text")))
            case _:
                raise RoboLoopError("E-REC-003", f"unknown answer kind {kind!r}")
    except KeyError as error:
        raise RoboLoopError("E-REC-002", f"answer of kind {kind!r} lacks {error}") from error
    except TypeError as error:
        raise RoboLoopError("E-REC-003", f"answer of kind {kind!r}: {error}") from error
    if not fields:
        return answer
    raise RoboLoopError("E-REC-002", f"answer of kind {kind!r} has unknown keys {sorted(fields)}")


def check_answer(answer: Answer, *, size: PictureSize | None) -> None:
    """Check that the coordinates are finite, in order and within the picture.

    A coordinate equal to the width or height is inside: boxes are continuous.

    Raises:
        RoboLoopError: E-REC-010 not finite, E-REC-011 outside, E-REC-012 inside out.
    """
    match answer:
        case Box():
            _check_points((Point(answer.x1, answer.y1), Point(answer.x2, answer.y2)), size)
            if answer.x2 < answer.x1 or answer.y2 < answer.y1:
                axis = "x2 < x1" if answer.x2 < answer.x1 else "y2 < y1"
                shown = ", ".join(f"{value:g}" for value in answer.corners_px)
                raise RoboLoopError("E-REC-012", f"box [{shown}] has {axis}")
        case Boxes():
            for box in answer.items:
                check_answer(box, size=size)
        case Points() | Trajectory():
            _check_points(answer.points_px, size)
        case Polygon():
            _check_points(answer.vertices_px, size)
        case Mask():
            _check_mask(answer, size)
        case Number():
            if not math.isfinite(answer.value):
                raise RoboLoopError("E-REC-010", f"number {answer.value} is not finite")
        case Choice() | YesNo() | Plan() | Text():
            pass


def _check_points(points_px: tuple[Point, ...], size: PictureSize | None) -> None:
    width, height = (-1, -1) if size is None else size
    for x, y in points_px:
        if 0 <= x <= width and 0 <= y <= height:
            continue
        if not (math.isfinite(x) and math.isfinite(y)):
            raise RoboLoopError("E-REC-010", f"coordinate ({x}, {y}) is not finite")
        if size is not None:
            raise RoboLoopError(
                "E-REC-011", f"({x:g}, {y:g}) lies outside the {width}x{height} picture"
            )


def _check_mask(mask: Mask, size: PictureSize | None) -> None:
    width, height = mask.size
    if sum(mask.runs) != width * height:
        raise RoboLoopError("E-REC-011", f"the runs of a {width}x{height} mask do not fill it")
    if size is not None and mask.size != size:
        raise RoboLoopError(
            "E-REC-011", f"a {width}x{height} mask on a {size.width}x{size.height} picture"
        )


def _without_kind(value: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key != "kind"}


def _box(fields: dict[str, Any]) -> Box:
    corners = fields.pop("box_px")
    label = fields.pop("label", None)
    if fields:
        raise RoboLoopError("E-REC-002", f"a box has unknown keys {sorted(fields)}")
    if not isinstance(corners, list) or len(corners) != 4:  # pyright: ignore[reportUnknownArgumentType]
        raise RoboLoopError("E-REC-003", f"box_px is [x1, y1, x2, y2], not {corners!r}")
    x1, y1, x2, y2 = (_number(value) for value in corners)  # pyright: ignore[reportUnknownVariableType]
    return Box(x1, y1, x2, y2, None if label is None else _text(label))


def _points(value: Any) -> tuple[Point, ...]:
    points: list[Point] = []
    for pair in _list(value):
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:  # pyright: ignore[reportUnknownArgumentType]
            raise RoboLoopError("E-REC-003", f"a point is [x, y], not {pair!r}")
        points.append(Point(_number(pair[0]), _number(pair[1])))
    return tuple(points)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise RoboLoopError("E-REC-003", f"{value!r} is not a number")
    try:
        return float(value)
    except OverflowError:
        raise RoboLoopError("E-REC-010", "a whole number is too large for a float") from None


def _region(kind: str, fields: dict[str, Any]) -> Polygon | Mask:
    if kind == "polygon":
        return Polygon(_points(fields.pop("vertices_px")))
    sides = tuple(map(_count, _list(fields.pop("size"))))
    return Mask(PictureSize(*sides), tuple(map(_count, _list(fields.pop("runs")))))


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise RoboLoopError("E-REC-003", f"{value!r} is not a whole number from 0 on")
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RoboLoopError("E-REC-003", f"{value!r} is not a JSON object")
    return dict(value)  # pyright: ignore[reportUnknownArgumentType]


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise RoboLoopError("E-REC-003", f"{value!r} is not a JSON list")
    return value  # pyright: ignore[reportUnknownVariableType]


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(_text(item) for item in _list(value))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise RoboLoopError("E-REC-003", f"{value!r} is not text")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise RoboLoopError("E-REC-003", f"{value!r} is not true or false")
    return value
