"""libero: LIBERO's task files as plans and questions about what a task needs.

A BDDL file has an instruction, the objects of the scene and the goal as predicates; no pictures.
What is asked is what follows from these alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_file, hash_value, seeded_generator
from roboloop.records.answers import Answer, Plan, Text, YesNo
from roboloop.records.record import InputValue, Record
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.bddl import Problem, read_problem
from roboloop.sources.data_set import DataSetSource
from roboloop.sources.libero_words import (
    check_goal,
    goal_sentences,
    goal_steps,
    kind_words,
    needed_words,
)
from roboloop.sources.small_files import read_text_file

LICENCE = "MIT"
SUFFIX = ".bddl"
MAX_TASK_BYTES = 1 << 20
Question = Literal["plan", "goal", "objects", "needed"]
QUESTIONS: tuple[Question, ...] = ("plan", "goal", "objects", "needed")


class _Asked(NamedTuple):
    task: str
    inputs: dict[str, InputValue]
    answer: Answer


class LiberoSource(DataSetSource):
    """LIBERO's BDDL tasks: plans, goals and the objects a task needs, without pictures."""

    kind: Literal["libero"] = "libero"  # pyright: ignore[reportIncompatibleVariableOverride]
    path: Path
    """A `.bddl` file, or a folder with such files anywhere below it."""
    questions: tuple[Question, ...] = QUESTIONS
    split: str = Field("train", pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")

    def parts(self, context: SourceContext) -> Iterator[Path]:
        """Every task file.

        Raises:
            RoboLoopError: E-DAT-001 when there is none.
        """
        del context
        files = self._files()
        if not files:
            raise RoboLoopError("E-DAT-001", f"there is no {SUFFIX} file", place=Place(self.path))
        yield from files

    def read_part(self, part: Path, context: SourceContext) -> Iterator[Record | Rejected]:
        """The records of one task file, or why there are none."""
        key = part.relative_to(self._folder).with_suffix("").as_posix()
        place = Place(part, record_id=key)
        try:
            problem = read_problem(read_text_file(part, max_bytes=MAX_TASK_BYTES))
            check_goal(problem)
            records = [
                self._record(problem, question=question, asked=asked, key=key, part=part)
                for question in self.questions
                if (asked := _asked(problem, question, draw=(context.seed, self.kind, key)))
            ]
        except RoboLoopError as error:
            yield Rejected(error.located(place), key)
            return
        yield from records

    def fingerprint(self) -> str:
        """Hash of the options and the files."""
        files = [[file.name, hash_file(file)] for file in self._files()]
        return hash_value([self.model_dump(mode="json", exclude={"path"}), files])

    @property
    def _folder(self) -> Path:
        return self.path if self.path.is_dir() else self.path.parent

    def _files(self) -> list[Path]:
        if self.path.is_file():
            return [self.path]
        return sorted(file for file in self.path.rglob(f"*{SUFFIX}") if file.is_file())

    def _record(
        self, problem: Problem, *, question: Question, asked: _Asked, key: str, part: Path
    ) -> Record:
        return Record(
            id=f"{key}/{question}",
            task=asked.task,
            inputs=asked.inputs,
            answer=asked.answer,
            source=self.name,
            split=self.split,
            licence=self.licence or LICENCE,
            origin=part.relative_to(self._folder).as_posix(),
            meta={
                "suite": part.parent.name,
                "problem": problem.name,
                "instruction": problem.language,
                "objects": dict(problem.kinds),
                "of_interest": list(problem.of_interest),
                "initial": [str(predicate) for predicate in problem.initial],
                "goal": [str(predicate) for predicate in problem.goal],
            },
        )


def _asked(problem: Problem, question: Question, *, draw: tuple[object, ...]) -> _Asked | None:
    """One question about a task; None where the task does not support it."""
    task = problem.language
    if question == "plan":
        steps = goal_steps(problem)
        return _Asked("plan_steps", {"instruction": task}, Plan(steps)) if len(steps) > 1 else None
    if question == "goal":
        ask = f"The task is '{task}'. What is true when it is done?"
        return _Asked("vqa", {"question": ask}, Text(", and ".join(goal_sentences(problem))))
    needed = needed_words(problem)
    if question == "objects":
        ask = f"Which objects does the task '{task}' involve?"
        return _Asked("vqa", {"question": ask}, Text(", ".join(needed))) if needed else None
    return _is_needed(problem, needed=needed, draw=draw)


def _is_needed(
    problem: Problem, *, needed: Sequence[str], draw: tuple[object, ...]
) -> _Asked | None:
    """Whether one object is needed: as often one that is as one that is not."""
    movable = [kind for name, kind in problem.kinds.items() if name not in problem.fixtures]
    others = sorted({kind_words(kind) for kind in movable} - set(needed))
    random = seeded_generator(*draw, "needed")
    is_needed = bool(random.integers(2))
    choices = needed if is_needed else others
    if not choices:
        return None
    named = choices[int(random.integers(len(choices)))]
    ask = f"Is the {named} needed for the task '{problem.language}'?"
    return _Asked("yes_no_vqa", {"question": ask}, YesNo(is_needed))
