"""Groups of numbers in scanned data: pairs, lists of numbers, boxes with named corners."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from roboloop.dialects.scanning import Found, Mapping, Node, Number, Sequence, Tag

_MAX_GAP = 64
_BETWEEN = re.compile(
    r"[\s,，;；、]*(?:and|to|和|与|到)?[\s,，;；、]*"
    r"(?:(?:the\s+)?(?:(?:bottom|lower)[-\s]*right|右下角?)(?:\s+corner)?"
    r"[\s:：=]*(?:is|at|为|是)?\s*(?:at)?\s*)?",
    re.IGNORECASE,
)
"""What may stand between the two corners of a box."""
_CORNERS = (
    ("x1", "y1", "x2", "y2"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("left", "top", "right", "bottom"),
)
_EXTENTS = (
    ("x", "y", "width", "height"),
    ("x", "y", "w", "h"),
    ("left", "top", "width", "height"),
)


class Pair(NamedTuple):
    """Two numbers in the order of the text; `named` when their keys say x and y."""

    first: Number
    second: Number
    named: bool = False


class RawBox(NamedTuple):
    """Two opposite corners as written."""

    start: Pair
    end: Pair
    label: str | None = None


def joined(found: tuple[Found, ...], *, text: str) -> Iterator[Node]:
    """The data of a text, with neighbours like `(x1, y1), (x2, y2)` joined into one sequence."""
    run: list[Node] = []
    end = 0
    for piece in found:
        is_pair = pair_of(piece.node) is not None
        is_near = piece.start - end <= _MAX_GAP and _BETWEEN.fullmatch(text, end, piece.start)
        if run and not (is_pair and is_near):
            yield from (Sequence(tuple(run)),) if len(run) > 1 else run
            run = []
        if is_pair:
            run.append(piece.node)
        else:
            yield piece.node
        end = piece.end
    if run:
        yield from (Sequence(tuple(run)),) if len(run) > 1 else run


def own_key(node: Node) -> str:
    """The task's name for the answer, as far as the text carries one."""
    match node:
        case Mapping(pairs=((str() as key, _),)):
            return key
        case Tag():
            return dict(node.attributes).get("alt", "")
        case _:
            return ""


def numbers_of(node: Node) -> list[Number] | None:
    """The items of a sequence of numbers alone, otherwise None."""
    if not isinstance(node, Sequence) or not node.items:
        return None
    numbers: list[Number] = []
    for item in node.items:
        number = number_of(item)
        if number is None:
            return None
        numbers.append(number)
    return numbers


def pair_of(node: Node) -> Pair | None:
    """A closed sequence of two numbers as a pair, otherwise None."""
    if not isinstance(node, Sequence) or len(node.items) != 2 or not node.closed:
        return None
    first, second = number_of(node.items[0]), number_of(node.items[1])
    return None if first is None or second is None else Pair(first, second)


def number_of(node: Node | None) -> Number | None:
    """A number, also one in quotes or in an attribute; None for anything else."""
    if isinstance(node, Number):
        return node
    if not isinstance(node, str):
        return None
    try:
        return Number(float(node.strip().removesuffix("%")), node.strip().endswith("%"))
    except ValueError:
        return None


def named_pair(node: Mapping, first: str, second: str) -> Pair | None:
    """The values of the keys `first` and `second`, when both are numbers."""
    if len(node.pairs) < 2:
        return None
    x, y = number_of(node.get(first)), number_of(node.get(second))
    return None if x is None or y is None else Pair(x, y, named=True)


def named_box(node: Mapping, label: str | None) -> RawBox | None:
    """A box from `{x1, y1, x2, y2}` or `{x, y, width, height}` with x, y its top left corner."""
    if len(node.pairs) < 4:
        return None
    for x1, y1, x2, y2 in _CORNERS:
        start, end = named_pair(node, x1, y1), named_pair(node, x2, y2)
        if start is not None and end is not None:
            return RawBox(start, end, label)
    for x, y, width, height in _EXTENTS:
        start, extent = named_pair(node, x, y), named_pair(node, width, height)
        if start is not None and extent is not None:
            sums = [
                Number(place.value + length.value, place.is_percent)
                for place, length in zip(start[:2], extent[:2], strict=True)
                if place.is_percent == length.is_percent
            ]
            return RawBox(start, Pair(sums[0], sums[1], named=True), label) if sums[1:] else None
    return None
