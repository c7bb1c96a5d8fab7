"""preference_points: true places, such as contact points, against places that are off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import hypot
from typing import Literal, assert_never

import numpy as np

from roboloop.base.geometry import Point
from roboloop.compose.mistakes import (
    direction,
    is_hidden,
    moved,
    moved_to,
    other_things,
    swap_axes,
    written_alike,
)
from roboloop.compose.preference import PairComposer, Worse
from roboloop.records.answers import Answer, Box, Points
from roboloop.records.record import Record

Mistake = Literal["other_thing", "shifted", "one_off", "swapped_axes"]
MISTAKES: tuple[Mistake, ...] = ("other_thing", "shifted", "one_off", "swapped_axes")
NUM_DRAWS = 4
"""Attempts at each mistake that is drawn at random."""
SHIFT_DIAGONALS = (0.05, 0.3)
"""How far places are moved, in diagonals of the picture."""


class PreferencePoints(PairComposer):
    """Pairs from places: contact points of fingers, and pointing."""

    kind: Literal["preference_points"] = "preference_points"  # pyright: ignore[reportIncompatibleVariableOverride]
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
        size = record.picture_size
        if not isinstance(chosen, Points) or size is None:
            return
        if isinstance(record.answer, Box) and is_hidden(
            record, area=record.answer, company=company
        ):
            return
        truth = chosen.points_px
        near, far = (share * hypot(*size) for share in SHIFT_DIAGONALS)

        def made(what: Mistake, points_px: Sequence[Point], **evidence: object) -> Worse:
            alike = written_alike(points_px, like=truth)
            return Worse(what, Points(alike, chosen.labels), evidence)

        for number in draw.permutation(len(self.mistakes)):
            match mistake := self.mistakes[int(number)]:
                case "other_thing":
                    things = other_things(record, chosen=record.answer or chosen, company=company)
                    for place in draw.permutation(len(things))[:NUM_DRAWS]:
                        name, box, told_by = things[int(place)]
                        points = moved_to(truth, middle=box.center_px, size=size)
                        yield made(mistake, points, thing=name, told_by=told_by)
                case "shifted":
                    for _ in range(NUM_DRAWS):
                        by = direction(draw, length=draw.uniform(near, far))
                        yield made(mistake, moved(truth, by=by, size=size))
                case "one_off":
                    for _ in range(NUM_DRAWS if len(truth) > 1 else 0):
                        off = int(draw.integers(len(truth)))
                        by = direction(draw, length=2 * draw.uniform(near, far))
                        point = moved(truth[off : off + 1], by=by, size=size)
                        yield made(mistake, (*truth[:off], *point, *truth[off + 1 :]), off=off)
                case "swapped_axes":
                    yield made(mistake, swap_axes(truth, size=size))
                case _:
                    assert_never(mistake)
