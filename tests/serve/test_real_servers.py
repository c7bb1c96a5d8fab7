"""Real servers: vLLM (its build for CPUs) and `transformers serve`, asked over HTTP.

They run when ROBOLOOP_SERVE_PYTHON names an environment as `tools/serving/install.py` makes it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from roboloop.engines.base import Request, Response
from roboloop.engines.endpoint.engine import EndpointEngine
from roboloop.engines.open import OpenedEngine, open_engine
from roboloop.models.backbone import load_backbone, save_backbone
from roboloop.models.export import PixelLimits, export_model
from roboloop.models.moe.modeling_roboloop_moe import moe_layers
from roboloop.models.moe.options import MoeOptions
from roboloop.models.moe.upcycle import add_experts
from roboloop.models.tiny import build_tiny
from roboloop.serve.command import serving_command
from roboloop.serve.config import ServeConfig
from roboloop.serve.environment import PYTHON_VARIABLE, find_environment
from roboloop.serve.preflight import check_servable
from roboloop.serve.server import Server, free_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get(PYTHON_VARIABLE),
        reason=f"no serving environment: make one with tools/serving/install.py and name its "
        f"interpreter in {PYTHON_VARIABLE}",
    ),
]
TEXTS = [f"find the {word} cup [1, 2]" for word in ("red", "blue", "green")] * 3
LIMITS = PixelLimits(3136, 1003520)
NUM_NEW = 24
SPECIAL = re.compile(r"<\|\w+\|>")
UNFINISHED = "\ufffd"
"""Bytes of a letter that the limit of tokens cut through: vLLM leaves them out, we show them."""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen2.5-VL in every number that vLLM has built in; its larger weights make it say more."""
    folder = tmp_path_factory.mktemp("served") / "plain"
    build_tiny(folder, seed=0, texts=TEXTS, depth=2, patch_size=14)
    config = json.loads((folder / "config.json").read_text())
    rotary = {"mrope_section": [4, 6, 6], "rope_theta": 10000.0}
    config["text_config"]["rope_parameters"].update(rotary)
    del config["vision_config"]["rope_parameters"]
    (folder / "config.json").write_text(json.dumps(config))
    weights = load_file(folder / "model.safetensors")
    larger = {name: value * 4 if value.ndim > 1 else value for name, value in weights.items()}
    save_file(larger, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@contextmanager
def served(folder: Path, *, engine: str, log: Path) -> Generator[Server]:
    environment = find_environment(engine)  # type: ignore[arg-type]
    own = check_servable(folder, environment=environment)
    options = ("--distributed-executor-backend", "uni", "--max-num-seqs", "32")
    config = ServeConfig.model_validate(
        {"engine": engine, "dtype": "float32", "max_model_tokens": 4096}
        | ({"options": options} if engine == "vllm" else {})
    )
    port = free_port("127.0.0.1", wanted=0)
    command = serving_command(
        config, folder=folder, environment=environment, port=port, has_own_code=own
    )
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
    server = Server(
        command, host="127.0.0.1", port=port, log=log, start_seconds=900, say=lambda text: None
    )
    with server:
        server.start()
        yield server


def questions() -> list[Request]:
    """Pictures whose sizes are multiples of a token's: both sides see the very same pixels."""
    draw = np.random.default_rng(0)
    sizes = ((308, 168), (84, 56), (504, 392), (84, 196))
    seen = [Image.fromarray(draw.integers(0, 256, (h, w, 3), dtype=np.uint8)) for w, h in sizes]
    asked: list[tuple[str, list[Image.Image]]] = [
        ("find the red cup", seen[:1]),
        ("find the blue cup", seen[1:2]),
        ("where?", seen[2:3]),
        ("first <image> then <image> which", [seen[3], seen[0]]),
        ("hello", []),
        ("all", seen),
        ("x" * 200, seen[1:2]),
        ("[1, 2]", seen[2:3]),
    ]
    return [
        Request(record_id=str(number), question=text, pictures=lambda shown=shown: shown)
        for number, (text, shown) in enumerate(asked)
    ]


def local_answers(folder: Path) -> list[Response]:
    opened = open_engine(f"local:{folder}", profile="qwen25_vl", max_new_tokens=NUM_NEW)
    return list(opened.engine.answer(questions()))


def assert_same_tokens(opened: OpenedEngine, *, folder: Path) -> None:
    answered = list(opened.engine.answer(questions()))
    wanted = local_answers(folder)
    assert [each.error for each in answered] == [""] * len(wanted)
    texts = [each.text.rstrip(UNFINISHED) for each in answered]
    assert texts == [each.text.rstrip(UNFINISHED) for each in wanted]
    assert len(set(texts)) == len(texts), "the model says something else to each"
    assert [each.num_new_tokens for each in answered] == [each.num_new_tokens for each in wanted]
    assert all(each.num_prompt_tokens for each in answered)


def test_vllm_serves_an_exported_folder_and_says_what_we_say(plain: Path, tmp_path: Path) -> None:
    folder = export_model(plain, out=tmp_path / "exported", dtype="float32", limits=LIMITS).folder
    with served(folder, engine="vllm", log=tmp_path / "serve.log") as server:
        opened = open_engine(
            server.url, max_new_tokens=NUM_NEW, log_probability=True, check_pictures=True
        )
        assert "it sees pictures as its dialect says" in opened.because
        assert isinstance(opened.engine, EndpointEngine) and opened.engine.kind == "vllm"
        assert opened.model == "exported" and "qwen2_5_vl" in opened.because
        assert opened.engine.weights, "known by its weights, not by its address"
        assert_same_tokens(opened, folder=folder)
        asked = questions()[:1]
        (sure,) = opened.engine.answer(asked)
        assert sure.log_probability is not None and sure.log_probability < 0

        dot = Image.new("RGB", (56, 56))
        many = [
            Request(record_id="33", question="q", pictures=lambda: [dot] * 33),
            Request(record_id="32", question="q", pictures=lambda: [dot] * 32),
            Request(record_id="long", question="word " * 9000, pictures=list),
        ]
        wide = open_engine(server.url, max_new_tokens=NUM_NEW, max_pictures=64)
        too_many, enough, too_long = wide.engine.answer(many)
        assert "At most 32 image" in too_many.error and not enough.error
        assert "4096" in too_long.error and "HTTP 400" in too_long.error


def test_vllm_serves_experts_and_says_what_we_say(plain: Path, tmp_path: Path) -> None:
    options = MoeOptions(num_experts=4, num_experts_per_token=2, expert_width=32, init="slices")
    model = add_experts(load_backbone(plain, device="cpu"), options=options, seed=1)
    with torch.no_grad():
        for layer in moe_layers(model.model):
            assert layer.moe_gate is not None
            layer.moe_gate.fill_(0.7)
            layer.router.weight.mul_(20)
    run = tmp_path / "run"
    save_backbone(model, folder=run)
    folder = export_model(run, out=tmp_path / "experts", dtype="float32", limits=LIMITS).folder
    with served(folder, engine="vllm", log=tmp_path / "serve.log") as server:
        opened = open_engine(f"vllm:{server.url}", max_new_tokens=NUM_NEW)
        assert_same_tokens(opened, folder=folder)


def test_transformers_serves_the_same_folder(plain: Path, tmp_path: Path) -> None:
    with served(plain, engine="transformers", log=tmp_path / "serve.log") as server:
        opened = open_engine(
            f"openai:{server.url}",
            model=str(plain),
            profile="qwen25_vl",
            max_new_tokens=NUM_NEW,
            max_concurrency=2,
        )
        answered = list(opened.engine.answer(questions()))
    assert [each.error for each in answered] == [""] * len(answered)
    wanted = [each.text.rstrip(UNFINISHED) for each in local_answers(plain)]
    # It leaves special tokens in the text, of which random weights say many, and of an answer that
    # is cut off the last letter out.
    said = [SPECIAL.sub("", each.text).rstrip(UNFINISHED) for each in answered]
    assert all(mine.startswith(text) for text, mine in zip(said, wanted, strict=True))
    assert all(len(mine) - len(text) <= 1 for text, mine in zip(said, wanted, strict=True))
