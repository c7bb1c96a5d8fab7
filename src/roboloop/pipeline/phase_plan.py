"""What training phases come to: steps, tokens, hours, memory, and what looks wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from roboloop.base.errors import RoboLoopError
from roboloop.models.moe.options import MoeOptions
from roboloop.pipeline.recipe import Recipe
from roboloop.train.config import PhaseConfig, SftConfig
from roboloop.train.lint import Finding, extent_of, items_per_step, lint_phase

if TYPE_CHECKING:
    from roboloop.train.model_shape import Shape

Size = Literal["3b", "7b", "32b"]
GIB = 2**30
PADDED_LENGTH = 1.6
"""Length of a padded record over its own, in the published run that was looked at."""


class Assumed(NamedTuple):
    """What a plan cannot know and takes as given.

    Attributes:
        num_samples: Records of each phase (pictures, where a step takes pictures); None when not
            known.
        tokens_per_sample: Mean tokens of one, its picture's included.
        tokens_per_second: Speed of all GPUs together; None when not known.
        num_gpus: GPUs that share the work.
        size: A published size in place of the recipe's model.
        image_fraction: Share of the tokens that are pictures'.
    """

    num_samples: int | None = None
    tokens_per_sample: int = 400
    tokens_per_second: float | None = None
    num_gpus: int = 1
    size: Size | None = None
    image_fraction: float = 0.6


class MemoryRow(NamedTuple):
    """Memory of one GPU in GiB under one way of sharding.

    Attributes:
        sharding: none, zero1, zero2, zero3, fsdp2 or offload.
        weights: Weights and their bfloat16 copies.
        gradients: Of what is trained.
        states: The optimizer's.
        activations: What is kept for the way back, as the recipe has it.
        low: In all.
        high: In all, with what allocators and kernels may need beside it.
        recomputed: In all with `gradient_checkpointing: full`.
    """

    sharding: str
    weights: float
    gradients: float
    states: float
    activations: float
    low: float
    high: float
    recomputed: float


class Weights(NamedTuple):
    """How many weights a phase's model has.

    Attributes:
        total: All.
        active: Those that a token meets; fewer where it is sent to some of the experts.
        trained: Those with a gradient.
    """

    total: int
    active: int
    trained: int


class PhasePlan(NamedTuple):
    """A phase before it is run; None where something is not known."""

    name: str
    num_steps: int | None
    num_tokens: int | None
    hours: float | None
    weights: Weights | None
    memory: tuple[MemoryRow, ...]
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        rows = [row._asdict() for row in self.memory]
        found = [finding._asdict() for finding in self.findings]
        weights = None if self.weights is None else self.weights._asdict()
        return {**self._asdict(), "weights": weights, "memory": rows, "findings": found}


def plan_phases(recipe: Recipe, *, assumed: Assumed) -> list[PhasePlan]:
    """Plan every phase. No weight is loaded and no record is read."""
    plans: list[PhasePlan] = []
    moe: MoeOptions | None = None
    for phase in recipe.train:
        moe = phase.moe or moe if isinstance(phase, SftConfig) else moe
        plans.append(_plan_phase(phase, recipe=recipe, assumed=assumed, moe=moe))
    return plans


def _plan_phase(
    phase: PhaseConfig, *, recipe: Recipe, assumed: Assumed, moe: MoeOptions | None
) -> PhasePlan:
    extent = extent_of(phase, num_items=assumed.num_samples)
    findings = lint_phase(phase, num_items=assumed.num_samples)
    num_tokens = hours = None
    if extent.num_steps is not None:
        num_tokens = extent.num_steps * extent.items_per_step * assumed.tokens_per_sample
        if assumed.tokens_per_second:
            hours = num_tokens / assumed.tokens_per_second / 3600
    model = _model(recipe, assumed=assumed)
    weights: Weights | None = None
    memory: tuple[MemoryRow, ...] = ()
    if model is not None and not any(one.name == "nothing-trained" for one in findings):
        from roboloop.train.model_shape import shape_of_phase

        try:
            shape = shape_of_phase(phase, model=model, moe=moe)
            weights = Weights(shape.num_weights, shape.num_active, shape.num_trained)
            memory = _memory(phase, shape=shape, assumed=assumed)
        except RoboLoopError as error:
            findings.append(Finding("cannot-be-trained", error.detail, error.fix))
    return PhasePlan(
        phase.name, extent.num_steps, num_tokens, hours, weights, memory, tuple(findings)
    )


def _model(recipe: Recipe, *, assumed: Assumed) -> Path | Size | None:
    if assumed.size is not None:
        return assumed.size
    if recipe.model.kind == "folder" and (recipe.model.path / "config.json").is_file():
        return recipe.model.path
    return None


def _memory(phase: PhaseConfig, *, shape: Shape, assumed: Assumed) -> tuple[MemoryRow, ...]:
    from roboloop.train.memory_plan import SHARDINGS, Pass, memory_need

    num_tokens = tokens_of_pass(phase, assumed=assumed)
    as_it_is = Pass(num_tokens, assumed.image_fraction, phase.gradient_checkpointing)
    rows: list[MemoryRow] = []
    for sharding in SHARDINGS:
        need, least = (
            memory_need(
                shape, config=phase, sharding=sharding, num_gpus=assumed.num_gpus, passed=passed
            )
            for passed in (as_it_is, as_it_is._replace(recompute="full"))
        )
        values = (*need, need.low, need.high, least.low)
        rows.append(MemoryRow(sharding, *(round(value / GIB, 1) for value in values)))
    return tuple(rows)


def tokens_of_pass(phase: PhaseConfig, *, assumed: Assumed) -> int:
    """Tokens that one GPU passes at a time."""
    each = assumed.tokens_per_sample
    if isinstance(phase, SftConfig) and phase.batching.kind == "packed":
        return phase.batching.tokens_per_pack
    if isinstance(phase, SftConfig) and phase.batching.kind == "padded":
        return round(phase.batching.records_per_batch * each * PADDED_LENGTH)
    return -(-items_per_step(phase) // assumed.num_gpus) * each
