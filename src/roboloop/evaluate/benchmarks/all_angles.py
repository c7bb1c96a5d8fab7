"""All-Angles Bench: one scene seen by several cameras (arXiv 2504.15280).

`data.json` of the hub names pictures of EgoHumans, which lie beside it, and frames of Ego-Exo4D,
which the user makes from a licensed download with the authors' scripts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, ClassVar

from roboloop.base.errors import Place
from roboloop.evaluate.benchmarks.base import AUTHOR, Benchmark, Prompt
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


class AllAngles(Benchmark):
    """All-Angles Bench: 2,132 questions on 90 scenes, six tasks."""

    kind = "all_angles"
    title = "All-Angles Bench"
    hub = ("ch-chenyu/All-Angles-Bench",)
    licence = "MIT, for non-commercial use"
    num_items = 2132
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
