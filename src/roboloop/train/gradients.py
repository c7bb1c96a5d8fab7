"""The gradient of a step: forward and backward over its micro-batches, over all processes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple
from typing import NamedTuple

from torch import Tensor

from roboloop.train.batches import LOSS, MicroBatch, TokenCounts
from roboloop.train.memory import MemoryGuard, ran_out
from roboloop.train.strategies import Strategy


class Passed(NamedTuple):
    """What the passes of a step gave.

    Attributes:
        loss: Mean over the weight, over all processes.
        weight: What the loss is a mean over: target tokens, or pairs.
        counts: Tokens, over all processes.
        metrics: Sums of what else the objective tells.
        micro_batches: This process's.
        wait_seconds: Time this process waited for them.
    """

    loss: float
    weight: float
    counts: TokenCounts
    metrics: dict[str, float]
    micro_batches: Sequence[MicroBatch]
    wait_seconds: float


class GradientMaker:
    """Leaves the gradient of a step with the weights.

    Args:
        strategy: Where the weights lie.
        memory: Makes the micro-batches, of a size that fits.
        autocast: Surrounds the computation of a loss.
    """

    def __init__(
        self,
        strategy: Strategy,
        *,
        memory: MemoryGuard,
        autocast: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.strategy = strategy
        self.memory = memory
        self.autocast = autocast

    def make(self, step: int) -> Passed:
        """The gradient of the mean loss of step `step`, counted from 0.

        When one process runs out of memory all learn of it and try the step again in smaller
        micro-batches; where processes talk in the middle of a step the run ends, to go on so.

        Raises:
            RoboLoopError: E-TRN-006, E-TRN-007 out of memory; what makes the micro-batches raises.
        """
        ranks = self.strategy.ranks
        while True:
            began = time.monotonic()
            micro_batches = self.memory.batches.micro_batches(
                step, rank=ranks.number, num_ranks=ranks.count
            )
            wait_seconds = time.monotonic() - began
            weight, counts = self._totals(micro_batches)
            sums = self._passes(micro_batches, weight=weight)
            if not self.strategy.can_agree:
                if sums is None:
                    self.memory.make_room(step=step, writes=True, goes_on=False)
            elif ranks.summed([float(sums is None)])[0]:
                self.strategy.drop_gradients()
                self.memory.make_room(step=step, writes=ranks.is_first, goes_on=True)
                continue
            assert sums is not None
            with ranks.pulse.waiting():
                self.strategy.reduce()
            sums = dict(zip(sums, ranks.summed(sums.values()), strict=True))
            loss = sums.pop(LOSS) / (weight or 1.0)
            return Passed(loss, weight, counts, sums, micro_batches, wait_seconds)

    def _passes(
        self, micro_batches: Sequence[MicroBatch], *, weight: float
    ) -> dict[str, float] | None:
        """What the objective tells, summed over micro-batches; None when memory ran out."""
        sums: Counter[str] = Counter()
        pulse = self.strategy.ranks.pulse
        try:
            for number, micro in enumerate(micro_batches):
                pulse.beat("computes", record_ids=micro.record_ids)
                is_last = number + 1 == len(micro_batches)
                told = self._pass(micro, weight=weight, is_last=is_last)
                sums.update({name: float(value.detach()) for name, value in told.items()})
        except (RuntimeError, MemoryError) as error:
            if not ran_out(error):
                raise
            return None
        return dict(sums)

    def _pass(self, micro: MicroBatch, *, weight: float, is_last: bool) -> dict[str, Tensor]:
        device = self.strategy.ranks.device
        placed = {name: tensor.to(device) for name, tensor in micro.tensors.items()}
        with self.strategy.micro_batch(is_last=is_last), self.autocast():
            told = self.strategy.forward(placed)
            self.strategy.backward(told[LOSS] * (1 / (weight or 1.0)))
        return told

    def _totals(self, micro_batches: Sequence[MicroBatch]) -> tuple[float, TokenCounts]:
        """Weight and tokens of a step, over all processes."""
        counts = sum((micro.counts for micro in micro_batches), TokenCounts())
        mine = (sum(micro.weight for micro in micro_batches), *astuple(counts))
        weight, *tokens = self.strategy.ranks.summed(mine)
        return weight, TokenCounts(*map(int, tokens))
