"""What a benchmark is: where its files lie, how it asks, how it measures, what others reached.

One file of this folder holds all of one benchmark. `blink.py` is the one to read first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from roboloop.base.errors import RoboLoopError
from roboloop.base.statistics import FloatArray
from roboloop.dialects.base import Dialect
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder
from roboloop.records.answers import Answer
from roboloop.records.record import Record
from roboloop.tasks import load_task
from roboloop.tasks.base import Metric, Parsed

AUTHOR = "author"
"""The prompts of a benchmark's own authors: the default, and every benchmark has them."""
PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Prompt:
    """One way to ask a benchmark's questions.

    Attributes:
        ask: The text of a question; `<image>` in it says where a picture stands, else they come
            first.
        origin: Whose wording it is.
        dialect: How it tells the model to write places; None when it leaves that to the model.
    """

    ask: Callable[[Record], str]
    origin: str
    dialect: Dialect | None = None


class Anchor(NamedTuple):
    """A published score, in percent of the headline unless `part` names a subtask."""

    model: str
    value: float
    origin: str
    part: str = ""


class Aggregation(NamedTuple):
    """How the authors make one number of many items.

    Attributes:
        words: The rule in a few words.
        weights: Subtask -> its weight in a mean of subtask means; empty when all items count alike.
    """

    words: str
    weights: Mapping[str, float] = {}


class Scored(NamedTuple):
    """An item with a truth, what was understood of the answer to it, and every metric."""

    record: Record
    answer: Answer | None
    values: Mapping[str, float]


Measurer = Callable[[Answer, Record], dict[str, float]]

ITEM_MEAN = Aggregation("mean over items")


def mean_of(*subtasks: str) -> Aggregation:
    """Every subtask counts alike, however many items it has."""
    share = 1 / len(subtasks)
    return Aggregation(f"mean of {len(subtasks)} subtasks", dict.fromkeys(subtasks, share))


class Benchmark(ABC):
    """One benchmark, whole.

    Class attributes:
        kind: Name on the command line.
        title: As its authors write it.
        hub: Hub ids of the data sets this file reads, the authors' own first where it is read.
        licence: As stated by the publisher.
        num_items: How many items it has. A headline over any other number is refused.
        metrics: The first is the one the headline is made of.
        aggregation: The authors' rule for the headline.
        prompts: Name -> a way to ask; `author` is the default.
        chance, human: Published lines in percent of the headline; None when there are none.
        anchors: Published scores to hold one's own against.
        answer_kind: What most of its answers are, as `Task.answer_kind`.
        needs_judge: Whether a language model reads the answers.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    hub: ClassVar[tuple[str, ...]]
    licence: ClassVar[str] = ""
    num_items: ClassVar[int]
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("accuracy", worst=0.0),)
    aggregation: ClassVar[Aggregation] = ITEM_MEAN
    prompts: ClassVar[Mapping[str, Prompt]]
    chance: ClassVar[float | None] = None
    human: ClassVar[float | None] = None
    anchors: ClassVar[tuple[Anchor, ...]] = ()
    answer_kind: ClassVar[str] = "choice"
    needs_judge: ClassVar[bool] = False
    family: ClassVar[str] = "benchmark"

    @abstractmethod
    def read(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """Every item in the order of the files.

        Raises:
            RoboLoopError: E-EVA-010 for a file that is not there, E-EVA-011 for one of another
                schema, E-EVA-012 for a row that is no item; each names file and row.
        """

    def parse(self, text: str, *, record: Record, dialect: Dialect) -> Parsed:
        """The answer in a model's text."""
        return load_task(record.task).parse(text, record=record, dialect=dialect)

    def measurer(self, records: Sequence[Record]) -> Measurer:
        """What measures a parsed answer, for these records; most need to know no other record."""
        del records
        return self.measure

    def measure(self, answer: Answer, record: Record) -> dict[str, float]:
        """Every metric of a parsed answer: the main one of the record's task."""
        assert record.answer is not None
        task = load_task(record.task)
        values = task.score(answer, truth=record.answer, size=record.picture_size)
        return {self.metrics[0].name: values[task.metrics[0].name]}

    def worst(self) -> dict[str, float]:
        """Every metric of an answer that is none."""
        return {m.name: m.worst for m in self.metrics if m.worst is not None}

    def prompt(self, name: str) -> Prompt:
        """The prompt of this name; the authors' where this benchmark has no such."""
        return self.prompts.get(name) or self.prompts[AUTHOR]

    def statistics(self, items: Sequence[Scored]) -> FloatArray:
        """What `headline` and `numbers` need of each item, to be averaged over items.

        Returns:
            Shape (num_items, num_statistics). Where subtasks have weights: for each of them the
            value, then whether the item belongs to it. Else the value.
        """
        main = self.metrics[0].name
        values = np.array([[item.values[main]] for item in items])
        if not self.aggregation.weights:
            return values
        members = np.array(
            [
                [subtask_of(item.record) == name for name in self.aggregation.weights]
                for item in items
            ],
            dtype=np.float64,
        )
        return np.hstack([members * values, members])

    def headline(self, means: FloatArray) -> FloatArray:
        """The authors' number from means of `statistics`, shape (..., num_statistics) -> (...)."""
        if not self.aggregation.weights:
            return means[..., 0]
        weights = np.array(list(self.aggregation.weights.values()))
        sums, shares = means[..., : len(weights)], means[..., len(weights) :]
        with np.errstate(invalid="ignore"):
            return (sums / shares) @ weights

    def numbers(self, means: FloatArray) -> dict[str, FloatArray]:
        """Other numbers that are published beside the headline, from the same means."""
        del means
        return {}


def subtask_of(record: Record) -> str:
    """The part of the benchmark an item belongs to."""
    return str(record.meta.get("subtask", ""))


def check_subtask(benchmark: Benchmark, subtask: str) -> None:
    """Refuse an item whose subtask has no weight in the headline.

    Raises:
        RoboLoopError: E-EVA-012.
    """
    if (known := benchmark.aggregation.weights) and subtask not in known:
        raise RoboLoopError(
            "E-EVA-012", f"{benchmark.kind} has no subtask {subtask!r}; it has {', '.join(known)}"
        )
