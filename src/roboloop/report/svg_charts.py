"""Charts as static SVG: bars, histograms and a map of places. They need no script and no fonts.

Each is a panel of its own with a light and a dark set of colours, whichever its reader prefers, so
that it is legible on a page of any colour.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Any, NamedTuple

WIDTH = 440
PAD = 20
TOP = 62
ROW = 26
PLOT_HEIGHT = 132
FEWEST_BINS = 8
GAP = 8
CHAR = 6.3
"""About the width of a letter at the size of the labels."""

STYLE = """
.panel{fill:#ffffff;stroke:#e4e4de}.title{fill:#17181b;font-size:14px;font-weight:600}
.said{fill:#6d7178;font-size:11.5px}.name{fill:#34373c;font-size:12px}
.tick{fill:#6d7178;font-size:11px}.line{stroke:#d8d8d1}.grid{stroke:#efefea}
.s0{fill:#2b6cb8}.s1{fill:#86b3df}.s2{fill:#c4d8ec}.s3{fill:#e2e6ea}.cell{fill:#2b6cb8}
.ground{fill:#f3f3ef}
@media (prefers-color-scheme:dark){
.panel{fill:#191a1d;stroke:#2b2d31}.title{fill:#eeeeec}.said{fill:#9aa0a8}.name{fill:#d2d4d7}
.tick{fill:#9aa0a8}.line{stroke:#3a3d43}.grid{stroke:#26282c}
.s0{fill:#6cb0f5}.s1{fill:#3f74ad}.s2{fill:#2c4c70}.s3{fill:#33373d}.cell{fill:#6cb0f5}
.ground{fill:#111214}}
"""


class _Span(NamedTuple):
    first: int
    last: int


class Bar(NamedTuple):
    """A row of a bar chart: a name and one number for each series."""

    name: str
    values: Sequence[int]


def bar_chart(bars: Sequence[Bar], *, title: str, series: Sequence[str] = ()) -> str:
    """Horizontal bars, stacked by series, each with its total."""
    longest = max((sum(bar.values) for bar in bars), default=0) or 1
    labels = min(190.0, max((len(bar.name) for bar in bars), default=0) * CHAR + 12)
    digits = len(f"{longest:,}") * CHAR + 10
    room = WIDTH - 2 * PAD - labels - digits
    parts: list[str] = []
    for index, bar in enumerate(bars):
        y = TOP + index * ROW
        parts.append(_text(PAD, y + 14, _shortened(bar.name, room=labels), "name"))
        x = PAD + labels
        for number, value in enumerate(bar.values):
            width = value / longest * room
            if value:
                parts.append(_rect(x, y + 3, max(width, 1.0), 14, f"s{min(number, 3)}", radius=1.5))
            x += width
        parts.append(_text(x + 6, y + 14, f"{sum(bar.values):,}", "tick"))
    total = sum(sum(bar.values) for bar in bars)
    said = [f"{total:,} records"]
    height = TOP + len(bars) * ROW + 12
    parts += _legend(series, y=PAD + 27, start=PAD + len(said[0]) * CHAR + 16)
    return _panel(parts, title=title, said=" ".join(said), height=height)


def histogram_chart(
    values: dict[str, Any],
    *,
    title: str,
    axis: str,
    label: Callable[[float], str] = lambda edge: f"{edge:g}",
) -> str:
    """Columns of equal width, one for each bin of `report.card.histogram`.

    Args:
        values: `edges`, `counts` and `num`.
        title: What is counted.
        axis: What the edges are, with their unit.
        label: An edge as text.
    """
    first, last = _span(values["counts"])
    counts: list[int] = values["counts"][first:last]
    edges: list[float] = values["edges"][first : last + 1]
    highest = max(counts, default=0) or 1
    floor = TOP + PLOT_HEIGHT
    step = (WIDTH - 2 * PAD) / max(1, len(counts))
    parts = [_rule(TOP + PLOT_HEIGHT * share, "grid") for share in (0.0, 0.5)]
    for index, count in enumerate(counts):
        height = count / highest * (PLOT_HEIGHT - 16)
        if count:
            height = max(height, 1.0)
            x = PAD + index * step
            gap = 1.5 if step > 6 else 0.5
            parts.append(_rect(x + gap, floor - height, step - 2 * gap, height, "s0", radius=1.5))
    if any(counts):
        peak = counts.index(highest)
        x = PAD + (peak + 0.5) * step
        parts.append(_text(x, floor - PLOT_HEIGHT + 11, f"{highest:,}", "tick", anchor="middle"))
    parts.append(_rule(floor, "line"))
    every = _tick_step([label(edge) for edge in edges], step=step)
    for index in range(0, len(edges), every):
        anchor = "start" if index == 0 else "end" if index == len(edges) - 1 else "middle"
        parts.append(_text(PAD + index * step, floor + 16, label(edges[index]), "tick", anchor))
    said = f"{axis} · {values['num']:,} values"
    return _panel(parts, title=title, said=said, height=floor + 30)


def heat_map(cells: Sequence[Sequence[int]], *, title: str, said: str) -> str:
    """A picture's area in cells, the darker the more often a place lies in one."""
    width, height = WIDTH - 2 * PAD, (WIDTH - 2 * PAD) * 9 / 16
    rows, columns = len(cells), len(cells[0])
    highest = max(max(row) for row in cells) or 1
    parts = [
        _rect(PAD, TOP, width, height, "ground", radius=3),
        '<g shape-rendering="crispEdges">',
    ]
    for row, counts in enumerate(cells):
        for column, count in enumerate(counts):
            if count:
                left, right = (round(PAD + (column + side) * width / columns) for side in (0, 1))
                upper, lower = (round(TOP + (row + side) * height / rows) for side in (0, 1))
                share = 0.08 + 0.92 * (count / highest) ** 0.5
                parts.append(
                    f'<rect x="{left}" y="{upper}" width="{right - left}" '
                    f'height="{lower - upper}" class="cell" opacity="{share:.2f}"/>'
                )
    return _panel([*parts, "</g>"], title=title, said=said, height=TOP + height + PAD)


def _panel(parts: Sequence[str], *, title: str, said: str, height: float) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height + GAP:.0f}" '
            f'width="{WIDTH}" height="{height + GAP:.0f}" role="img" aria-label="{escape(title)}" '
            'font-family="Inter, system-ui, -apple-system, Segoe UI, Roboto, Noto Sans, sans-serif"'
            ' font-variant-numeric="tabular-nums">',
            f"<style>{STYLE}</style>",
            f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:.0f}" rx="9" '
            'class="panel"/>',
            _text(PAD, PAD + 10, title, "title"),
            _text(PAD, PAD + 28, said, "said"),
            *parts,
            "</svg>",
            "",
        ]
    )


def _legend(series: Sequence[str], *, y: float, start: float) -> Iterator[str]:
    x = start
    for number, name in enumerate(series if len(series) > 1 else ()):
        yield _rect(x, y - 8, 9, 9, f"s{min(number, 3)}", radius=2)
        yield _text(x + 14, y + 0.5, name, "said")
        x += 14 + len(name) * CHAR + 14


def _span(counts: Sequence[int]) -> _Span:
    """The bins from the first to behind the last that is not empty, and more where they are few."""
    filled = [index for index, count in enumerate(counts) if count] or [0, len(counts) - 1]
    first, last = filled[0], filled[-1] + 1
    while last - first < min(FEWEST_BINS, len(counts)):
        if last < len(counts):
            last += 1
        if first > 0 and last - first < FEWEST_BINS:
            first -= 1
    return _Span(first, last)


def _tick_step(labels: Sequence[str], *, step: float) -> int:
    """Every how many edges a label has room, the first of them set to the right of its edge."""
    widest = max(map(len, labels), default=1) * CHAR
    return max(1, math.ceil((1.5 * widest + 6) / step))


def _shortened(text: str, *, room: float) -> str:
    most = int(room / CHAR)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    placed = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}"{placed}>{escape(text)}</text>'


def _rect(x: float, y: float, width: float, height: float, kind: str, *, radius: float) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'rx="{radius:g}" class="{kind}"/>'
    )


def _rule(y: float, kind: str) -> str:
    return f'<line x1="{PAD}" x2="{WIDTH - PAD}" y1="{y:.1f}" y2="{y:.1f}" class="{kind}"/>'
