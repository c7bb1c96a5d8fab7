"""The geometry of augmentation, measured in pixels: what is drawn moves as the answer says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from roboloop.base.geometry import PictureSize, Point
from roboloop.records.answers import Box, Boxes, Choice, Points, Trajectory, check_answer
from roboloop.records.media import FilePicture
from roboloop.records.record import Record, Turn
from roboloop.train.augment import Warp, can_warp, draw_warp, recoloured, span_of
from roboloop.train.augment_config import AugmentConfig

SIZE = PictureSize(320, 180)
BOX = Box(100.0, 60.0, 150.0, 96.0, "red block")


def record(answer: object = BOX, **changes: object) -> Record:
    values: dict[str, object] = {
        "id": "r",
        "task": "object_box",
        "media": (FilePicture(path="a.png", size=SIZE),),
        "answer": answer,
    }
    return Record(**(values | changes))  # pyright: ignore[reportArgumentType]


def picture_of(box: Box) -> Image.Image:
    picture = Image.new("RGB", SIZE, (40, 90, 40))
    x1, y1, x2, y2 = box.corners_px
    ImageDraw.Draw(picture).rectangle((x1, y1, x2 - 1, y2 - 1), fill=(250, 20, 20))
    return picture


def measured_box(picture: Image.Image) -> tuple[float, float, float, float]:
    """Where the red is, by counting red pixels: edges from sums, so to a fraction of a pixel."""
    red = np.asarray(picture).astype(float)[..., 0]
    share = ((red - 50) / 200).clip(0, 1)  # the filling is a little red
    columns, rows = share.max(axis=0), share.max(axis=1)
    x_middle = (columns * (np.arange(SIZE.width) + 0.5)).sum() / columns.sum()
    y_middle = (rows * (np.arange(SIZE.height) + 0.5)).sum() / rows.sum()
    width, height = columns.sum(), rows.sum()
    return (
        x_middle - width / 2,
        y_middle - height / 2,
        x_middle + width / 2,
        y_middle + height / 2,
    )


@pytest.mark.parametrize(
    "warp",
    [
        Warp(0.1, 0.2, 0.8, 0.7),
        Warp(0.0, 0.0, 0.5, 0.6),
        Warp(-0.1, -0.2, 1.3, 1.3),
        Warp(0.2, -0.1, 0.9, 1.0),
    ],
)
def test_box_lands_where_its_pixels_land(warp: Warp) -> None:
    moved = warp.record(record()).answer
    assert isinstance(moved, Box)
    found = measured_box(warp.picture(picture_of(BOX)))
    assert moved.corners_px == pytest.approx(found, abs=0.6)
    assert moved.label == "red block"


def test_reduced_copy_lands_at_the_same_place() -> None:
    """Training keeps pictures small: the same warp of a smaller copy shows the same scene."""
    warp = Warp(0.1, 0.2, 0.7, 0.7)
    small = warp.picture(picture_of(BOX).resize((160, 96), Image.Resampling.BICUBIC))
    moved = warp.answer(BOX, size=SIZE)
    assert isinstance(moved, Box)
    found = measured_box(small.resize(SIZE, Image.Resampling.BICUBIC))
    assert moved.corners_px == pytest.approx(found, abs=1.6)


def test_every_kind_of_place_moves_alike() -> None:
    warp = Warp(0.1, 0.2, 0.5, 0.25)
    at = Point(100.0, 60.0)
    wanted = Point((100 - 32) / 0.5, (60 - 36) / 0.25)
    start = Points((at,), ("start",))
    moved = warp.record(
        record(Trajectory((at, at)), inputs={"start": start, "instruction": "go left"})
    )
    assert moved.answer == Trajectory((wanted, wanted))
    assert moved.inputs == {"start": Points((wanted,), ("start",)), "instruction": "go left"}
    boxes = warp.answer(Boxes((BOX,)), size=SIZE)
    assert boxes == Boxes((warp.answer(BOX, size=SIZE),))  # pyright: ignore[reportArgumentType]
    assert warp.answer(Choice("B"), size=SIZE) == Choice("B")


unit = st.floats(0, 1)


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    xs=st.tuples(unit, unit),
    ys=st.tuples(unit, unit),
    low=st.floats(0.6, 1.5),
    more=st.floats(0, 1),
    stretch=st.floats(0, 0.4),
)
def test_no_place_is_cut_off(
    seed: int,
    xs: tuple[float, float],
    ys: tuple[float, float],
    low: float,
    more: float,
    stretch: float,
) -> None:
    box = Box(min(xs) * 320, min(ys) * 180, max(xs) * 320, max(ys) * 180)
    config = AugmentConfig(zoom=(low, low + more), stretch=stretch)
    warp = draw_warp(np.random.default_rng(seed), config=config, keep=span_of([record(box)]))
    moved = warp.answer(box, size=SIZE)
    assert isinstance(moved, Box)
    inside = Box(*(max(0.0, value) if value > -1e-9 * 320 else value for value in moved.corners_px))
    check_answer(inside, size=PictureSize(320 + 1, 180 + 1))
    assert inside.x2 <= 320 * (1 + 1e-9) and inside.y2 <= 180 * (1 + 1e-9)


def test_zoom_in_never_shows_what_is_not_there() -> None:
    config = AugmentConfig(zoom=(1.0, 1.5))
    for seed in range(50):
        warp = draw_warp(np.random.default_rng(seed), config=config, keep=span_of([record()]))
        assert warp.left >= 0 and warp.top >= 0
        assert warp.left + warp.width <= 1 + 1e-12 and warp.top + warp.height <= 1 + 1e-12


def test_draws_differ_and_repeat() -> None:
    config = AugmentConfig(zoom=(0.8, 1.4), stretch=0.1)
    warps = [
        draw_warp(np.random.default_rng(seed), config=config, keep=span_of([record()]))
        for seed in (1, 2, 1)
    ]
    assert warps[0] == warps[2] != warps[1]


def test_published_numbers_and_several_pictures_are_left_alone() -> None:
    assert can_warp(record())
    assert not can_warp(record(turns=(Turn("user", "What is at [3, 4]?"),)))
    medium = FilePicture(path="a.png", size=SIZE)
    assert not can_warp(record(media=(medium, medium)))


def test_colour_changes_no_shape() -> None:
    picture = picture_of(BOX)
    changed = recoloured(picture, rng=np.random.default_rng(3), most=0.3)
    assert changed.size == picture.size
    assert np.asarray(changed).tolist() != np.asarray(picture).tolist()
    red = np.asarray(changed)[..., 0].astype(int)
    edge = np.abs(np.diff(red[78])).argsort()[-2:]
    assert sorted(edge.tolist()) == [99, 149]
