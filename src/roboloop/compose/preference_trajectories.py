"""preference_trajectories: the true path against one reversed, cut short, or gone astray."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import hypot
from typing import Literal, assert_never

import numpy as np

from roboloop.base.geometry import PictureSize, Point
from roboloop.base.paths import resample_path
from roboloop.compose.mistakes import direction, moved, other_things, swap_axes, written_alike
from roboloop.compose.preference import PairComposer, Worse
from roboloop.records.answers import Answer, Trajectory
from roboloop.records.record import Record

Mistake = Literal[
    "reversed", "stops_early", "goes_too_far", "other_thing", "shifted", "swapped_axes"
]
MISTAKES: tuple[Mistake, ...] = (
    "reversed", "stops_early", "goes_too_far", "other_thing", "shifted", "swapped_axes",
)  # fmt: skip
NUM_DRAWS = 4
"""Attempts at each mistake that is drawn at random."""
STOP_SHARE = (0.1, 0.6)
"""Share of the path after which it stops."""
TOO_FAR_SHARE = (0.4, 1.0)
"""By how much of its length it goes on."""
SHIFT_DIAGONALS = (0.05, 0.3)


class PreferenceTrajectories(PairComposer):
    """Pairs from paths. A rejected path has as many waypoints as the true one, evenly spread."""

    kind: Literal["preference_trajectories"] = "preference_trajectories"  # pyright: ignore[reportIncompatibleVariableOverride]
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
        if not isinstance(chosen, Trajectory) or size is None or len(chosen.points_px) < 2:
            return
        path = chosen.points_px

        def made(what: Mistake, points_px: Sequence[Point], **evidence: object) -> Worse:
            return Worse(what, Trajectory(written_alike(points_px, like=path)), evidence)

        for number in draw.permutation(len(self.mistakes)):
            match mistake := self.mistakes[int(number)]:
                case "reversed":
                    yield made(mistake, path[::-1])
                case "stops_early":
                    for share in draw.uniform(*STOP_SHARE, size=NUM_DRAWS):
                        yield made(mistake, stopped(path, share=share), share=round(share, 3))
                case "goes_too_far":
                    for share in draw.uniform(*TOO_FAR_SHARE, size=NUM_DRAWS):
                        if (longer := gone_on(path, share=share, size=size)) is not None:
                            yield made(mistake, longer, share=round(share, 3))
                case "other_thing":
                    things = other_things(record, chosen=chosen, company=company)
                    for place in draw.permutation(len(things))[:NUM_DRAWS]:
                        name, box, told_by = things[int(place)]
                        bent = bent_to(path, end=box.center_px)
                        yield made(mistake, bent, thing=name, told_by=told_by)
                case "shifted":
                    for share in draw.uniform(*SHIFT_DIAGONALS, size=NUM_DRAWS):
                        by = direction(draw, length=share * hypot(*size))
                        yield made(mistake, moved(path, by=by, size=size))
                case "swapped_axes":
                    yield made(mistake, swap_axes(path, size=size))
                case _:
                    assert_never(mistake)


def stopped(path_px: Sequence[Point], *, share: float) -> tuple[Point, ...]:
    """The first part of a path, with as many waypoints."""
    fine = resample_path(path_px, num_points=201)
    part = fine[: max(2, round(share * 200) + 1)]
    return resample_path(part, num_points=len(path_px))


def gone_on(
    path_px: Sequence[Point], *, share: float, size: PictureSize
) -> tuple[Point, ...] | None:
    """A path that goes on straight for this share of its length; None where the picture ends."""
    even = resample_path(path_px, num_points=len(path_px))
    num_more = max(1, round(share * (len(even) - 1)))
    step = Point(even[-1].x - even[-2].x, even[-1].y - even[-2].y)
    more = [Point(even[-1].x + k * step.x, even[-1].y + k * step.y) for k in range(1, num_more + 1)]
    if not all(0 <= x <= size.width and 0 <= y <= size.height for x, y in more):
        return None
    return resample_path((*even, *more), num_points=len(path_px))


def bent_to(path_px: Sequence[Point], *, end: Point) -> tuple[Point, ...]:
    """A path from the same start to another end, every waypoint moved by its share of the way."""
    by = Point(end.x - path_px[-1].x, end.y - path_px[-1].y)
    shares = np.linspace(0, 1, len(path_px))
    return tuple(
        Point(p.x + float(share) * by.x, p.y + float(share) * by.y)
        for p, share in zip(path_px, shares, strict=True)
    )
