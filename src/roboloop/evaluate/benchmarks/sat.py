"""SAT: spatial aptitude, real pictures (arXiv 2412.07755).

The card asks for shuffled options or circular evaluation, because the stored order leans to one
side; evaluators keep the stored order, and so do the published numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from roboloop.base.errors import RoboLoopError
from roboloop.evaluate.benchmarks.base import AUTHOR, Benchmark, Prompt
from roboloop.evaluate.benchmarks.choice import (
    LETTER_DIRECTLY,
    STEP_BY_STEP_LETTER,
    asked,
    choice_record,
    option_lines,
)
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder
from roboloop.evaluate.benchmarks.robobrain import robobrain_anchors
from roboloop.evaluate.benchmarks.rows import Row, hub_rows
from roboloop.records.record import Record
from roboloop.tasks.base import LETTERS

CAMERA_HINT = (
    "When multiple images are provided, You want to realize that when camera moves left, the "
    "objects in the image move right, and vice versa. And when you are asked about the movement "
    "of the same object captured in different images, you can compare the position of the object "
    "relative to other objects in the image to answer the question."
)


def _lmms_eval(record: Record) -> str:
    ending = "Only output the letter of the correct option and nothing else."
    return f"{asked(record)}\n{CAMERA_HINT}\n\n{option_lines(record)}\n\n{ending}"


class Sat(Benchmark):
    """SAT, the real test split: 150 questions of five types."""

    kind = "sat"
    title = "SAT (real)"
    hub = ("array/SAT", "FlagEval/SAT", "nv-njb/SAT")
    licence = "MIT"
    num_items = 150
    prompts: ClassVar[Mapping[str, Prompt]] = {
        AUTHOR: Prompt(
            lambda record: f"{asked(record)}\n{option_lines(record)}\n{LETTER_DIRECTLY}",
            "options in the stored order; the card leaves the wording to the user",
        ),
        "flagevalmm": Prompt(
            lambda record: f"{asked(record)}\n{option_lines(record)}\n{STEP_BY_STEP_LETTER}",
            "FlagEvalMM",
        ),
        "lmms_eval": Prompt(_lmms_eval, "lmms-eval 0.7"),
    }
    anchors = robobrain_anchors("sat")

    def read(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """The authors' `image_bytes` table, or FlagEval's with `images` and ids."""
        pattern = ("SAT_test.parquet", "**/*test*.parquet")
        (first, *_) = folder.files(*pattern, what="Parquet file")
        column = "image_bytes" if _has_column(folder, first, "image_bytes") else "images"
        rows = hub_rows(
            folder, *pattern, pictures=(column,),
            columns=("question", "answers", "question_type", "correct_answer", "question_id?"),
        )  # fmt: skip
        for number, row in enumerate(rows):
            yield self._item(folder, row, number=number, column=column)

    def _item(self, folder: BenchmarkFolder, row: Row, *, number: int, column: str) -> Record:
        question, options, right, kind = row.need(
            "question", "answers", "correct_answer", "question_type"
        )
        texts: list[Any] = list(options)
        if right not in texts:
            raise RoboLoopError(
                "E-EVA-012", f"the answer {right!r} is none of {texts}", place=row.place
            )
        return choice_record(
            self, folder, row, item=row.fields.get("question_id", number),
            media=row.shown(column), question=question.replace("<image>", "").strip(),
            options=texts, letter=LETTERS[texts.index(right)], subtask=kind,
        )  # fmt: skip


def _has_column(folder: BenchmarkFolder, file: Any, column: str) -> bool:
    import pyarrow.parquet as pq

    del folder
    return column in pq.read_schema(file).names
