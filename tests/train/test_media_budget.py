"""Records that are too long: pictures shrink, then go, then the record; nothing is cut in two."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.dialects import Dialect, load_dialect
from roboloop.models.backbone import Backbone
from roboloop.models.batch import collate, rotary_positions
from roboloop.models.chat import Encoded, Encoder
from roboloop.models.parts import Parts, load_parts
from roboloop.records.answers import Box, Text
from roboloop.records.media import FilePicture
from roboloop.records.record import Record, Turn
from roboloop.tasks import load_task
from roboloop.train.budget import Fitted, Write, fit, shrunk_dialect
from roboloop.train.config import SftConfig
from roboloop.train.conversation import conversation
from roboloop.train.record_rows import _views

PIXELS = {"factor": 16, "min_pixels": 4 * 256, "max_pixels": 100 * 256}


@pytest.fixture(scope="module")
def parts(tiny_folder: Any) -> Parts:
    return load_parts(tiny_folder)


@pytest.fixture(scope="module")
def write(parts: Parts, dialect: Dialect) -> Write:
    config = SftConfig(name="test", num_steps=1)

    def write(record: Record, dialect: Dialect) -> Encoded:
        turns = conversation(record, dialect=dialect, config=config, wording_seed=None)
        views = _views(record, dialect=dialect)
        return Encoder(parts, dialect=dialect).outline(views, turns=turns)

    return write


def pictures(*sizes: tuple[int, int]) -> tuple[FilePicture, ...]:
    return tuple(
        FilePicture(path=f"drawn:{number}.png", size=PictureSize(*size))
        for number, size in enumerate(sizes)
    )


def boxed(*sizes: tuple[int, int], **options: Any) -> Record:
    width, height = sizes[0]
    answer = Box(width // 4, height // 4, width // 2, height // 2)
    return Record(
        id="box", task="object_box", media=pictures(*sizes), answer=answer,
        **({"inputs": {"object": "red block"}} | options),
    )  # fmt: skip


def planned(num: int, **options: Any) -> Record:
    return Record(
        id="plan", task="planning", media=pictures(*[(96, 64)] * num), answer=Text("lift it"),
        **({"inputs": {"instruction": "push the red block"}} | options),
    )  # fmt: skip


def test_what_fits_stays_as_it_is(write: Write, dialect: Dialect) -> None:
    record = boxed((96, 64))
    fitted = fit(record, dialect=dialect, write=write, max_tokens=400)
    assert fitted.record is record and fitted.dialect is dialect


def test_the_answer_is_written_for_the_smaller_picture(
    write: Write, dialect: Dialect, parts: Parts
) -> None:
    record = boxed((160, 160))
    whole = write(record, dialect)
    fitted = fit(record, dialect=dialect, write=write, max_tokens=whole.num_tokens - 60)
    assert fitted.encoded.num_image_tokens == 36  # 100 before, and 60 have to go
    target = fitted.encoded.input_ids[fitted.encoded.labels != -100]
    text = parts.tokenizer.decode(target.tolist(), skip_special_tokens=True)
    # A quarter to a half of 96 pixels, of which the model sees so many.
    assert "[24, 24, 48, 48]" in text
    read = load_task("object_box").parse(text, record=record, dialect=fitted.dialect)
    assert isinstance(read.answer, Box) and isinstance(record.answer, Box)
    assert np.allclose(read.answer.corners_px, record.answer.corners_px, atol=1)


@pytest.mark.parametrize(
    "options",
    [
        {"turns": (Turn("user", "What is in [40, 40, 80, 80]?"),)},
        {"inputs": {"object": "block at 40, 40"}},
    ],
)
def test_places_in_words_are_not_shrunk_under(
    write: Write, dialect: Dialect, options: dict[str, Any]
) -> None:
    record = boxed((160, 160), **options)
    limit = write(record, dialect).num_tokens - 60
    with pytest.raises(RoboLoopError, match="E-TRN-002 record 'box'"):
        fit(record, dialect=dialect, write=write, max_tokens=limit)
    # Thousandths are the same in every view.
    thousandths = load_dialect("qwen3_vl", **PIXELS)
    assert fit(record, dialect=thousandths, write=write, max_tokens=limit).encoded.num_tokens <= (
        limit
    )


def test_without_a_pixel_budget_it_is_left_out(write: Write, dialect: Dialect) -> None:
    other = load_dialect("internvl")
    with pytest.raises(RoboLoopError, match="E-TRN-002"):
        fit(boxed((160, 160)), dialect=other, write=write, max_tokens=100)
    assert shrunk_dialect(other, sizes=[PictureSize(160, 160)], most=40) is None


def test_frames_in_between_go_after_pixels(write: Write, dialect: Dialect) -> None:
    record = planned(6)
    text = write(record, dialect).num_tokens - 6 * 24
    # Six pictures of 4 tokens fit in 30. In 15 four do: with each that goes two marks go as well.
    assert len(fit(record, dialect=dialect, write=write, max_tokens=text + 30).record.media) == 6
    fitted = fit(record, dialect=dialect, write=write, max_tokens=text + 15)
    kept = [medium.path for medium in fitted.record.media if isinstance(medium, FilePicture)]
    assert kept == ["drawn:0.png", "drawn:2.png", "drawn:3.png", "drawn:5.png"]
    with pytest.raises(RoboLoopError, match="E-TRN-002"):
        fit(record, dialect=dialect, write=write, max_tokens=text - 1)


def test_marks_go_with_their_frames(write: Write, dialect: Dialect) -> None:
    together = planned(4, turns=(Turn("user", "<image>" * 4 + "What is next?"),))
    limit = write(together, dialect).num_tokens - 4 * 24 + 9
    fitted = fit(together, dialect=dialect, write=write, max_tokens=limit)
    assert fitted.record.turns[0].text.count("<image>") == len(fitted.record.media) < 4
    apart = replace(together, turns=(Turn("user", "a <image> b <image> c <image> d <image>"),))
    with pytest.raises(RoboLoopError, match="E-TRN-002"):
        fit(apart, dialect=dialect, write=write, max_tokens=limit)


def test_tasks_that_need_every_picture_keep_them(write: Write, dialect: Dialect) -> None:
    record = boxed((96, 64), (96, 64), (96, 64))
    text = write(record, dialect).num_tokens - 3 * 24
    with pytest.raises(RoboLoopError, match="E-TRN-002"):
        fit(record, dialect=dialect, write=write, max_tokens=text + 8)


SIZES = st.tuples(st.integers(10, 400), st.integers(10, 400))


@settings(max_examples=150, deadline=None)
@given(
    sizes=st.lists(SIZES, min_size=1, max_size=5),
    max_tokens=st.integers(60, 400),
    kind=st.sampled_from(["planning", "object_box"]),
)
def test_no_row_is_ever_cut(
    write: Write,
    parts: Parts,
    dialect: Dialect,
    sizes: list[tuple[int, int]],
    max_tokens: int,
    kind: str,
) -> None:
    """Whatever comes out is whole: as many tokens as features, in unbroken runs, and an end."""
    made = boxed if kind == "object_box" else lambda *s: replace(planned(1), media=pictures(*s))
    try:
        fitted = fit(made(*sizes), dialect=dialect, write=write, max_tokens=max_tokens)
    except RoboLoopError as error:
        assert error.code == "E-TRN-002"
        return
    assert_whole(fitted, parts=parts, most=max_tokens)


def assert_whole(fitted: Fitted, *, parts: Parts, most: int) -> None:
    encoded = fitted.encoded
    assert encoded.num_tokens <= most
    special = parts.special
    per_picture = (encoded.grid_thw.prod(axis=1) // parts.pixels.merge_size**2).tolist()
    starts = np.flatnonzero(encoded.input_ids == special.vision_start)
    ends = np.flatnonzero(encoded.input_ids == special.vision_end)
    assert (ends - starts - 1).tolist() == per_picture
    assert int((encoded.input_ids == special.image_pad).sum()) == sum(per_picture)
    assert rotary_positions(encoded, parts=parts).shape == (3, encoded.num_tokens)
    assert special.im_end in encoded.input_ids[-3:]
    views = [fitted.dialect.view_size(m.size) for m in fitted.record.media if m.size is not None]
    assert [parts.pixels.num_tokens(view) for view in views] == per_picture


def test_cutting_through_a_picture_is_what_broke_the_original(
    backbone: Backbone, dialect: Dialect
) -> None:
    """A row cut at a length, as trainers do it: stock code fails in both of its known ways."""
    network: Any = backbone.model
    encoder = Encoder(backbone.parts, dialect=dialect)
    turns = [Turn("user", "Where?"), Turn("assistant", "[1, 2]")]
    whole = collate(
        [encoder.encode([Image.new("RGB", (96, 64))], turns=turns)], parts=backbone.parts
    )
    first = int((whole["input_ids"] == backbone.parts.special.image_pad).nonzero()[0, 1])
    grid = whole["image_grid_thw"]
    cut = {name: whole[name][:, : first + 18] for name in ("input_ids", "mm_token_type_ids")}
    mask = torch.ones_like(cut["input_ids"])
    with pytest.raises(RuntimeError, match=r"shape mismatch.*\[3, \d+\]"):
        network.model.get_rope_index(**cut, image_grid_thw=grid, attention_mask=mask)
    positions = torch.arange(first + 18).expand(3, 1, -1)
    with pytest.raises(ValueError, match="features and image tokens do not match"):
        network(
            input_ids=cut["input_ids"],
            position_ids=positions,
            pixel_values=whole["pixel_values"],
            image_grid_thw=grid,
        )
