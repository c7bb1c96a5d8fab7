"""Reading what models really write: prose, fences, thoughts, cut-off text, odd punctuation."""

from __future__ import annotations

import pytest

from roboloop.base.geometry import PictureSize
from roboloop.dialects import ReadStatus, load_dialect

SIZE = PictureSize(1000, 1000)
PLAIN = load_dialect("plain")
BOX = (10.0, 20.0, 30.0, 40.0)

ONE_BOX = [
    '{"contact_bbox": [10, 20, 30, 40]}',
    "[10, 20, 30, 40]",
    "(10, 20, 30, 40)",
    "[10 20 30 40]",
    "10, 20, 30, 40",
    "10，20，30，40。",
    " 10.0, 20.0, 30.0, 40.0.",
    "[[10, 20], [30, 40]]",
    "[(10, 20), (30, 40)]",
    "(10,20),(30,40)",
    "from (10, 20) to (30, 40)",
    "<|box_start|>(10,20),(30,40)<|box_end|>",
    "<box>[[10, 20, 30, 40]]</box>",
    "<box>10, 20, 30, 40</box>",
    "[[10, 20, 30, 40]]",
    '```json\n[{"bbox_2d": [10, 20, 30, 40], "label": "mug"}]\n```',
    'Here it is:\n```json\n{"bbox_2d": [10, 20, 30, 40]}\n``` I hope it helps.',
    "The 2 cups stand in row 3. [10, 20, 30, 40]",
    "I see (maybe 2 of 3) cups at [10, 20, 30, 40], right?",
    "{'x': 10, 'y': 20, 'width': 20, 'height': 20}",
    '{"x": 10, "y": 20, "w": 20, "h": 20}',
    '{"x1": 10, "y1": 20, "x2": 30, "y2": 40}',
    '{"xmin": 10, "ymin": 20, "xmax": 30, "ymax": 40}',
    "x1=10, y1=20, x2=30 and y2=40",
    "(x1: 10, y1: 20, x2: 30, y2: 40)",
    "{'thinking': 'maybe [1, 2, 3, 4], the cup\\'s edge', 'answer': '[10, 20, 30, 40]'}",
    "<think>maybe [1, 2, 3, 4]</think>[10, 20, 30, 40]",
    "maybe [1, 2, 3, 4]</think>\n<answer>[10, 20, 30, 40]</answer>",
    "<answer>[1, 2, 3, 4]</answer> no: <answer>[10, 20, 30, 40]</answer>",
    "<answer>[10, 20, 30, 40]",
    "Looking at [1, 2, 3, 4] first.\nAnswer: [10, 20, 30, 40]\nThat is the handle.",
    "**Answer**: **[10, 20, 30, 40]**",
    "答案：【１０，２０，３０，４０】",
    "边界框为（10，20，30，40）。",
    "\\boxed{[10, 20, 30, 40]}",
    "[30, 40, 10, 20]",
    '[{"bbox_2d": [10, 20, 30, 40], "label": "mug"}, {"bbox_2d": [50, 60, 7',
    '{"bbox_2d": [10, 20, 30, 40]',
    '{"visible": true, "score": 0.93, "bbox_2d": [10, 20, 30, 40]}',
    "[1%, 2%, 3%, 4%]",
    '[" see [10, 20, 30, 40]',
    "Step [1]: found. [10, 20, 30, 40]",
    "10 20 30 40",
    "Answer: 10, 20, 30, 40\nDone.",
    '["10", "20", "30", "40"]',
    '{"bbox_2d": "[10, 20, 30, 40]", "label": "4 cups"}',
    '{"x1": "10", "y1": "20", "x2": "30", "y2": "40"}',
]


@pytest.mark.parametrize("text", ONE_BOX)
def test_one_box_is_found(text: str) -> None:
    read = PLAIN.read_boxes(text, size=SIZE)
    assert [box.corners_px for box in read.boxes] == [BOX], read.note
    exact = text in (ONE_BOX[0], f"<answer>{ONE_BOX[0]}</answer>")
    assert read.status is (ReadStatus.EXACT if exact else ReadStatus.REPAIRED)
    assert bool(read.note) is not exact


