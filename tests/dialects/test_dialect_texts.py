"""The exact text of each dialect, against what the models' makers publish and numpy computes."""

from __future__ import annotations

from math import trunc

import numpy as np
import pytest

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize, Point
from roboloop.dialects import load_dialect
from roboloop.dialects.base import Spatial
from roboloop.records.answers import Box, Boxes, Points, Trajectory

SIZE = PictureSize(320, 180)
BOX = Box(72, 102, 192, 179)
MUG = Box(72, 102, 192, 179, "mug")
PAIR = Points((Point(203.2, 80.1), Point(0, 180)))
NAMED = Points((Point(203.2, 80.1),), ("mug",))

TEXTS: list[tuple[str, Spatial, str]] = [
    # The published examples of RoboInter's README_DATA.md, word for word.
    ("robointer_origin", BOX, '{"contact_bbox": [[72, 102], [192, 179]]}'),
    ("robointer_llava", BOX, '{"contact_bbox": [[0.22, 0.57], [0.60, 0.99]]}'),
    ("robointer_smart_resize", BOX, '{"contact_bbox": [[69, 95], [184, 167]]}'),
    ("robointer_origin", PAIR, '{"contact_bbox": [[203, 80], [0, 180]]}'),
    # 184.8 is rounded by Qwen2.5-VL, cut off by RoboInter; 0.225 is 0.22 for numpy.
    ("qwen25_vl", BOX, '{"contact_bbox": [69, 95, 185, 167]}'),
    ("qwen25_vl", Boxes((MUG,)), '[{"bbox_2d": [69, 95, 185, 167], "label": "mug"}]'),
    ("qwen25_vl", PAIR, '{"contact_bbox": [[196, 75], [0, 168]]}'),
    ("qwen25_vl", Trajectory(PAIR.points_px), '{"contact_bbox": [[196, 75], [0, 168]]}'),
    ("qwen25_vl", NAMED, '[{"point_2d": [196, 75], "label": "mug"}]'),
    ("qwen3_vl", BOX, '{"contact_bbox": [225, 567, 600, 994]}'),
    ("qwen3_vl", NAMED, '[{"point_2d": [635, 445], "label": "mug"}]'),
    ("internvl", BOX, "<box>[[225, 567, 600, 994]]</box>"),
    ("internvl", MUG, "<ref>mug</ref><box>[[225, 567, 600, 994]]</box>"),
    ("internvl", PAIR, "<point>[[635, 445], [0, 1000]]</point>"),
    ("llava", BOX, '{"contact_bbox": [0.23, 0.57, 0.60, 0.99]}'),
    ("gemini", MUG, '[{"box_2d": [567, 225, 994, 600], "label": "mug"}]'),
    ("gemini", NAMED, '[{"point": [445, 635], "label": "mug"}]'),
    ("gemini", PAIR, '[{"point": [445, 635]}, {"point": [1000, 0]}]'),
    ("molmo", NAMED, '<point x="63.5" y="44.5" alt="mug">mug</point>'),
    (
        "molmo",
        PAIR,
        '<points x1="63.5" y1="44.5" x2="0.0" y2="100.0" alt="contact_bbox">contact_bbox</points>',
    ),
    ("plain", BOX, '{"contact_bbox": [72, 102, 192, 179]}'),
    ("plain", PAIR, '{"contact_bbox": [[203, 80], [0, 180]]}'),
]


@pytest.mark.parametrize(("kind", "answer", "text"), TEXTS)
def test_the_text_of_an_answer(kind: str, answer: Spatial, text: str) -> None:
    assert load_dialect(kind).write(answer, size=SIZE, key="contact_bbox") == text


def test_options_change_the_digits() -> None:
    place = Point(203.236, 80.114)
    assert load_dialect("plain", decimals=1).write_inline(place, size=SIZE) == "[203.2, 80.1]"
    assert load_dialect("plain", decimals=2).write_inline(place, size=SIZE) == "[203.24, 80.11]"
    assert load_dialect("llava", decimals=3).write_inline(place, size=SIZE) == "[0.635, 0.445]"
    assert load_dialect("gemini").write_inline(place, size=SIZE) == "[445, 635]"


@pytest.mark.parametrize(("kind", "decimals"), [("plain", 3), ("plain", -1), ("llava", 1)])
def test_other_numbers_of_digits_are_refused(kind: str, decimals: int) -> None:
    with pytest.raises(RoboLoopError, match="E-CFG-003"):
        load_dialect(kind, decimals=decimals)


@pytest.mark.parametrize(
    ("size", "resized"),
    [((320, 180), (308, 168)), ((640, 480), (644, 476)), ((1280, 720), (1288, 728))],
)
def test_smart_resize_format_cuts_off_every_whole_pixel(
    size: tuple[int, int], resized: tuple[int, int]
) -> None:
    dialect = load_dialect("robointer_smart_resize")
    picture = PictureSize(*size)
    for x in range(picture.width + 1):
        y = x * picture.height // picture.width
        expected = (trunc(x * resized[0] / size[0]), trunc(y * resized[1] / size[1]))
        written = dialect.numbers(Point(x, y), size=picture)
        assert written == (str(expected[0]), str(expected[1]))


@pytest.mark.parametrize("size", [(320, 180), (640, 360), (640, 480), (1280, 720), (224, 224)])
def test_llava_format_rounds_every_whole_pixel_as_numpy_does(size: tuple[int, int]) -> None:
    dialect = load_dialect("robointer_llava")
    picture = PictureSize(*size)
    xs = np.arange(picture.width + 1)
    expected = np.round(xs / picture.width, 2)
    written = [float(dialect.numbers(Point(int(x), 0), size=picture)[0]) for x in xs]
    assert written == expected.tolist()


def test_llava_and_robointer_differ_where_half_a_step_is_met() -> None:
    halves = [
        x
        for x in range(321)
        if load_dialect("llava").numbers(Point(x, 0), size=SIZE)
        != load_dialect("robointer_llava").numbers(Point(x, 0), size=SIZE)
    ]
    assert 72 in halves
    assert all((x * 100 / 320) % 1 == 0.5 for x in halves)


def test_names_in_tags_and_json_are_escaped() -> None:
    odd = Box(72, 102, 192, 179, '"<b>" & \\ 杯')
    for kind in ("qwen25_vl", "gemini", "internvl", "molmo"):
        dialect = load_dialect(kind)
        text = dialect.write(Boxes((odd,)), size=SIZE, key="bbox_2d")
        assert dialect.read_boxes(text, size=SIZE).boxes[0].label == odd.label
