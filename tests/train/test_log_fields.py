"""Which fields a line of the log has, and where the figure of utilisation comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)

from roboloop.dialects import Dialect
from roboloop.models.backbone import load_backbone
from roboloop.models.moe.options import MoeOptions
from roboloop.models.moe.upcycle import add_experts
from roboloop.train.batches import TokenCounts
from roboloop.train.config import SftConfig
from roboloop.train.dpo import run_dpo
from roboloop.train.dpo_config import DpoConfig
from roboloop.train.flops import TowerSizes, peak_flops, tower_sizes, workload
from roboloop.train.log import LogLine, TrainerLog
from roboloop.train.meter import Meter
from roboloop.train.sft import run_sft

LLAMA_FACTORY = [
    "current_steps", "total_steps", "loss", "eval_loss", "lr", "epoch", "percentage",
    "elapsed_time", "remaining_time", "throughput", "total_tokens",
]  # fmt: skip
OURS = [
    "tokens_real", "tokens_target", "tokens_image", "padding_fraction", "data_wait_seconds",
    "grad_norm",
]  # fmt: skip


def line(**changes: float) -> LogLine:
    counts = TokenCounts(real=1000, target=100, image=600, padding=0)
    values = {
        "step": 5, "total_steps": 93, "loss": 5.7013, "rate": 1e-6, "epoch": 0.16, "seconds": 8.0,
        "num_tokens": 1000, "counts": counts, "grad_norm": 2.0,
    }  # fmt: skip
    return LogLine(**(values | changes))


def test_a_line_has_these_fields_and_no_others(tmp_path: Path) -> None:
    log = TrainerLog(tmp_path / "trainer_log.jsonl", keep_to=0)
    log.add(line(eval_loss=1.5))
    log.meter = Meter(torch.device("cpu"), seconds=8.0, work=None, peak=None)
    log.add(line(seconds=9.0))
    first, second = map(json.loads, log.path.read_text().splitlines())
    assert list(first) == LLAMA_FACTORY + OURS
    assert list(second) == [name for name in LLAMA_FACTORY + OURS if name != "eval_loss"] + [
        "memory"
    ]
    assert 0.01 < second["memory"] < 100


def test_utilisation_is_arithmetic_over_what_could_have_been_done() -> None:
    sizes = TowerSizes(language=100, head=50, vision=20, projector=10, patches_per_token=4)
    work = workload(sizes, trained=("vision", "projector", "language"), adapted=())
    counts = TokenCounts(real=1000, target=100, image=600)
    assert work.flops(counts) == 6 * (100 * 1000 + 50 * 100 + (20 * 4 + 10) * 600)
    meter = Meter(torch.device("cpu"), seconds=5.0, work=work, peak=1e6)
    assert meter.measure(counts, seconds=7.0)["mfu"] == pytest.approx(954_000 / 2e6)
    assert meter.measure(counts, seconds=8.0)["mfu"] == pytest.approx(954_000 / 1e6)


def test_what_is_frozen_costs_less() -> None:
    sizes = TowerSizes(language=100, head=50, vision=20, projector=10, patches_per_token=4)
    work = workload(sizes, trained=("projector", "language"), adapted=("language",))
    assert work == (4 * 100, 4 * 50, 2 * 20 * 4 + 6 * 10)


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_sizes_are_those_of_the_matrices_in_the_model(family: str) -> None:
    with torch.device("meta"):
        if family == "qwen3_vl":
            model = Qwen3VLForConditionalGeneration(_eight_billion())
        else:
            model = Qwen2_5_VLForConditionalGeneration(_seven_billion())
    layers, vision, merger = (
        sum(p.numel() for name, p in model.named_parameters() if p.ndim > 1 and part(name))
        for part in (
            lambda name: name.startswith("model.language_model.layers."),
            lambda name: (
                "pos_embed" not in name and name.startswith("model.visual.") and not _joins(name)
            ),
            _joins,
        )
    )
    text = model.config.text_config
    head = text.vocab_size * text.hidden_size
    # In the last layer only keys and values are computed for every token.
    last = f"model.language_model.layers.{text.num_hidden_layers - 1}."
    read = sum(
        p.numel()
        for name, p in model.named_parameters()
        if name.startswith(last) and p.ndim > 1 and "k_proj" not in name and "v_proj" not in name
    )
    assert tower_sizes(model.config) == (layers - read, head + read, vision, merger, 4, 0)
    assert layers == pytest.approx(6.525e9 if family == "qwen2_5_vl" else 6.946e9, rel=1e-3)


def _joins(name: str) -> bool:
    return ".merger." in name or ".deepstack_merger_list." in name


def _eight_billion() -> Qwen3VLConfig:
    """Qwen3-VL-8B."""
    return Qwen3VLConfig(
        text_config={
            "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36,
            "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
            "vocab_size": 151936,
        },
        vision_config={
            "hidden_size": 1152, "intermediate_size": 4304, "depth": 27, "num_heads": 16,
            "out_hidden_size": 4096,
        },
    )  # fmt: skip


def _seven_billion() -> Qwen2_5_VLConfig:
    return Qwen2_5_VLConfig(
        text_config={
            "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
            "num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 152064,
        },
        vision_config={
            "hidden_size": 1280, "intermediate_size": 3420, "depth": 32, "num_heads": 16,
            "out_hidden_size": 3584,
        },
    )  # fmt: skip


def test_a_token_meets_the_experts_it_is_sent_to(tiny_folder: Path) -> None:
    dense = load_backbone(tiny_folder, device="cpu")
    options = MoeOptions(num_experts=6, num_experts_per_token=2, expert_width=24)
    routed = add_experts(dense, options=options, seed=0).model
    sizes, without = tower_sizes(routed.config), tower_sizes(dense.model.config)
    assert sizes is not None and without is not None
    # Where the last layer has experts, all of it is computed for every token.
    moved = sizes.language - without.language
    assert moved > 0 and without.head - sizes.head == moved
    assert sizes._replace(experts=0, language=without.language, head=without.head) == without
    names = dict(routed.named_parameters())
    stacks = sum(p.numel() for name, p in names.items() if ".experts." in name)
    routers = sum(p.numel() for name, p in names.items() if ".router." in name)
    assert sizes.experts == stacks * 2 // 6 + routers
    # Experts alone: the dense layers only pass the gradient on.
    work = workload(sizes, trained=("moe",), adapted=())
    assert work.token == 4 * sizes.language + 6 * sizes.experts


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H200", 989e12),
        ("NVIDIA H20", 148e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA L40S", 362e12),
        ("llvmpipe", None),
    ],
)
def test_peaks_by_name(name: str, peak: float | None) -> None:
    assert peak_flops(name) == peak


@pytest.mark.parametrize("kind", ["experts", "pairs"])
def test_the_page_explains_every_field_that_a_log_has(
    kind: str,
    tiny_folder: Path,
    record_folder: Path,
    pair_folder: Path,
    dialect: Dialect,
    phase: Callable[..., SftConfig],
    dpo_phase: Callable[..., DpoConfig],
    tmp_path: Path,
) -> None:
    given = {"model": tiny_folder, "out": tmp_path, "dialect": dialect, "seed": 0}
    if kind == "pairs":
        run_dpo(dpo_phase(num_steps=1, sft_weight=0.1), records=pair_folder, **given)
    else:
        config = phase(
            num_steps=1, optimizer={"kind": "adamw"}, eval_every_steps=1, eval_split="train",
            generate_every_steps=1, generate_per_task=1, generate_max_tokens=2,
            loss={"label_smoothing": 0.1, "z_loss": 1e-4}, moe_loss={"router_z": 1e-3},
            moe={"num_experts": 2, "num_experts_per_token": 1, "expert_width": 8},
        )  # fmt: skip
        run_sft(config, records=record_folder, **given)
    page = (Path(__file__).resolve().parents[2] / "docs/training.md").read_text()
    explained = set(re.findall(r"`([a-z_<>]+)`", page))
    (line,) = (tmp_path / "trainer_log.jsonl").read_text().splitlines()
    generated = re.compile(r"gen_(?:gripper_det|object_box|traj_wo_init_pos)_\w+")
    fields = {"gen_<task>_<metric>" if generated.fullmatch(n) else n for n in json.loads(line)}
    assert fields <= explained
    assert len(fields) > (20 if kind == "experts" else 24)
    assert {"skipped_steps", "warning", "mfu", "vram_allocated", "vram_reserved"} <= explained
