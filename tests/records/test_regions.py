"""Polygons and masks: what lies inside, how far the rest is, and their way to JSON and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize, Point
from roboloop.dialects import load_dialect
from roboloop.records import FilePicture, Mask, Points, Polygon, Record
from roboloop.records.answers import answer_from_json, answer_to_json, check_answer
from roboloop.tasks import load_task

SIZE = PictureSize(64, 48)
SQUARE = Polygon((Point(10, 10), Point(30, 10), Point(30, 30), Point(10, 30)))


@given(st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=1, max_size=6))
def test_a_mask_holds_exactly_its_pixels(rows: list[list[bool]]) -> None:
    inside = np.array(rows)
    mask = Mask.from_array(inside)
    check_answer(mask, size=PictureSize(7, len(rows)))
    assert mask.num_pixels == inside.sum()
    for (row, column), value in np.ndenumerate(inside):
        assert mask.contains(Point(column + 0.5, row + 0.5)) == value
    if inside.any():
        assert mask.contains(mask.inner_px)
    assert answer_from_json(json.loads(json.dumps(answer_to_json(mask)))) == mask


def test_vertical_edges_do_not_hide_what_is_inside() -> None:
    """An old copy of the published ray casting loses every point between vertical edges."""
    assert SQUARE.contains(Point(20, 20)) and SQUARE.contains(SQUARE.inner_px)
    assert not SQUARE.contains(Point(31, 20)) and not SQUARE.contains(Point(20, 9.9))
    assert SQUARE.distance_px(Point(33, 34)) == pytest.approx(5.0)
    assert SQUARE.distance_px(Point(20, 20)) == 0.0
    assert answer_from_json(answer_to_json(SQUARE)) == SQUARE


def test_a_polygon_agrees_with_the_picture_of_it() -> None:
    star = Polygon((Point(5, 40), Point(20, 5), Point(35, 40), Point(2, 15), Point(50, 18)))
    picture = Image.new("1", (640, 480))
    ImageDraw.Draw(picture).polygon([(x * 10, y * 10) for x, y in star.vertices_px], fill=1)
    drawn = np.asarray(picture)
    places = [Point(x + 0.53, y + 0.47) for x in range(0, 55) for y in range(0, 45)]
    same = [star.contains(p) == bool(drawn[int(p.y * 10), int(p.x * 10)]) for p in places]
    assert sum(same) / len(same) > 0.97  # Pillow fills the crossing of the star otherwise


def test_distance_to_a_mask_is_the_least_over_its_pixels() -> None:
    inside = np.zeros((48, 64), dtype=bool)
    inside[10:20, 30:40] = True
    mask = Mask.from_array(inside)
    assert mask.bounds_px == (30.0, 10.0, 40.0, 20.0)
    assert mask.distance_px(Point(26.5, 12.5)) == pytest.approx(4.0)
    empty = Mask.from_array(np.zeros((48, 64), dtype=bool))
    assert empty.distance_px(Point(0, 0)) == pytest.approx(80.0)


@pytest.mark.parametrize(
    "value",
    [
        {"kind": "mask", "size": [4, 4], "runs": [3, -1, 14]},
        {"kind": "mask", "size": [4], "runs": [16]},
        {"kind": "mask", "size": [4, 4]},
        {"kind": "polygon", "vertices_px": [[1, 2, 3]]},
    ],
)
def test_a_broken_region_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(RoboLoopError):
        answer_from_json(value)


def test_a_mask_of_another_size_than_its_picture_is_refused() -> None:
    mask = Mask.from_array(np.ones((4, 4), dtype=bool))
    with pytest.raises(RoboLoopError, match="E-REC-011"):
        check_answer(mask, size=SIZE)
    with pytest.raises(RoboLoopError, match="do not fill"):
        check_answer(Mask(SIZE, (1, 2, 3)), size=SIZE)


def test_pointing_is_judged_by_the_share_of_points_inside() -> None:
    task = load_task("pointing")
    answer = Points((Point(20, 20), Point(40, 20)))
    values = task.score(answer, truth=SQUARE, size=SIZE)
    assert values["hit"] == 0.5
    assert values["distance_diagonals"] == pytest.approx(5.0 / 80)
    record = Record(
        id="r", task="pointing", media=(FilePicture(path="p:a.png", size=SIZE),), answer=SQUARE
    )
    dialect = load_dialect("qwen3_vl")
    text = task.render(SQUARE, dialect=dialect, size=SIZE)
    read = task.parse(text, record=record, dialect=dialect).answer
    assert read is not None and task.score(read, truth=SQUARE, size=SIZE)["hit"] == 1.0
