"""Reasoning that comes before an answer: what is seen, what is to be done, what is expected.

Coordinates are float pixels of the original picture, as in answers; `tasks.reasoning_text` writes
them in a model's dialect. Every claim names its evidence, so that it can be derived again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize, Point
from roboloop.records.answers import Box, Points, Trajectory, check_answer
from roboloop.records.typed import BoxCorners, PlacePx, Typed, Word

Language = Literal["en", "zh"]
Form = Literal["json", "prose"]

Evidence = Annotated[tuple[Word, ...], Field(min_length=1)]
"""What proves a claim: `object:<id>`, `relation:<subject>|<predicate>|<object>`,
`boxes:<id>|<id>`, `count:<name>`, `not_there:<name>` or `robot:<field>`; ids are the scene's. Of
an episode told in symbols: `start`, `step:<number>`, `asked`, `goal:<number>` or `rule:<rule>`,
counted from 1."""


class SeenObject(Typed):
    """A thing that is seen, and where. Its `id` is a number within the reasoning."""

    id: Word
    name: Word
    box_px: BoxCorners
    attributes: tuple[str, ...] = ()
    evidence: Evidence


class SeenRelation(Typed):
    """How two things that are seen stand together."""

    subject: Word
    predicate: Word
    object: Word
    evidence: Evidence


class KnownFact(Typed):
    """A fact that no picture shows, but that follows from what has been done.

    Attributes:
        fact: Its predicate, such as `holding`.
        text: In words.
    """

    fact: Word
    text: Word
    evidence: Evidence


class See(Typed):
    """What is seen, or known without a picture."""

    objects: tuple[SeenObject, ...] = ()
    relations: tuple[SeenRelation, ...] = ()
    facts: tuple[KnownFact, ...] = ()


class Step(Typed):
    """A step that can be carried out. `objects` are ids of things seen."""

    action: Word
    objects: tuple[str, ...] = ()
    text: Word
    evidence: Evidence


class Expectation(Typed):
    """A fact that can be checked when the steps are done.

    Attributes:
        fact: Its predicate, such as `in`, of `objects`.
        text: In words.
        box_px: Where the first of the objects is then.
    """

    fact: Word
    objects: tuple[str, ...] = ()
    text: Word
    box_px: BoxCorners | None = None
    evidence: Evidence


class SeeDoExpect(Typed):
    """Reasoning in three parts: 看, 做, 期望.

    Attributes:
        form: How it is written: as a JSON object or in sentences.
        picture: Which of the record's pictures its places lie in, from 0.
        thinks: Whether it stands in think tags; else the answer stands in an answer tag after it.
        is_asked_for: Whether the question asks for it; else the model does it of its own accord.
    """

    kind: Literal["see_do_expect"] = "see_do_expect"
    language: Language = "en"
    form: Form = "json"
    picture: Annotated[int, Field(ge=0)] = 0
    thinks: bool = True
    is_asked_for: bool = True
    see: See
    do: Annotated[tuple[Step, ...], Field(min_length=1)]
    expect: Annotated[tuple[Expectation, ...], Field(min_length=1)]


class PlannerOutput(Typed):
    """What RoboInter's planner tells its executor: each part may be left out, the order is fixed.

    Attributes:
        picture, thinks, is_asked_for: As of `SeeDoExpect`.
        grasp_pose_px: Six places: centre, approach, left and right top, left and right bottom.
        trace_px: Places on the gripper's path, from where it is now.
    """

    kind: Literal["planner"] = "planner"
    language: Language = "en"
    picture: Annotated[int, Field(ge=0)] = 0
    thinks: bool = True
    is_asked_for: bool = True
    subtask: Word | None = None
    skill: Word | None = None
    gripper_box_px: BoxCorners | None = None
    object_box_px: BoxCorners | None = None
    contact_points_px: tuple[PlacePx, ...] | None = None
    grasp_pose_px: tuple[PlacePx, ...] | None = None
    trace_px: tuple[PlacePx, ...] | None = None
    evidence: Evidence


Reasoning = Annotated[SeeDoExpect | PlannerOutput, Field(discriminator="kind")]
_READER: TypeAdapter[SeeDoExpect | PlannerOutput] = TypeAdapter(Reasoning)


def reasoning_to_json(reasoning: SeeDoExpect | PlannerOutput) -> dict[str, Any]:
    """The reasoning as a JSON object with its `kind`."""
    return {"kind": reasoning.kind, **reasoning.to_json()}


def reasoning_from_json(value: Any) -> SeeDoExpect | PlannerOutput:
    """The inverse of `reasoning_to_json`.

    Raises:
        RoboLoopError: E-REC-003 when it does not fit `reasoning_schema`; the message names the
            place in the value.
    """
    try:
        return _READER.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise RoboLoopError("E-REC-003", f"reasoning: {where}: {first['msg'].lower()}") from error


def reasoning_schema() -> dict[str, Any]:
    """The JSON schema of reasoning, which `reasoning_from_json` holds a value to."""
    return _READER.json_schema()


def schema_page() -> str:
    """`reasoning_schema` as the text of docs/reasoning.schema.json."""
    return json.dumps(reasoning_schema(), indent=2, ensure_ascii=False) + "\n"


def reasoning_places(reasoning: SeeDoExpect | PlannerOutput) -> Iterator[Box | Points | Trajectory]:
    """Every place it speaks of."""
    match reasoning:
        case SeeDoExpect():
            for seen in reasoning.see.objects:
                yield Box(*seen.box_px, label=seen.name)
            for fact in reasoning.expect:
                if fact.box_px is not None:
                    yield Box(*fact.box_px, label=fact.text)
        case PlannerOutput():
            for box_px, label in (
                (reasoning.gripper_box_px, "gripper"), (reasoning.object_box_px, "object"),
            ):  # fmt: skip
                if box_px is not None:
                    yield Box(*box_px, label=label)
            for places_px in (reasoning.contact_points_px, reasoning.grasp_pose_px):
                if places_px:
                    yield Points(tuple(Point(x, y) for x, y in places_px))
            if reasoning.trace_px:
                yield Trajectory(tuple(Point(x, y) for x, y in reasoning.trace_px))


def moved_reasoning(
    reasoning: SeeDoExpect | PlannerOutput, *, move: Callable[[Point], Point]
) -> SeeDoExpect | PlannerOutput:
    """The reasoning about a picture whose places went where `move` says."""

    def box(box_px: BoxCorners | None) -> BoxCorners | None:
        if box_px is None:
            return None
        first, second = move(Point(*box_px[:2])), move(Point(*box_px[2:]))
        return (first.x, first.y, second.x, second.y)

    def places(places_px: tuple[PlacePx, ...] | None) -> tuple[PlacePx, ...] | None:
        return None if places_px is None else tuple(move(Point(x, y)) for x, y in places_px)

    match reasoning:
        case SeeDoExpect(see=see, expect=expect):
            objects = tuple(
                seen.model_copy(update={"box_px": box(seen.box_px)}) for seen in see.objects
            )
            facts = tuple(fact.model_copy(update={"box_px": box(fact.box_px)}) for fact in expect)
            moved = see.model_copy(update={"objects": objects})
            return reasoning.model_copy(update={"see": moved, "expect": facts})
        case PlannerOutput():
            return reasoning.model_copy(
                update={
                    "gripper_box_px": box(reasoning.gripper_box_px),
                    "object_box_px": box(reasoning.object_box_px),
                    "contact_points_px": places(reasoning.contact_points_px),
                    "grasp_pose_px": places(reasoning.grasp_pose_px),
                    "trace_px": places(reasoning.trace_px),
                }
            )


def check_reasoning(reasoning: SeeDoExpect | PlannerOutput, *, size: PictureSize | None) -> None:
    """Check that its places lie in the picture.

    Raises:
        RoboLoopError: E-REC-010, E-REC-011 or E-REC-012.
    """
    for place in reasoning_places(reasoning):
        check_answer(place, size=size)
