from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.dialects import Dialect, load_dialect
from roboloop.models.backbone import Backbone
from roboloop.models.chat import IGNORED, Encoder
from roboloop.models.parts import SPECIAL_TEXTS
from roboloop.models.tiny import SPECIAL_TOKENS
from roboloop.records.record import Turn

Noise = Callable[[int, int], Image.Image]


@pytest.fixture(scope="module")
def encoder(backbone: Backbone, dialect: Dialect) -> Encoder:
    return Encoder(backbone.parts, dialect=dialect)


@settings(max_examples=60, deadline=None)
@given(answer=st.text(max_size=30), question=st.text(max_size=30).filter(lambda t: "<i" not in t))
def test_training_continues_the_prompt_it_is_asked_with(
    encoder: Encoder, question: str, answer: str
) -> None:
    picture = Image.new("RGB", (32, 32))
    prompt = encoder.prompt([picture], question=question)
    turns = (Turn("user", question), Turn("assistant", answer))
    trained = encoder.encode([picture], turns=turns)
    assert trained.input_ids[: prompt.num_tokens].tolist() == prompt.input_ids.tolist()
    target = trained.input_ids[prompt.num_tokens : -len(encoder.text_ids("\n"))]
    assert target.tolist() == trained.labels[trained.labels != IGNORED].tolist()
    assert target.tolist() == [*encoder.text_ids(answer), encoder.parts.special.im_end]


@pytest.mark.parametrize("forged", SPECIAL_TOKENS)
def test_no_text_can_forge_a_special_token(encoder: Encoder, forged: str) -> None:
    honest = encoder.encode([], turns=[Turn("user", "a"), Turn("assistant", "b")])
    turns = [Turn("user", f"a{forged}"), Turn("assistant", f"b{forged}")]
    tricked = encoder.encode([], turns=turns)
    num_special = len(SPECIAL_TOKENS)
    assert (tricked.input_ids < num_special).sum() == (honest.input_ids < num_special).sum()
    text = encoder.parts.tokenizer.decode(encoder.text_ids(forged), skip_special_tokens=False)
    assert text == forged


def test_pictures_without_marks_come_first(encoder: Encoder, noise: Noise) -> None:
    pictures = [noise(40, 40), noise(50, 50)]
    unmarked = encoder.prompt(pictures, question="Same?")
    marked = encoder.prompt(pictures, question="<image><image>Same?")
    assert unmarked.input_ids.tolist() == marked.input_ids.tolist()


def test_pictures_stand_in_the_first_user_turn(encoder: Encoder, noise: Noise) -> None:
    turns = [Turn("user", "a"), Turn("assistant", "b"), Turn("user", "c")]
    marked = [Turn("user", "<image>a"), *turns[1:]]
    picture = noise(40, 40)
    ours = encoder.prompt_turns([picture], turns=turns)
    assert (
        ours.input_ids.tolist() == encoder.prompt_turns([picture], turns=marked).input_ids.tolist()
    )


@pytest.mark.parametrize(("num_marks", "num_pictures"), [(1, 0), (1, 2), (3, 2)])
def test_marks_and_pictures_must_agree(
    encoder: Encoder, num_marks: int, num_pictures: int, noise: Noise
) -> None:
    pictures = [noise(32, 32)] * num_pictures
    with pytest.raises(RoboLoopError, match=rf"E-ENG-002.*{num_marks} <image>.*{num_pictures}"):
        encoder.prompt(pictures, question="<image>" * num_marks)


def test_a_picture_needs_a_user_turn(encoder: Encoder, noise: Noise) -> None:
    with pytest.raises(RoboLoopError, match="E-ENG-002"):
        encoder.encode([noise(32, 32)], turns=[Turn("assistant", "x")])


def test_the_system_text_is_an_option(backbone: Backbone, dialect: Dialect) -> None:
    def text(encoder: Encoder, *turns: Turn) -> str:
        ids = encoder.encode([], turns=turns).input_ids.tolist()
        return backbone.parts.tokenizer.decode(ids, skip_special_tokens=False)

    silent = Encoder(backbone.parts, dialect=dialect, system="")
    assert text(silent, Turn("user", "a")) == "<|im_start|>user\na<|im_end|>\n"
    other = Encoder(backbone.parts, dialect=dialect, system="Be brief.")
    start = "<|im_start|>system\nBe brief.<|im_end|>\n"
    assert text(other, Turn("user", "a")).startswith(start)
    own = text(other, Turn("system", "Own."), Turn("user", "a"))
    assert own.startswith("<|im_start|>system\nOwn.<|im_end|>\n<|im_start|>user")


def test_tokens_are_counted_without_the_picture(encoder: Encoder, noise: Noise) -> None:
    for size in [(112, 112), (320, 180), (31, 90)]:
        counted = encoder.num_image_tokens(PictureSize(*size))
        assert counted == encoder.prompt([noise(*size)], question="").num_image_tokens > 0


def test_a_dialect_of_another_factor_is_refused(backbone: Backbone, noise: Noise) -> None:
    encoder = Encoder(backbone.parts, dialect=load_dialect("qwen25_vl"))
    with pytest.raises(RoboLoopError, match=r"E-ENG-003.*84 x 84.*multiples of 16"):
        encoder.prompt([noise(90, 90)], question="x")


def test_a_picture_may_be_cut_already(encoder: Encoder, dialect: Dialect, noise: Noise) -> None:
    picture = noise(70, 40)
    view = dialect.view_size(PictureSize(70, 40))
    turns = [Turn("user", "<image>a"), Turn("assistant", "b")]
    cut = encoder.encode([encoder.parts.pixels.cut(picture, view=view)], turns=turns)
    whole = encoder.encode([picture], turns=turns)
    assert cut.input_ids.tolist() == whole.input_ids.tolist()
    assert np.array_equal(cut.patches, whole.patches)


def test_an_encoder_travels_to_workers(encoder: Encoder, noise: Noise) -> None:
    picture = noise(64, 48)
    twin = pickle.loads(pickle.dumps(encoder))
    text = f"x{SPECIAL_TEXTS['im_end']}"
    here, there = (e.prompt([picture], question=text) for e in (encoder, twin))
    assert here.input_ids.tolist() == there.input_ids.tolist()
    assert np.array_equal(here.patches, there.patches)
