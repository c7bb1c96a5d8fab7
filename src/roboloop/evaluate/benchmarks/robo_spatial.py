"""RoboSpatial-Home: spatial questions about homes (arXiv 2411.16537).

Two parts are answered with yes or no, the third by a point in a polygon, of which the first counts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.geometry import PictureSize, Point
from roboloop.evaluate.benchmarks.areas import (
    FLAGEVALMM_POINTS,
    FLAGEVALMM_THOUSANDTHS,
    FRACTIONS,
    JSON_EXAMPLE,
    THOUSANDTHS,
    area_record,
    sized,
)
from roboloop.evaluate.benchmarks.base import AUTHOR, Anchor, Benchmark, Prompt, mean_of
from roboloop.evaluate.benchmarks.choice import asked, origin_of, published
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder
from roboloop.evaluate.benchmarks.robobrain import robobrain_anchors
from roboloop.evaluate.benchmarks.rows import Row, hub_rows
from roboloop.records.answers import Answer, Points, YesNo
from roboloop.records.media import media_to_json
from roboloop.records.record import Record
from roboloop.records.regions import Polygon

PARTS = ("configuration", "compatibility", "context")
TAILS = (
    "Your answer should be formatted as a list of tuples, i.e. [(x1, y1), ...], where each tuple "
    "contains the x and y coordinates of a point satisfying the conditions above. The coordinates "
    "should be between 0 and 1, indicating the normalized pixel locations of the points.",
    "Answer yes or no.",
)
BOARD = "RoboSpatial board, mean of three parts"
YES_OR_NO = (
    "Your task is to answer the question above. Respond with a brief explanation if needed, "
    "followed by a yes or no answer in the last line of your response.\n\n"
    "Format your final answer strictly as follows on the last line of your response:\n"
    "Answer: yes or no\n\nDo not include additional text after this line."
)
POINTS_IN_JSON = (
    "Your task is to identify specific points in the image based on the question. Respond with a "
    "brief explanation if needed, followed by a list of 2D point coordinates.\n\n"
    "The points should be in JSON format and normalized to the range [0, 1000].\n\n"
    "Do not include additional text after this line."
)


def _either(points: Prompt) -> Prompt:
    """FlagEvalMM's yes-or-no ending, or this prompt where points are asked for."""

    def ask(record: Record) -> str:
        if record.task == "pointing":
            return points.ask(record)
        return f"{asked(record)}\n{YES_OR_NO}"

    return replace(points, ask=ask)


def _easi(record: Record) -> str:
    if record.task == "pointing":
        return f"{asked(record)}\n\n{JSON_EXAMPLE}"
    return published(record)


class RoboSpatial(Benchmark):
    """RoboSpatial-Home: 123 configuration, 105 compatibility and 122 context questions."""

    kind = "robo_spatial"
    title = "RoboSpatial-Home"
    hub = ("chanhee-luke/RoboSpatial-Home",)
    licence = "Apache-2.0"
    num_items = 350
    aggregation = mean_of(*PARTS)
    answer_kind = "yes_no"
    prompts: ClassVar[Mapping[str, Prompt]] = {
        AUTHOR: Prompt(published, "the data set's own question", FRACTIONS),
        "flagevalmm": _either(FLAGEVALMM_POINTS),
        "flagevalmm_norm1k": _either(FLAGEVALMM_THOUSANDTHS),
        "lmms_eval": _either(
            Prompt(
                lambda record: f"{asked(record)}\n{POINTS_IN_JSON}", "lmms-eval 0.7", THOUSANDTHS
            )
        ),
        "vlmevalkit": Prompt(_easi, "VLMEvalKit (EASI)", THOUSANDTHS),
    }
    anchors = (
        *robobrain_anchors("robo_spatial"),
        Anchor("GPT-4o", 45.3, BOARD),
        Anchor("GPT-5", 52.5, BOARD),
        Anchor("RoboRefer-8B-SFT", 59.4, BOARD),
        Anchor("SpaceTools-3B", 70.4, BOARD),
        Anchor("RoboBrain2.5-8B", 73.0, BOARD),
        Anchor("Qwen3-VL-235B-Thinking", 73.9, BOARD),
        Anchor("Qwen3-VL-8B", 66.9, "Qwen3-VL report"),
        Anchor("Gemini-Robotics-ER-1.5", 62.5, "Qwen3-VL report"),
    )

    def read(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """`data/<part>-*.parquet` of the hub."""
        for part in PARTS:
            rows = hub_rows(
                folder, f"**/{part}-*.parquet", f"**/{part}.parquet",
                columns=("category", "question", "answer"), pictures=("img", "mask"),
            )  # fmt: skip
            for number, row in enumerate(rows):
                yield self._item(folder, row, part=part, item=f"{part}/{number}")

    def measure(self, answer: Answer, record: Record) -> dict[str, float]:
        """Right or wrong; of several points the first counts, as the authors have it."""
        if isinstance(answer, Points):
            answer = Points(answer.points_px[:1])
        return super().measure(answer, record)

    def _item(self, folder: BenchmarkFolder, row: Row, *, part: str, item: str) -> Record:
        question, answer = row.need("question", "answer")
        stem = question
        for tail in TAILS:
            stem = stem.replace(tail, "").strip()
        origin = origin_of(folder, row)
        (picture, *_) = row.shown("img")
        if part == "context":
            size = sized(folder, picture, place=row.place)
            masks = row.pictures["mask"]
            return area_record(
                self, item=item, picture=picture, size=size, question=stem, origin=origin,
                area=polygon_of(answer, size=size, place=row.place), subtask=part,
                published=question, mask=media_to_json(masks[0]) if masks else None,
            )  # fmt: skip
        said = str(answer).strip().casefold()
        if said not in ("yes", "no"):
            raise RoboLoopError(
                "E-EVA-012", f"the answer {answer!r} is neither yes nor no", place=row.place
            )
        return Record(
            id=f"{self.kind}/{item}",
            task="yes_no_vqa",
            media=(picture,),
            inputs={"question": stem},
            answer=YesNo(said == "yes"),
            source=self.kind,
            split="test",
            licence=self.licence,
            origin=origin,
            meta={"subtask": part, "published": question},
        )


def polygon_of(answer: Any, *, size: PictureSize, place: Place) -> Polygon:
    """`[(x, y), ...]` in fractions of the picture, as text or as numbers.

    Raises:
        RoboLoopError: E-EVA-012 when it is no polygon within the picture.
    """
    try:
        corners: Any = ast.literal_eval(answer) if isinstance(answer, str) else answer
        places = [(float(x), float(y)) for x, y in corners]
    except (ValueError, TypeError, SyntaxError):
        raise RoboLoopError("E-EVA-012", f"no polygon: {answer!r}", place=place) from None
    if len(places) < 3 or not all(0 <= value <= 1 for pair in places for value in pair):
        raise RoboLoopError(
            "E-EVA-012", f"no polygon of fractions from 0 to 1: {answer!r}", place=place
        )
    return Polygon(tuple(Point(x * size.width, y * size.height) for x, y in places))
