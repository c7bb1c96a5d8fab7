"""One answer to one question of a benchmark, and what a set of rules makes of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from roboloop.base.geometry import BoxPx, PictureSize, Point, PointPx
from roboloop.dialects import Dialect, load_dialect
from roboloop.tasks.base import ParseStatus, Span

CaseKind = Literal["mcq", "yesno", "numeric", "point", "bbox", "text"]
MaskArray = npt.NDArray[np.uint8]

_FAMILIES = ("refspatial", "omni_spatial")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """A question with its truth and the text a model answered.

    Attributes:
        benchmark: Name as in the table of benchmarks, such as `vsibench` or `refspatial_location`.
        kind: What is asked for.
        text: The model's answer, byte for byte.
        gold: The right letter, yes or no, the number as text, the accepted texts, or the corners
            of the box in pixels; None for points, whose truth is `mask_levels` or `polygon_unit`.
        options: The texts behind A, B, C ...
        subtask: The benchmark's own division, such as `object_counting` of VSI-Bench.
        size: Of the original picture; needed for places.
        dialect: How the model was asked to write places, or is known to.
        mask_levels: Grey levels from 0 to 255, shape (height, width), bright where a point is
            right.
        polygon_unit: Corners of the right area in fractions of the picture.
    """

    benchmark: str
    kind: CaseKind
    text: str
    gold: str | tuple[str, ...] | BoxPx | None = None
    options: tuple[str, ...] = ()
    question: str = ""
    subtask: str = ""
    size: PictureSize | None = None
    dialect: Dialect = field(default_factory=lambda: load_dialect("llava"))
    mask_levels: MaskArray | None = None
    polygon_unit: tuple[PointPx, ...] = ()

    @property
    def family(self) -> str:
        """The benchmark without its part: `refspatial` for `refspatial_location`."""
        return next((name for name in _FAMILIES if self.benchmark.startswith(name)), self.benchmark)

    @property
    def gold_text(self) -> str:
        """The truth of a question that has one text as truth."""
        assert isinstance(self.gold, str), (self.benchmark, self.kind, self.gold)
        return self.gold

    @property
    def gold_texts(self) -> tuple[str, ...]:
        """Every accepted text."""
        if isinstance(self.gold, str):
            return (self.gold,)
        assert self.gold and isinstance(self.gold[0], str), (self.benchmark, self.gold)
        return tuple(map(str, self.gold))

    @property
    def gold_box_px(self) -> BoxPx:
        """The corners of the true box, in pixels."""
        assert self.kind == "bbox" and self.gold is not None and len(self.gold) == 4
        x1, y1, x2, y2 = map(float, self.gold)
        return (x1, y1, x2, y2)

    @property
    def picture_size(self) -> PictureSize:
        """The size of the picture, for questions about places."""
        assert self.size is not None, (self.benchmark, "places without a picture size")
        return self.size


class RuleScore(NamedTuple):
    """What an answer is worth under one set of rules.

    Attributes:
        score: From 0 to 1. None when the rules leave the answer out of their mean; `note` says why.
        value: What was understood, as text; empty when nothing was.
        status: How the text was understood.
        rule: Name of the rule that found the value.
        span: Where in the text the value stands, if the rules tell.
        note: A remark for people.
    """

    score: float | None
    value: str = ""
    status: ParseStatus = ParseStatus.OK
    rule: str = ""
    span: Span | None = None
    note: str = ""


class Rules(ABC):
    """One way to score answers.

    Class attributes:
        name: As in `RULES`.
        title: A few words for tables.
    """

    name: ClassVar[str]
    title: ClassVar[str]

    @abstractmethod
    def score(self, case: Case) -> RuleScore | None:
        """What the answer is worth; None when these rules know nothing of the benchmark."""


def mask_hits(points_px: Sequence[Point], *, mask_levels: MaskArray) -> list[float]:
    """Grey level / 255 of the mask under each point; 0 outside the picture.

    A point on the right or bottom border of the picture belongs to its last pixel.
    """
    height, width = mask_levels.shape
    hits: list[float] = []
    for x, y in points_px:
        inside = 0 <= x <= width and 0 <= y <= height
        level = mask_levels[min(int(y), height - 1), min(int(x), width - 1)] if inside else 0
        hits.append(float(level) / 255)
    return hits
