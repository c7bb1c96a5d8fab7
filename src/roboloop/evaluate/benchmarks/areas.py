"""Pointing at areas: masks as published, thresholded at half, and the ways to ask for points.

A mask that was saved as JPEG has noise around its edges: only pixels brighter than half count. The
published reference stays in `meta.mask`, for rules that read its grey levels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.dialects import load_dialect
from roboloop.evaluate.benchmarks.base import Benchmark, Prompt
from roboloop.evaluate.benchmarks.choice import asked
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder
from roboloop.evaluate.benchmarks.rows import Row
from roboloop.records.media import Media, media_to_json
from roboloop.records.media_open import MediaStore
from roboloop.records.record import Record
from roboloop.records.regions import Mask, Polygon
from roboloop.tasks.base import Metric

HALF = 127
HIT = (Metric("hit", worst=0.0),)
FRACTIONS = load_dialect("llava", decimals=3)
THOUSANDTHS = load_dialect("qwen3_vl")

_EXPLAINED = (
    "Your task is to identify specific points in the image based on the question. Respond with a "
    "brief explanation if needed, followed by a list of 2D point coordinates.\n\n"
    "Each point should be represented as a normalized (x, y) tuple, where both x and y values are "
    "floats between 0 and {top}, corresponding to the position within the image (e.g., for a point "
    "at pixel (50, 75) in a 100*100 image, the normalized coordinate is {example}).\n\n"
    "Format your final answer strictly as follows on the last line of your response:\n"
    "Answer: [(x1, y1), (x2, y2), ..., (xn, yn)]\n\nDo not include additional text after this line."
)
FLAGEVALMM_POINTS = Prompt(
    lambda record: f"{asked(record)}\n{_EXPLAINED.format(top=1, example='(0.5, 0.75)')}",
    "FlagEvalMM", FRACTIONS,
)  # fmt: skip
FLAGEVALMM_THOUSANDTHS = Prompt(
    lambda record: f"{asked(record)}\n{_EXPLAINED.format(top=1000, example='(500, 750)')}",
    "FlagEvalMM, tasks named norm1k", THOUSANDTHS,
)  # fmt: skip
JSON_EXAMPLE = (
    "Output the point coordinates in JSON format.\nFor example:\n[\n"
    '  {"point_2d": [x, y], "label": "point_1"}\n]\n'
)


def located(record: Record) -> str:
    """RoboRefer's wording for Qwen models: the object alone."""
    thing = record.meta.get("object") or asked(record)
    return f"Locate {thing} in this image and output the point coordinates in JSON format."


def area_record(
    benchmark: Benchmark,
    *,
    item: Any,
    picture: Media,
    area: Mask | Polygon,
    size: PictureSize,
    question: str,
    origin: str,
    **meta: Any,
) -> Record:
    """A question to be answered by pointing into an area of the picture."""
    from dataclasses import replace

    return Record(
        id=f"{benchmark.kind}/{item}",
        task="pointing",
        media=(replace(picture, size=size),),
        inputs={"question": question, "object": str(meta.get("object") or question)},
        answer=area,
        source=benchmark.kind,
        split="test",
        licence=benchmark.licence,
        origin=origin,
        meta={name: value for name, value in meta.items() if value not in (None, "")},
    )


def sized(folder: BenchmarkFolder, picture: Media, *, place: Place) -> PictureSize:
    """Width and height of a picture.

    Raises:
        RoboLoopError: E-MED-*, with the row.
    """
    try:
        return folder.store.size(picture)
    except RoboLoopError as error:
        raise error.located(place) from error


def read_mask(store: MediaStore, medium: Media, *, size: PictureSize, place: Place) -> Mask:
    """A published mask: bright pixels are inside.

    Raises:
        RoboLoopError: E-EVA-012 when it is empty or of another size than the picture; E-MED-* when
            it cannot be read. Each names the row.
    """
    try:
        picture: Image.Image = store.open(medium).convert("L")
    except RoboLoopError as error:
        raise error.located(place) from error
    if picture.size != size:
        width, height = picture.size
        raise RoboLoopError(
            "E-EVA-012",
            f"the mask has {width}x{height} pixels, its picture {size.width}x{size.height}",
            place=place,
        )
    inside = np.asarray(picture) > HALF
    if not inside.any():
        raise RoboLoopError("E-EVA-012", "the mask is empty: nothing can be hit", place=place)
    return Mask.from_array(inside)


def masked_record(
    benchmark: Benchmark,
    folder: BenchmarkFolder,
    row: Row,
    *,
    item: Any,
    picture: Media,
    mask: Media,
    question: str,
    origin: str,
    **meta: Any,
) -> Record:
    """A question whose answer is a mask in a picture of its own."""
    size = sized(folder, picture, place=row.place)
    area = read_mask(folder.store, mask, size=size, place=row.place)
    return area_record(
        benchmark, item=item, picture=picture, area=area, size=size, question=question,
        origin=origin, mask=media_to_json(mask), **meta,
    )  # fmt: skip
