"""OmniSpatial: dynamic reasoning, logic, interaction, perspective (arXiv 2506.03135), test split.

The authors ask with a system text in front and take the last `Answer: X`; their own fallback to A
when there is none is not ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import ClassVar

from roboloop.base.errors import RoboLoopError
from roboloop.evaluate.benchmarks.base import AUTHOR, Anchor, Benchmark, Prompt
from roboloop.evaluate.benchmarks.choice import (
    asked,
    choice_record,
    option_lines,
    tsv_choices,
)
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder
from roboloop.evaluate.benchmarks.rows import Row, hub_rows
from roboloop.evaluate.benchmarks.zipped import ZippedFolder
from roboloop.records.media import Media
from roboloop.records.record import Record
from roboloop.tasks.base import LETTERS

PAPER = "OmniSpatial paper and board"
SYSTEM = """You are a spatial-reasoning assistant.

Task
-----
You will receive
1. **Image** - a single RGB frame depicting a scene.
2. **Question** - a natural-language query about spatial relationships between objects in the image.
3. **Options** - ≥2 answer candidates, each tagged by a capital letter (A, B, C, D…).
"""
STEPS = """
Guidelines
----------
Please follow these steps to analyze the image and answer the question:
1. First, carefully observe the image and identify all relevant objects and their spatial relationships.
2. Next, break down the question into key components that need to be addressed.
3. Think through the spatial reasoning step-by-step to arrive at your answer. It may be necessary to transfer perspective to better understand the scene.
4. Finally, select the most appropriate option (A, B, C, or D) based on your analysis.
"""  # noqa: E501 - the authors' own line ends
DIRECT = "\nBased on the image and question, provide your answer.\n"
GROUNDED = """Always ground your answer in the visual evidence; do not hallucinate unseen objects.
If uncertain, pick the most plausible option—never refuse or reply “insufficient information.”
"""
LAST_LINE = """
End your answer with a separate line formatted exactly as:

Answer: X
where X ∈ {A, B, C, D}.
"""
ONLY_THE_LETTER = """
Note: You only need to respond with A, B, C, or D without providing any additional information.
"""


def _with_options(record: Record) -> str:
    return f"{asked(record)}\n{option_lines(record)}"


def _reasoned(record: Record) -> str:
    return f"\n{SYSTEM}{STEPS}\n{GROUNDED}\n{LAST_LINE}\n\n{_with_options(record)}"


def _direct(record: Record) -> str:
    return f"{SYSTEM}{DIRECT}{GROUNDED}{ONLY_THE_LETTER}\n{_with_options(record)}"


def _easi(record: Record) -> str:
    ending = "Answer directly with the option letter from the given choices. "
    return f"{_with_options(record)}\n{ending}"


class OmniSpatialTest(Benchmark):
    """OmniSpatial, the test split of today's hub: 1,533 questions on 1,387 pictures."""

    kind = "omni_spatial_test"
    title = "OmniSpatial (test)"
    hub = ("qizekun/OmniSpatial", "nv-njb/OmniSpatial-Test")
    licence = "CC BY-NC 4.0"
    num_items = 1533
    prompts: ClassVar[Mapping[str, Prompt]] = {
        AUTHOR: Prompt(_reasoned, "OmniSpatial, manual chain of thought, format `re`"),
        "direct": Prompt(_direct, "OmniSpatial, format `direct`"),
        "flagevalmm": Prompt(
            lambda record: f"{_with_options(record)}\nYour answer must be clear and accurate.",
            "FlagEvalMM",
        ),
        "lmms_eval": Prompt(_direct, "lmms-eval 0.7, omni_spatial"),
        "vlmevalkit": Prompt(_easi, "VLMEvalKit (EASI), direct"),
    }
    human = 92.6
    anchors = (
        Anchor("o3", 56.3, PAPER),
        Anchor("Gemini-2.5-Pro", 55.2, PAPER),
        Anchor("Qwen2.5-VL-3B", 40.3, PAPER),
        Anchor("Qwen2.5-VL-7B", 40.3, PAPER),
        Anchor("InternVL3-8B", 41.6, PAPER),
    )
    archive = "OmniSpatial-test.zip"

    def read(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """The hub's zip as it is, its unpacked folder, Parquet, or VLMEvalKit's table."""
        if (table := tsv_choices(self, folder)) is not None:
            yield from table
        elif folder.find("**/*.parquet"):
            yield from self._parquet(folder)
        else:
            yield from self._listed(folder)

    def _listed(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """`data.json` and `<task_type>/<number>.png`, in a folder or in zips."""
        data = ZippedFolder(folder, archives=(self.archive, "*.zip"), listing="data.json")
        for place, entry in data.entries():
            row = Row(place, entry, {})
            item, question, options, answer, task, sub_task = row.need(
                "id", "question", "options", "answer", "task_type", "sub_task_type"
            )
            picture = f"{task}/{str(item).partition('_')[0]}.png"
            yield self._record(
                folder, row, item=f"{task}/{item}", media=(data.picture(picture, place=place),),
                question=question, options=options, answer=answer, task=task, sub_task=sub_task,
            )  # fmt: skip

    def _parquet(self, folder: BenchmarkFolder) -> Iterator[Record]:
        rows = hub_rows(
            folder, "**/test*.parquet", "**/*.parquet",
            columns=("id", "question", "options", "answer", "task_type", "sub_task_type"),
            pictures=("image",),
        )  # fmt: skip
        for row in rows:
            item, question, options, answer, task, sub_task = row.need(
                "id", "question", "options", "answer", "task_type", "sub_task_type"
            )
            yield self._record(
                folder, row, item=f"{task}/{item}", media=row.shown("image"), question=question,
                options=options, answer=answer, task=task, sub_task=sub_task,
            )  # fmt: skip

    def _record(
        self,
        folder: BenchmarkFolder,
        row: Row,
        *,
        item: str,
        media: tuple[Media, ...],
        question: str,
        options: list[str],
        answer: int,
        task: str,
        sub_task: str,
    ) -> Record:
        if not 0 <= int(answer) < len(options):
            raise RoboLoopError(
                "E-EVA-012", f"answer {answer} of {len(options)} options", place=row.place
            )
        return choice_record(
            self, folder, row, item=PurePosixPath(item), media=media, question=question,
            options=options, letter=LETTERS[int(answer)], subtask=task, sub_task=sub_task,
        )  # fmt: skip
