"""The loss as a small picture in SVG: every logged value, and a smooth line through them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 34, 36
RAW, SMOOTH, GRID, INK = "#b9c6e4", "#2f5bd0", "#e6e8ee", "#454b58"
SMOOTHING = 0.9
NUM_TICKS = 5
STEP_SIZES = (1.0, 2.0, 2.5, 5.0, 10.0)


def loss_plot(points: Sequence[tuple[float, float]], *, title: str) -> str:
    """The curve of (step, loss) as an SVG document that needs nothing else."""
    points = [point for point in points if math.isfinite(point[1])]
    steps = [step for step, _ in points] or [0.0]
    losses = [loss for _, loss in points] or [0.0]
    last = max(*steps, 1.0)
    highest = _nice_top(max(losses))

    def place(step: float, loss: float) -> tuple[float, float]:
        x = LEFT + step / last * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - min(loss, highest) / highest * (HEIGHT - TOP - BOTTOM)
        return x, y

    parts = [_frame(last, highest=highest, title=title)]
    if points:
        smooth = smoothed([loss for _, loss in points])
        parts.append(_line([place(*point) for point in points], colour=RAW, width=1.0))
        ends = [place(step, value) for step, value in zip(steps, smooth, strict=True)]
        parts.append(_line(ends, colour=SMOOTH, width=2.0))
        x, y = ends[-1]
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{SMOOTH}"/>')
        parts.append(_text(x - 6, y - 8, f"{smooth[-1]:.3f}", anchor="end", colour=SMOOTH))
    return "\n".join([*parts, "</svg>", ""])


def smoothed(values: Sequence[float]) -> list[float]:
    """Exponential moving average without a pull towards 0 at the start."""
    result: list[float] = []
    total = weight = 0.0
    for value in values:
        total = SMOOTHING * total + (1 - SMOOTHING) * value
        weight = SMOOTHING * weight + (1 - SMOOTHING)
        result.append(total / weight)
    return result


def _frame(last: float, *, highest: float, title: str) -> str:
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="11">',
        f"<title>Loss of {escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="20" font-size="13" font-weight="600" fill="{INK}">'
        f"{escape(title)}: loss of the answers' tokens</text>",
    ]
    for tick in range(NUM_TICKS + 1):
        share = tick / NUM_TICKS
        y = HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
        x = LEFT + share * (WIDTH - LEFT - RIGHT)
        lines.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{GRID}"/>'
        )
        lines.append(_text(LEFT - 8, y + 4, f"{share * highest:.3g}", anchor="end"))
        lines.append(_text(x, HEIGHT - BOTTOM + 18, f"{share * last:,.0f}", anchor="middle"))
    lines.append(_text(WIDTH - RIGHT, HEIGHT - 4, "step", anchor="end"))
    return "\n".join(lines)


def _line(points: Sequence[tuple[float, float]], *, colour: str, width: float) -> str:
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="{width:g}" '
        'stroke-linejoin="round"/>'
    )


def _text(x: float, y: float, text: str, *, anchor: str, colour: str = INK) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{text}</text>'


def _nice_top(value: float) -> float:
    """The next number of the kind 1, 2, 2.5, 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(size * power for size in STEP_SIZES if size * power >= value * (1 - 1e-9))
