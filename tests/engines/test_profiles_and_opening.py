"""Which profile is chosen for a model, and engines opened by a short text."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from loopback_endpoint import endpoint
from served_model import asked, healthy

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.dialects import load_dialect
from roboloop.engines.endpoint.engine import EndpointEngine
from roboloop.engines.open import open_engine, read_spec
from roboloop.engines.profiles import PROFILES, QWEN_SYSTEM, choose_profile, load_profile
from roboloop.models.tiny import build_tiny

MODELS = {
    "Qwen/Qwen2.5-VL-7B-Instruct": "qwen25_vl",
    "qwen2_5_vl_3b": "qwen25_vl",
    "Qwen/Qwen3-VL-8B-Instruct": "qwen3_vl",
    "Qwen/Qwen3-VL-235B-A22B-Thinking": "qwen3_vl_thinking",
    "OpenGVLab/InternVL3-8B": "internvl3",
    "OpenGVLab/InternVL3_5-8B": "internvl3",
    "lmms-lab/llava-onevision-qwen2-7b-ov": "llava_onevision",
    "BAAI/RoboBrain": "robobrain1",
    "BAAI/RoboBrain-LoRA-Affordance": "robobrain1",
    "BAAI/RoboBrain2.0-7B": "robobrain2",
    "BAAI/RoboBrain2.0-32B": "robobrain2",
    "BAAI/RoboBrain2.0-3B": "robobrain2_3b",
    "BAAI/RoboBrain2.5-8B-NV": "robobrain25",
    "allenai/Molmo-7B-D-0924": "molmo",
    "gpt-4o-2024-11-20": "gpt",
    "openai/gpt-4.1": "gpt",
    "chatgpt-4o-latest": "gpt",
    "gpt-5-chat-latest": "gpt",
    "gpt-5-mini": "gpt_reasoning",
    "gpt-5.2": "gpt_reasoning",
    "o4-mini": "gpt_reasoning",
    "o3": "gpt_reasoning",
    "gemini-2.5-pro": "gemini",
    "claude-sonnet-4-20250514": "claude",
}


@pytest.mark.parametrize(("model", "wanted"), MODELS.items())
def test_one_profile_and_no_other_fits_a_known_name(model: str, wanted: str) -> None:
    fitting = [name for name in PROFILES.rows if load_profile(name).is_named_in(model)]
    assert fitting == [wanted]
    chosen = choose_profile(models=[model])
    assert chosen.profile.name == wanted and model in chosen.because


@pytest.mark.parametrize("name", list(PROFILES.rows))
def test_every_profile_has_a_dialect_and_a_budget(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name and profile.max_new_tokens > 0 and profile.max_pictures > 0
    assert profile.load_dialect().kind == profile.dialect


def test_nothing_is_guessed() -> None:
    with pytest.raises(RoboLoopError, match="E-ENG-013") as caught:
        choose_profile(models=["my-model"], config={"model_type": "mllama"})
    assert "my-model" in str(caught.value) and "mllama" in str(caught.value)
    by_type = choose_profile(models=["my-model"], config={"model_type": "qwen2_5_vl"})
    assert by_type.profile.name == "qwen25_vl" and "config.json" in by_type.because
    assert choose_profile(name="molmo", models=["Qwen2.5-VL"]).profile.name == "molmo"
    with pytest.raises(RoboLoopError, match="did you mean 'gemini'"):
        load_profile("gemeni")


@pytest.mark.parametrize("text", ["", "local:", "vllm:", "ftp://host", "/models/qwen"])
def test_what_is_no_engine_is_told(text: str) -> None:
    with pytest.raises(RoboLoopError, match="E-CFG-003"):
        read_spec(text)


def test_a_server_of_a_folder_here_is_known_by_its_weights(tmp_path: Path) -> None:
    folder = build_tiny(tmp_path / "tiny", seed=0, texts=["find the red cup"], depth=1)
    listed = [{"id": "mine", "root": str(folder), "owned_by": "vllm", "max_model_len": 4096}]
    with endpoint(healthy, models=listed) as first, endpoint(healthy, models=listed) as second:
        opened = open_engine(first.url)
        other = open_engine(f"vllm:{second.url}")
        (response,) = opened.engine.answer([asked("q", Image.new("RGB", (64, 48)))])
    engine = opened.engine
    assert isinstance(engine, EndpointEngine) and engine.kind == "vllm"
    assert (opened.model, opened.profile.name) == ("mine", "qwen25_vl")
    assert "model_type 'qwen2_5_vl'" in opened.because and "factor=16" in opened.because
    assert opened.dialect.view_size(PictureSize(64, 48)) == (64, 48), "sizes of the folder"
    assert response.text and first.requests[0]["messages"][0]["content"] == QWEN_SYSTEM
    assert engine.identity() == other.engine.identity(), "the same weights at another address"
    local = open_engine(f"local:{folder}", max_new_tokens=4)
    assert local.dialect == opened.dialect and local.model == "tiny"
    (said,) = local.engine.answer([asked("q", Image.new("RGB", (64, 48)))])
    assert not said.error


def test_a_server_that_keeps_no_list_needs_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "GEMINI_API_KEY", "VLLM_API_KEY"):
        monkeypatch.setenv(name, f"secret of {name}")
    plain = load_dialect("plain")
    with endpoint(healthy) as server:
        with pytest.raises(RoboLoopError, match="no model is named"):
            open_engine(f"openai:{server.url}")
        with pytest.raises(RoboLoopError, match="E-ENG-013"):
            open_engine(f"openai:{server.url}", model="mystery")
        opened = open_engine(f"openai:{server.url}", model="gemini-2.5-pro", dialect=plain)
        assert opened.dialect == plain, "a dialect that is given counts"
        list(opened.engine.answer([asked("q")]))
        own = open_engine(f"vllm:{server.url}", model="mystery", profile="qwen3_vl")
        list(own.engine.answer([asked("q")]))
    sent = [headers["Authorization"] for headers in server.headers]
    assert sent == ["Bearer secret of GEMINI_API_KEY", "Bearer secret of VLLM_API_KEY"]


def test_a_model_that_is_not_served_is_told_with_those_that_are() -> None:
    with endpoint(healthy, models=[{"id": "a"}, {"id": "b"}]) as server:
        for model in (None, "c"):
            with pytest.raises(RoboLoopError, match=r"a, b"):
                open_engine(server.url, model=model, profile="molmo")
    with pytest.raises(RoboLoopError, match="E-ENG-011"):
        open_engine(server.url, profile="molmo")
    with pytest.raises(RoboLoopError, match="max_concurrency"):
        open_engine(server.url, profile="molmo", max_concurrency=0)


def test_profiles_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    from roboloop.cli.main import run_command

    assert run_command(["list", "profiles", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["profiles"]) == set(PROFILES.rows)
