"""BLINK: 14 tasks that people solve at a glance (arXiv 2404.12390). Read this file first.

The answers of the test split are hidden, so the validation split is asked, as its authors' board
and all evaluators do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from roboloop.evaluate.benchmarks.base import AUTHOR, Anchor, Benchmark, Prompt, mean_of
from roboloop.evaluate.benchmarks.choice import (
    LAST_LINE_LETTER,
    VLMEVALKIT_CHOICE,
    choice_record,
    letters_only,
    published,
    published_then,
    tsv_choices,
)
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder
from roboloop.evaluate.benchmarks.robobrain import robobrain_anchors
from roboloop.evaluate.benchmarks.rows import hub_rows
from roboloop.records.record import Record

TASKS = (
    "Art_Style", "Counting", "Forensic_Detection", "Functional_Correspondence", "IQ_Test",
    "Jigsaw", "Multi-view_Reasoning", "Object_Localization", "Relative_Depth",
    "Relative_Reflectance", "Semantic_Correspondence", "Spatial_Relation",
    "Visual_Correspondence", "Visual_Similarity",
)  # fmt: skip
PICTURES = ("image_1", "image_2", "image_3", "image_4")
PAPER = "BLINK paper, validation, mean of 14 tasks"


class Blink(Benchmark):
    """BLINK, validation split."""

    kind = "blink"
    title = "BLINK (val)"
    hub = ("BLINK-Benchmark/BLINK",)
    licence = "Apache-2.0"
    num_items = 1901
    aggregation = mean_of(*TASKS)
    prompts: ClassVar[Mapping[str, Prompt]] = {
        AUTHOR: Prompt(published, "the data set's own prompt"),
        "flagevalmm": published_then(LAST_LINE_LETTER),
        "lmms_eval": Prompt(
            lambda record: letters_only(record) + published(record), "lmms-eval 0.7"
        ),
        "vlmevalkit": VLMEVALKIT_CHOICE,
    }
    chance = 38.1
    human = 95.7
    anchors = (
        Anchor("GPT-4o", 60.0, PAPER),
        Anchor("Qwen3-VL-8B", 69.1, "Qwen3-VL report"),
        *robobrain_anchors("blink", part="Relative_Depth"),
        *robobrain_anchors("blink", part="Spatial_Relation"),
    )

    def read(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """`<task>/val-*.parquet` of the hub, or VLMEvalKit's table."""
        if (table := tsv_choices(self, folder)) is not None:
            yield from table
            return
        for task in TASKS:
            for row in hub_rows(
                folder, f"{task}/val-*.parquet",
                columns=("idx", "question", "prompt", "choices", "answer", "sub_task"),
                pictures=PICTURES,
            ):  # fmt: skip
                item, question, prompt, options, answer = row.need(
                    "idx", "question", "prompt", "choices", "answer"
                )
                yield choice_record(
                    self, folder, row, item=item, media=row.shown(*PICTURES), question=question,
                    options=options, letter=answer, subtask=task, published=prompt,
                )  # fmt: skip
