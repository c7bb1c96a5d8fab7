"""A run that is stopped on the way and started again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from roboloop.train.config import PhaseConfig
from roboloop.train.loop import Trainer
from roboloop.train.train_model import TrainResult


def stopped_and_resumed(
    run: Callable[..., TrainResult], config: PhaseConfig, *, before_step: int
) -> TrainResult:
    """What comes of a run in the folder `parts` that ended before a step, counted from 0."""
    real_step = Trainer._step

    def stops(self: Trainer, step: int) -> Any:
        if step == before_step:
            raise KeyboardInterrupt
        return real_step(self, step)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "_step", stops)
        run(config, out="parts")
    return run(config, out="parts")
