"""From a model's answer to groups of numbers, still in the model's own frame.

Only numbers in brackets, tags and objects are coordinates; "the 2 points" is prose. A bare
`x1, y1, x2, y2` counts only when it is the whole answer. Which frame the numbers are in, and
whether y comes first, is the dialect's business: nothing here looks at how large a number is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from roboloop.dialects.answer_part import NO_END_OF_THOUGHT, answer_part, candidates, is_bare
from roboloop.dialects.groups import (
    Pair,
    RawBox,
    joined,
    named_box,
    named_pair,
    number_of,
    numbers_of,
    own_key,
    pair_of,
)
from roboloop.dialects.scanning import Found, Mapping, Node, Number, Scanner, Sequence, Tag


class RawPoint(NamedTuple):
    """A point as written; a box stands for its centre when the question was for a point."""

    place: Pair | RawBox
    label: str | None = None


@dataclass(slots=True)
class Reading:
    """What was found in a text.

    Attributes:
        boxes: Boxes, when boxes were looked for.
        points: Points, when points were looked for.
        told: The text without thoughts and answer tags.
        key: Key of the object, or label of the tag, that alone holds the answer.
        is_empty_list: Whether the text plainly says that there is nothing, such as `[]`.
        words: The words that hold the data.
        place: Where they stood, such as `answer line`.
        notes: What was mended or left out, and why.
    """

    boxes: list[RawBox] = field(default_factory=list[RawBox])
    points: list[RawPoint] = field(default_factory=list[RawPoint])
    told: str = ""
    key: str = ""
    is_empty_list: bool = False
    words: str = ""
    place: str = ""
    notes: list[str] = field(default_factory=list[str])

    @property
    def is_cut_off(self) -> bool:
        """Whether the text ends before what it began to say."""
        return CUT_OFF in self.notes or NO_END_OF_THOUGHT in self.notes

    def note(self, text: str) -> None:
        """Add a remark once."""
        if text not in self.notes:
            self.notes.append(text)


CUT_OFF = "the text is cut off; the complete items are kept"
NOT_FINITE = "a number is not finite; its group is left out"
ODD_GROUP = "a group of numbers is neither a point nor a box; it is left out"
DEPTH = "the third number of a point, a depth, is left out"
CENTER = "a box stands for its centre"
NO_CENTER = "a box is left out beside points"

_ANSWER_KEYS = ("answer", "final_answer")
_LABEL_KEYS = ("label", "name", "category")
_POINT_WORDS = ("point", "traj")


def read_boxes(text: str) -> Reading:
    """Every box in the answer part of `text`, corners as written."""
    return _read(text, want_boxes=True)


def read_points(text: str) -> Reading:
    """Every point in the answer part of `text`; a box among them stands for its centre."""
    return _read(text, want_boxes=False)


def _read(text: str, *, want_boxes: bool) -> Reading:
    answer = answer_part(text)
    nothing = Reading(told=answer.text, notes=list(answer.notes))
    for candidate in candidates(answer.text):
        found = _Interpreter(want_boxes=want_boxes).read(candidate.text)
        if found.boxes or found.points or found.is_empty_list:
            found.told = answer.text
            found.place = "answer tag" if answer.tagged else candidate.place
            found.notes[:0] = answer.notes
            return found
        for note in found.notes:
            nothing.note(note)
    return nothing


class _Interpreter:
    """Walks the data of one candidate and collects boxes or points."""

    def __init__(self, *, want_boxes: bool) -> None:
        self.want_boxes = want_boxes
        self.reading = Reading()
        self._label: str | None = None

    def read(self, part: str) -> Reading:
        """Collect from `part`."""
        bare = is_bare(part)
        if bare:
            part = f"[{part.strip().rstrip('.。')}]"
        scanner = Scanner(part)
        found = scanner.scan()
        if scanner.cut:
            self.reading.note(CUT_OFF)
        if found:
            self.reading.words = part[found[0].start + bare : found[-1].end - bare]
        if len(found) == 1:
            self.reading.key = own_key(found[0].node)
        for node in self._joined(found, text=part):
            self._walk(node, key="")
        self._settle_centers()
        return self.reading

    def _joined(self, found: tuple[Found, ...], *, text: str) -> Iterator[Node]:
        """The data of a text; where boxes are looked for, two corners beside each other as one."""
        return joined(found, text=text) if self.want_boxes else (piece.node for piece in found)

    def _settle_centers(self) -> None:
        """A box stands for its centre only where no point was given."""
        points = [raw for raw in self.reading.points if isinstance(raw.place, Pair)]
        if len(points) < len(self.reading.points):
            self.reading.note(NO_CENTER if points else CENTER)
            self.reading.points = points or self.reading.points

    def _walk(self, node: Node, *, key: str, label: str | None = None) -> None:
        match node:
            case Tag():
                self._walk_tag(node)
            case Mapping():
                self._walk_mapping(node, key=key, label=label)
            case Sequence(items=()):
                self.reading.is_empty_list = self.reading.is_empty_list or node.closed
            case Sequence():
                self._walk_sequence(node, key=key, label=label)
            case str() if any(word in key for word in (*_POINT_WORDS, "box")):
                for found in Scanner(f"[{node}]" if is_bare(node) else node).scan():
                    self._walk(found.node, key=key, label=label)
            case Number() | str():
                pass

    def _walk_tag(self, tag: Tag) -> None:
        if tag.name == "ref":
            self._label = tag.content.strip()
            return
        is_box = tag.name in ("box", "bbox")
        if is_box or not tag.attributes:
            if tag.closed and not tag.content.strip():
                self.reading.is_empty_list = True
            content = f"[{tag.content}]" if is_bare(tag.content) else tag.content
            key = "bbox" if is_box else "point"
            for node in self._joined(Scanner(content).scan(), text=content):
                self._walk(node, key=key, label=self._label)
            self._label = None
            return
        fields = dict(tag.attributes)
        label = fields.get("alt", tag.content.strip() or None)
        pairs: list[Pair] = []
        for index in ("", *(str(n) for n in range(1, len(fields) + 1))):
            x, y = (number_of(fields.get(axis + index)) for axis in ("x", "y"))
            if x is not None and y is not None:
                pairs.append(Pair(x, y, named=True))
        if self.want_boxes:
            if len(pairs) == 2:
                self._add_box(RawBox(pairs[0], pairs[1], label))
            elif pairs:
                self.reading.note(ODD_GROUP)
            return
        for pair in pairs:
            self._add_point(RawPoint(pair, label))

    def _walk_mapping(self, node: Mapping, *, key: str, label: str | None) -> None:
        if (answer := node.get(*_ANSWER_KEYS)) is not None:
            inner = Scanner(answer).scan() if isinstance(answer, str) else (Found(answer, 0, 0),)
            for found in inner:
                self._walk(found.node, key=key, label=label)
            return
        named = node.get(*_LABEL_KEYS)
        label = named if isinstance(named, str) else label
        if (box := named_box(node, label)) is not None:
            self._add(box, label=label)
        elif (point := named_pair(node, "x", "y")) is not None:
            if self.want_boxes:
                self.reading.note(ODD_GROUP)
            else:
                self._add_point(RawPoint(point, label))
        else:
            for name, value in node.pairs:
                self._walk(value, key=name.lower(), label=label)

    def _walk_sequence(self, node: Sequence, *, key: str, label: str | None) -> None:
        numbers = numbers_of(node)
        if numbers is not None:
            self._flat(numbers, closed=node.closed, key=key, label=label)
            return
        corners = [pair_of(item) for item in node.items]
        if self.want_boxes and len(corners) == 2 and corners[0] and corners[1]:
            self._add_box(RawBox(corners[0], corners[1], label))
            return
        if self.want_boxes and len(corners) > 2 and all(corners):
            self.reading.note(ODD_GROUP)
            return
        for item, corner in zip(node.items, corners, strict=True):
            if corner is not None and not self.want_boxes:
                self._add_point(RawPoint(corner, label))
            else:
                self._walk(item, key=key, label=label)

    def _flat(self, numbers: list[Number], *, closed: bool, key: str, label: str | None) -> None:
        """A bracket of nothing but numbers; four are a box unless their key says points."""
        count = len(numbers)
        says_points = not self.want_boxes and any(word in key for word in _POINT_WORDS)
        if count == 4 and closed and not says_points:
            pairs = (Pair(numbers[0], numbers[1]), Pair(numbers[2], numbers[3]))
            self._add(RawBox(*pairs, label), label=label)
        elif self.want_boxes or (not closed and count < 6):
            if count > 1 and closed:
                self.reading.note(ODD_GROUP)
        elif count == 3:
            self.reading.note(DEPTH)
            self._add_point(RawPoint(Pair(numbers[0], numbers[1]), label))
        elif count > 1 and (count % 2 == 0 or not closed):
            for first, second in zip(numbers[::2], numbers[1::2], strict=False):
                self._add_point(RawPoint(Pair(first, second), label))
        elif count > 1:
            self.reading.note(ODD_GROUP)

    def _add(self, box: RawBox, *, label: str | None) -> None:
        if self.want_boxes:
            self._add_box(box)
        else:
            self._add_point(RawPoint(box, label))

    def _add_box(self, box: RawBox) -> None:
        if all(math.isfinite(number.value) for number in (*box.start[:2], *box.end[:2])):
            self.reading.boxes.append(box)
        else:
            self.reading.note(NOT_FINITE)

    def _add_point(self, point: RawPoint) -> None:
        place = point.place
        pairs = (place,) if isinstance(place, Pair) else (place.start, place.end)
        for first, second, _ in pairs:
            if not (math.isfinite(first.value) and math.isfinite(second.value)):
                self.reading.note(NOT_FINITE)
                return
        self.reading.points.append(point)
