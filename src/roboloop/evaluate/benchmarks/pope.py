"""POPE: is there such a thing in the picture? (arXiv 2305.10355). The headline is F1 of "yes"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np

from roboloop.base.errors import RoboLoopError
from roboloop.base.statistics import FloatArray
from roboloop.evaluate.benchmarks.base import AUTHOR, Aggregation, Benchmark, Prompt, Scored
from roboloop.evaluate.benchmarks.choice import asked, origin_of
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder
from roboloop.evaluate.benchmarks.robointer_paper import robointer_anchors
from roboloop.evaluate.benchmarks.rows import Row, published_rows
from roboloop.records.answers import Answer, YesNo
from roboloop.records.record import Record

WORD_OR_PHRASE = "Answer the question using a single word or phrase."


class Pope(Benchmark):
    """POPE: 9,000 questions, random, popular and adversarial."""

    kind = "pope"
    title = "POPE"
    hub = ("lmms-lab/POPE", "lmms-lab-encoder/POPE")
    licence = "MIT"
    num_items = 9000
    anchors = robointer_anchors("pope")
    aggregation = Aggregation("F1 of the answer yes")
    answer_kind = "yes_no"
    prompts: ClassVar[Mapping[str, Prompt]] = {
        AUTHOR: Prompt(asked, "the data set's own question"),
        "lmms_eval": Prompt(lambda record: f"{asked(record)}\n{WORD_OR_PHRASE}", "lmms-eval 0.7"),
        "vlmevalkit": Prompt(asked, "VLMEvalKit"),
    }
    chance = 50.0

    def read(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """`data/test-*.parquet` of the hub, or VLMEvalKit's table."""
        rows, is_tsv = published_rows(
            folder, "data/test-*.parquet", "**/test*.parquet",
            columns=("id", "question", "answer", "category"),
        )  # fmt: skip
        for number, row in enumerate(rows):
            yield self._item(folder, row, index="index" if is_tsv else "id", number=number)

    def statistics(self, items: Sequence[Scored]) -> FloatArray:
        """Right, right yes, said yes, true yes."""
        rows = [[_means_yes(item.answer), _means_yes(item.record.answer)] for item in items]
        said, true = np.array(rows, dtype=np.float64).T
        right = np.array([item.values["accuracy"] for item in items])
        return np.stack([right, right * said, said, true], axis=1)

    def headline(self, means: FloatArray) -> FloatArray:
        """2 TP / (said yes + true yes); 0 when nobody ever says or means yes."""
        return _share(2 * means[..., 1], means[..., 2] + means[..., 3])

    def numbers(self, means: FloatArray) -> dict[str, FloatArray]:
        """Accuracy, precision and recall of yes, and how often yes is said."""
        return {
            "accuracy": means[..., 0],
            "precision": _share(means[..., 1], means[..., 2]),
            "recall": _share(means[..., 1], means[..., 3]),
            "says yes": means[..., 2],
        }

    def _item(self, folder: BenchmarkFolder, row: Row, *, index: str, number: int) -> Record:
        _, category, question, answer = row.need(index, "category", "question", "answer")
        said = str(answer).strip().casefold()
        if said not in ("yes", "no"):
            raise RoboLoopError(
                "E-EVA-012", f"the answer {answer!r} is neither yes nor no", place=row.place
            )
        return Record(
            id=f"{self.kind}/{category}/{number}",
            task="yes_no_vqa",
            media=row.shown("image"),
            inputs={"question": str(question).strip()},
            answer=YesNo(said == "yes"),
            source=self.kind,
            split="test",
            licence=self.licence,
            origin=origin_of(folder, row),
            meta={"subtask": str(category)},
        )


def _means_yes(answer: Answer | None) -> bool:
    return isinstance(answer, YesNo) and answer.value


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
