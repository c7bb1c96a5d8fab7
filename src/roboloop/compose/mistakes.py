"""Places moved: the geometry of mistakes, in pixels of the picture and always inside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from roboloop.base.geometry import PictureSize, Point, box_area, box_iou
from roboloop.records.answers import Answer, Box, Boxes, Points
from roboloop.records.record import Record
from roboloop.records.scene import Scene, scene_of

MAX_IOU = 0.2
"""A box that overlaps the true one more may be another word for the same thing, or a part of it."""


class Thing(NamedTuple):
    """Something else in the picture.

    Attributes:
        name: What it is called; of a record that names nothing, its task.
        box: Where it is.
        told_by: The record, or the object of the record's scene, that says so.
    """

    name: str
    box: Box
    told_by: str


def other_things(record: Record, *, chosen: Answer, company: Sequence[Record]) -> list[Thing]:
    """Things that are surely not what the question asks for.

    They come from the record's scene or, where it has none, from other records of its picture.
    Those of the same name may be right too, and so may boxes that overlap a chosen one by more than
    `MAX_IOU` or, where only records tell, lie in it or around it: "the woman has a white top" may
    mean the woman.
    """
    asked = str(record.inputs.get("object", "")).lower().removeprefix("the ")
    scene = scene_of(record)
    found = _in_scene(scene) if scene is not None else _in_company(record, company=company)
    others = [thing for thing in found if thing.name.lower() != asked]
    if not isinstance(chosen, Box):
        return others
    return [
        thing
        for thing in others
        if box_iou(thing.box.corners_px, second_px=chosen.corners_px) <= MAX_IOU
        and (scene is not None or not _is_nested(thing.box, other=chosen))
    ]


def _is_nested(box: Box, *, other: Box) -> bool:
    """Whether most of the smaller box lies in the larger one."""
    shared = (
        max(box.x1, other.x1),
        max(box.y1, other.y1),
        min(box.x2, other.x2),
        min(box.y2, other.y2),
    )
    smaller = min(box_area(box.corners_px), box_area(other.corners_px))
    return 2 * box_area(shared) > smaller


def is_hidden(record: Record, *, area: Box, company: Sequence[Record]) -> bool:
    """Whether something smaller lies over the middle of an area: a point there may hit that."""
    x, y = area.center_px
    whole = box_area(area.corners_px)
    return any(
        thing.box.x1 <= x <= thing.box.x2
        and thing.box.y1 <= y <= thing.box.y2
        and box_area(thing.box.corners_px) < whole
        for thing in other_things(record, chosen=Points(()), company=company)
    )


def _in_scene(scene: Scene) -> list[Thing]:
    about = {*scene.about}
    return [
        Thing(thing.name, Box(*thing.box_px), thing.id)
        for thing in scene.objects
        if thing.box_px is not None and thing.id not in about and scene.picture == 0
    ]


def _in_company(record: Record, *, company: Sequence[Record]) -> list[Thing]:
    found: dict[tuple[float, float, float, float], Thing] = {}
    for other in company:
        if other is record or other.picture_size != record.picture_size:
            continue
        name = str(other.inputs.get("object", "")) or other.task
        for box in _boxes(other):
            thing = Thing(box.label or name, Box(*box.corners_px), other.id)
            found.setdefault(box.corners_px, thing)
    return list(found.values())


def _boxes(record: Record) -> tuple[Box, ...]:
    match record.answer:
        case Box():
            return (record.answer,)
        case Boxes(items):
            return items
        case _:
            return ()


def clamp(points_px: Sequence[Point], *, size: PictureSize) -> tuple[Point, ...]:
    """Each point moved to the nearest place in the picture."""
    return tuple(
        Point(min(max(p.x, 0.0), float(size.width)), min(max(p.y, 0.0), float(size.height)))
        for p in points_px
    )


def swap_axes(points_px: Sequence[Point], *, size: PictureSize) -> tuple[Point, ...]:
    """Each point as one who writes y before x would place it, in fractions of the picture."""
    return tuple(
        Point(p.y / size.height * size.width, p.x / size.width * size.height) for p in points_px
    )


def moved(points_px: Sequence[Point], *, by: Point, size: PictureSize) -> tuple[Point, ...]:
    """All points moved alike, as far as the picture allows."""
    xs, ys = [p.x for p in points_px], [p.y for p in points_px]
    dx = min(max(by.x, -min(xs)), size.width - max(xs))
    dy = min(max(by.y, -min(ys)), size.height - max(ys))
    return tuple(Point(p.x + dx, p.y + dy) for p in points_px)


def moved_to(points_px: Sequence[Point], *, middle: Point, size: PictureSize) -> tuple[Point, ...]:
    """All points moved so that the middle of their bounds is there, or as near as can be."""
    xs, ys = [p.x for p in points_px], [p.y for p in points_px]
    by = Point(middle.x - (min(xs) + max(xs)) / 2, middle.y - (min(ys) + max(ys)) / 2)
    return moved(points_px, by=by, size=size)


def direction(draw: np.random.Generator, *, length: float) -> Point:
    """A step of this length in a drawn direction."""
    angle = draw.uniform(0, 2 * np.pi)
    return Point(length * float(np.cos(angle)), length * float(np.sin(angle)))


def written_alike(points_px: Sequence[Point], *, like: Sequence[Point]) -> tuple[Point, ...]:
    """Rounded to whole pixels where the truth is whole: more digits would give a mistake away."""
    if all(float(value).is_integer() for point in like for value in point):
        return tuple(Point(float(round(p.x)), float(round(p.y))) for p in points_px)
    return tuple(points_px)
