"""Reasoning as text before an answer, in a model's dialect.

    <think>{"see": {...}, "do": [...], "expect": [...]}</think>
    {"contact_bbox": [10, 20, 60, 80]}

What stands before the end of a thought, or outside an answer tag, is never taken for the answer:
`dialects.answer_part` sees to that for every task. So a model that reasons is scored by its answer.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

from roboloop.base.geometry import PictureSize, Point
from roboloop.dialects.base import Dialect
from roboloop.records.answers import Box, Points
from roboloop.records.reasoning import (
    Expectation,
    PlannerOutput,
    SeeDoExpect,
    SeenObject,
    SeenRelation,
)
from roboloop.records.typed import BoxCorners, PlacePx
from roboloop.tasks.reasoning_words import KEYS, REQUESTS, relation_words


def with_reasoning(
    answer: str,
    *,
    reasoning: SeeDoExpect | PlannerOutput,
    dialect: Dialect,
    size: PictureSize | None,
) -> str:
    """The text that a model is trained to write: its reasoning, then the task's own answer."""
    told = reasoning_text(reasoning, dialect=dialect, size=size)
    if reasoning.thinks:
        return f"<think>{told}</think>\n{answer}"
    return f"{told}\n<answer>{answer}</answer>"


def requested(question: str, *, reasoning: SeeDoExpect | PlannerOutput) -> str:
    """The question with the sentences that ask for the reasoning, where they are wanted."""
    if not reasoning.is_asked_for:
        return question
    words = REQUESTS[reasoning.language]
    form = reasoning.form if isinstance(reasoning, SeeDoExpect) else "planner"
    space = "" if reasoning.language == "zh" else " "
    wanted = f"{words[form]}{space}{words['think' if reasoning.thinks else 'tell']}"
    between = "\n" if "\n" in question else space
    return f"{question}{between}{wanted}"


def reasoning_text(
    reasoning: SeeDoExpect | PlannerOutput, *, dialect: Dialect, size: PictureSize | None
) -> str:
    """The reasoning alone, without tags.

    Args:
        reasoning: What is written.
        dialect: How the model writes places.
        size: Of the original picture; None for reasoning that speaks of no place in one.
    """
    writer = _Writer(dialect=dialect, size=size, language=reasoning.language)
    if isinstance(reasoning, PlannerOutput):
        return writer.planner(reasoning)
    return writer.prose(reasoning) if reasoning.form == "prose" else writer.json(reasoning)


class _Writer:
    """Writes reasoning in one dialect about one picture."""

    def __init__(self, *, dialect: Dialect, size: PictureSize | None, language: str) -> None:
        self._dialect = dialect
        self._size = size
        self._language = language
        self._keys = KEYS[language]

    def json(self, reasoning: SeeDoExpect) -> str:
        """One JSON object; parts of `see` that are empty are left out."""
        see = reasoning.see
        seen = {
            "objects": _list(self._seen(thing) for thing in see.objects),
            "relations": _list(_quoted(self._numbered(each)) for each in see.relations),
            "facts": _list(_quoted(each.text) for each in see.facts),
        }
        if reasoning.picture:
            seen = {"picture": str(reasoning.picture + 1), **seen}
        return self._object(
            see=self._object(**{key: text for key, text in seen.items() if text != "[]"}),
            do=_list(_quoted(step.text) for step in reasoning.do),
            expect=_list(self._expected(fact) for fact in reasoning.expect),
        )

    def prose(self, reasoning: SeeDoExpect) -> str:
        """Three lines, such as `See: red mug [10, 20, 60, 80]; red mug left of tray.`"""
        called = _names(reasoning.see.objects)
        seen = [
            " ".join((called[thing.id], *_bracketed(thing), self._box(thing.box_px)))
            for thing in reasoning.see.objects
        ]
        seen += [
            relation_words(
                each.predicate, subject=called[each.subject], other=called[each.object],
                language=self._language,
            )
            for each in reasoning.see.relations
        ]  # fmt: skip
        seen += [each.text for each in reasoning.see.facts]
        expected = [
            fact.text if fact.box_px is None else f"{fact.text} {self._box(fact.box_px)}"
            for fact in reasoning.expect
        ]
        parts = {"see": seen, "do": [step.text for step in reasoning.do], "expect": expected}
        return "\n".join(self._line(key, items) for key, items in parts.items())

    def planner(self, plan: PlannerOutput) -> str:
        """One JSON object with RoboInter's keys in its order; first the space of the numbers."""
        words = {"subtask": plan.subtask, "skill": plan.skill}
        boxes = {"gripper_box": plan.gripper_box_px, "object_box": plan.object_box_px}
        places = {
            "contact_points": plan.contact_points_px,
            "grasp_pose": plan.grasp_pose_px,
            "trace": plan.trace_px,
        }
        values = {
            **{key: _quoted(text) for key, text in words.items() if text is not None},
            **{key: self._box(box) for key, box in boxes.items() if box is not None},
            **{key: self._places(each) for key, each in places.items() if each is not None},
        }
        view = self._dialect.view_size(self._known_size())
        space = {"space": _quoted(self._dialect.kind), "image_size": json.dumps(list(view))}
        return _object({**space, **values})

    def _seen(self, thing: SeenObject) -> str:
        attributes = (
            {"attributes": json.dumps(list(thing.attributes), ensure_ascii=False)}
            if thing.attributes
            else {}
        )
        return self._object(
            id=_quoted(thing.id), name=_quoted(thing.name), **attributes,
            box=self._box(thing.box_px),
        )  # fmt: skip

    def _numbered(self, relation: SeenRelation) -> str:
        return relation_words(
            relation.predicate, subject=relation.subject, other=relation.object,
            language=self._language,
        )  # fmt: skip

    def _expected(self, fact: Expectation) -> str:
        if fact.box_px is None:
            return _quoted(fact.text)
        return self._object(text=_quoted(fact.text), box=self._box(fact.box_px))

    def _line(self, key: str, items: list[str]) -> str:
        colon, comma, stop = ("：", "；", "。") if self._language == "zh" else (": ", "; ", ".")
        return f"{self._keys[key].capitalize()}{colon}{comma.join(items)}{stop}"

    def _object(self, **values: str) -> str:
        return _object({self._keys[key]: text for key, text in values.items()})

    def _box(self, box_px: BoxCorners) -> str:
        return self._dialect.write_value(Box(*box_px), size=self._known_size())

    def _places(self, places_px: Iterable[PlacePx]) -> str:
        points = Points(tuple(Point(x, y) for x, y in places_px))
        return self._dialect.write_value(points, size=self._known_size())

    def _known_size(self) -> PictureSize:
        assert self._size is not None, "places are told of a picture of known size"
        return self._size


def _names(objects: Iterable[SeenObject]) -> dict[str, str]:
    """Id -> the name, with the id in brackets where several bear it."""
    things = list(objects)
    bearers = Counter(thing.name for thing in things)
    return {
        thing.id: thing.name if bearers[thing.name] == 1 else f"{thing.name} ({thing.id})"
        for thing in things
    }


def _bracketed(thing: SeenObject) -> tuple[str, ...]:
    return (f"({', '.join(thing.attributes)})",) if thing.attributes else ()


def _object(values: dict[str, str]) -> str:
    return f"{{{', '.join(f'{_quoted(key)}: {text}' for key, text in values.items())}}}"


def _list(items: Iterable[str]) -> str:
    return f"[{', '.join(items)}]"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
