"""Records made bad on purpose, to learn how many bad ones a judge finds.

Each is a copy of a real record with one fault whose kind is known: a box in the wrong place, a
relation turned into its opposite, a sentence said twice, a plan in the wrong order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from roboloop.base.geometry import box_iou
from roboloop.base.hashing import seeded_generator
from roboloop.tasks.final_answer import sentences

Row = Mapping[str, Any]

MAX_IOU_LEFT = 0.1
PLACE_MOVED = 0.5
"""Places are moved by half the picture, round its edge."""

_BOX_IN_WORDS = re.compile(r"\[\s*(\d+(?:\.\d+)?(?:\s*,\s*\d+(?:\.\d+)?){3})\s*\]")
_OPPOSITES = (
    ("left", "right"), ("above", "below"), ("open", "close"), ("opened", "closed"), ("up", "down"),
    ("in front of", "behind"), ("inside", "outside"), ("on top of", "underneath"), ("on", "off"),
    ("near", "far from"), ("before", "after"), ("pick up", "put down"), ("push", "pull"),
    ("左", "右"), ("上", "下"), ("前", "后"), ("里", "外"), ("打开", "关闭"), ("拿起", "放下"),
)  # fmt: skip
_OPPOSITE = {a: b for pair in _OPPOSITES for a, b in (pair, pair[::-1])}
_RELATION = re.compile(
    "|".join(
        word if ord(word[0]) > 0x2E80 else rf"\b{word}\b"
        for word in sorted(_OPPOSITE, key=len, reverse=True)
    ),
    re.IGNORECASE,
)


class Planted(NamedTuple):
    """A record with a fault: its row, and which fault it is."""

    row: dict[str, Any]
    fault: str


def plant(row: Row, *, draw: np.random.Generator) -> Planted | None:
    """The row with one fault, drawn among those that it can have; None when it can have none."""
    names = sorted(FAULTS)
    for place in draw.permutation(len(names)):
        name = names[int(place)]
        if (changed := FAULTS[name](row)) is not None:
            return Planted({**row, **changed}, name)
    return None


def plant_some(
    rows: Sequence[Row], *, among: Sequence[int], share: float, seed: int, label: str
) -> dict[int, Planted]:
    """Some of the rows with a fault each, by their place.

    Args:
        rows: All of them.
        among: Places of those that are judged.
        share: For so many of them, at least one, a spoiled copy is made; 0 for none.
        seed: Names the draws, with the label and the row's id.
        label: Who plants them.
    """
    wanted = max(1, round(share * len(among))) if share else 0
    draws = {place: seeded_generator(seed, label, "plant", rows[place]["id"]) for place in among}
    order = sorted(among, key=lambda place: (draws[place].random(), place))
    spoiled: dict[int, Planted] = {}
    for place in order:
        if len(spoiled) >= wanted:
            break
        if (planted := plant(rows[place], draw=draws[place])) is not None:
            spoiled[place] = planted
    return dict(sorted(spoiled.items()))


def _wrong_box(row: Row) -> dict[str, Any] | None:
    """Every box or place moved to where it has little in common with the truth."""
    geometry: list[float] = row["geometry"] or []
    if geometry:
        is_box = row["answer_kind"] in ("box", "boxes")
        moved = _moved_boxes(geometry) if is_box else [(v + PLACE_MOVED) % 1 for v in geometry]
        return None if moved is None else {"geometry": moved}
    frame = {"width": row["width"] or 1, "height": row["height"] or 1}
    found = _BOX_IN_WORDS.search(row["answer"])
    if found is None:
        return None
    numbers = [float(text) for text in found[1].split(",")]
    scales = _scales_of(numbers, **frame)
    moved = _moved_boxes([value / scales[i % 2] for i, value in enumerate(numbers)])
    if moved is None:
        return None
    written = ", ".join(
        f"{value * scales[i % 2]:.3g}" if scales[0] == 1 else f"{value * scales[i % 2]:.0f}"
        for i, value in enumerate(moved)
    )
    start, end = found.span()
    return {"answer": f"{row['answer'][:start]}[{written}]{row['answer'][end:]}"}


def _scales_of(numbers: list[float], *, width: float, height: float) -> tuple[float, float]:
    """What the numbers of a box in words are fractions of: 1, the picture, or a thousand."""
    if max(numbers) <= 1:
        return 1.0, 1.0
    fits = max(numbers[::2]) <= width and max(numbers[1::2]) <= height
    return (width, height) if fits else (1000.0, 1000.0)


def _moved_boxes(fractions: list[float]) -> list[float] | None:
    """Boxes of the same size elsewhere in the picture; None for one too large to be moved away."""
    moved: list[float] = []
    for start in range(0, len(fractions) - 3, 4):
        x1, y1, x2, y2 = fractions[start : start + 4]
        left, top = _elsewhere(x1, x2 - x1), _elsewhere(y1, y2 - y1)
        box = (left, top, left + x2 - x1, top + y2 - y1)
        if box_iou(box, second_px=(x1, y1, x2, y2)) > MAX_IOU_LEFT:
            return None
        moved += box
    return moved


def _elsewhere(start: float, length: float) -> float:
    """The place of an interval of this length at the other end of 0 to 1."""
    return 0.0 if start + length / 2 > PLACE_MOVED else 1 - length


def _contradicted_relation(row: Row) -> dict[str, Any] | None:
    """The first word of place, direction or action turned into its opposite."""
    found = _RELATION.search(row["answer"])
    if found is None:
        return None
    start, end = found.span()
    opposite = _OPPOSITE[found[0].lower()]
    opposite = opposite.capitalize() if found[0][0].isupper() else opposite
    return {"answer": f"{row['answer'][:start]}{opposite}{row['answer'][end:]}"}


def _duplicated_sentence(row: Row) -> dict[str, Any] | None:
    """The longest sentence (of a plan: step) said again at the end."""
    is_plan = row["answer_kind"] == "plan"
    parts = row["answer"].split("\n") if is_plan else sentences(row["answer"])
    if not parts or len(max(parts, key=len)) < 8:
        return None
    return {"answer": ("\n" if is_plan else " ").join([*parts, max(parts, key=len)])}


def _reversed_plan(row: Row) -> dict[str, Any] | None:
    """The steps from the last to the first."""
    steps = row["answer"].split("\n")
    if row["answer_kind"] != "plan" or len(set(steps)) < 3 or steps == steps[::-1]:
        return None
    return {"answer": "\n".join(reversed(steps))}


FAULTS: Mapping[str, Callable[[Row], dict[str, Any] | None]] = {
    "wrong_box": _wrong_box,
    "contradicted_relation": _contradicted_relation,
    "duplicated_sentence": _duplicated_sentence,
    "reversed_plan": _reversed_plan,
}
"""Name -> the columns that change, or None for a record that cannot have the fault."""
