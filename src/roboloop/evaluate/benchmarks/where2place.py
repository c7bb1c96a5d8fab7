"""Where2Place: point at free space that a sentence describes (RoboPoint, arXiv 2406.10721)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from roboloop.evaluate.benchmarks.areas import (
    FLAGEVALMM_POINTS,
    FLAGEVALMM_THOUSANDTHS,
    FRACTIONS,
    HIT,
    THOUSANDTHS,
    masked_record,
)
from roboloop.evaluate.benchmarks.base import AUTHOR, Anchor, Benchmark, Prompt
from roboloop.evaluate.benchmarks.choice import asked, origin_of
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder, read_json_list
from roboloop.evaluate.benchmarks.robobrain import robobrain_anchors
from roboloop.evaluate.benchmarks.rows import Row, hub_rows
from roboloop.evaluate.benchmarks.strict import ONLY_THE_LIST, TUPLES_FROM_0_TO_1
from roboloop.records.record import Record

IN_JSON = (
    "Your answer should be JSON format. The coordinates should be between 0 and 1000, indicating "
    "the normalized pixel locations of the points in the image."
)
NUM_SEEN = 70
"""The authors' list begins with the relations that their training data hold."""


def _author(record: Record) -> str:
    text = asked(record)
    return text if "list of tuples" in text else f"{text} {TUPLES_FROM_0_TO_1}"


class Where2Place(Benchmark):
    """Where2Place: 70 questions with seen and 30 with unseen relations."""

    kind = "where2place"
    title = "Where2Place"
    hub = ("wentao-yuan/where2place", "FlagEval/Where2Place")
    licence = "Apache-2.0"
    num_items = 100
    metrics = HIT
    answer_kind = "points"
    prompts: ClassVar[Mapping[str, Prompt]] = {
        AUTHOR: Prompt(_author, "RoboPoint", FRACTIONS),
        "flagevalmm": FLAGEVALMM_POINTS,
        "flagevalmm_norm1k": FLAGEVALMM_THOUSANDTHS,
        "lmms_eval": Prompt(
            lambda record: f"{asked(record)} {TUPLES_FROM_0_TO_1} {ONLY_THE_LIST}",
            "lmms-eval 0.7", FRACTIONS,
        ),
        "lmms_eval_json": Prompt(
            lambda record: f"{asked(record)} {IN_JSON}", "lmms-eval 0.7, JSON", THOUSANDTHS
        ),
    }  # fmt: skip
    anchors = (
        *robobrain_anchors("where2place"),
        *robobrain_anchors("where2place", part="seen"),
        *robobrain_anchors("where2place", part="unseen"),
        Anchor("GPT-4o", 17.9, "FlagEvalMM"),
        Anchor("Qwen2.5-VL-7B", 10.2, "FlagEvalMM"),
    )

    def read(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """The authors' `point_questions.jsonl`, or FlagEval's table."""
        if folder.find("point_questions.jsonl"):
            yield from self._listed(folder)
            return
        for row in hub_rows(
            folder, "**/test*.parquet", columns=("question_id", "question", "question_type"),
            pictures=("image", "mask"),
        ):  # fmt: skip
            item, question, kind = row.need("question_id", "question", "question_type")
            yield masked_record(
                self, folder, row, item=item, picture=row.shown("image")[0],
                mask=row.shown("mask")[0], question=question, origin=origin_of(folder, row),
                subtask=kind,
            )  # fmt: skip

    def _listed(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """`images/`, `masks/` (also as JPEG) and the authors' questions, wording and all."""
        (file, *_) = folder.files("point_questions.jsonl", what="point_questions.jsonl")
        for number, (place, entry) in enumerate(read_json_list(file)):
            row = Row(place, entry, {})
            item, image, text = row.need("question_id", "image", "text")
            masks = folder.find(
                *(f"masks/{str(image).rpartition('.')[0]}{end}" for end in (".jpg", ".png"))
            )
            mask = folder.relative(masks[0]) if masks else f"masks/{image}"
            yield masked_record(
                self, folder, row, item=item,
                picture=folder.picture(f"images/{image}", place=place),
                mask=folder.picture(mask, place=place), question=text,
                origin=origin_of(folder, row), subtask="seen" if number < NUM_SEEN else "unseen",
            )  # fmt: skip
