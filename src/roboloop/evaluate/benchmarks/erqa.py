"""ERQA: embodied reasoning with one picture or several between the words (Gemini Robotics)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from roboloop.evaluate.benchmarks.base import AUTHOR, Anchor, Benchmark, Prompt
from roboloop.evaluate.benchmarks.choice import (
    STEP_BY_STEP_LETTER,
    choice_record,
    published,
    split_options,
    tsv_choices,
)
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder
from roboloop.evaluate.benchmarks.rows import hub_rows
from roboloop.records.record import Record

LETTER_TAIL = " Please answer directly with only the letter of the correct option and nothing else."
FLAGEVALMM = "FlagEvalMM"


def with_marks(text: str, *, indices: Sequence[int], num_pictures: int) -> str:
    """The text with `<image>` at these character offsets; all of them 0 or none: in front."""
    if not indices or not any(indices):
        return text
    pieces: list[str] = []
    last = 0
    for index in sorted(indices[:num_pictures]):
        pieces += [text[last:index], "<image>"]
        last = index
    return "".join([*pieces, text[last:]])


def _without_tail(record: Record) -> str:
    return f"{published(record).replace(LETTER_TAIL, '')}\n{STEP_BY_STEP_LETTER}"


def _pictures_first(record: Record) -> str:
    return published(record).replace("<image>", "")


class Erqa(Benchmark):
    """ERQA, test split. `visual_indices` says where in the question each picture stands."""

    kind = "erqa"
    title = "ERQA"
    hub = ("FlagEval/ERQA",)
    num_items = 400
    prompts: ClassVar[Mapping[str, Prompt]] = {
        AUTHOR: Prompt(published, "the data set's own question, pictures between the words"),
        "flagevalmm": Prompt(_without_tail, FLAGEVALMM),
        "lmms_eval": Prompt(_pictures_first, "lmms-eval 0.7, pictures first"),
        "vlmevalkit": Prompt(published, "VLMEvalKit (EASI)"),
    }
    anchors = (
        Anchor("GPT-4o", 50.5, FLAGEVALMM),
        Anchor("Qwen2.5-VL-7B", 38.0, FLAGEVALMM),
        Anchor("InternVL3-8B", 42.0, FLAGEVALMM),
        Anchor("Qwen3-VL-8B", 45.8, "Qwen3-VL report"),
    )

    def read(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """`data/test-*.parquet` of the hub, or VLMEvalKit's table."""
        if (table := tsv_choices(self, folder)) is not None:
            yield from table
            return
        for row in hub_rows(
            folder, "**/test*.parquet",
            columns=("question_id", "question", "answer", "question_type", "visual_indices?"),
            pictures=("images",),
        ):  # fmt: skip
            item, question, answer, kind = row.need(
                "question_id", "question", "answer", "question_type"
            )
            media = row.shown("images")
            stem, options = split_options(question.replace(LETTER_TAIL, ""))
            told = with_marks(
                question, indices=row.fields.get("visual_indices") or (), num_pictures=len(media)
            )
            yield choice_record(
                self, folder, row, item=item, media=media, question=stem, options=options,
                letter=answer, subtask=kind, published=told,
            )  # fmt: skip
