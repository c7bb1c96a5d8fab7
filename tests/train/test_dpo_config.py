"""What a recipe may say about a phase on pairs of answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from roboloop.train.config import SftConfig
from roboloop.train.dpo_config import DpoConfig
from roboloop.train.phases import Phase

DpoPhase = Callable[..., DpoConfig]
PHASE: TypeAdapter[Any] = TypeAdapter(Phase)


def test_kind_tells_phases_apart_and_may_be_left_out() -> None:
    plain = PHASE.validate_python({"name": "a", "epochs": 1})
    assert plain == PHASE.validate_python({"name": "a", "epochs": 1, "kind": "sft"})
    assert isinstance(plain, SftConfig) and "kind" not in plain.model_dump()
    pairs = PHASE.validate_python({"name": "b", "epochs": 1, "kind": "dpo"})
    assert isinstance(pairs, DpoConfig) and pairs.model_dump()["kind"] == "dpo"
    assert PHASE.validate_python(pairs) is pairs
    assert PHASE.validate_json(pairs.model_dump_json()) == pairs
    with pytest.raises(ValidationError, match="ppo"):
        PHASE.validate_python({"name": "c", "epochs": 1, "kind": "ppo"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "ipo", "label_smoothing": 0.1}, "belongs to the loss sigmoid"),
        ({"label_smoothing": 0.5}, "less than 0.5"),
        ({"beta": 0}, "greater than 0"),
        ({"tasks": ["griper_det"]}, "did you mean 'gripper_det'"),
        ({"reference": "adapter_off"}, "needs lora"),
        (
            {"reference": "adapter_off", "lora": {"rank": 4}, "reference_model": "a"},
            "needs reference: cached",
        ),
        ({"questions_per_picture": 2}, "questions_per_picture"),
        ({"epochs": 1, "num_steps": 2}, "either epochs or num_steps"),
    ],
)
def test_mistakes_are_named(dpo_phase: DpoPhase, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        dpo_phase(**options)


def test_summary_says_what_counts(dpo_phase: DpoPhase) -> None:
    said = dpo_phase(loss="hinge", sft_weight=0.5, tasks=("traj",)).summary()
    for part in ("6 steps of 4 pairs", "hinge, beta 0.1", "0.5 x fine-tuning", "traj", "cached"):
        assert part in said
