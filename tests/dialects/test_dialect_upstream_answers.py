"""Answers that others published, read under the dialect that was declared for them."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from roboloop.base.geometry import PictureSize, box_iou
from roboloop.dialects import load_dialect

SHARED = Path(__file__).resolve().parents[2] / "../shared"
CUP = PictureSize(640, 426)
CUP_BOX = (577, 224, 638, 310)
DIALECT_OF = {
    "norm01": ("llava", {"decimals": 4}),
    "norm1000": ("qwen3_vl", {}),
    "norm1000_yx": ("gemini", {}),
    "percent_xml": ("molmo", {}),
    "pixel": ("plain", {}),
}


def text_of(path: str) -> str:
    file = SHARED / path
    if not file.exists():
        pytest.skip(f"the sample {path} is not here")
    return file.read_text(encoding="utf-8")


def robobrain2_predictions() -> list[dict[str, str]]:
    """The dictionaries that RoboBrain 2.0's README prints as predictions."""
    blocks = re.findall(
        r"^\{\n.*?^\}$", text_of("data/robobrain2_demo/README.md"), re.DOTALL | re.MULTILINE
    )
    return [ast.literal_eval(block) for block in blocks]


def robobrain1_predictions() -> list[str]:
    readme = text_of("data/robobrain1_demo/README.md")
    return re.findall(r"Prediction: (\[.*\])\s*$", readme, re.MULTILINE)


def test_robobrain2_writes_pixels() -> None:
    plain = load_dialect("plain")
    answers = [prediction["answer"] for prediction in robobrain2_predictions()]
    boxes = [text for text in answers if re.fullmatch(r"\[\d.*", text)]
    assert [plain.read_boxes(text, size=CUP).boxes[0].corners_px for text in boxes] == [
        (0, 193, 226, 640),
        CUP_BOX,
    ]
    paths = [text for text in answers if text.startswith("[(")]
    counts = [len(plain.read_points(text, size=PictureSize(732, 1220)).points_px) for text in paths]
    assert counts == [4, 10, 6, 4]
    first = plain.read_points(paths[0], size=PictureSize(424, 240)).points_px
    assert first == ((137, 116), (169, 94), (208, 84), (228, 80))


def test_robobrain2_thoughts_hold_the_same_places_in_prose() -> None:
    """Its thoughts name the answer in running text; the reader finds the same numbers there."""
    plain = load_dialect("plain")
    size = PictureSize(732, 1220)
    checked = 0
    for prediction in robobrain2_predictions():
        told = plain.read_points(prediction["answer"], size=size)
        thought = plain.read_points(prediction["thinking"], size=size)
        if thought.points_px:  # the grounding example reasons without numbers
            assert thought.points_px == told.points_px
            checked += 1
    assert checked == 5


def test_robobrain2_whole_dictionaries_are_read_by_their_answer() -> None:
    plain = load_dialect("plain")
    size = PictureSize(732, 1220)
    for prediction in robobrain2_predictions():
        whole = plain.read_points(str(prediction), size=size)
        assert whole.points_px == plain.read_points(prediction["answer"], size=size).points_px


def test_robobrain1_writes_fractions() -> None:
    llava = load_dialect("llava", decimals=3)
    size = PictureSize(1000, 500)
    texts = robobrain1_predictions()
    boxes = [llava.read_boxes(text, size=size).boxes for text in texts[:2]]
    assert boxes[0][0].corners_px == pytest.approx((733, 79, 845, 131.5))
    assert boxes[1][0].corners_px == pytest.approx((600, 63.5, 692, 113.5))
    paths = [llava.read_points(text, size=size).points_px for text in texts[2:]]
    assert [len(path) for path in paths] == [4, 4]
    assert paths[1][-1] == pytest.approx((642, 300))


def test_point_2d_objects_are_thousandths_for_qwen3() -> None:
    text = '```json\n[\n  {"point_2d": [500, 250], "label": "point_1"}\n]\n```'
    read = load_dialect("qwen3_vl").read_points(text, size=CUP)
    assert read.points_px == ((320, 106.5),)
    assert read.labels == ("point_1",)


def test_width_and_height_objects_are_boxes() -> None:
    text = '{"x": 577, "y": 224, "width": 61, "height": 86}'
    assert load_dialect("plain").read_boxes(text, size=CUP).boxes[0].corners_px == CUP_BOX


def test_the_wrong_dialect_is_silent_so_it_must_be_declared() -> None:
    """`hold the cup`: as thousandths the pixels are another box, and it lies in the picture too.

    No look at the numbers can tell which is meant; nor does the reader remark on anything.
    """
    answer = str(list(CUP_BOX))
    pixels = load_dialect("plain").read_boxes(answer, size=CUP)
    thousandths = load_dialect("qwen3_vl").read_boxes(answer, size=CUP)
    resized = load_dialect("qwen25_vl").read_boxes(answer, size=CUP)
    for read in (pixels, thousandths, resized):
        box = read.boxes[0]
        assert 0 <= box.x1 < box.x2 <= CUP.width and 0 <= box.y1 < box.y2 <= CUP.height
        assert "outside" not in read.note
    right = pixels.boxes[0].corners_px
    assert right == CUP_BOX
    assert box_iou(right, second_px=thousandths.boxes[0].corners_px) == 0.0
    assert 0.5 < box_iou(right, second_px=resized.boxes[0].corners_px) < 1.0


def conformance_cases() -> list[dict[str, Any]]:
    file = SHARED / "conformance/cases_dev.jsonl"
    if not file.exists():
        return []
    cases = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [case for case in cases if case["kind"] in ("point", "bbox")]


@pytest.mark.parametrize("case", conformance_cases(), ids=lambda case: case["id"])
def test_conformance_cases_are_read_as_intended(case: dict[str, Any]) -> None:
    kind, options = DIALECT_OF[case["convention"]]
    dialect = load_dialect(kind, **options)
    size = PictureSize(*case["image_size"])
    if case["kind"] == "bbox":
        boxes = dialect.read_boxes(case["answer"], size=size).boxes
        assert [box.corners_px for box in boxes] == [pytest.approx(case["intended"])]
        return
    read = dialect.read_points(case["answer"], size=size)
    if case["intended"] is None:
        # Empty, a refusal, or numbers of another frame: kept as written, and said to be outside.
        assert not read.points_px or "outside" in read.note or "convention_break" in case["tags"]
        return
    fractions = [(point.x / size.width, point.y / size.height) for point in read.points_px]
    assert fractions == [pytest.approx(place, abs=1e-3) for place in case["intended"]]
