"""preference_boxes: the true box against one shifted, scaled, swapped, or of another thing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, assert_never

import numpy as np

from roboloop.base.geometry import PictureSize, Point
from roboloop.compose.mistakes import (
    Thing,
    clamp,
    direction,
    moved,
    moved_to,
    other_things,
    swap_axes,
    written_alike,
)
from roboloop.compose.preference import PairComposer, Worse
from roboloop.records.answers import Answer, Box
from roboloop.records.record import Record

Mistake = Literal["other_thing", "shifted", "scaled", "swapped_axes"]
MISTAKES: tuple[Mistake, ...] = ("other_thing", "shifted", "scaled", "swapped_axes")
NUM_DRAWS = 4
"""Attempts at each mistake that is drawn at random."""
SHIFT_SIDES = (0.4, 2.5)
"""How far a box is shifted, in square roots of its area."""
SCALE_FACTORS = (1.45, 2.6)
"""How much longer or shorter its sides become."""
TASKS_OF_A_MOMENT = ("contact_box", "final_box")
"""The thing asked for is not there yet: its box is moved to another thing, in its own size."""


class PreferenceBoxes(PairComposer):
    """Pairs from boxes. What another record of the same picture shows is a wrong thing here."""

    kind: Literal["preference_boxes"] = "preference_boxes"  # pyright: ignore[reportIncompatibleVariableOverride]
    mistakes: tuple[Mistake, ...] = MISTAKES
    """Which ones are made; they are tried in an order drawn for each record."""

    def worse(
        self,
        record: Record,
        *,
        chosen: Answer,
        company: Sequence[Record],
        draw: np.random.Generator,
    ) -> Iterator[Worse]:
        """Each mistake, those drawn at random several times over."""
        size, truth = record.picture_size, chosen
        if not isinstance(truth, Box) or size is None:
            return
        for number in draw.permutation(len(self.mistakes)):
            match mistake := self.mistakes[int(number)]:
                case "other_thing":
                    things = other_things(record, chosen=chosen, company=company)
                    for place in draw.permutation(len(things))[:NUM_DRAWS]:
                        yield _other_thing(record, truth=truth, thing=things[int(place)], size=size)
                case "shifted":
                    for _ in range(NUM_DRAWS):
                        yield Worse(mistake, _shifted(truth, size=size, draw=draw))
                case "scaled":
                    for _ in range(NUM_DRAWS):
                        yield Worse(mistake, _scaled(truth, size=size, draw=draw))
                case "swapped_axes":
                    corners = swap_axes(_corners(truth), size=size)
                    yield Worse(mistake, _box(corners, truth=truth))
                case _:
                    assert_never(mistake)


def _other_thing(record: Record, *, truth: Box, thing: Thing, size: PictureSize) -> Worse:
    evidence = {"thing": thing.name, "told_by": thing.told_by}
    if record.task in TASKS_OF_A_MOMENT and thing.name != "current_box":
        corners = moved_to(_corners(truth), middle=thing.box.center_px, size=size)
        return Worse("other_thing", _box(corners, truth=truth), evidence)
    return Worse("other_thing", Box(*thing.box.corners_px, truth.label), evidence)


def _shifted(truth: Box, *, size: PictureSize, draw: np.random.Generator) -> Box:
    side = ((truth.x2 - truth.x1) * (truth.y2 - truth.y1)) ** 0.5
    by = direction(draw, length=side * draw.uniform(*SHIFT_SIDES))
    return _box(moved(_corners(truth), by=by, size=size), truth=truth)


def _scaled(truth: Box, *, size: PictureSize, draw: np.random.Generator) -> Box:
    factor = draw.uniform(*SCALE_FACTORS)
    factor = factor if draw.random() < 0.5 else 1 / factor
    middle = truth.center_px
    corners = tuple(
        Point(middle.x + factor * (p.x - middle.x), middle.y + factor * (p.y - middle.y))
        for p in _corners(truth)
    )
    return _box(clamp(corners, size=size), truth=truth)


def _corners(box: Box) -> tuple[Point, Point]:
    return Point(box.x1, box.y1), Point(box.x2, box.y2)


def _box(corners_px: Sequence[Point], *, truth: Box) -> Box:
    (x1, y1), (x2, y2) = written_alike(corners_px, like=_corners(truth))
    return Box(x1, y1, x2, y2, truth.label)
