"""A curve of the log as a small picture: every logged value, and a smooth line through them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from roboloop.runs.training_log import TITLES
from roboloop.train.canvas import Canvas, PngCanvas, SvgCanvas

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 34, 36
RAW, SMOOTH, GRID, INK = "#b9c6e4", "#2f5bd0", "#e6e8ee", "#454b58"
SMOOTHING = 0.9
SMOOTH_FROM = 20
"""Fewer values are shown as they are."""
NUM_TICKS = 5
STEP_SIZES = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)

Points = Sequence[tuple[float, float]]


class Plot(NamedTuple):
    """One curve, in both forms."""

    svg: str
    png: bytes


def curve_plot(points: Points, *, name: str, title: str) -> Plot:
    """Draw a curve.

    Args:
        points: (step, value) pairs, by step; values that are not finite are left out.
        name: The field of the log.
        title: Whose curve it is.
    """
    heading = f"{title}: {TITLES.get(name, name)}"
    svg, png = SvgCanvas(WIDTH, HEIGHT, title=heading), PngCanvas(WIDTH, HEIGHT)
    for canvas in (svg, png):
        _draw(canvas, points=points, heading=heading, smooths=name != "lr")
    return Plot(svg.document(), png.data())


def smoothed(values: Sequence[float]) -> list[float]:
    """Exponential moving average without a pull towards 0 at the start."""
    result: list[float] = []
    total = weight = 0.0
    for value in values:
        total = SMOOTHING * total + (1 - SMOOTHING) * value
        weight = SMOOTHING * weight + (1 - SMOOTHING)
        result.append(total / weight)
    return result


class _Frame(NamedTuple):
    """Where values lie in the picture."""

    last: float
    low: float
    high: float

    def place(self, step: float, value: float) -> tuple[float, float]:
        x = LEFT + step / self.last * (WIDTH - LEFT - RIGHT)
        share = (value - self.low) / (self.high - self.low)
        return x, HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _draw(canvas: Canvas, *, points: Points, heading: str, smooths: bool) -> None:
    points = [point for point in points if math.isfinite(point[1])]
    values = [value for _, value in points]
    frame = _Frame(
        last=max([step for step, _ in points], default=1.0) or 1.0,
        low=-_nice_top(-min(values)) if values and min(values) < 0 else 0.0,
        high=_nice_top(max(values, default=1.0)),
    )
    canvas.text(LEFT, 20, heading, anchor="start", colour=INK, size=13)
    _draw_grid(canvas, frame=frame)
    if not points:
        return
    smooths = smooths and len(points) >= SMOOTH_FROM
    if smooths:
        canvas.line([frame.place(*point) for point in points], colour=RAW, width=1.0)
        points = [(step, v) for (step, _), v in zip(points, smoothed(values), strict=True)]
    line = [frame.place(*point) for point in points]
    canvas.line(line, colour=SMOOTH, width=2.0)
    x, y = line[-1]
    canvas.dot(x, y, radius=3, colour=SMOOTH)
    canvas.text(x - 6, y - 8, _figure(points[-1][1]), anchor="end", colour=SMOOTH)


def _draw_grid(canvas: Canvas, *, frame: _Frame) -> None:
    for tick in range(NUM_TICKS + 1):
        share = tick / NUM_TICKS
        value = frame.low + share * (frame.high - frame.low)
        x, y = frame.place(share * frame.last, value)
        canvas.line([(LEFT, y), (WIDTH - RIGHT, y)], colour=GRID, width=1.0)
        canvas.text(LEFT - 8, y + 4, _figure(value), anchor="end", colour=INK)
        step = f"{share * frame.last:,.0f}"
        canvas.text(x, HEIGHT - BOTTOM + 18, step, anchor="middle", colour=INK)
    canvas.text(WIDTH - RIGHT, HEIGHT - 4, "step", anchor="end", colour=INK)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _nice_top(value: float) -> float:
    """The next round number: one of `STEP_SIZES` times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(size * power for size in STEP_SIZES if size * power >= value * (1 - 1e-9))