NO_BOX = [
    "",
    "   ",
    "I cannot see 4 cups; 10 20 30 40 are numbers.",
    "There are 10, 20, 30, 40 of them",
    '{"label": "[10, 20, 30, 40]", "reason": "I see [10, 20, 30, 40]"}',
    "[10, 20, 30, 40",
    "[10, 20, 30",
    "[10, 20, 30, nan]",
    "[10, 20, 30, Infinity]",
    "[10, 20, 30, 1e999]",
    "[10, 20, 30, null]",
    "[10, 20, 30]",
    "[10, 20, 30, 40, 50]",
    "[[1, 2], [3, 4], [5, 6]]",
    "(10-20, 30, 40, 50)",
    "[10 px, 20 px, 30 px, 40 px]",
    "<think>it is [10, 20, 30, 40]",
    "{'thinking': '[10, 20, 30, 40]', 'answer': 'I do not know'}",
    "[" * 5000,
]


@pytest.mark.parametrize("text", NO_BOX, ids=lambda text: text[:40])
def test_no_box_is_invented(text: str) -> None:
    read = PLAIN.read_boxes(text, size=SIZE)
    assert read.boxes == ()
    ends_early = text.startswith("<think>") or text.count("[") > text.count("]")
    assert read.status is (ReadStatus.CUT_OFF if ends_early else ReadStatus.UNREADABLE)
    assert read.note


POINTS = [
    ("[[10, 20], [30, 40]]", [(10, 20), (30, 40)]),
    ("[(10, 20), (30, 40)]", [(10, 20), (30, 40)]),
    ("(10, 20)", [(10, 20)]),
    ("10, 20", [(10, 20)]),
    ("the points (10, 20), (30, 40), and (50, 60).", [(10, 20), (30, 40), (50, 60)]),
    ("the 2 points are at [10, 20] and [30, 40]", [(10, 20), (30, 40)]),
    ("[10, 20, 30, 40, 50, 60]", [(10, 20), (30, 40), (50, 60)]),
    ("[10, 20, 30, 40]", [(20, 30)]),
    ('{"contact_point": [10, 20, 30, 40]}', [(10, 20), (30, 40)]),
    ('{"bbox_2d": [10, 20, 30, 40]}', [(20, 30)]),
    ('{"bbox_2d": [10, 20, 30, 40], "point_2d": [11, 21]}', [(11, 21)]),
    ("[10, 20, 0.93]", [(10, 20)]),
    ("[[10, 20, 0.9], [30, 40, 0.8]]", [(10, 20), (30, 40)]),
    ('{"x": 10, "y": 20}', [(10, 20)]),
    ("x = 10, y = 20", [(10, 20)]),
    ('[{"point_2d": [10, 20], "label": "a"}, {"point_2d": [30, 40]}]', [(10, 20), (30, 40)]),
    ('<point x="10" y="20" alt="a">a</point>', [(10, 20)]),
    ('<point x="10" y="20"> <point x=30 y=40>', [(10, 20), (30, 40)]),
    ('<points x1="10" y1="20" x2="30" y2="4', [(10, 20)]),
    ("[[10, 20], [30, 40], [5", [(10, 20), (30, 40)]),
    ("[[10, 20], [30, 4", [(10, 20)]),
    ("[10, 20, 30, 40, 50, 60, 7", [(10, 20), (30, 40), (50, 60)]),
    ("[10, 20, 30, 40, 50, 60, 70, 8", [(10, 20), (30, 40), (50, 60)]),
    ('[{"x": 10, "y": 20}, {"x": 30, "y": 4', [(10, 20)]),
    ("[[10, 20], [nan, 40]]", [(10, 20)]),
    ("(−10, 20)", [(-10, 20)]),
    ("(1e1, 2E+1)", [(10, 20)]),
]


@pytest.mark.parametrize(("text", "points"), POINTS)
def test_points_are_found(text: str, points: list[tuple[float, float]]) -> None:
    read = PLAIN.read_points(text, size=SIZE)
    assert list(read.points_px) == points, read.note
    outside = any(x < 0 for x, _ in points)
    assert read.status is (ReadStatus.OUTSIDE if outside else ReadStatus.REPAIRED)


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("[[10, 20], [30, 4", "cut off"),
        ("[10, 20, 30, 40]", "centre"),
        ("[10, 20, 0.93]", "depth"),
        ("[[10, 20], [nan, 40]]", "not finite"),
        ("(1200, 20)", "outside"),
        ("(10, -8)", "outside"),
    ],
)
def test_what_was_mended_is_said(text: str, remark: str) -> None:
    assert remark in PLAIN.read_points(text, size=SIZE).note


