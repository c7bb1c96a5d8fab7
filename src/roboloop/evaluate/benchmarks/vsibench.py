"""VSI-Bench: remembering a room from a walk through it (arXiv 2412.14171).

Two kinds of questions: multiple choice, and numbers judged by mean relative accuracy. The hub's
archives of videos have to be unpacked first (`roboloop unpack`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from roboloop.base.errors import RoboLoopError
from roboloop.evaluate.benchmarks.base import AUTHOR, Aggregation, Anchor, Benchmark, Prompt
from roboloop.evaluate.benchmarks.choice import (
    LETTER_DIRECTLY,
    asked,
    choice_record,
    option_lines,
    origin_of,
)
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder, read_json_list
from roboloop.evaluate.benchmarks.frames import video_frames
from roboloop.evaluate.benchmarks.robobrain import robobrain_anchors
from roboloop.evaluate.benchmarks.rows import Row, hub_rows
from roboloop.records.answers import Number
from roboloop.records.media import Media
from roboloop.records.record import Record
from roboloop.tasks.base import Metric

NUM_FRAMES = 32
"""The authors' number for open models; 16 for GPT-4o, 8 for InternVL2."""
DIRECTIONS = ("easy", "medium", "hard")
UNITS = {
    "object_abs_distance": "m",
    "object_size_estimation": "cm",
    "room_size_estimation": "m2",
    "object_counting": None,
}
CHOICES = (
    "obj_appearance_order", "object_rel_distance", "route_planning",
    *(f"object_rel_direction_{level}" for level in DIRECTIONS),
)  # fmt: skip
FIRST_LINE = "These are frames of a video."
NUM_TYPES = 8


def _weight(kind: str) -> float:
    """One of eight types; the three levels of direction are one type together."""
    return 1 / (NUM_TYPES * (len(DIRECTIONS) if "rel_direction" in kind else 1))


def _worded(record: Record, *, choice: str, number: str) -> str:
    if record.task == "number_vqa":
        return f"{FIRST_LINE}\n{asked(record)}\n{number}"
    return f"{FIRST_LINE}\n{asked(record)}\nOptions:\n{option_lines(record)}\n{choice}"


def _author(record: Record) -> str:
    number = "Please answer the question using a single word or phrase."
    return _worded(record, choice=LETTER_DIRECTLY, number=number)


def _easi(record: Record) -> str:
    number = "Answer briefly and directly in one float number."
    return _worded(record, choice=LETTER_DIRECTLY, number=number)


def _flagevalmm(record: Record) -> str:
    think = (
        "Carefully analyze the question above and reason through it step by step. Conclude your "
        "response with a line in the following format:"
    )
    letter = (
        f"{think}\nAnswer: $LETTER (without quotes), where $LETTER corresponds to the correct "
        "option."
    )
    number = (
        f"{think}\nAnswer: $NUMBER (without quotes), where $NUMBER is a number (integer or float) "
        "corresponds to the correct answer."
    )
    return _worded(record, choice=letter, number=number)


class VsiBench(Benchmark):
    """VSI-Bench, the full test set of 288 videos (not the pruned or debiased one)."""

    kind = "vsibench"
    title = "VSI-Bench"
    hub = ("nyu-visionx/VSI-Bench",)
    licence = "Apache-2.0"
    num_items = 5130
    metrics = (Metric("score", worst=0.0),)
    aggregation = Aggregation(
        "mean of 8 question types, the levels of direction averaged first",
        {kind: _weight(kind) for kind in (*CHOICES, *UNITS)},
    )
    prompts: ClassVar[Mapping[str, Prompt]] = {
        AUTHOR: Prompt(_author, "thinking-in-space"),
        "flagevalmm": Prompt(_flagevalmm, "FlagEvalMM"),
        "lmms_eval": Prompt(_author, "lmms-eval 0.7"),
        "vlmevalkit": Prompt(_easi, "VLMEvalKit (EASI)"),
    }
    human = 79.2
    anchors = (
        *robobrain_anchors("vsibench"),
        Anchor("GPT-5", 55.0, "EASI board"),
        Anchor("InternVL3.5-8B", 56.1, "EASI board"),
        Anchor("SenseNova-SI-1.2-8B", 68.7, "EASI board"),
        Anchor("Qwen3-VL-8B", 57.9, "EASI board"),
        Anchor("Qwen2.5-VL-7B", 33.7, "EASI, with VLMEvalKit"),
        Anchor("Qwen2.5-VL-7B", 38.7, "EASI, with lmms-eval"),
    )

    def read(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """`test.jsonl` or the full table of the hub, and `<dataset>/<scene>.mp4`."""
        seen: dict[str, tuple[Media, ...]] = {}
        for row in self._rows(folder):
            item, dataset, scene, kind, question, truth = row.need(
                "id", "dataset", "scene_name", "question_type", "question", "ground_truth"
            )
            path = f"{folder.kind}:{dataset}/{scene}.mp4"
            if path not in seen:
                seen[path] = video_frames(
                    path, rule=folder.frames, num_wanted=NUM_FRAMES, store=folder.store,
                    place=row.place,
                )  # fmt: skip
            if kind in UNITS:
                yield self._number(
                    folder, row, item=item, media=seen[path], kind=kind, question=question,
                    truth=truth,
                )  # fmt: skip
            else:
                yield choice_record(
                    self, folder, row, item=item, media=seen[path], question=question,
                    options=[text.partition(". ")[2] for text in row.need("options")[0]],
                    letter=truth, subtask=kind, episode=f"{dataset}/{scene}",
                )  # fmt: skip

    def _rows(self, folder: BenchmarkFolder) -> Iterator[Row]:
        columns = ("id", "dataset", "scene_name", "question_type", "question", "ground_truth")
        if files := folder.find("test.jsonl"):
            for place, entry in read_json_list(files[0]):
                yield Row(place, entry, {})
            return
        yield from hub_rows(
            folder, "test-*.parquet", "full/test*.parquet", "data/test*.parquet", "test.parquet",
            columns=(*columns, "options"), pictures=(),
        )  # fmt: skip

    def _number(
        self,
        folder: BenchmarkFolder,
        row: Row,
        *,
        item: int,
        media: tuple[Media, ...],
        kind: str,
        question: str,
        truth: str,
    ) -> Record:
        try:
            value = float(truth)
        except ValueError:
            raise RoboLoopError(
                "E-EVA-012", f"the answer {truth!r} is no number", place=row.place
            ) from None
        return Record(
            id=f"{self.kind}/{item}",
            task="number_vqa",
            media=media,
            inputs={"question": question},
            answer=Number(value, UNITS[kind]),
            source=self.kind,
            split="test",
            licence=self.licence,
            origin=origin_of(folder, row),
            meta={
                "subtask": kind,
                "episode": f"{row.fields['dataset']}/{row.fields['scene_name']}",
            },
        )
