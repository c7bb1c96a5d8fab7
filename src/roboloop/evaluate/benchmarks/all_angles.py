"""All-Angles Bench: one scene seen by several cameras (arXiv 2504.15280).

`data.json` of the hub names pictures of EgoHumans, which lie beside it, and frames of Ego-Exo4D,
which the user makes from a licensed download with the authors' scripts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, ClassVar

from roboloop.base.errors import Place
from roboloop.evaluate.benchmarks.base import AUTHOR, Anchor, Benchmark, Prompt
from roboloop.evaluate.benchmarks.choice import (
    FLAGEVALMM_CHOICE,
    VLMEVALKIT_CHOICE,
    choice_record,
    tsv_choices,
    vlmevalkit_choice,
)
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder, read_json_list
from roboloop.evaluate.benchmarks.rows import Row
from roboloop.records.media import Media
from roboloop.records.record import Record

PAPER = "All-Angles Bench paper, table 1"
PUBLISHED = {
    "GPT-4o": 47.8, "Gemini-1.5-Pro": 47.4, "Gemini-1.5-Flash": 46.6, "Gemini-2.0-Flash": 52.3,
    "Claude-3.5-Sonnet": 48.2, "Claude-3.7-Sonnet": 50.0, "DeepSeek-VL2-Small": 45.5,
    "DeepSeek-VL2": 47.8, "InternVL2.5-2B": 41.0, "InternVL2.5-4B": 45.8, "InternVL2.5-8B": 49.9,
    "InternVL2.5-38B": 55.6, "InternVL2.5-78B": 52.5, "Qwen2.5-VL-3B": 45.2,
    "Qwen2.5-VL-72B": 55.7, "Ovis2-2B": 46.2, "Ovis2-4B": 46.6, "Ovis2-8B": 49.1,
    "Ovis2-16B": 53.2, "Ovis2-34B": 55.3, "Cambrian-8B": 39.2, "Cambrian-13B": 36.5,
    "Cambrian-34B": 41.9, "LLaVA-Onevision-Qwen2-7B": 45.9, "LLaVA-Onevision-Qwen2-72B": 52.5,
    "LLaVA-Video-Qwen2-7B": 42.8, "LLaVA-Video-Qwen2-72B": 53.1,
}  # fmt: skip


class AllAngles(Benchmark):
    """All-Angles Bench: 2,132 questions on 90 scenes, six tasks."""

    kind = "all_angles"
    title = "All-Angles Bench"
    hub = ("ch-chenyu/All-Angles-Bench",)
    licence = "MIT, for non-commercial use"
    num_items = 2132
    human = 82.0
    """On 250 drawn questions."""
    anchors = tuple(Anchor(model, value, PAPER) for model, value in PUBLISHED.items())
    prompts: ClassVar[Mapping[str, Prompt]] = {
        AUTHOR: Prompt(vlmevalkit_choice, "the authors' branch of VLMEvalKit"),
        "flagevalmm": FLAGEVALMM_CHOICE,
        "vlmevalkit": VLMEVALKIT_CHOICE,
    }

    def read(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """`data.json` with `index, folder, category, question, A, B, C, answer, image_path`."""
        if (table := tsv_choices(self, folder)) is not None:
            yield from table
            return
        (file, *_) = folder.files("data.json", "**/data.json", what="data.json")
        for place, entry in read_json_list(file):
            row = Row(place, entry, {})
            index, question, answer, category, paths = row.need(
                "index", "question", "answer", "category", "image_path"
            )
            options = [entry[letter] for letter in "ABCDEF" if entry.get(letter)]
            media = tuple(_picture(folder, path, place=place) for path in paths)
            yield choice_record(
                self, folder, row, item=index, media=media, question=question, options=options,
                letter=answer, subtask=category, scene=entry.get("folder", ""),
            )  # fmt: skip


def _picture(folder: BenchmarkFolder, path: Any, *, place: Place) -> Media:
    """A picture by the path of the file, which names the data set's own folder first, or not."""
    parts = PurePosixPath(str(path)).parts
    known = next((n for n in range(len(parts)) if (folder.path / parts[n]).exists()), 0)
    return folder.picture("/".join(parts[known:]), place=place)
