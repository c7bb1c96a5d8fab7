"""What stops a run, or skips a step, when the loss has gone wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from roboloop.base.errors import RoboLoopError
from roboloop.base.files import atomic_write_json
from roboloop.base.progress import console
from roboloop.train.gradients import Passed
from roboloop.train.run_options import GuardConfig

IDS_SHOWN = 6
STEPS_BEFORE_SPIKES = 10
"""A smoothed loss of fewer steps says too little to call anything a spike."""
BAD_STEPS = "bad_steps"


class LossGuard:
    """Looks at the loss and the gradient of each step before the weights are changed.

    All processes see the same numbers, so they come to the same end.

    Args:
        config: What to do.
        phase: Name of the phase, for messages.
        folder: Of the phase: what a bad step was made of goes to `bad_steps/`.
        network: The model.
        rank: Which process this is.
    """

    def __init__(
        self, config: GuardConfig, *, phase: str, folder: Path, network: nn.Module, rank: int
    ) -> None:
        self._config = config
        self._phase = phase
        self._folder = folder / BAD_STEPS
        self._network = network
        self._rank = rank

    def lets_pass(
        self,
        passed: Passed,
        *,
        grad_norm: float,
        step: int,
        smooth_loss: float | None,
        num_skipped: int,
    ) -> bool:
        """Whether the weights may be changed; False for a step to skip.

        Args:
            passed: What the step gave.
            grad_norm: Norm of its gradient.
            step: Counted from 0.
            smooth_loss: Smoothed loss before it.
            num_skipped: Steps skipped so far.

        Raises:
            RoboLoopError: E-TRN-003 when a number is not finite, E-TRN-008 for a spike, unless such
                steps are to be skipped and not too many were.
        """
        wrong = self._wrong(passed.loss, grad_norm=grad_norm, step=step, smooth_loss=smooth_loss)
        if wrong is None:
            return True
        code, what = wrong
        file = self._dump(passed, what=what, step=step)
        may_skip = self._config.on_bad_loss == "skip"
        if may_skip and num_skipped < self._config.most_skipped_steps:
            if self._rank == 0:
                said = f"step {step + 1} of {self._phase!r} is skipped: {what}; see {file}"
                console().print(said, markup=False, soft_wrap=True)
            return False
        ids = [name for micro in passed.micro_batches for name in micro.record_ids]
        more = f" and {len(ids) - IDS_SHOWN} more" if len(ids) > IDS_SHOWN else ""
        skipped = f", after {num_skipped} skipped steps" if num_skipped else ""
        raise RoboLoopError(
            code,
            f"step {step + 1} of {self._phase!r}: {what}, at the records "
            f"{', '.join(ids[:IDS_SHOWN])}{more}{skipped}; its tensors are summed up in {file}",
        )

    def _wrong(
        self, loss: float, *, grad_norm: float, step: int, smooth_loss: float | None
    ) -> tuple[str, str] | None:
        if not math.isfinite(loss):
            return "E-TRN-003", f"loss {loss:g}"
        if not math.isfinite(grad_norm):
            return "E-TRN-003", f"gradient norm {grad_norm:g}"
        factor = self._config.spike_factor
        if factor is None or smooth_loss is None or step < STEPS_BEFORE_SPIKES:
            return None
        if loss > factor * smooth_loss:
            return "E-TRN-008", f"loss {loss:.4g} after a smoothed {smooth_loss:.4g}"
        return None

    def _dump(self, passed: Passed, *, what: str, step: int) -> Path:
        """Write this process's records and its tensors' ranges to a file."""
        file = self._folder / f"step-{step + 1:06d}-rank-{self._rank}.json"
        atomic_write_json(
            file,
            value={
                "step": step + 1,
                "wrong": what,
                "loss": f"{passed.loss:g}",
                "micro_batches": [
                    {
                        "record_ids": list(micro.record_ids),
                        "weight": micro.weight,
                        "tensors": {name: _ranges(t) for name, t in micro.tensors.items()},
                    }
                    for micro in passed.micro_batches
                ],
                "not_finite": dict(_not_finite(self._network)),
            },
        )
        return file


def _ranges(tensor: Tensor) -> dict[str, Any]:
    """Type, shape and bounds of a tensor, for people."""
    finite = tensor[torch.isfinite(tensor)].double()
    facts: dict[str, Any] = {"type": str(tensor.dtype), "shape": list(tensor.shape)}
    if finite.numel():
        low, high = finite.aminmax()
        facts |= {"min": low.item(), "max": high.item(), "mean": finite.mean().item()}
    return facts | {"num_not_finite": tensor.numel() - finite.numel()}


def _not_finite(network: nn.Module) -> Iterator[tuple[str, str]]:
    """Tensors of the model with a weight or a gradient that is no finite number."""
    for name, parameter in network.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            yield name, "weight"
        elif parameter.grad is not None and not bool(torch.isfinite(parameter.grad).all()):
            yield name, "gradient"
