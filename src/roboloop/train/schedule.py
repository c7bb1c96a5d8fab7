"""How the learning rate rises and falls. Imports no torch."""

from __future__ import annotations

import math

from roboloop.train.config import PhaseConfig


def schedule_factor(step: int, *, num_steps: int, config: PhaseConfig) -> float:
    """The learning rate of a step, counted from 0, over its peak.

    Rises along a line over the first `warmup_fraction` of the steps, then falls to 0, which it
    would reach one step after the last.
    """
    num_warmup = num_warmup_steps(num_steps, config=config)
    if step < num_warmup:
        return (step + 1) / (num_warmup + 1)
    done = (step - num_warmup) / max(1, num_steps - num_warmup)
    match config.schedule:
        case "cosine":
            return 0.5 * (1 + math.cos(math.pi * done))
        case "linear":
            return 1 - done
        case "constant":
            return 1.0


def num_warmup_steps(num_steps: int, *, config: PhaseConfig) -> int:
    """Steps over which the learning rate rises."""
    return round(config.warmup_fraction * num_steps)


def total_rate(num_steps: int, *, config: PhaseConfig) -> float:
    """The sum of `schedule_factor` over all steps.

    About how far Adam can move a weight, over its peak rate, if every step goes the same way.
    """
    return sum(schedule_factor(s, num_steps=num_steps, config=config) for s in range(num_steps))
