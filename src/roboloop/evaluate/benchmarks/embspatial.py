"""EmbSpatial-Bench: spatial relations in embodied scenes (arXiv 2406.05756).

The authors published no prompt; FlagEvalMM's stands in for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from roboloop.base.errors import RoboLoopError
from roboloop.evaluate.benchmarks.base import AUTHOR, Anchor, Benchmark, Prompt
from roboloop.evaluate.benchmarks.choice import (
    FLAGEVALMM_CHOICE,
    asked,
    choice_record,
    letters_only,
    option_lines,
    tsv_choices,
)
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder
from roboloop.evaluate.benchmarks.robobrain import robobrain_anchors
from roboloop.evaluate.benchmarks.rows import hub_rows
from roboloop.records.record import Record
from roboloop.tasks.base import LETTERS

PLACES = {"left": "direction", "right": "direction", "above": "direction", "under": "direction",
          "close": "distance", "far": "distance"}  # fmt: skip


def _lmms_eval(record: Record) -> str:
    return f"{letters_only(record)}{asked(record)}\n{option_lines(record, form='{}) {}')}"


def _easi(record: Record) -> str:
    lines = option_lines(record)
    ending = "Give me the answer letter directly. The best answer is:"
    return f"Question: {asked(record)}\nOptions:\n{lines}\n{ending}"


class EmbSpatial(Benchmark):
    """EmbSpatial-Bench, test split: Matterport3D, AI2-THOR and ScanNet."""

    kind = "embspatial"
    title = "EmbSpatial-Bench"
    hub = ("FlagEval/EmbSpatial-Bench",)
    licence = "CC-BY-4.0"
    num_items = 3640
    prompts: ClassVar[Mapping[str, Prompt]] = {
        AUTHOR: replace(FLAGEVALMM_CHOICE, origin="FlagEvalMM; the authors published none"),
        "flagevalmm": FLAGEVALMM_CHOICE,
        "lmms_eval": Prompt(_lmms_eval, "lmms-eval 0.7"),
        "vlmevalkit": Prompt(_easi, "VLMEvalKit (EASI)"),
    }
    chance = 25.0
    anchors = (
        *robobrain_anchors("embspatial"),
        Anchor("Qwen3-VL-8B", 78.5, "Qwen3-VL report"),
    )

    def read(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """`data/test-*.parquet` of the hub, or VLMEvalKit's table."""
        if (table := tsv_choices(self, folder)) is not None:
            yield from table
            return
        for row in hub_rows(
            folder, "**/test*.parquet",
            columns=("question_id", "question", "relation", "answer", "answer_options",
                     "data_source?"),
            pictures=("image",),
        ):  # fmt: skip
            item, question, relation, answer, options = row.need(
                "question_id", "question", "relation", "answer", "answer_options"
            )
            if not 0 <= int(answer) < len(options):
                raise RoboLoopError(
                    "E-EVA-012", f"answer {answer} of {len(options)} options", place=row.place
                )
            yield choice_record(
                self, folder, row, item=item, media=row.shown("image"), question=question,
                options=options, letter=LETTERS[int(answer)],
                subtask=PLACES.get(relation) or str(relation), relation=relation,
                scenes=row.fields.get("data_source", ""),
            )  # fmt: skip
