"""What looks wrong before training."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from roboloop.train.config import SftConfig
from roboloop.train.lint import lint_phase

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
