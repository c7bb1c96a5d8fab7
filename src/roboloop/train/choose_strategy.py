"""The way of sharding that a phase asks for, or the reason why it cannot be."""

from __future__ import annotations

from torch import nn

from roboloop.base.errors import RoboLoopError
from roboloop.train.config import PhaseConfig
from roboloop.train.ranks import Ranks
from roboloop.train.run_options import DEEPSPEED, Sharding
from roboloop.train.sharded import Fsdp2
from roboloop.train.strategies import Replicated, Strategy
from roboloop.train.zero import Zero


def make_strategy(
    config: PhaseConfig, *, network: nn.Module, ranks: Ranks, precision: str
) -> Strategy:
    """The strategy of a phase; nothing is placed yet.

    Args:
        config: The phase.
        network: The model.
        ranks: The processes.
        precision: Of the forward pass, in accelerate's words: `no` or `bf16`.

    Raises:
        RoboLoopError: E-TRN-009 for what cannot be, E-ENV-001 without DeepSpeed.
    """
    check_supported(config, num_ranks=ranks.count)
    match config.sharding:
        case "none":
            return Replicated(network, ranks=ranks)
        case "fsdp2":
            return Fsdp2(network, ranks=ranks)
        case _:
            return Zero(network, ranks=ranks, config=config, in_bfloat16=precision == "bf16")


def check_supported(config: PhaseConfig, *, num_ranks: int) -> None:
    """Refuse what a way of sharding cannot do.

    Raises:
        RoboLoopError: E-TRN-009.
    """
    problem = obstacle(config, sharding=config.sharding, num_ranks=num_ranks)
    if problem is not None:
        raise RoboLoopError("E-TRN-009", f"sharding: {config.sharding} is not possible: {problem}")


def obstacle(config: PhaseConfig, *, sharding: Sharding, num_ranks: int) -> str | None:
    """Why a phase cannot be sharded in a way; None when it can."""
    if sharding == "none":
        return None
    if num_ranks == 1:
        return "it needs several processes, such as --nproc 2"
    if config.optimizer.kind == "muon":
        return "Muon needs whole matrices; set optimizer: {kind: adamw}"
    if sharding in DEEPSPEED and config.guard.on_bad_loss == "skip":
        return "DeepSpeed cannot skip a step; set guard.on_bad_loss: stop"
    return None
