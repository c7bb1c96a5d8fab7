"""RealWorldQA: everyday scenes, multiple choice and short answers (xAI)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from roboloop.evaluate.benchmarks.base import AUTHOR, Anchor, Benchmark, Prompt
from roboloop.evaluate.benchmarks.choice import (
    VLMEVALKIT_CHOICE,
    choice_record,
    origin_of,
    published,
    split_options,
    tsv_choices,
)
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder
from roboloop.evaluate.benchmarks.rows import Row, hub_rows
from roboloop.evaluate.benchmarks.texts import text_record
from roboloop.records.record import Record

QWEN_OMNI = "Qwen2.5-Omni, model card"
TAIL = "Please answer directly with only the letter of the correct option and nothing else."


class RealWorldQa(Benchmark):
    """RealWorldQA, test split: options are part of the question; the others have a short answer."""

    kind = "realworldqa"
    title = "RealWorldQA"
    hub = ("lmms-lab/RealWorldQA", "lmms-lab-encoder/RealWorldQA", "xai-org/RealworldQA")
    licence = "CC BY-ND 4.0"
    num_items = 765
    prompts: ClassVar[Mapping[str, Prompt]] = {
        AUTHOR: Prompt(published, "the data set's own question"),
        "flagevalmm": Prompt(published, "FlagEvalMM"),
        "lmms_eval": Prompt(published, "lmms-eval 0.7"),
        "vlmevalkit": VLMEVALKIT_CHOICE,
    }
    anchors = (
        Anchor("Qwen2.5-VL-7B", 68.5, QWEN_OMNI),
        Anchor("Qwen2.5-Omni-7B", 70.3, QWEN_OMNI),
        Anchor("Qwen2.5-Omni-3B", 62.6, QWEN_OMNI),
    )

    def read(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """`data/test-*.parquet` of the hub, or VLMEvalKit's table (all of it multiple choice)."""
        if (table := tsv_choices(self, folder)) is not None:
            yield from table
            return
        rows = hub_rows(
            folder, "**/test*.parquet",
            columns=("question", "answer", "image_path?"), pictures=("image",),
        )  # fmt: skip
        for number, row in enumerate(rows):
            yield self._item(folder, row, number=number)

    def _item(self, folder: BenchmarkFolder, row: Row, *, number: int) -> Record:
        question, answer = row.need("question", "answer")
        media = row.shown("image")
        stem, options = split_options(question.replace(TAIL, ""))
        if options and len(answer.strip().strip("().")) == 1:
            return choice_record(
                self, folder, row, item=number, media=media, question=stem, options=options,
                letter=answer.strip().rstrip("."), published=question.strip(), subtask="choice",
            )  # fmt: skip
        return text_record(
            self, item=number, media=media, question=question.strip(), answers=(answer,),
            origin=origin_of(folder, row), subtask="short answer",
        )  # fmt: skip
