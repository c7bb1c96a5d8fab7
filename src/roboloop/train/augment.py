"""Random changes of a training picture, under which the places in its answers move along.

A `Warp` works in the unit frame of the picture (0..1, x right, y down), so it applies to the
original and to a reduced copy alike. The window it shows always holds every place that the
questions speak of: no box is ever cut off, so no truth has to be guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageEnhance

from roboloop.base.geometry import PictureSize, Point
from roboloop.records.answers import Answer, Box, Boxes, Points, Trajectory
from roboloop.records.reasoning import moved_reasoning, reasoning_places
from roboloop.records.record import InputValue, Record
from roboloop.records.regions import Mask, Polygon
from roboloop.train.augment_config import AugmentConfig


@dataclass(frozen=True, slots=True)
class Warp:
    """Shows the window [left, left + width] x [top, top + height] of the unit frame as a picture.

    A window wider or higher than 1, or past the edge, shows the picture's mean colour there.
    """

    left: float = 0.0
    top: float = 0.0
    width: float = 1.0
    height: float = 1.0

    def point(self, place_px: Point, *, size: PictureSize) -> Point:
        """Where a place of the picture lands, in pixels of a warped picture of the same size."""
        return Point(
            (place_px.x - self.left * size.width) / self.width,
            (place_px.y - self.top * size.height) / self.height,
        )

    def picture(self, picture: Image.Image) -> Image.Image:
        """The warped picture, of the same size."""
        width, height = picture.size
        window = (
            self.left * width,
            self.top * height,
            (self.left + self.width) * width,
            (self.top + self.height) * height,
        )
        if window[0] >= 0 and window[1] >= 0 and window[2] <= width and window[3] <= height:
            return picture.resize(picture.size, Image.Resampling.BICUBIC, box=window)
        mean = tuple(int(v) for v in np.asarray(picture).reshape(-1, 3).mean(axis=0))
        steps = (self.width, 0, window[0], 0, self.height, window[1])
        return picture.transform(
            picture.size,
            Image.Transform.AFFINE,
            steps,
            Image.Resampling.BILINEAR,
            fillcolor=mean,
        )

    def answer(self, answer: Answer, *, size: PictureSize) -> Answer:
        """The answer with its places moved; words stay."""
        match answer:
            case Box():
                first = self.point(Point(answer.x1, answer.y1), size=size)
                second = self.point(Point(answer.x2, answer.y2), size=size)
                return Box(first.x, first.y, second.x, second.y, answer.label)
            case Boxes():
                boxes = (self.answer(box, size=size) for box in answer.items)
                return Boxes(tuple(box for box in boxes if isinstance(box, Box)))
            case Points():
                moved = tuple(self.point(p, size=size) for p in answer.points_px)
                return Points(moved, answer.labels)
            case Trajectory():
                return Trajectory(tuple(self.point(p, size=size) for p in answer.points_px))
            case Polygon():
                return Polygon(tuple(self.point(p, size=size) for p in answer.vertices_px))
            case Mask():  # its pixels would have to be drawn again; trained on is a place inside
                return Points((self.point(answer.inner_px, size=size),))
            case _:
                return answer

    def record(self, record: Record) -> Record:
        """The record as it reads about the warped picture."""
        size = record.picture_size
        if size is None:
            return record
        inputs: dict[str, InputValue] = {}
        for name, value in record.inputs.items():
            moved = self.answer(value, size=size) if isinstance(value, Points) else value
            inputs[name] = moved  # pyright: ignore[reportArgumentType]
        answer = None if record.answer is None else self.answer(record.answer, size=size)
        reasoning = record.reasoning
        if reasoning is not None:
            reasoning = moved_reasoning(reasoning, move=partial(self.point, size=size))
        # A rejected answer may be a text with places in it, which would stay where they were.
        return replace(record, inputs=inputs, answer=answer, rejected=None, reasoning=reasoning)


class Span(NamedTuple):
    """The unit rectangle that has to stay in view; low > high where there is nothing to keep."""

    low: Point
    high: Point


def span_of(records: Iterable[Record]) -> Span:
    """The smallest unit rectangle around every place the records speak of."""
    places = [place for record in records for place in _unit_places(record)]
    if not places:
        return Span(Point(1.0, 1.0), Point(0.0, 0.0))
    xs, ys = zip(*places, strict=True)
    return Span(Point(min(xs), min(ys)), Point(max(xs), max(ys)))


def can_warp(record: Record) -> bool:
    """Whether the record's question and answer are still true of a moved picture.

    A published question may hold numbers in its text, and further pictures may show the first one.
    """
    return not record.turns and len(record.media) == 1


def draw_warp(rng: np.random.Generator, *, config: AugmentConfig, keep: Span) -> Warp:
    """Draw a window that holds `keep`: enlarged by `zoom`, the sides apart by up to `stretch`."""
    zoom = float(np.exp(rng.uniform(*np.log(config.zoom))))
    stretch = float(np.exp(rng.uniform(-1, 1) * np.log1p(config.stretch) / 2))
    draws = rng.uniform(size=2)
    left, width = _window(1 / (zoom * stretch), low=keep.low.x, high=keep.high.x, draw=draws[0])
    top, height = _window(stretch / zoom, low=keep.low.y, high=keep.high.y, draw=draws[1])
    return Warp(left, top, width, height)


def recoloured(picture: Image.Image, *, rng: np.random.Generator, most: float) -> Image.Image:
    """Brightness, contrast and saturation each changed by a factor of 1 - most .. 1 + most."""
    for kind in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        picture = kind(picture).enhance(float(rng.uniform(1 - most, 1 + most)))
    return picture


class Change(NamedTuple):
    """What happens to the pictures of some questions.

    Attributes:
        warp: Moves them; None leaves them where they are.
        colour_seed: Draws their colours; None leaves them.
    """

    warp: Warp | None = None
    colour_seed: int | None = None

    def record(self, record: Record) -> Record:
        """The record with its places where the pictures went."""
        return record if self.warp is None else self.warp.record(record)


def draw_change(
    rng: np.random.Generator, *, config: AugmentConfig | None, records: Sequence[Record]
) -> Change:
    """Draw what happens to the pictures that these records ask about."""
    if config is None or rng.uniform() >= config.chance:
        return Change()
    colour_seed = int(rng.integers(2**63)) if config.colour else None
    if not all(map(can_warp, records)):
        return Change(None, colour_seed)
    return Change(draw_warp(rng, config=config, keep=span_of(records)), colour_seed)


class _Window(NamedTuple):
    start: float
    length: float


def _window(length: float, *, low: float, high: float, draw: float) -> _Window:
    """A window of this length, or longer if need be, in or around 0..1, that holds low..high."""
    length = max(length, high - low)
    first, last = sorted((0.0, 1.0 - length))
    if low <= high:
        first, last = max(first, high - length), min(last, low)
    return _Window(first + draw * (last - first), length)


def _unit_places(record: Record) -> Iterator[Point]:
    size = record.picture_size
    if size is None:
        return
    reasoned = () if record.reasoning is None else reasoning_places(record.reasoning)
    for value in (record.answer, *record.inputs.values(), *reasoned):
        for x, y in _places(value):
            yield Point(x / size.width, y / size.height)


def _places(value: Answer | InputValue | None) -> Iterator[Point]:
    match value:
        case Box():
            yield Point(value.x1, value.y1)
            yield Point(value.x2, value.y2)
        case Boxes():
            for box in value.items:
                yield from _places(box)
        case Points() | Trajectory():
            yield from value.points_px
        case Polygon():
            yield from value.vertices_px
        case _:
            return
