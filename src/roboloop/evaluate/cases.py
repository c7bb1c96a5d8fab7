"""Answers to benchmarks' questions as JSON: one object per line, the question beside the answer.

docs/evaluation.md describes every key. A line that cannot be scored is an error with its place,
never a line left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import orjson
from PIL import Image, ImageDraw

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.geometry import BoxPx, PictureSize
from roboloop.dialects import Dialect, load_dialect
from roboloop.evaluate.rules.base import Case, CaseKind, MaskArray

CONVENTIONS: Mapping[str, Mapping[str, Any]] = {
    "norm01": {"kind": "llava", "decimals": 4},
    "norm1000": {"kind": "qwen3_vl"},
    "norm1000_yx": {"kind": "gemini"},
    "percent_xml": {"kind": "molmo"},
    "pixel": {"kind": "plain"},
    "xywh_norm01": {"kind": "unit_xywh", "decimals": 4},
}
"""Names of conventions as benchmarks use them -> dialect with its options."""

_ELLIPSE_CORNERS = 48


def read_cases(path: Path) -> Iterator[tuple[Mapping[str, Any], Case]]:
    """Every line of a JSON Lines file with the case it describes.

    Raises:
        RoboLoopError: E-REC-001 for a line that is no JSON object, E-EVA-004 for one without the
            keys that its kind needs.
    """
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            place = Place(path, number)
            value = line_object(line, place=place)
            yield value, case_from_json(value, place=place)


def line_object(line: bytes, *, place: Place) -> Mapping[str, Any]:
    """The JSON object that a line is.

    Raises:
        RoboLoopError: E-REC-001 when it is none.
    """
    try:
        value: Any = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise RoboLoopError("E-REC-001", f"no JSON ({error})", place=place) from error
    if not isinstance(value, dict):
        raise RoboLoopError("E-REC-001", "a line is one JSON object", place=place)
    return value


def case_from_json(value: Mapping[str, Any], *, place: Place) -> Case:
    """The case that one line describes.

    Raises:
        RoboLoopError: E-EVA-004 for missing or unfitting keys.
    """
    try:
        return _case(value, folder=Path(place.file or "").parent)
    except (KeyError, TypeError, ValueError, OSError) as error:
        missing = isinstance(error, KeyError)
        why = f"the key {error} is missing" if missing else f"{type(error).__name__}: {error}"
        raise RoboLoopError("E-EVA-004", why, place=place) from error


def dialect_of(convention: str | None) -> Dialect:
    """The dialect of a convention, named as benchmarks or as dialects do; fractions without one.

    Raises:
        RoboLoopError: E-CFG-006 for an unknown one.
    """
    return load_dialect(**CONVENTIONS.get(convention or "norm01", {"kind": convention}))


def _case(value: Mapping[str, Any], *, folder: Path) -> Case:
    kind: CaseKind = value["kind"]
    if kind not in get_args(CaseKind):
        raise ValueError(f"kind {kind!r} is not one of {', '.join(get_args(CaseKind))}")
    answer = value["answer"]
    if not isinstance(answer, str):
        raise TypeError("answer is not a text")
    gold = value["gold"] if kind != "point" else None
    mask = value.get("mask")
    size = value.get("image_size") or None
    mask_levels = None
    polygon = tuple((float(x), float(y)) for x, y in value.get("polygon") or ())
    if isinstance(mask, str):
        mask_levels = read_mask(folder / mask)
    elif mask is not None:
        mask_levels = draw_mask(mask)
        polygon = polygon or polygon_of(mask)
    if mask_levels is not None and size is None:
        size = mask_levels.shape[::-1]
    if kind in ("point", "bbox") and size is None:
        raise KeyError("image_size")
    if kind == "point" and mask_levels is None and not polygon:
        raise KeyError("mask")
    if kind != "point" and gold is None:
        raise KeyError("gold")
    return Case(
        benchmark=value["benchmark"],
        kind=kind,
        text=answer,
        gold=_gold(gold, kind=kind),
        options=tuple(map(str, value.get("options") or ())),
        question=value.get("question") or "",
        subtask=value.get("subtask") or "",
        size=PictureSize(*size) if size else None,
        dialect=dialect_of(value.get("convention")),
        mask_levels=mask_levels,
        polygon_unit=polygon,
    )


def _gold(gold: Any, *, kind: CaseKind) -> str | tuple[str, ...] | BoxPx | None:
    """The truth in the form that its kind needs; a wrong one is told in words."""
    match kind, gold:
        case "point", _:
            return None
        case "bbox", [x1, y1, x2, y2]:
            return (float(x1), float(y1), float(x2), float(y2))
        case "numeric", int() | float() | str():
            return str(float(gold))
        case "mcq" | "yesno" | "text", str():
            return gold
        case "text", [str(), *_]:
            return tuple(map(str, gold))
        case _:
            raise ValueError(f"gold {gold!r} is no truth of kind {kind}")


def read_mask(path: Path) -> MaskArray:
    """Grey levels of a mask file, shape (height, width)."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"))


def draw_mask(mask: Mapping[str, Any]) -> MaskArray:
    """A mask given by its shapes in whole pixels, filled with `inside` on `background`."""
    picture = Image.new("L", (mask["width"], mask["height"]), mask["background"])
    pen = ImageDraw.Draw(picture)
    for shape in mask["shapes"]:
        match shape["type"]:
            case "rect":
                pen.rectangle(shape["xyxy"], fill=mask["inside"])
            case "ellipse":
                pen.ellipse(shape["xyxy"], fill=mask["inside"])
            case "polygon":
                pen.polygon([tuple(corner) for corner in shape["xy"]], fill=mask["inside"])
            case other:
                raise ValueError(f"a mask has no shape {other!r}")
    return np.asarray(picture)


def polygon_of(mask: Mapping[str, Any]) -> tuple[tuple[float, float], ...]:
    """The corners of a mask's first shape, in fractions of the picture with four decimals."""
    shape = mask["shapes"][0]
    if shape["type"] == "polygon":
        corners = shape["xy"]
    else:
        x1, y1, x2, y2 = shape["xyxy"]
        corners = ((x1, y1), (x2, y1), (x2, y2), (x1, y2))
        if shape["type"] == "ellipse":
            angles = np.linspace(0, 2 * np.pi, _ELLIPSE_CORNERS, endpoint=False)
            corners = [
                (
                    (x1 + x2) / 2 + (x2 - x1) / 2 * np.cos(a),
                    (y1 + y2) / 2 + (y2 - y1) / 2 * np.sin(a),
                )
                for a in angles
            ]
    width, height = mask["width"], mask["height"]
    return tuple((round(float(x) / width, 4), round(float(y) / height, 4)) for x, y in corners)
