"""reason: a record's question again, with reasoning before its answer (看, 做, 期望).

    compose:
      composers:
        - {kind: reason, styles: {think: 1}, languages: [en]}

The reasoning is derived from the scene that the record's source left in `meta.scene` (`scenes:
true`), checked against it, and kept beside the answer: training writes it in front, the task's own
parser and metric see the answer alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

from pydantic import Field, field_validator

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import seeded_generator
from roboloop.compose.base import (
    COMPOSER_KEY,
    EVIDENCE_KEY,
    PARENTS_KEY,
    ComposeContext,
    Composer,
    Refusal,
)
from roboloop.compose.reason_check import check_claims, claims_of
from roboloop.compose.reason_chinese import in_chinese
from roboloop.compose.reason_claims import Claims
from roboloop.compose.reason_question import Limits, Question
from roboloop.compose.reason_questions import QUESTIONS
from roboloop.compose.styles import MANNERS, Shares, draw_style
from roboloop.records.reasoning import Language, SeeDoExpect
from roboloop.records.record import Record, check_record
from roboloop.records.scene import Scene, scene_of


class Reason(Composer):
    """Structured reasoning before the answers of records whose scene is known.

    Attributes:
        tasks: Whose questions are reasoned about; of all that can be when left out.
        styles: How it is written -> how often: `json` and `prose` before an answer tag, `think` and
            `think_prose` in think tags before the answer, `answer` without reasoning. One is drawn
            for each record.
        languages: One is drawn for each record, Chinese only where the question can be asked in it.
        is_asked_for: Whether the question asks for the reasoning. Without, a model reasons of its
            own accord, and is evaluated with the same questions as one that does not.
        num_objects: Most things seen, where not all are needed.
        num_counted: Most things counted one by one.
        num_relations: Most relations told.
        num_steps: Most steps of a robot told.
    """

    kind: Literal["reason"] = "reason"  # pyright: ignore[reportIncompatibleVariableOverride]
    tasks: tuple[str, ...] | None = None
    styles: Shares = Field({"think": 1.0})
    languages: tuple[Language, ...] = Field(("en",), min_length=1)
    is_asked_for: bool = True
    num_objects: int = Field(4, ge=1)
    num_counted: int = Field(8, ge=1)
    num_relations: int = Field(2, ge=0)
    num_steps: int = Field(3, ge=1)

    @field_validator("tasks")
    @classmethod
    def _known_tasks(cls, tasks: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for task in tasks or ():
            if task not in QUESTIONS:
                raise ValueError(
                    f"no reasoning about {task!r}; there is for {', '.join(QUESTIONS)}"
                )
        return tasks

    def compose(
        self, parents: Iterable[Record], context: ComposeContext
    ) -> Iterator[Record | Refusal]:
        """A record for each parent whose scene carries reasoning; why not, for every other one."""
        for parent in parents:
            if parent.task not in (self.tasks or QUESTIONS) or parent.answer is None:
                continue
            try:
                scene = scene_of(parent)
                if scene is not None:
                    yield from self._reasoned(parent, scene=scene, seed=context.seed)
            except RoboLoopError as error:
                yield Refusal(error.located(Place(record_id=parent.id)), parent.id)

    def _reasoned(self, parent: Record, *, scene: Scene, seed: int) -> Iterator[Record | Refusal]:
        draw = seeded_generator(seed, self.label, parent.id)
        manner = MANNERS[style := draw_style(self.styles, draw=draw)]
        language = self.languages[int(draw.integers(len(self.languages)))]
        asked = in_chinese(parent, scene=scene) if language == "zh" and manner else None
        claims = Claims(scene, language="en" if asked is None else "zh")
        limits = Limits(self.num_objects, self.num_counted, self.num_relations, self.num_steps)
        QUESTIONS[parent.task](Question(parent, claims, limits, draw))
        checked = check_claims(claims.done(), scene=scene)
        for claim, fault, why in checked.findings:
            said = f"{fault}: {claim.model_dump_json(exclude={'evidence'})}: {why}"
            error = RoboLoopError("E-CMP-011", said, place=Place(record_id=parent.id))
            yield Refusal(error, parent.id)
        if checked.reasoning is None:
            raise RoboLoopError("E-CMP-010", "too few of its claims are proven")
        record = replace(
            asked or parent,
            id=f"{parent.id}/{self.label}/{style}",
            rejected=None,
            meta={**parent.meta, PARENTS_KEY: [parent.id], COMPOSER_KEY: self.label},
        )
        if manner is not None:
            options = {**manner._asdict(), "is_asked_for": self.is_asked_for}
            record = _with_reasoning(record, checked.reasoning.model_copy(update=options))
        check_record(record)
        yield record


def _with_reasoning(record: Record, reasoning: SeeDoExpect) -> Record:
    evidence = list(
        dict.fromkeys(text for claim in claims_of(reasoning) for text in claim.evidence)
    )
    return replace(record, reasoning=reasoning, meta={**record.meta, EVIDENCE_KEY: evidence})
