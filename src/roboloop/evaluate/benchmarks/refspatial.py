"""What the three parts of RefSpatial-Bench share (RoboRefer, arXiv 2506.04308).

The parts are reported one by one. Papers that give one number take the mean of location and
placement and leave the unseen part out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from roboloop.evaluate.benchmarks.areas import (
    FLAGEVALMM_POINTS,
    FLAGEVALMM_THOUSANDTHS,
    FRACTIONS,
    HIT,
    JSON_EXAMPLE,
    THOUSANDTHS,
    located,
    masked_record,
)
from roboloop.evaluate.benchmarks.base import AUTHOR, Benchmark, Prompt
from roboloop.evaluate.benchmarks.choice import asked, origin_of
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder, read_json_list
from roboloop.evaluate.benchmarks.rows import Row, hub_rows
from roboloop.evaluate.benchmarks.strict import ONLY_THE_LIST
from roboloop.records.media import Media
from roboloop.records.record import Record

RE_RUN = "RoboRefer-2B-SFT, run again"


def _suffixed(record: Record) -> str:
    return f"{asked(record)} {record.meta['suffix']}"


class RefSpatial(Benchmark):
    """A part of RefSpatial-Bench: point at what, or where, a sentence refers to.

    Class attributes:
        part: Name of its split.
    """

    part: ClassVar[str]
    hub = ("BAAI/RefSpatial-Bench",)
    licence = "Apache-2.0"
    metrics = HIT
    answer_kind = "points"
    prompts: ClassVar[Mapping[str, Prompt]] = {
        AUTHOR: Prompt(_suffixed, "RefSpatial-Bench, default", FRACTIONS),
        "author_qwen": Prompt(located, "RefSpatial-Bench, for Qwen models", THOUSANDTHS),
        "flagevalmm": FLAGEVALMM_POINTS,
        "flagevalmm_norm1k": FLAGEVALMM_THOUSANDTHS,
        "lmms_eval": Prompt(
            lambda record: f"{_suffixed(record)} {ONLY_THE_LIST}", "lmms-eval 0.7", FRACTIONS
        ),
        "lmms_eval_json": Prompt(located, "lmms-eval 0.7, JSON", THOUSANDTHS),
        "vlmevalkit": Prompt(
            lambda record: f"{asked(record)}{JSON_EXAMPLE}", "VLMEvalKit (EASI)", THOUSANDTHS
        ),
    }

    def read(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """`data/<part>-*.parquet` of the hub, or the folder `<Part>` with `question.json`."""
        name = self.part.capitalize()
        if listing := folder.find(f"{name}/question.json", f"{self.part}/question.json"):
            near = listing[0].parent.name
            for place, entry in read_json_list(listing[0]):
                row = Row(place, entry, {})
                picture, mask = row.need("rgb_path", "mask_path")
                yield self._item(
                    folder, row, picture=folder.picture(f"{near}/{picture}", place=place),
                    mask=folder.picture(f"{near}/{mask}", place=place),
                )  # fmt: skip
            return
        for row in hub_rows(
            folder, f"**/{self.part}-*.parquet", f"**/{self.part}.parquet",
            columns=("id", "object", "prompt", "suffix", "step"), pictures=("image", "mask"),
        ):  # fmt: skip
            yield self._item(folder, row, picture=row.shown("image")[0], mask=row.shown("mask")[0])

    def _item(self, folder: BenchmarkFolder, row: Row, *, picture: Media, mask: Media) -> Record:
        item, thing, prompt, suffix = row.need("id", "object", "prompt", "suffix")
        return masked_record(
            self, folder, row, item=item, picture=picture, mask=mask, question=prompt,
            origin=origin_of(folder, row), suffix=suffix, object=thing,
            subtask=f"step {row.fields.get('step')}",
        )  # fmt: skip
