"""What looks wrong before training, and the memory it would take."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from transformers import AutoModelForImageTextToText

from roboloop.train.config import SftConfig
from roboloop.train.lint import lint_phase
from roboloop.train.memory_plan import SHARDINGS, config_of_size, memory_need, shape_of_phase

Phase = Callable[..., SftConfig]
GOOD = {"optimizer": {"kind": "adamw"}, "num_steps": 1000, "learning_rate": 1e-5}


def names(config: SftConfig, *, num_items: int | None = None) -> list[str]:
    return [finding.name for finding in lint_phase(config, num_items=num_items)]


def test_a_sound_phase_has_no_findings(phase: Phase) -> None:
    options = {"save_every_steps": 100, "eval_every_steps": 100, "warmup_fraction": 0.05}
    assert names(phase(**GOOD, **options), num_items=2000) == []
    gates = {"parts": ("moe",), "gate_learning_rate": 1e-3}
    assert names(phase(**GOOD, **gates)) == []


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"warmup_fraction": 80 / 93}, "warmup-too-long"),
        ({"save_every_steps": 1001}, "save-never-reached"),
        ({"eval_every_steps": 1001}, "eval-never-reached"),
        ({"generate_every_steps": 1001}, "generate-never-reached"),
        ({"num_steps": 100}, "records-never-met"),
        ({"parts": ("moe",), "learning_rate": 5e-6}, "gate-cannot-open"),
        ({"learning_rate": 1e-9}, "lost-in-bfloat16"),
        ({"batching": {"kind": "padded"}, "pictures_per_step": 8, "questions_per_picture": 4},
         "padding"),
        ({"parts": ("vision", "language"), "part_learning_rates": {"vision": 0}}, "frozen-part"),
        ({"learning_rate": 0}, "nothing-trained"),
    ],
)  # fmt: skip
def test_each_fault_is_found(phase: Phase, options: dict[str, object], found: str) -> None:
    assert names(phase(**(GOOD | options)), num_items=2000) == [found]


def test_findings_say_numbers_and_a_remedy(phase: Phase) -> None:
    finding = lint_phase(phase(**GOOD, warmup_fraction=0.5))[0]
    assert "500 of 1000 steps" in finding.said and "warmup_fraction" in finding.remedy


@pytest.mark.parametrize(
    ("size", "num_weights"),
    [("3b", 3_754_622_976), ("7b", 8_292_166_656), ("32b", 33_452_718_336)],
)
def test_published_sizes_have_their_weights(phase: Phase, size: str, num_weights: int) -> None:
    """As the sizes of the published safetensors files say."""
    with torch.device("meta"):
        network = AutoModelForImageTextToText.from_config(config_of_size(size))
    assert sum(parameter.numel() for parameter in network.parameters()) == num_weights


def test_memory_falls_with_sharding_and_with_adapters(phase: Phase) -> None:
    whole, adapted = phase(**GOOD), phase(**GOOD, lora={"rank": 16})
    shape = shape_of_phase(whole, model="7b")
    given = {"num_gpus": 8, "num_tokens": 8192}

    def need(sharding: str, *, config: SftConfig = whole, checkpointing: bool = False) -> float:
        chosen = shape if config is whole else shape_of_phase(config, model="7b")
        return memory_need(
            chosen, config=config, sharding=sharding, checkpointing=checkpointing, **given
        ).low

    assert shape.num_trained == shape.num_weights
    order = [need(sharding) for sharding in SHARDINGS]
    assert order[0] > order[1] > order[2] > order[3] == order[4] > order[5]
    assert need("none", checkpointing=True) < need("none")
    # 16 bytes a weight, and 2 for its bfloat16 copy.
    fixed = need("none") - 8192 * 3.383e6
    assert fixed == pytest.approx(18 * shape.num_weights, rel=1e-3)
    assert need("none", config=adapted) < 0.5 * need("none")


def test_an_adapters_weights_are_counted_without_making_them(phase: Phase) -> None:
    """Rank x (inputs + outputs) of q and v in 36 layers of the 3B."""
    config = phase(**GOOD, parts=("language",), lora={"rank": 8, "targets": ["q_proj", "v_proj"]})
    shape = shape_of_phase(config, model="3b")
    assert shape.num_trained == 36 * 8 * ((2048 + 2048) + (2048 + 256))
