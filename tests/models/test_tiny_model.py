from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    AutoModelForImageTextToText,
    AutoTokenizer,
    Qwen2_5_VLForConditionalGeneration,
)

from roboloop.models.backbone import Backbone, load_backbone
from roboloop.models.tiny import SPECIAL_TOKENS, build_tiny, learn_tokenizer

BUILD = """
texts = [f"word{i % 37} other{i % 11} [{i}, {i + 1}]" for i in range(400)]
build_tiny(Path(out), seed=seed, texts=texts, width=64, depth=1)
"""


def files(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def build_here(out: Path, *, seed: int) -> dict[str, str]:
    exec(BUILD, {"Path": Path, "build_tiny": build_tiny, "out": out, "seed": seed})
    return files(out)


def build_elsewhere(out: Path, *, seed: int) -> dict[str, str]:
    """In another process, which orders sets and dictionaries of texts in another way."""
    head = "from pathlib import Path; from roboloop.models.tiny import build_tiny"
    code = f"{head}; out, seed = {str(out)!r}, {seed}\n{BUILD}"
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    return files(out)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first = build_here(tmp_path / "a", seed=3)
    assert first == build_elsewhere(tmp_path / "b", seed=3)
    other = build_here(tmp_path / "c", seed=4)
    changed = {name for name in first if first[name] != other[name]}
    assert changed == {"model.safetensors"}


def test_the_random_state_is_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    build_tiny(tmp_path / "tiny", seed=0, texts=["a"], width=64, depth=1)
    assert torch.equal(torch.rand(3), expected)


def test_it_is_the_real_class_in_an_ordinary_folder(tiny_folder: Path) -> None:
    model = AutoModelForImageTextToText.from_pretrained(tiny_folder)
    assert type(model) is Qwen2_5_VLForConditionalGeneration
    assert 1_000_000 < model.num_parameters() < 3_000_000
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    for place, text in enumerate(SPECIAL_TOKENS):
        assert tokenizer.convert_tokens_to_ids(text) == place
    assert tokenizer.eos_token == "<|im_end|>"
    assert len(tokenizer) <= model.config.get_text_config().vocab_size
    assert {path.stat().st_mode & 0o777 for path in tiny_folder.iterdir()} == {0o644}


def test_each_axis_turns_fast_and_slowly(backbone: Backbone) -> None:
    rotary = backbone.model.model.language_model.rotary_emb
    assert sum(rotary.mrope_section) == len(rotary.inv_freq)
    positions = torch.zeros(3, 1, 1, dtype=torch.long)
    heads = torch.zeros(1, 1, 32)
    for axis in range(3):
        moved = positions.clone()
        moved[axis] = 1
        _, sines = rotary(heads, moved)
        turned = sines[0, 0, :16].nonzero().flatten().tolist()
        assert turned == list(range(axis, 16, 3))


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=60))
def test_any_text_survives_the_tokenizer(backbone: Backbone, text: str) -> None:
    tokenizer = backbone.parts.tokenizer
    normal = tokenizer.normalizer.normalize_str(text)
    assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == normal


ANSWER = '{"gripper_det_bbox": [12, 40, 33, 361]}'


@pytest.mark.parametrize(
    ("whole_numbers", "numbers"),
    [
        (0, ["1", "2", ", ", "4", "0", ", ", "3", "3", ", ", "3", "6", "1"]),
        (400, ["12", ", ", "40", ", ", "33", ", ", "361"]),
        (100, ["12", ", ", "40", ", ", "33", ", ", "36", "1"]),
    ],
)
def test_numbers_are_digits_or_whole_and_keys_are_one_token(
    whole_numbers: int, numbers: list[str]
) -> None:
    tokenizer = learn_tokenizer([ANSWER] * 9, max_vocabulary=420, whole_numbers=whole_numbers)
    pieces = [tokenizer.decode([i]) for i in tokenizer.encode(ANSWER).ids]
    assert pieces == ['{"', "gripper_det_bbox", '": [', *numbers, "]}"]


@pytest.mark.parametrize("limit", [10, 101, 400, 1000])
def test_every_number_below_the_limit_is_one_token_and_none_is_lost(limit: int) -> None:
    tokenizer = learn_tokenizer([ANSWER] * 3, max_vocabulary=320, whole_numbers=limit)
    for number in range(1200):
        ids = tokenizer.encode(str(number)).ids
        assert (len(ids) == 1) == (number < limit), number
        assert tokenizer.decode(ids) == str(number)


def test_neighbouring_numbers_start_as_neighbours(backbone: Backbone) -> None:
    tokenizer = backbone.parts.tokenizer
    places = [tokenizer.encode(str(number)).ids[0] for number in range(400)]
    rows = backbone.model.get_input_embeddings().weight.detach()[places].double()
    gaps = torch.cdist(rows, rows)
    near, far = gaps.diagonal(1).mean(), gaps.diagonal(40).mean()
    assert near < far / 2
    assert torch.allclose(gaps.diagonal(1), gaps[0, 1].expand(399), rtol=1e-4), "one even curve"


@pytest.mark.parametrize(
    "options", [{"width": 64, "depth": 1}, {"vision_depth": 1, "patch_size": 4}]
)
def test_other_shapes_load_too(tmp_path: Path, options: dict[str, int]) -> None:
    folder = build_tiny(tmp_path / "tiny", seed=0, texts=["a b c"], **options)
    loaded = load_backbone(folder, device="cpu")
    assert loaded.parts.pixels.patch_size == options.get("patch_size", 8)
    heads = loaded.model.config.text_config
    assert heads.hidden_size // heads.num_attention_heads == 32
