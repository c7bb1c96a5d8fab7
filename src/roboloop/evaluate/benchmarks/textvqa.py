"""TextVQA: questions about text in pictures (arXiv 1904.08920), ten human answers each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from roboloop.evaluate.benchmarks.base import AUTHOR, Benchmark, Prompt
from roboloop.evaluate.benchmarks.choice import asked, origin_of
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder
from roboloop.evaluate.benchmarks.pope import WORD_OR_PHRASE
from roboloop.evaluate.benchmarks.robointer_paper import robointer_anchors
from roboloop.evaluate.benchmarks.rows import published_rows
from roboloop.evaluate.benchmarks.texts import read_list, references_of, text_record
from roboloop.evaluate.benchmarks.vqa_accuracy import vqa_accuracy
from roboloop.records.answers import Answer, Text
from roboloop.records.record import Record


class TextVqa(Benchmark):
    """TextVQA, validation split (the answers of the test split are hidden)."""

    kind = "textvqa"
    title = "TextVQA (val)"
    hub = ("lmms-lab/textvqa", "lmms-lab-encoder/textvqa", "facebook/textvqa")
    licence = "CC BY 4.0"
    num_items = 5000
    anchors = robointer_anchors("textvqa")
    answer_kind = "text"
    prompts: ClassVar[Mapping[str, Prompt]] = {
        AUTHOR: Prompt(
            lambda record: f"{asked(record)}\n{WORD_OR_PHRASE}", "LLaVA, as all cite it"
        ),
        "lmms_eval": Prompt(
            lambda record: f"{asked(record).capitalize()}\n{WORD_OR_PHRASE}", "lmms-eval 0.7"
        ),
        "vlmevalkit": Prompt(lambda record: f"{asked(record)}\n{WORD_OR_PHRASE}", "VLMEvalKit"),
    }

    def read(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """`data/validation-*.parquet` of the hub, or VLMEvalKit's table."""
        rows, is_tsv = published_rows(
            folder, "**/validation-*.parquet", columns=("question_id", "question", "answers")
        )
        names = ("index", "answer") if is_tsv else ("question_id", "answers")
        for row in rows:
            item, answers, question = row.need(*names, "question")
            yield text_record(
                self, item=item, media=row.shown("image"), question=str(question).strip(),
                answers=read_list(answers), origin=origin_of(folder, row),
            )  # fmt: skip

    def measure(self, answer: Answer, record: Record) -> dict[str, float]:
        """VQA accuracy against the ten answers."""
        assert isinstance(answer, Text)
        return {"accuracy": vqa_accuracy(answer.text, references=references_of(record))}
