"""OCRBench: reading text in pictures (arXiv 2305.07895): is the true text part of the answer?"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import ClassVar

from roboloop.evaluate.benchmarks.base import AUTHOR, Benchmark, Prompt
from roboloop.evaluate.benchmarks.choice import asked, origin_of
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder
from roboloop.evaluate.benchmarks.robointer_paper import robointer_anchors
from roboloop.evaluate.benchmarks.rows import published_rows
from roboloop.evaluate.benchmarks.texts import read_list, references_of, text_record
from roboloop.records.answers import Answer, Text
from roboloop.records.record import Record

FORMULAS = "Handwritten Mathematical Expression Recognition"


class OcrBench(Benchmark):
    """OCRBench: 1,000 questions; the authors' points out of 1,000 are a tenth of a percent each."""

    kind = "ocrbench"
    title = "OCRBench"
    hub = ("echo840/OCRBench",)
    num_items = 1000
    anchors = robointer_anchors("ocrbench", scale=0.1)
    answer_kind = "text"
    prompts: ClassVar[Mapping[str, Prompt]] = {
        AUTHOR: Prompt(asked, "the data set's own question"),
        "lmms_eval": Prompt(asked, "lmms-eval 0.7"),
        "vlmevalkit": Prompt(asked, "VLMEvalKit"),
    }

    def read(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """`data/test-*.parquet` of the hub, or VLMEvalKit's table."""
        rows, is_tsv = published_rows(
            folder, "**/test*.parquet", columns=("question", "answer", "question_type")
        )
        kind_column = "category" if is_tsv else "question_type"
        for number, row in enumerate(rows):
            question, answer, kind = row.need("question", "answer", kind_column)
            yield text_record(
                self, item=number, media=row.shown("image"), question=str(question).strip(),
                answers=read_list(answer), origin=origin_of(folder, row), subtask=str(kind),
            )  # fmt: skip

    def measure(self, answer: Answer, record: Record) -> dict[str, float]:
        """1 when a true text stands in the answer; formulas are compared without blanks."""
        assert isinstance(answer, Text)
        is_formula = record.meta.get("subtask") == FORMULAS
        said = _plain(answer.text, is_formula=is_formula)
        found = any(_plain(text, is_formula=is_formula) in said for text in references_of(record))
        return {"accuracy": float(found)}


def _plain(text: str, *, is_formula: bool) -> str:
    """One line; of formulas without blanks, else in small letters of normal width."""
    line = text.strip().replace("\n", " ")
    if is_formula:
        return line.replace(" ", "")
    return unicodedata.normalize("NFKC", line).casefold()
