"""The way of sharding that a phase asks for, or the reason why it cannot be."""

from __future__ import annotations

from torch import nn

from roboloop.base.errors import RoboLoopError
from roboloop.train.config import PhaseConfig
from roboloop.train.ranks import Ranks
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
    if config.sharding == "none":
        return
    problem = None
    if num_ranks == 1:
        problem = "it needs several processes, started by torchrun"
    elif config.optimizer.kind == "muon":
        problem = "Muon needs whole matrices; set optimizer: {kind: adamw}"
    elif config.sharding != "fsdp2" and config.guard.on_bad_loss == "skip":
        problem = "DeepSpeed cannot skip a step; set guard.on_bad_loss: stop"
    if problem is not None:
        raise RoboLoopError("E-TRN-009", f"sharding: {config.sharding} is not possible: {problem}")
