"""What keeps a folder from being served, or would be served wrongly, told before it is tried."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from roboloop.base.errors import Place, RoboLoopError
from roboloop.models.parts import read_json
from roboloop.models.published import INDEX, WEIGHTS
from roboloop.serve.environment import ServingEnvironment

OWN_FAMILY = "roboloop_moe_qwen2_5_vl"
OWN_CODE = "modeling_roboloop_moe.py"
VISION_ROTARY_BASE = 10000.0
"""vLLM's own Qwen2.5-VL takes no other from a configuration."""
NUM_ROTARY_AXES = 3
CPU_HEAD_WIDTHS = (32, 64, 80, 96, 112, 128, 160, 192, 224, 256, 512)
"""Widths of an attention head that vLLM 0.32 computes on a CPU; with others it dies when asked."""


def check_servable(folder: Path, *, environment: ServingEnvironment) -> bool:
    """See that a server can load a model folder and will compute what RoboLoop does.

    Returns:
        Whether the folder brings RoboLoop's own code of experts, unchanged.

    Raises:
        RoboLoopError: E-SRV-003 with everything that is wrong; E-ENG-001 when a file is no JSON.
    """
    if not (folder / "config.json").is_file():
        raise RoboLoopError(
            "E-SRV-003",
            "there is no config.json",
            place=Place(folder),
            fix="Give a model folder; `roboloop export RUN --out FOLDER` makes one of a run.",
        )
    config = read_json(folder / "config.json")
    has_own_code = _has_own_code(folder, config=config)
    problems = list(_missing_files(folder))
    if environment.engine == "vllm":
        problems += _refused_by_vllm(config, is_own=has_own_code, is_cpu=environment.is_cpu)
    if problems:
        raise RoboLoopError("E-SRV-003", "; ".join(problems), place=Place(folder))
    return has_own_code


def _has_own_code(folder: Path, *, config: dict[str, Any]) -> bool:
    path = folder / OWN_CODE
    if config.get("model_type") != OWN_FAMILY or not path.is_file():
        return False
    return path.read_bytes() == files("roboloop.models.moe").joinpath(OWN_CODE).read_bytes()


def _missing_files(folder: Path) -> Iterator[str]:
    if (folder / INDEX).is_file():
        parts = sorted(set(read_json(folder / INDEX)["weight_map"].values()))
        missing = [name for name in parts if not (folder / name).is_file()]
        if missing:
            yield f"{len(missing)} of {len(parts)} weight files are missing, such as {missing[0]}"
    elif not (folder / WEIGHTS).is_file():
        yield f"there are no weights ({WEIGHTS})"
    if not (folder / "tokenizer.json").is_file():
        yield "tokenizer.json is missing"
    if not any(
        (folder / f"{half}_config.json").is_file() for half in ("preprocessor", "processor")
    ):
        yield "preprocessor_config.json is missing, so pictures would be refused"
    if not _has_chat_template(folder):
        yield "there is no chat template (chat_template.jinja)"


def _has_chat_template(folder: Path) -> bool:
    if any((folder / f"chat_template.{kind}").is_file() for kind in ("jinja", "json")):
        return True
    path = folder / "tokenizer_config.json"
    return path.is_file() and "chat_template" in json.loads(path.read_text(encoding="utf-8"))


def _refused_by_vllm(config: dict[str, Any], *, is_own: bool, is_cpu: bool) -> Iterator[str]:
    text: dict[str, Any] = config.get("text_config") or config
    rotary: dict[str, Any] = text.get("rope_parameters") or text.get("rope_scaling") or {}
    sections = rotary.get("mrope_section")
    if sections is not None and len(sections) != NUM_ROTARY_AXES:
        yield (
            f"mrope_section has {len(sections)} parts, vLLM wants {NUM_ROTARY_AXES}; "
            "`roboloop serve --engine transformers` takes it"
        )
    vision: dict[str, Any] = config.get("vision_config") or {}
    base = (vision.get("rope_parameters") or {}).get("rope_theta", VISION_ROTARY_BASE)
    if base != VISION_ROTARY_BASE and not is_own:
        yield f"its vision tower's rotary base is {base}, vLLM would compute with 10000"
    heads = text.get("num_attention_heads")
    width = text.get("head_dim") or (text["hidden_size"] // heads if heads else None)
    if is_cpu and width is not None and width not in CPU_HEAD_WIDTHS:
        yield f"its heads are {width} wide, which vLLM cannot compute on a CPU"
