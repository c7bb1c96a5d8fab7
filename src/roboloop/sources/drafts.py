"""A question on its way to a record, and what several sources ask alike."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from roboloop.base.geometry import BoxPx, PictureSize, Point, PointPx
from roboloop.records.answers import Answer, Choice
from roboloop.records.media import Media
from roboloop.records.record import InputValue, Turn
from roboloop.tasks.base import LETTERS

MIN_SIDE_PIXELS = 6.0
MIN_PATH_PIXELS = 12.0


@dataclass(frozen=True, slots=True)
class Draft:
    """A question with its answer, on its way to a record.

    Attributes:
        suffix: Tells several questions of one task about one picture apart.
        media: Pictures other than the one asked about, when the question shows others.
        turns: The question itself, where the task's wordings do not fit it.
        about: Names of the things in the picture that the question speaks of.
        asked_name: What the question counts or looks for.
    """

    answer: Answer
    inputs: Mapping[str, InputValue] = field(default_factory=dict[str, InputValue])
    suffix: str = ""
    media: tuple[Media, ...] = ()
    turns: tuple[Turn, ...] = ()
    about: tuple[str, ...] = ()
    asked_name: str = ""


class Drafted(NamedTuple):
    """A question on its way to a record, with the task it belongs to."""

    task: str
    draft: Draft


def is_large_enough(box_px: BoxPx) -> bool:
    """Both sides have `MIN_SIDE_PIXELS` or more."""
    x1, y1, x2, y2 = box_px
    return x2 - x1 >= MIN_SIDE_PIXELS and y2 - y1 >= MIN_SIDE_PIXELS


def clear_path(points_px: Sequence[PointPx], *, size: PictureSize) -> tuple[Point, ...] | None:
    """The path as points, None when it leaves the picture or hardly moves."""
    points = tuple(Point(x, y) for x, y in points_px)
    inside = all(0 <= p.x <= size.width and 0 <= p.y <= size.height for p in points)
    length = sum(math.dist(a, b) for a, b in itertools.pairwise(points))
    return points if inside and length >= MIN_PATH_PIXELS else None


def shuffled_options(right: str, *, wrong: Sequence[str], rng: np.random.Generator) -> Choice:
    """A choice among texts in random order."""
    texts = [right, *wrong]
    options = tuple(texts[int(i)] for i in rng.permutation(len(texts)))
    return Choice(LETTERS[options.index(right)], options)
