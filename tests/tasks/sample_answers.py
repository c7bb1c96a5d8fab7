"""Answers of every kind, and records that ask for them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from roboloop.base.geometry import PictureSize, Point
from roboloop.records.answers import (
    Answer,
    Box,
    Boxes,
    Choice,
    Number,
    Plan,
    Points,
    Text,
    Trajectory,
    YesNo,
)
from roboloop.records.media import FilePicture
from roboloop.records.record import InputValue, Record
from roboloop.tasks.base import Task

OPTIONS = ("pick up the red cup", "open the drawer", "push the button", "close the door")
INPUTS: dict[str, InputValue] = {
    "instruction": "put the red cup on the plate",
    "object": "red cup",
    "question": "What stands on the table?",
    "start": Points((Point(40.0, 30.0),)),
    "about": "What is in it?",
    "top_left": Points((Point(40.0, 30.0),)),
    "bottom_right": Points((Point(80.0, 60.0),)),
    "letters": "A, B, C, D",
    "options": OPTIONS,
}

sizes = st.builds(PictureSize, st.integers(112, 1280), st.integers(112, 1280))
fractions = st.floats(0.02, 0.98)


def record_for(
    task: Task, *, answer: Answer | None = None, size: PictureSize | None = None
) -> Record:
    """A record with every input that any wording of the task needs."""
    needed = frozenset[str]().union(*(wording.names for wording in task.wordings))
    record = Record(
        id=f"{task.kind}-1",
        task=task.kind,
        media=(FilePicture(path="demo:a.png", size=size or PictureSize(320, 180)),),
        inputs={name: INPUTS[name] for name in needed},
    )
    return replace(record, answer=answer)


@st.composite
def box_in(draw: st.DrawFn, size: PictureSize, *, label: str | None = None) -> Box:
    """A box of at least 3/10 of the picture each way."""
    width, height = draw(st.floats(0.3, 0.5)), draw(st.floats(0.3, 0.5))
    left, top = draw(st.floats(0, 1 - width)), draw(st.floats(0, 1 - height))
    return Box(
        left * size.width,
        top * size.height,
        (left + width) * size.width,
        (top + height) * size.height,
        label,
    )


def points_in(size: PictureSize) -> st.SearchStrategy[Point]:
    """A place in the picture."""
    return st.builds(lambda x, y: Point(x * size.width, y * size.height), fractions, fractions)


def far_apart(places: tuple[Point, ...], size: PictureSize) -> bool:
    return all(
        abs(a.x - b.x) + abs(a.y - b.y) > 0.1 * (size.width + size.height)
        for i, a in enumerate(places)
        for b in places[:i]
    )


def answers_of(kind: str, size: PictureSize) -> st.SearchStrategy[Answer]:
    """Any answer of a kind that every dialect can tell apart from its neighbours."""
    places = points_in(size)
    match kind:
        case "box":
            return box_in(size)
        case "boxes":
            names = ("red cup", "blue box", "plate")
            return st.tuples(*(box_in(size, label=name) for name in names)).map(Boxes)
        case "points":
            pairs = st.lists(places, min_size=2, max_size=4).map(tuple)
            return pairs.filter(lambda chosen: far_apart(chosen, size)).map(Points)
        case "trajectory":
            return st.lists(places, min_size=2, max_size=12).map(lambda p: Trajectory(tuple(p)))
        case "choice":
            return st.sampled_from("ABCD").map(lambda letter: Choice(letter, OPTIONS))
        case "yes_no":
            return st.booleans().map(YesNo)
        case "number":
            values = st.integers(0, 10_000).map(lambda value: value / 10)
            return st.builds(Number, values, st.sampled_from([None, "m", "cm", "m2"]))
        case "plan":
            steps = st.lists(st.sampled_from(OPTIONS), min_size=1, max_size=6)
            return steps.map(lambda chosen: Plan(tuple(chosen)))
        case "text":
            return st.sampled_from([Text(option) for option in (*OPTIONS, "Yes", "two", "杯子")])
        case _:
            raise AssertionError(kind)
