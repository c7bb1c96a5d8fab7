"""The rules of `format`: what each finds, from the facts and what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from roboloop.curate.base import Flags, Numbers
from roboloop.curate.columns import WORDED
from roboloop.curate.problems import PROBLEMS

NOTHING = float("nan")


class Range(NamedTuple):
    """At least and at most."""

    low: int
    high: int


class Lengths(BaseModel):
    """How long texts may be. Words are counted as in `text_counts.WORD`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    question_words: Range = Range(1, 2_000)
    question_chars: Range = Range(3, 12_000)
    answer_words: Range = Range(1, 2_000)
    """Of answers in words."""
    answer_chars: Range = Range(1, 12_000)
    """Of answers in words."""


class Limits(BaseModel):
    """What the rules hold records against."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    num_points: dict[str, int] = Field(
        default_factory=lambda: {"traj": 10, "traj_wo_init_pos": 10, "contact_point": 2}
    )
    """Task -> how many points its answer has."""
    languages: tuple[Literal["en", "zh"], ...] = ()
    """Languages that are expected; empty for any."""
    min_script_share: float = Field(0.5, ge=0, le=1)
    """Share of the letters that must be of the scripts of these languages."""
    min_letters: int = Field(8, ge=1)
    """Records with fewer letters have no language."""
    lengths: dict[str, Lengths] = Field(default_factory=lambda: {"any": Lengths()})
    """Task, family or `any` -> how long the texts may be; the first that fits counts."""
    max_outside_px: float = Field(0.0, ge=0)
    """How far a coordinate may lie outside the picture, in pixels."""
    min_box_px: float = Field(1.0, ge=0)
    """The least width and height of a box, in pixels."""
    min_words_cut_off: int = Field(4, ge=1)
    """Answers with fewer words are never taken for cut off."""


class Seen(NamedTuple):
    """The facts and values of all records, as Arrow tables."""

    facts: Any
    values: Any

    def numbers(self, name: str) -> Numbers:
        """A measured column."""
        return self.values[name].to_numpy().astype(np.float64)

    def flags(self, column: Any) -> Flags:
        """A Bool column; null is False."""
        return column.fill_null(False).to_numpy().astype(np.bool_)

    def has_kind(self, *kinds: str) -> Flags:
        """Whose answers are of one of these kinds."""
        return self.is_one_of("answer_kind", kinds)

    def is_one_of(self, name: str, texts: tuple[str, ...]) -> Flags:
        """Where a column of the facts has one of these texts."""
        import pyarrow as pa

        wanted = pa.array(texts, pa.string())
        return self.flags(_pc().is_in(self.facts[name], value_set=wanted))


class Fault(NamedTuple):
    """Records that break a rule for one reason, with the value and what it is held against."""

    records: Flags
    reason: str
    value: Any = NOTHING
    threshold: Any = NOTHING


Rule = Callable[[Seen, Limits], Iterator[Fault]]


def _problems(name: str) -> Rule:
    """A rule for what was found while the facts were made."""

    def rule(seen: Seen, limits: Limits) -> Iterator[Fault]:
        del limits
        column = seen.facts["problem"]
        for text in _pc().unique(column).to_pylist():
            found, _, detail = text.partition(": ")
            if found == name:
                records = seen.flags(_pc().equal(column, text))
                yield Fault(records, f"{PROBLEMS[name]}: {detail}")

    return rule


def _empty(seen: Seen, limits: Limits) -> Iterator[Fault]:
    del limits
    is_worded, kinds = seen.has_kind(*WORDED), seen.has_kind("")
    no_question = seen.numbers("question_words") == 0
    yield Fault(no_question & seen.is_one_of("problem", ("",)), "the question is empty")
    yield Fault(kinds, "there is no answer")
    yield Fault(is_worded & (seen.numbers("answer_words") == 0), "the answer is empty")
    is_spatial = seen.has_kind("box", "boxes", "points", "trajectory")
    yield Fault(is_spatial & (_num_coordinates(seen) == 0), "the answer has no coordinates")


def _unparsable(seen: Seen, limits: Limits) -> Iterator[Fault]:
    del limits
    column = seen.values["misread"]
    for note in _pc().unique(column).to_pylist():
        if note is not None:
            records = seen.flags(_pc().equal(column, note))
            yield Fault(records, f"the task cannot read its own answer: {note}")


def _not_finite(seen: Seen, limits: Limits) -> Iterator[Fault]:
    del limits
    yield Fault(np.isinf(seen.numbers("outside_px")), "a coordinate is not a finite number")


def _outside(seen: Seen, limits: Limits) -> Iterator[Fault]:
    distance = seen.numbers("outside_px")
    yield Fault(
        distance > limits.max_outside_px,
        "the answer lies outside the picture (pixels)",
        distance,
        limits.max_outside_px,
    )


def _small_box(seen: Seen, limits: Limits) -> Iterator[Fault]:
    side = seen.numbers("box_side_px")
    yield Fault(side < 0, "a box is inside out (pixels)", side, 0.0)
    yield Fault(
        (side >= 0) & (side < limits.min_box_px), "a box is too thin (pixels)", side,
        limits.min_box_px,
    )  # fmt: skip


def _wrong_count(seen: Seen, limits: Limits) -> Iterator[Fault]:
    num_points = _num_coordinates(seen) / 2
    is_points = seen.has_kind("points", "trajectory")
    for task, wanted in limits.num_points.items():
        records = seen.is_one_of("task", (task,)) & is_points & (num_points != wanted)
        yield Fault(records, f"a wrong number of points for {task}", num_points, wanted)


def _language(seen: Seen, limits: Limits) -> Iterator[Fault]:
    if not limits.languages:
        return
    letters = seen.numbers("letters")
    scripts = {"en": "latin", "zh": "han"}
    expected = sum(seen.numbers(scripts[language]) for language in limits.languages)
    share = expected / np.maximum(letters, 1)
    yield Fault(
        (letters >= limits.min_letters) & (share < limits.min_script_share),
        f"too few letters are {' or '.join(limits.languages)}",
        share,
        limits.min_script_share,
    )


def _length(seen: Seen, limits: Limits) -> Iterator[Fault]:
    is_worded = seen.has_kind(*WORDED)
    left = np.ones(seen.facts.num_rows, dtype=np.bool_)
    names = [name for name in limits.lengths if name != "any"]
    groups = [*(("task", name) for name in names), *(("family", name) for name in names)]
    for column, name in [*groups, *([("", "any")] if "any" in limits.lengths else [])]:
        of_group = left & seen.is_one_of(column, (name,)) if column else left
        left = left & ~of_group
        for measured, (low, high) in limits.lengths[name]:
            records = of_group & is_worded if measured.startswith("answer") else of_group
            value = seen.numbers(measured)
            title = measured.replace("_", " in ").replace("chars", "characters")
            yield Fault(records & (value < low), f"too short a {title} ({name})", value, low)
            yield Fault(records & (value > high), f"too long a {title} ({name})", value, high)


def _unfinished(seen: Seen, limits: Limits) -> Iterator[Fault]:
    column = seen.values["cut_off"]
    long_enough = seen.numbers("answer_words") >= limits.min_words_cut_off
    for sign in _pc().unique(column).to_pylist():
        if sign is not None:
            records = seen.flags(_pc().equal(column, sign)) & seen.has_kind(*WORDED)
            yield Fault(records & long_enough, f"the answer {sign}")


def _marks(seen: Seen, limits: Limits) -> Iterator[Fault]:
    del limits
    column = seen.values["stray_mark"]
    for mark in _pc().unique(column).to_pylist():
        if mark is not None:
            yield Fault(seen.flags(_pc().equal(column, mark)), f"{mark} stands in the text")


RULES: Mapping[str, Rule] = {
    **{name: _problems(name) for name in PROBLEMS},
    "empty": _empty,
    "not_finite": _not_finite,
    "outside": _outside,
    "small_box": _small_box,
    "wrong_count": _wrong_count,
    "unparsable": _unparsable,
    "language": _language,
    "length": _length,
    "unfinished": _unfinished,
    "marks": _marks,
}
"""Name -> rule, in the order in which they are asked."""


def _num_coordinates(seen: Seen) -> Numbers:
    lengths = _pc().list_value_length(seen.facts["geometry"])
    return lengths.fill_null(0).to_numpy().astype(np.float64)


def _pc() -> Any:
    """`pyarrow.compute`, whose functions are made at run time."""
    return import_module("pyarrow.compute")