def test_swapped_corners_are_put_in_order_and_said() -> None:
    read = PLAIN.read_boxes('{"bbox_2d": [30, 20, 10, 40]}', size=SIZE)
    assert read.boxes[0].corners_px == BOX
    assert read.status is ReadStatus.REPAIRED
    assert "order" in read.note


def test_a_box_outside_the_picture_is_kept_as_written() -> None:
    read = PLAIN.read_boxes('{"bbox_2d": [-50, 20, 1300, 40]}', size=SIZE)
    assert read.boxes[0].corners_px == (-50, 20, 1300, 40)
    assert "outside" in read.note


def test_several_boxes_keep_order_and_labels() -> None:
    text = '[{"bbox_2d": [1, 2, 3, 4], "label": "b"}, {"bbox_2d": [5, 6, 7, 8], "name": "a"}]'
    read = PLAIN.read_boxes(text, size=SIZE)
    assert [(box.x1, box.label) for box in read.boxes] == [(1, "b"), (5, "a")]


def test_labels_of_points_are_all_or_none() -> None:
    named = '[{"point_2d": [1, 2], "label": "a"}, {"point_2d": [3, 4], "label": "b"}]'
    assert PLAIN.read_points(named, size=SIZE).labels == ("a", "b")
    some = '[{"point_2d": [1, 2], "label": "a"}, {"point_2d": [3, 4]}]'
    assert PLAIN.read_points(some, size=SIZE).labels == ()


def test_gemini_reads_y_first_unless_the_keys_name_the_axes() -> None:
    gemini = load_dialect("gemini")
    assert gemini.read_points('[{"point": [600, 250]}]', size=SIZE).points_px == ((250, 600),)
    assert gemini.read_points("(600, 250)", size=SIZE).points_px == ((250, 600),)
    assert gemini.read_points('{"x": 600, "y": 250}', size=SIZE).points_px == ((600, 250),)
    assert gemini.read_boxes("[1, 2, 3, 4]", size=SIZE).boxes[0].corners_px == (2, 1, 4, 3)


@pytest.mark.parametrize("kind", ["plain", "qwen25_vl", "qwen3_vl", "llava", "molmo", "gemini"])
def test_a_percent_sign_is_a_unit_in_every_dialect(kind: str) -> None:
    read = load_dialect(kind).read_points("(50%, 50%)", size=PictureSize(640, 480))
    assert read.points_px == ((320, 240),)
    assert read.status is ReadStatus.REPAIRED


def test_the_frame_is_never_guessed_from_the_size_of_the_numbers() -> None:
    size = PictureSize(640, 480)
    unit = load_dialect("llava").read_points("(500, 500)", size=size)
    assert unit.points_px == ((320_000, 240_000),)
    assert "outside" in unit.note
    thousandths = load_dialect("qwen3_vl").read_points("(0.5, 0.5)", size=size)
    assert thousandths.points_px == ((0.32, 0.24),)
    assert unit.status is thousandths.status is ReadStatus.OTHER_CONVENTION
    corner = load_dialect("qwen3_vl").read_points("(1, 1)", size=size)
    assert corner.status is ReadStatus.REPAIRED


def test_thoughts_do_not_make_an_answer_inexact() -> None:
    text = '<think>[1, 2, 3, 4]?</think>\n<answer>{"contact_bbox": [10, 20, 30, 40]}</answer>'
    assert PLAIN.read_boxes(text, size=SIZE).status is ReadStatus.EXACT


def test_blanks_do_not_make_an_answer_inexact() -> None:
    text = '{\n  "contact_bbox": [10,20,30,40]\n}\n'
    assert PLAIN.read_boxes(text, size=SIZE).status is ReadStatus.EXACT


def test_a_model_that_repeats_itself_is_read_in_reasonable_work() -> None:
    loop = '{"bbox_2d": [10, 20, 30, 40]}, ' * 1000 + "[1" + "0" * 15_000
    assert len(PLAIN.read_boxes(loop, size=SIZE).boxes) == 1000
    assert PLAIN.read_points("9" * 100_000, size=SIZE).points_px == ()
    assert PLAIN.read_points("(" * 5_000 + "1, 2", size=SIZE).status is ReadStatus.CUT_OFF
    assert PLAIN.read_points("<points " * 2000, size=SIZE).points_px == ()
    assert PLAIN.read_points("<think>" * 500, size=SIZE).points_px == ()
