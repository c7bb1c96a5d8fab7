"""RefCOCO, RefCOCO+ and RefCOCOg: the box of what a phrase refers to (arXiv 1608.00272).

Read from tables in the schema of lmms-lab: one row for each object, with all phrases for it. Each
phrase is asked on its own. A split is named by the folder's files; the headline is the mean over
all phrases of the splits that are there, each also on its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from roboloop.base.errors import RoboLoopError
from roboloop.dialects import load_dialect
from roboloop.evaluate.benchmarks.areas import FRACTIONS, sized
from roboloop.evaluate.benchmarks.base import AUTHOR, Benchmark, Prompt
from roboloop.evaluate.benchmarks.choice import origin_of
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder
from roboloop.evaluate.benchmarks.robointer_paper import robointer_anchors
from roboloop.evaluate.benchmarks.rows import Row, hub_rows
from roboloop.records.answers import Answer, Box
from roboloop.records.record import Record
from roboloop.tasks import load_task
from roboloop.tasks.base import Metric

SPLITS = ("val", "testA", "testB", "test")
THOUSANDTHS = load_dialect("qwen3_vl")
IN_FRACTIONS = (
    "Bounding box coordinates are specified in the format (top-left x, top-left y, bottom-right "
    "x, bottom-right y). All values are floating point numbers bounded between 0 and 1. Please "
    "provide the bounding box coordinate of the region this sentence describes: "
)


def _phrase(record: Record) -> str:
    return record.text_input("object")


class RefCoco(Benchmark):
    """RefCOCO: val, testA (people) and testB (other things)."""

    kind = "refcoco"
    title = "RefCOCO"
    hub = ("lmms-lab/RefCOCO",)
    licence = "Apache-2.0"
    num_items = 10_834 + 5_657 + 5_095
    anchors = robointer_anchors("refcoco", part="val")
    metrics = (Metric("acc@0.5", worst=0.0), Metric("iou", worst=0.0))
    answer_kind = "box"
    prompts: ClassVar[Mapping[str, Prompt]] = {
        AUTHOR: Prompt(
            lambda record: IN_FRACTIONS + _phrase(record),
            "lmms-eval; the authors' task was not asked in words", FRACTIONS,
        ),
        "lmms_eval": Prompt(
            lambda record: IN_FRACTIONS + _phrase(record), "lmms-eval 0.7", FRACTIONS
        ),
        "qwen": Prompt(
            lambda record: f"Locate {_phrase(record)}, output its bbox coordinates using "
                "JSON format.",
            "Qwen-VL cookbooks, for models that write thousandths", THOUSANDTHS,
        ),
    }  # fmt: skip

    def read(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """`data/<split>-*.parquet`: an object a row, its phrases and its box."""
        splits = [split for split in SPLITS if folder.find(f"**/{split}-*.parquet")]
        if not splits:
            folder.files("**/val-*.parquet", what="Parquet file")
        for split in splits:
            for row in hub_rows(
                folder, f"**/{split}-*.parquet",
                columns=("question_id", "answer", "bbox"), pictures=("image",),
            ):  # fmt: skip
                yield from self._phrases(folder, row, split=split)

    def measure(self, answer: Answer, record: Record) -> dict[str, float]:
        """Whether the boxes overlap by half, and by how much."""
        assert record.answer is not None
        values = load_task(record.task).score(answer, truth=record.answer, size=record.picture_size)
        return {metric.name: values[metric.name] for metric in self.metrics}

    def _phrases(self, folder: BenchmarkFolder, row: Row, *, split: str) -> Iterator[Record]:
        item, phrases, sides = row.need("question_id", "answer", "bbox")
        (picture, *_) = row.shown("image")
        size = sized(folder, picture, place=row.place)
        if len(sides) != 4 or sides[2] <= 0 or sides[3] <= 0:
            raise RoboLoopError("E-EVA-012", f"no box: {sides}", place=row.place)
        x, y, width, height = map(float, sides)
        box = Box(x, y, min(x + width, size.width), min(y + height, size.height))
        for number, phrase in enumerate(phrases):
            yield Record(
                id=f"{self.kind}/{split}/{item}/{number}",
                task="object_box",
                media=(replace(picture, size=size),),
                inputs={"object": str(phrase).strip()},
                answer=box,
                source=self.kind,
                split="test",
                licence=self.licence,
                origin=origin_of(folder, row),
                meta={"subtask": split, "episode": str(item)},
            )


class RefCocoPlus(RefCoco):
    """RefCOCO+: phrases without words of place; val, testA and testB."""

    kind = "refcoco_plus"
    title = "RefCOCO+"
    hub = ("lmms-lab/RefCOCOplus",)
    num_items = 10_758 + 5_726 + 4_889
    anchors = robointer_anchors("refcoco_plus", part="val")


class RefCocoG(RefCoco):
    """RefCOCOg: longer phrases; val and test."""

    kind = "refcoco_g"
    title = "RefCOCOg"
    hub = ("lmms-lab/RefCOCOg",)
    num_items = 4_896 + 9_602
    anchors = robointer_anchors("refcocog", part="val")
