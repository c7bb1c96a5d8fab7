"""What looks wrong in a training phase before it has cost anything. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from roboloop.train.config import PhaseConfig, SftConfig
from roboloop.train.schedule import num_warmup_steps, total_rate
from roboloop.train.trained_config import PARTS

LONGEST_WARMUP = 1 / 3
LEAST_MET = 0.95
GATE_REACH = 0.1
"""tanh of this lets a tenth of the experts' output through."""
TYPICAL_WEIGHT = 0.02
BFLOAT16_STEP = 2.0**-8
"""Relative distance of neighbouring bfloat16 numbers: 7 stored bits after the point."""
PUBLISHED_PADDING = "35 to 39 % in a published run with batches of 4"


class Finding(NamedTuple):
    """Something that looks wrong.

    Attributes:
        name: Names the kind, such as `warmup-too-long`.
        said: What is so, with its numbers.
        remedy: What to do.
    """

    name: str
    said: str
    remedy: str


class Extent(NamedTuple):
    """How much there is to do.

    Attributes:
        num_steps: Optimizer steps; None while the number of records is not known.
        num_items: Pictures, records or pairs there are; None when not known.
        items_per_step: How many of them a step meets.
    """

    num_steps: int | None
    num_items: int | None
    items_per_step: int


def extent_of(config: PhaseConfig, *, num_items: int | None) -> Extent:
    """How long a phase is, for so many pictures, records or pairs."""
    per_step = items_per_step(config)
    steps = config.num_steps
    if steps is None and num_items is not None:
        assert config.epochs is not None
        steps = max(1, math.ceil(config.epochs * num_items / per_step))
    return Extent(steps, num_items, per_step)


def items_per_step(config: PhaseConfig) -> int:
    """Pictures, records or pairs of a step, over all processes."""
    named = (getattr(config, name, None) for name in ("items_per_step", "pairs_per_step"))
    return next((int(number) for number in named if number is not None), 1)


def lint_phase(config: PhaseConfig, *, num_items: int | None = None) -> list[Finding]:
    """Everything that looks wrong, in a fixed order.

    Args:
        config: The phase.
        num_items: How many pictures, records or pairs it has; checks that need it are left out
            when it is not known.
    """
    extent = extent_of(config, num_items=num_items)
    return [found for check in CHECKS for found in check(config, extent)]


def _warmup(config: PhaseConfig, extent: Extent) -> Iterator[Finding]:
    if config.warmup_fraction <= LONGEST_WARMUP:
        return
    said = f"the learning rate rises over {config.warmup_fraction:.0%} of the steps"
    if extent.num_steps is not None:
        num_warmup = num_warmup_steps(extent.num_steps, config=config)
        said = f"the learning rate rises over {num_warmup} of {extent.num_steps} steps"
    yield Finding(
        "warmup-too-long",
        f"{said}, so hardly a step is taken at the rate that was chosen",
        "Set warmup_fraction to 0.03 to 0.1.",
    )


def _intervals(config: PhaseConfig, extent: Extent) -> Iterator[Finding]:
    if extent.num_steps is None:
        return
    for option, what in (
        ("save_every_steps", "checkpoint is written"),
        ("eval_every_steps", "evaluation loss is taken"),
        ("generate_every_steps", "answer is generated"),
    ):
        every: int | None = getattr(config, option, None)
        if every is not None and every > extent.num_steps:
            yield Finding(
                f"{option.partition('_')[0]}-never-reached",
                f"{option} is {every}, the phase has {extent.num_steps} steps: no {what} "
                "before the end",
                f"Set {option} to at most {max(1, extent.num_steps // 4)}, or leave it out.",
            )


def _records_met(config: PhaseConfig, extent: Extent) -> Iterator[Finding]:
    if config.num_steps is None or extent.num_items is None:
        return
    met = config.num_steps * extent.items_per_step
    if met < LEAST_MET * extent.num_items:
        yield Finding(
            "records-never-met",
            f"{config.num_steps} steps of {extent.items_per_step} meet {met:,} of "
            f"{extent.num_items:,}: {met / extent.num_items:.2f} epochs",
            "Give epochs in place of num_steps, or say that only a part is trained on.",
        )


def _gates(config: PhaseConfig, extent: Extent) -> Iterator[Finding]:
    if extent.num_steps is None or not {"moe", "amplifier"} & set(config.named_parts):
        return
    rates = [config.rate_of(part) for part in ("moe", "amplifier") if part in config.trained_parts]
    peak = config.gate_learning_rate or max(rates, default=0.0)
    reach = peak * total_rate(extent.num_steps, config=config)
    if reach < GATE_REACH:
        yield Finding(
            "gate-cannot-open",
            f"a gate that starts at 0 can come to {reach:.2g} at most (Adam moves a weight by "
            "about its learning rate a step), so experts stay all but silent",
            f"Set gate_learning_rate to about {_round(GATE_REACH * peak * 5 / reach)}."
            if reach
            else "Give gate_learning_rate.",
        )


def _too_small(config: PhaseConfig, extent: Extent) -> Iterator[Finding]:
    if extent.num_steps is None or config.lora is not None:
        return
    least = TYPICAL_WEIGHT * BFLOAT16_STEP / 2
    reach = total_rate(extent.num_steps, config=config)
    for part in config.parts or ("language",):
        moved = config.rate_of(part) * reach
        if 0 < moved < least:
            yield Finding(
                "lost-in-bfloat16",
                f"weights of {part} move by {moved:.1g} at most, less than half the distance of "
                f"bfloat16 numbers near {TYPICAL_WEIGHT}: an export in bfloat16 rounds it away",
                "Raise the learning rate or the number of steps.",
            )


def _padding(config: PhaseConfig, extent: Extent) -> Iterator[Finding]:
    del extent
    if not isinstance(config, SftConfig) or config.batching.kind != "padded":
        return
    if config.batching.records_per_batch > 1:
        yield Finding(
            "padding",
            "records of different lengths are filled up to the longest of their batch, and filling "
            f"is computed like the rest: {PUBLISHED_PADDING}",
            "Set batching to {kind: packed}; the loss is the same.",
        )


def _frozen(config: PhaseConfig, extent: Extent) -> Iterator[Finding]:
    del extent
    asked = config.named_parts or PARTS
    frozen = [part for part in asked if part in config.trained_parts and not config.rate_of(part)]
    if len(frozen) == len(asked):
        yield Finding(
            "nothing-trained",
            "every part has the learning rate 0",
            "Set learning_rate, or part_learning_rates for the parts to train.",
        )
    elif frozen and config.named_parts:
        yield Finding(
            "frozen-part",
            f"{', '.join(frozen)} is named and has the learning rate 0, so it is frozen",
            "Leave it out of parts, or give it a rate in part_learning_rates.",
        )


CHECKS: tuple[Callable[[PhaseConfig, Extent], Iterator[Finding]], ...] = (
    _frozen, _warmup, _intervals, _records_met, _gates, _too_small, _padding,
)  # fmt: skip


def _round(value: float) -> str:
    return f"{value:.0e}"
