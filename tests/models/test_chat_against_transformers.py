"""Our chat is that of Hugging Face's own processor class, token for token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from transformers import AutoTokenizer, Qwen2_5_VLProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from roboloop.dialects import Dialect
from roboloop.models.backbone import Backbone
from roboloop.models.chat import IGNORED, Encoder
from roboloop.records.record import Turn

Noise = Callable[[int, int], Image.Image]


class PicturesOnly(Qwen2_5_VLProcessor):
    """The real processor without its video part, which needs torchvision."""

    @classmethod
    def get_attributes(cls) -> list[str]:
        return ["image_processor", "tokenizer"]

    def __init__(self, image_processor: Any, tokenizer: Any, chat_template: str) -> None:
        super().__init__(image_processor, tokenizer, None, chat_template=chat_template)


@pytest.fixture(scope="module")
def processor(tiny_folder: Path) -> PicturesOnly:
    pictures = Qwen2VLImageProcessorPil(
        patch_size=8, size={"shortest_edge": 4 * 256, "longest_edge": 100 * 256}
    )
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    return PicturesOnly(pictures, tokenizer, tokenizer.chat_template)


@pytest.fixture
def encoder(backbone: Backbone, dialect: Dialect) -> Encoder:
    pillow = replace(backbone.parts.pixels, resize="pillow")  # as the oracle resizes
    return Encoder(replace(backbone.parts, pixels=pillow), dialect=dialect)


def messages(turns: list[Turn], pictures: list[Image.Image]) -> list[dict[str, Any]]:
    """The turns as Hugging Face's chat messages, pictures where `<image>` stands."""
    remaining = iter(pictures)
    found: list[dict[str, Any]] = []
    for turn in turns:
        pieces = turn.text.split("<image>")
        content: list[dict[str, Any]] = [{"type": "text", "text": pieces[0]}]
        for piece in pieces[1:]:
            content.append({"type": "image", "image": next(remaining)})
            content.append({"type": "text", "text": piece})
        found.append({"role": turn.role, "content": content})
    return found


CONVERSATIONS = {
    "one picture": [Turn("user", "<image>Find the red cup."), Turn("assistant", "[1, 2]")],
    "no picture": [Turn("user", "Hi"), Turn("assistant", "Hello")],
    "pictures inside": [
        Turn("user", "First <image>, then\n<image>\nwhat moved?"),
        Turn("assistant", '{"gripper_det_bbox": [12, 40, 33, 61]}'),
    ],
    "several turns": [
        Turn("system", "Answer in JSON."),
        Turn("user", "<image>任务：拿起杯子"),
        Turn("assistant", "好"),
        Turn("user", "And here? <image>"),
        Turn("assistant", "No.\n\nNot yet. "),
    ],
    "white space": [Turn("user", "\n\n <image>  two\n\n"), Turn("assistant", "x\n")],
    "empty": [Turn("user", ""), Turn("assistant", "")],
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_conversation(name: str, processor: PicturesOnly, encoder: Encoder, noise: Noise) -> None:
    turns = CONVERSATIONS[name]
    num = sum(turn.text.count("<image>") for turn in turns)
    pictures = [noise(40 + 30 * place, 70) for place in range(num)]
    theirs = processor.apply_chat_template(
        messages(turns, pictures), tokenize=True, return_dict=True, return_tensors="np"
    )
    ours = encoder.encode(pictures, turns=turns)
    assert ours.input_ids.tolist() == theirs["input_ids"][0].tolist()
    pads = ours.input_ids == encoder.parts.special.image_pad
    assert pads.tolist() == (theirs["mm_token_type_ids"][0] == 1).tolist()
    assert ours.num_image_tokens == pads.sum()
    if pictures:
        assert np.array_equal(ours.grid_thw, theirs["image_grid_thw"])
        pixels = encoder.parts.pixels.normalise(ours.patches)
        assert np.array_equal(pixels, theirs["pixel_values"])


def test_a_prompt(processor: PicturesOnly, encoder: Encoder, noise: Noise) -> None:
    picture = noise(112, 112)
    theirs = processor.apply_chat_template(
        messages([Turn("user", "<image>Find the red cup.")], [picture]),
        tokenize=True,
        add_generation_prompt=True,
        return_dict=True,
        return_tensors="np",
    )
    ours = encoder.prompt([picture], question="Find the red cup.")
    assert ours.input_ids.tolist() == theirs["input_ids"][0].tolist()
    assert (ours.labels == IGNORED).all()


def test_the_last_answer_and_its_end_are_the_targets(encoder: Encoder, noise: Noise) -> None:
    turns = CONVERSATIONS["several turns"]
    ours = encoder.encode([noise(64, 64), noise(64, 64)], turns=turns)
    trained = ours.labels != IGNORED
    assert (ours.labels[trained] == ours.input_ids[trained]).all()
    decoded = encoder.parts.tokenizer.decode(
        ours.labels[trained].tolist(), skip_special_tokens=False
    )
    assert decoded == "No.\n\nNot yet. <|im_end|>"
    assert ours.num_target_tokens == trained.sum()
