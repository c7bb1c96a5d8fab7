"""A task: one type of question, whole. Its wording, its answer's text, its metric and its drawing.

In most code bases these live in three trees (data, training, evaluation), which is how coordinate
bugs are born. Here one file of `tasks/` holds all of them; `tasks/contact_box.py` shows how.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from string import Formatter
from typing import ClassVar, NamedTuple

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize, Point, Scale
from roboloop.base.hashing import seeded_generator
from roboloop.dialects.base import Dialect
from roboloop.records.answers import Answer, Box, Boxes, Points, Trajectory
from roboloop.records.record import Record
from roboloop.records.regions import Polygon
from roboloop.tasks.final_answer import FinalAnswer, is_failed_request
from roboloop.tasks.reasoning_text import requested, with_reasoning
from roboloop.tasks.tracked_text import Span

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


EXACT = "exact"
"""Rule of an answer that is written exactly as its task writes one."""


class ParseStatus(StrEnum):
    """How a model's text was understood.

    Only `ok`, `out_of_range` and `convention_break` can come with an answer. All others have none,
    score worst and stay in every denominator; `infra_error` makes the result incomplete besides.

    - `ok`: there is one answer.
    - `no_answer`: the text is empty, a refusal, or says nothing to the question.
    - `ambiguous`: several answers and no choice between them.
    - `out_of_range`: a letter that was not offered, or a place outside the picture.
    - `convention_break`: all places lie far outside the picture under the declared convention, or
      all numbers are fractions where it has none. They are scored as declared, never guessed at.
    - `truncated`: the text ends before the answer does.
    - `infra_error`: the text is the message of a client or a server that failed.
    """

    OK = "ok"
    NO_ANSWER = "no_answer"
    AMBIGUOUS = "ambiguous"
    OUT_OF_RANGE = "out_of_range"
    CONVENTION_BREAK = "convention_break"
    TRUNCATED = "truncated"
    INFRA_ERROR = "infra_error"


class Parsed(NamedTuple):
    """The answer found in a text, and how.

    Attributes:
        answer: None exactly when nothing was understood.
        note: What was mended, or why there is no answer.
        rule: Short name of the rule that decided, such as `boxed` or `option text`; `EXACT` when
            the text is as the task writes it.
        span: The words that decided, in the raw text.
    """

    answer: Answer | None
    status: ParseStatus
    note: str = ""
    rule: str = ""
    span: Span | None = None

    @property
    def is_exact(self) -> bool:
        """Whether the text is written as the task writes it."""
        return self.rule == EXACT


def unanswered(answer: FinalAnswer, *, note: str) -> Parsed:
    """No answer in the words of a text: it ends too early, or `note` says why."""
    if answer.truncated:
        return Parsed(None, ParseStatus.TRUNCATED, answer.note)
    return Parsed(None, ParseStatus.NO_ANSWER, answer.note or note)


class Metric(NamedTuple):
    """A measure of one answer.

    Attributes:
        name: Column name, such as `iou`.
        worst: The value an answer that cannot be parsed gets; None where it depends on the truth
            (`Task.worst` tells it), as for a plain sum of pixels. Never None for a main metric.
        higher_is_better: Direction.
        unit: `fraction`, `px`, `diagonals` ...
    """

    name: str
    worst: float | None
    higher_is_better: bool = True
    unit: str = "fraction"


class Mark(NamedTuple):
    """Something to draw over the first picture, in its pixels.

    Attributes:
        shape: `box` (two corners), `points`, or `path`.
        points_px: Corners, places or waypoints.
        label: Text beside it; may be empty.
    """

    shape: str
    points_px: tuple[Point, ...]
    label: str = ""


class Truth(NamedTuple):
    """A true answer with the size of its picture, as `Task.best_constant` takes it."""

    answer: Answer
    size: PictureSize | None


class Wording(NamedTuple):
    """One way to ask: a template whose `{names}` are filled from `Record.inputs`."""

    language: str
    template: str

    @property
    def names(self) -> frozenset[str]:
        """The inputs the template needs."""
        return _names_in(self.template)


@cache
def _names_in(template: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name)


class Task(ABC):
    """One type of question.

    Class attributes:
        kind: Name in recipes and records.
        title: A few words for tables and pages.
        family: `generation`, `understanding`, `planning` or `general`.
        answer_kind: The `kind` of its answers.
        other_truth_kinds: Kinds a truth may have besides: `pointing` may be judged by a box to hit.
        wordings: English first; at least three ways in English and two in Chinese.
        metrics: The first is the task's main number.
        frames_may_go: Whether of several pictures those in between may be left out of a record
            that is too long; the first and the last one stay.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    family: ClassVar[str]
    answer_kind: ClassVar[str]
    other_truth_kinds: ClassVar[tuple[str, ...]] = ()
    wordings: ClassVar[tuple[Wording, ...]]
    metrics: ClassVar[tuple[Metric, ...]]
    frames_may_go: ClassVar[bool] = False

    @abstractmethod
    def render(self, answer: Answer, *, dialect: Dialect, size: PictureSize | None) -> str:
        """The text a perfect model would answer."""

    def target(self, record: Record, *, dialect: Dialect) -> str:
        """The text that a model is trained to write: any reasoning of the record, then its answer.

        Scored is the answer alone, which `render` writes.
        """
        assert record.answer is not None, f"{record.id} has no answer"
        size = record.picture_size
        answer = self.render(record.answer, dialect=dialect, size=size)
        if record.reasoning is None:
            return answer
        answer = self.in_language(answer, language=record.reasoning.language)
        return with_reasoning(answer, reasoning=record.reasoning, dialect=dialect, size=size)

    def in_language(self, answer: str, *, language: str) -> str:
        """A rendered answer as it stands behind reasoning in a language; most have no words."""
        del language
        return answer

    def parse(self, text: str, *, record: Record, dialect: Dialect) -> Parsed:
        """The answer in a model's text, in pixels of the record's first picture."""
        if not text.strip():
            return Parsed(None, ParseStatus.NO_ANSWER, "the text is empty")
        if is_failed_request(text):
            return Parsed(None, ParseStatus.INFRA_ERROR, "the text is an error message")
        return self.read(text, record=record, dialect=dialect)

    @abstractmethod
    def read(self, text: str, *, record: Record, dialect: Dialect) -> Parsed:
        """The answer in a text that is neither empty nor the message of a failed request."""

    @abstractmethod
    def score(self, answer: Answer, *, truth: Answer, size: PictureSize | None) -> dict[str, float]:
        """Every metric of a parsed answer against the truth."""

    @abstractmethod
    def best_constant(self, truths: Sequence[Truth]) -> Answer:
        """The best answer that ignores the question: the floor a model has to beat.

        Spatial answers are taken as fractions of their picture and given for a picture of size
        1 x 1; `scale_answer` carries them to a real one.
        """

    def marks(self, answer: Answer) -> tuple[Mark, ...]:
        """What to draw for an answer; nothing for answers that are words."""
        del answer
        return ()

    def worst(self, truth: Answer, *, size: PictureSize | None) -> dict[str, float]:
        """Every metric's value for an answer that could not be parsed.

        A task with a metric whose worst value is not fixed adds it.
        """
        del truth, size
        return {m.name: m.worst for m in self.metrics if m.worst is not None}

    def choose_wording(
        self, record: Record, *, languages: Sequence[str] = ("en",), seed: int | None = None
    ) -> Wording:
        """A wording for this record: the first one, or with a seed one drawn by seed and id.

        Only wordings whose names the record's inputs fill are considered, and a record that brings
        its own `question` is asked that. A record with reasoning is asked in its language.

        Raises:
            RoboLoopError: E-REC-002 when there is none.
        """
        if record.reasoning is not None:
            languages = (record.reasoning.language,)
        known = self.askable(record, languages=languages)
        if not known:
            wanted = sorted({", ".join(sorted(wording.names)) for wording in self.wordings})
            raise RoboLoopError(
                "E-REC-002",
                f"record {record.id!r} of task {self.kind} has the inputs {sorted(record.inputs)}; "
                f"a question in {' or '.join(languages)} needs: {' | '.join(wanted)}",
            )
        if seed is None:
            return known[0]
        draw = seeded_generator(seed, "wording", record.id)
        return known[int(draw.integers(len(known)))]

    def question(self, record: Record, *, dialect: Dialect, wording: Wording | None = None) -> str:
        """The text of the question, without picture placeholders.

        A published question (the record's last user turn) is used word for word. Otherwise the
        wording is filled from `record.inputs`; points are written in the dialect. A record with
        reasoning may ask for it.
        """
        for turn in reversed(record.turns):
            if turn.role == "user":
                return turn.text.replace("<image>", "").strip()
        chosen = wording or self.choose_wording(record)
        asked = chosen.template.format_map(self._fillers(record, dialect=dialect))
        return asked if record.reasoning is None else requested(asked, reasoning=record.reasoning)

    def askable(self, record: Record, *, languages: Sequence[str]) -> list[Wording]:
        """The wordings that the record can fill; if it brings a `question`, only those with it.

        None for a record that brings a conversation alone.
        """
        known = [
            wording
            for wording in self.wordings
            if wording.language in languages and wording.names <= record.inputs.keys()
        ]
        return [wording for wording in known if "question" in wording.names] or known

    def _fillers(self, record: Record, *, dialect: Dialect) -> Mapping[str, str]:
        """The texts behind the template's names."""
        fillers: dict[str, str] = {}
        for name, value in record.inputs.items():
            if isinstance(value, Points):
                assert record.picture_size is not None, (
                    f"{record.id}: points without a picture size"
                )
                size = record.picture_size
                written = [dialect.write_inline(p, size=size) for p in value.points_px]
                fillers[name] = ", ".join(written)
            elif isinstance(value, tuple):
                if len(value) > len(LETTERS):
                    raise RoboLoopError(
                        "E-REC-003", f"record {record.id!r}: {len(value)} options; letters end at Z"
                    )
                lines = zip(LETTERS, value, strict=False)
                fillers[name] = "\n".join(f"{letter}. {option}" for letter, option in lines)
            else:
                fillers[name] = str(value)
        return fillers


def scale_answer(answer: Answer, *, size: PictureSize) -> Answer:
    """An answer of a 1 x 1 picture, such as `Task.best_constant` gives, in one of `size`."""
    return _moved(answer, scale=Scale(size.width, size.height))


def unit_answer(answer: Answer, *, size: PictureSize) -> Answer:
    """An answer in fractions of its picture's width and height: the inverse of `scale_answer`."""
    return _moved(answer, scale=Scale(1 / size.width, 1 / size.height))


def _moved(answer: Answer, *, scale: Scale) -> Answer:
    def point(place: Point) -> Point:
        return Point(place.x * scale.x, place.y * scale.y)

    match answer:
        case Box(x1, y1, x2, y2, label):
            return Box(x1 * scale.x, y1 * scale.y, x2 * scale.x, y2 * scale.y, label)
        case Boxes(items):
            boxes = (_moved(box, scale=scale) for box in items)
            return Boxes(tuple(box for box in boxes if isinstance(box, Box)))
        case Points(points_px, labels):
            return Points(tuple(map(point, points_px)), labels)
        case Trajectory(points_px):
            return Trajectory(tuple(map(point, points_px)))
        case Polygon(vertices_px):
            return Polygon(tuple(map(point, vertices_px)))
        case _:
            return answer
