"""EgoPlan-Bench2: the next action, from a first-person video up to now (arXiv 2412.04447).

The videos are Ego4D's at 288 lines (`v1_288p`), which each user gets under Ego4D's licence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from roboloop.evaluate.benchmarks.base import AUTHOR, Anchor, Benchmark, Prompt
from roboloop.evaluate.benchmarks.choice import (
    LETTER_DIRECTLY,
    asked,
    choice_record,
    option_lines,
    published,
)
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder, read_json_list
from roboloop.evaluate.benchmarks.frames import video_frames
from roboloop.evaluate.benchmarks.robobrain import robobrain_anchors
from roboloop.evaluate.benchmarks.rows import Row, hub_rows
from roboloop.records.media import Media
from roboloop.records.record import Record

NUM_FRAMES = 8
"""What the authors' script for image models (InternVL2) shows, the last one being now."""
CHOICES = ("choice_a", "choice_b", "choice_c", "choice_d")
FIRST_LINE = (
    "Select the best answer to the following multiple-choice question based on the video. Respond "
    "with only the letter (A, B, C, or D) of the correct option."
)
VIDEO_FOLDERS = ("v1_288p", "Ego4D/v1_288p", "videos", ".")


def question_of(goal: str) -> str:
    """The authors' question for a goal."""
    return (
        "Considering the progress shown in the video and my current observation in the last "
        f"frame, what action should I take next in order to {goal}?"
    )


def _author(record: Record) -> str:
    return f"{FIRST_LINE}\n{asked(record)}\n{option_lines(record)}"


class EgoPlan(Benchmark):
    """EgoPlan-Bench2: 1,321 questions, four domains, 24 scenarios."""

    kind = "egoplan"
    title = "EgoPlan-Bench2"
    hub = ("qiulu66/EgoPlan-Bench2", "nv-njb/egoplan-bench2")
    licence = "Ego4D licence for the videos"
    num_items = 1321
    prompts: ClassVar[Mapping[str, Prompt]] = {
        AUTHOR: Prompt(_author, "EgoPlan-Bench2"),
        "flagevalmm": Prompt(
            lambda record: f"{asked(record)}\n{option_lines(record)}\n{LETTER_DIRECTLY}",
            "FlagEvalMM, EmbodiedVerse-Bench",
        ),
        "lmms_eval": Prompt(published, "lmms-eval 0.7, stored question"),
    }
    chance = 25.0
    anchors = (
        *robobrain_anchors("egoplan"),
        Anchor("GPT-4V", 32.6, "EgoPlan-Bench2 paper"),
        Anchor("GPT-4V with chain of thought", 43.0, "EgoPlan-Bench2 paper"),
    )

    def read(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """The authors' JSON with Ego4D's videos, or a Parquet table with key frames."""
        if folder.find("**/*.parquet"):
            yield from self._keyframes(folder)
            return
        (file, *_) = folder.files("EgoPlan-Bench2*.json", "*.json", what="JSON of questions")
        for place, entry in read_json_list(file):
            row = Row(place, entry, {})
            goal, now, start = row.need(
                "task_goal", "current_observation_frame", "task_start_frame"
            )
            video = str(row.need("sample_id")[0]).rpartition("_")[0]
            frames = video_frames(
                _video_path(folder, video), rule=folder.frames, num_wanted=NUM_FRAMES,
                store=folder.store, place=place, start=int(start), stop=int(now),
            )  # fmt: skip
            yield self._item(folder, row, media=frames, goal=goal, letter="golden_choice_idx")

    def _keyframes(self, folder: BenchmarkFolder) -> Iterator[Record]:
        for row in hub_rows(
            folder, "**/*.parquet",
            columns=("sample_id", "domain", "task_goal", "ground_truth", "formatted_question",
                     *CHOICES),
            pictures=("keyframes",),
        ):  # fmt: skip
            goal, told = row.need("task_goal", "formatted_question")
            yield self._item(
                folder, row, media=row.shown("keyframes"), goal=goal, letter="ground_truth",
                published=told.replace("<image>", "").strip(),
            )  # fmt: skip

    def _item(
        self,
        folder: BenchmarkFolder,
        row: Row,
        *,
        media: tuple[Media, ...],
        goal: str,
        letter: str,
        published: str = "",
    ) -> Record:
        item, domain, right, *options = row.need("sample_id", "domain", letter, *CHOICES)
        return choice_record(
            self, folder, row, item=item, media=media, question=question_of(goal),
            options=options, letter=right, subtask=domain, published=published,
            scenario=row.fields.get("scenario", ""),
        )  # fmt: skip


def _video_path(folder: BenchmarkFolder, video: str) -> str:
    """Where a video lies; where it should, when it lies nowhere."""
    names = [f"{place}/{video}.mp4" for place in VIDEO_FOLDERS]
    there = next((name for name in names if (folder.path / name).is_file()), names[0])
    return f"{folder.kind}:{there}"
