"""CV-Bench: 2D and 3D spatial questions on three picture sets (Cambrian-1, arXiv 2406.16860)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from roboloop.evaluate.benchmarks.base import AUTHOR, Aggregation, Benchmark, Prompt
from roboloop.evaluate.benchmarks.choice import (
    FLAGEVALMM_CHOICE,
    VLMEVALKIT_CHOICE,
    choice_record,
    letters_only,
    published,
    tsv_choices,
)
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder
from roboloop.evaluate.benchmarks.robobrain import robobrain_anchors
from roboloop.evaluate.benchmarks.rows import hub_rows
from roboloop.records.record import Record


class CVBench(Benchmark):
    """CV-Bench, test split: 1,438 questions in 2D, 1,200 in 3D."""

    kind = "cvbench"
    title = "CV-Bench"
    hub = ("nyu-visionx/CV-Bench",)
    licence = "Apache-2.0"
    num_items = 2638
    aggregation = Aggregation(
        "mean of 2D (mean of ADE20K and COCO) and 3D (Omni3D)",
        {"ADE20K": 0.25, "COCO": 0.25, "Omni3D": 0.5},
    )
    prompts: ClassVar[Mapping[str, Prompt]] = {
        AUTHOR: Prompt(published, "the data set's own prompt"),
        "flagevalmm": FLAGEVALMM_CHOICE,
        "lmms_eval": Prompt(
            lambda record: f"{letters_only(record)}\n{published(record)}", "lmms-eval 0.7"
        ),
        "vlmevalkit": VLMEVALKIT_CHOICE,
    }
    anchors = robobrain_anchors("cvbench")

    def read(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """`test_2d.parquet` and `test_3d.parquet` of the hub, or VLMEvalKit's tables."""
        if (table := tsv_choices(self, folder, subtask="source")) is not None:
            yield from table
            return
        for row in hub_rows(
            folder, "test*_[23]d*.parquet", "**/test*.parquet",
            columns=("idx", "question", "choices", "answer", "prompt", "source", "type", "task"),
            pictures=("image",),
        ):  # fmt: skip
            item, question, options, answer, prompt, source = row.need(
                "idx", "question", "choices", "answer", "prompt", "source"
            )
            yield choice_record(
                self, folder, row, item=item, media=row.shown("image"), question=question,
                options=options, letter=answer, subtask=source, published=prompt,
                question_type=row.fields["task"],
            )  # fmt: skip
