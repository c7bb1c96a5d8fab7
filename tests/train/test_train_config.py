"""What a recipe may say about a training phase."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from roboloop.train.config import SftConfig
from roboloop.train.optimizer_config import MuonConfig

Phase = Callable[..., SftConfig]


def test_defaults_are_adamw_over_all_parts() -> None:
    config = SftConfig.model_validate({"name": "sft", "epochs": 2})
    assert config.optimizer.kind == "adamw"
    assert config.parts is None and "moe" in config.trained_parts
    assert config.rate_of("vision") == config.learning_rate
    assert "2 epochs" in config.summary() and "all tasks" in config.summary()


def test_muon_by_kind(phase: Phase) -> None:
    assert isinstance(phase(optimizer={"kind": "muon"}).optimizer, MuonConfig)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 1, "num_steps": 3}, "either epochs or num_steps"),
        ({"parts": ()}, "nothing would be trained"),
        ({"tasks": {"griper_det": 1}}, "did you mean 'gripper_det'"),
        ({"tasks": {"gripper_det": 0}}, "greater than 0"),
        ({"parts": ("vision",), "part_learning_rates": {"language": 1e-4}}, "not trained"),
        ({"optimizer": {"kind": "sgd"}}, "sgd"),
        ({"augment": {"zoom": (1.3, 1.0)}}, "zoom"),
        ({"stepps": 3}, "stepps"),
    ],
)
def test_mistakes_are_named(phase: Phase, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        phase(**options)


def test_neither_length_is_refused() -> None:
    with pytest.raises(ValidationError, match="either epochs or num_steps"):
        SftConfig.model_validate({"name": "sft"})
