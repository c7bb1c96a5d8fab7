"""What can be seen of an answer by one who sees neither the picture nor the question."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

from roboloop.base.geometry import Point, box_area, distance
from roboloop.dialects import load_dialect
from roboloop.records.answers import SPATIAL_KINDS, Answer, Box, Boxes, Points, Text, Trajectory
from roboloop.records.record import Record
from roboloop.tasks import load_task

DIALECTS = tuple(map(load_dialect, ("plain", "qwen3_vl")))
"""Pixels and thousandths: two answers as long as one another in one may not be so in the other."""
MAX_WORD_CHARS = 16

Looks = Mapping[str, float]
"""Name of a feature -> its value; 0 for those that are not named."""


def looks_of(record: Record, *, answer: Answer) -> Looks:
    """The features of an answer.

    Of every answer its length; of places how far they reach and how far from the picture's middle
    they lie, in fractions of the picture; of a single word which it is; of longer texts their
    lines, digits, capital letters and how they end.
    """
    texts = [written(record, answer=answer, place=place) for place in range(len(DIALECTS))]
    found = {f"characters, {d.kind}": float(len(t)) for d, t in zip(DIALECTS, texts, strict=True)}
    if answer.kind in SPATIAL_KINDS:
        return found | _placement(record, answer=answer)
    text = texts[0].strip()
    if len(text) <= MAX_WORD_CHARS and len(text.split()) == 1:
        return {f"says {text.lower()}": 1.0}
    return {
        "characters": float(len(text)),
        "lines": float(len(text.splitlines())),
        "digits": float(sum(map(str.isdigit, text))),
        "capitals": float(sum(map(str.isupper, text))),
        "full stop": float(text.endswith((".", "。", "!", "?"))),
    }


def written(record: Record, *, answer: Answer, place: int = 0) -> str:
    """The answer as a model would write it; free text stands for an answer of any kind."""
    if isinstance(answer, Text):
        return answer.text
    task = load_task(record.task)
    return task.render(answer, dialect=DIALECTS[place], size=record.picture_size)


def _placement(record: Record, *, answer: Answer) -> dict[str, float]:
    """Extent and distance from the middle, both as natural logarithms of shares plus 1 %."""
    size = record.picture_size
    assert size is not None, f"{record.id}: places without a picture size"

    def unit(point: Point) -> Point:
        return Point(point.x / size.width, point.y / size.height)

    match answer:
        case Box():
            corners = (Point(answer.x1, answer.y1), Point(answer.x2, answer.y2))
            places = tuple(map(unit, corners))
            extent = math.sqrt(box_area((places[0].x, places[0].y, places[1].x, places[1].y)))
        case Boxes(items):
            places = tuple(unit(box.center_px) for box in items)
            extent = float(len(items))
        case Points() | Trajectory():
            places = tuple(map(unit, answer.points_px))
            extent = sum(distance(one, second=other) for one, other in pairwise(places))
        case _:
            return {}
    middle = Point(
        sum(place.x for place in places) / max(1, len(places)),
        sum(place.y for place in places) / max(1, len(places)),
    )
    return {
        "extent": math.log(extent + 0.01),
        "off middle": distance(middle, second=Point(0.5, 0.5)),
    }
