"""MMSI-Bench: spatial reasoning over several pictures (arXiv 2505.23764).

Asked once each; the circular mode of other boards, where all rotations of the options must be
answered rightly, gives far lower numbers and is no anchor here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from roboloop.evaluate.benchmarks.base import AUTHOR, Anchor, Benchmark, Prompt
from roboloop.evaluate.benchmarks.choice import (
    IN_BACKTICKS,
    asked,
    choice_record,
    options_of,
    published_then,
    split_options,
    tsv_choices,
)
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder
from roboloop.evaluate.benchmarks.rows import hub_rows
from roboloop.records.record import Record
from roboloop.tasks.base import LETTERS

PAPER = "MMSI-Bench paper and board"


def _easi(record: Record) -> str:
    pairs = zip(LETTERS, options_of(record), strict=False)
    listed = "".join(f"{letter}: {text}, " for letter, text in pairs)
    return f"{asked(record)}\nOptions: {listed}\n{IN_BACKTICKS}"


class Mmsi(Benchmark):
    """MMSI-Bench, test split: 1,000 questions of eleven types."""

    kind = "mmsi"
    title = "MMSI-Bench"
    hub = ("RunsenXu/MMSI-Bench",)
    licence = "CC BY-NC 4.0"
    num_items = 1000
    prompts: ClassVar[Mapping[str, Prompt]] = {
        AUTHOR: replace(published_then(IN_BACKTICKS), origin="MMSI-Bench, direct"),
        "flagevalmm": published_then(IN_BACKTICKS),
        "lmms_eval": replace(published_then(IN_BACKTICKS), origin="lmms-eval 0.7"),
        "vlmevalkit": Prompt(_easi, "VLMEvalKit (EASI)"),
    }
    chance = 25.0
    human = 97.2
    anchors = (
        Anchor("o3", 41.0, PAPER),
        Anchor("GPT-5", 37.2, PAPER),
        Anchor("Gemini-2.5-Pro", 36.9, PAPER),
        Anchor("Qwen2.5-VL-72B", 30.7, PAPER),
        Anchor("Qwen2.5-VL-7B", 25.9, PAPER),
    )

    def read(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """The hub's Parquet file with lists of encoded pictures, or VLMEvalKit's table."""
        if (table := tsv_choices(self, folder)) is not None:
            yield from table
            return
        for row in hub_rows(
            folder, "*.parquet", "**/*.parquet",
            columns=("id", "question", "answer", "question_type"), pictures=("images",),
        ):  # fmt: skip
            item, question, answer, kind = row.need("id", "question", "answer", "question_type")
            stem, options = split_options(question)
            yield choice_record(
                self, folder, row, item=item, media=row.shown("images"), question=stem,
                options=options, letter=answer, subtask=kind.replace("–", "-"),
                published=question.strip(),
            )  # fmt: skip
