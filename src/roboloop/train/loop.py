"""The training loop: steps of gradient descent over micro-batches, on one process or many.

Thin by intent. Hugging Face's trainers normalise the loss of Qwen2.5-VL per batch rather than per
token and cannot resume it (docs/design/0006-training-loop.md). So the parts that have to be exact
are ours, and accelerate only places the model and talks between processes.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.progress import ProgressBar, progress_bar
from roboloop.train.batches import LOSS, BatchMaker, MicroBatch, TokenCounts
from roboloop.train.checkpoint import Progress, save_checkpoint
from roboloop.train.config import PhaseConfig
from roboloop.train.log import LogLine, TrainerLog
from roboloop.train.optim import schedule_factor

SMOOTHING = 0.95
CHECKPOINTS_PER_RUN = 10
IDS_SHOWN = 6


@dataclass(slots=True)
class StepOutcome:
    """What a step did, over all processes.

    Attributes:
        loss: Mean over its weight.
        grad_norm: Norm of the gradient before clipping.
        weight: What the loss is a mean over: target tokens, or pairs.
        counts: Tokens of its micro-batches.
        metrics: Sums of what else the objective tells; over `weight`, their means.
        wait_seconds: Time the process waited for its micro-batches.
    """

    loss: float
    grad_norm: float
    weight: float
    counts: TokenCounts
    metrics: dict[str, float]
    wait_seconds: float


@dataclass(slots=True)
class Window:
    """What has gathered since the last line of the log."""

    loss_sum: float = 0.0
    weight: float = 0.0
    counts: TokenCounts = field(default_factory=TokenCounts)
    metrics: Counter[str] = field(default_factory=Counter[str])
    wait_seconds: float = 0.0

    def add(self, outcome: StepOutcome) -> None:
        """Count a step in."""
        self.loss_sum += outcome.loss * outcome.weight
        self.weight += outcome.weight
        self.counts += outcome.counts
        self.metrics.update(outcome.metrics)
        self.wait_seconds += outcome.wait_seconds

    def means(self) -> dict[str, float]:
        """What the objective tells, over the weight."""
        return {name: value / max(1.0, self.weight) for name, value in self.metrics.items()}


class Trainer:
    """Runs the steps of one phase.

    Args:
        network: The model, whose tensors to train are already chosen.
        objective: Turns the tensors of a micro-batch into `{"loss": sum, ...}`. Calls the network.
        optimizers: Of the network; each group's `lr` is its peak.
        batches: Makes the micro-batches.
        config: The phase.
        num_steps: Steps in all.
        accelerator: Places the model; brings processes together.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        objective: nn.Module,
        optimizers: Sequence[torch.optim.Optimizer],
        batches: BatchMaker,
        config: PhaseConfig,
        num_steps: int,
        accelerator: Accelerator,
    ) -> None:
        self.network = network
        self.batches = batches
        self.config = config
        self.num_steps = num_steps
        self.accelerator = accelerator
        self.optimizers = optimizers
        self.peaks = [[group["lr"] for group in one.param_groups] for one in optimizers]
        self.trained_parts = {group["part"] for one in optimizers for group in one.param_groups}
        self.parameters = [p for p in network.parameters() if p.requires_grad]
        self.objective = accelerator.prepare_model(objective)

    def run(self, start: Progress, *, log: TrainerLog, checkpoints: Path) -> Progress:
        """Take the steps that are left; write the log and the checkpoints.

        Raises:
            RoboLoopError: E-TRN-003 when the loss is not finite: the last checkpoint stays.
        """
        save_every = self.config.save_every_steps or max(1, self.num_steps // CHECKPOINTS_PER_RUN)
        began = time.monotonic() - start.seconds
        progress = start
        window = Window()
        self.network.train()
        with progress_bar(self.config.name, total=self.num_steps) as bar:
            bar.advance(start.num_steps)
            for step in range(start.num_steps, self.num_steps):
                outcome = self._step(step)
                window.add(outcome)
                progress = _advanced(progress, outcome=outcome, seconds=time.monotonic() - began)
                _show(bar, progress=progress)
                is_last = step + 1 == self.num_steps
                if is_last or (step + 1) % self.config.log_every_steps == 0:
                    self._log(log, progress=progress, outcome=outcome, window=window)
                    window = Window()
                if is_last or (step + 1) % save_every == 0:
                    self._save(checkpoints, progress=progress)
        self.network.eval()
        return progress

    def _step(self, step: int) -> StepOutcome:
        """One optimizer step."""
        began = time.monotonic()
        micro_batches = self._micro_batches(step)
        wait_seconds = time.monotonic() - began
        weight, counts = self._gathered(micro_batches)
        sums: Counter[str] = Counter()
        for number, micro in enumerate(micro_batches):
            is_last = number + 1 == len(micro_batches)
            with self._synchronized(is_last), self.accelerator.autocast():
                told = self.objective(self._placed(micro.tensors))
                # Processes' gradients are averaged; times their number makes them the sum meant.
                scale = self.accelerator.num_processes / max(1.0, weight)
                self.accelerator.backward(told[LOSS] * scale)
            sums.update({name: float(value.detach()) for name, value in told.items()})
        sums = Counter(dict(zip(sums, self._summed(*sums.values()), strict=True)))
        loss = sums.pop(LOSS) / max(1.0, weight)
        grad_norm = float(nn.utils.clip_grad_norm_(self.parameters, self.config.clip_norm))
        self._check_finite(loss, grad_norm=grad_norm, step=step, micro_batches=micro_batches)
        self._set_rates(step)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return StepOutcome(loss, grad_norm, weight, counts, dict(sums), wait_seconds)

    def _micro_batches(self, step: int) -> Sequence[MicroBatch]:
        """This process's share of a step."""
        return self.batches.micro_batches(
            step, rank=self.accelerator.process_index, num_ranks=self.accelerator.num_processes
        )

    def _gathered(self, micro_batches: Sequence[MicroBatch]) -> tuple[float, TokenCounts]:
        """Weight and tokens of a step, over all processes."""
        counts = sum((micro.counts for micro in micro_batches), TokenCounts())
        weight, *tokens = self._summed(
            sum(micro.weight for micro in micro_batches), *astuple(counts)
        )
        return weight, TokenCounts(*map(int, tokens))

    def _synchronized(self, is_last: bool) -> AbstractContextManager[None]:
        """Gradients go between processes with the last micro-batch only."""
        return nullcontext() if is_last else self.accelerator.no_sync(self.objective)

    def _placed(self, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: tensor.to(self.accelerator.device) for name, tensor in tensors.items()}

    def _summed(self, *values: float) -> list[float]:
        """Each value summed over the processes."""
        if self.accelerator.num_processes == 1:
            return list(values)
        mine = torch.tensor(values, dtype=torch.float64, device=self.accelerator.device)
        return self.accelerator.reduce(mine, reduction="sum").tolist()  # pyright: ignore[reportAttributeAccessIssue]

    def _set_rates(self, step: int) -> None:
        factor = schedule_factor(step, num_steps=self.num_steps, config=self.config)
        for optimizer, peaks in zip(self.optimizers, self.peaks, strict=True):
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * factor

    def _check_finite(
        self, loss: float, *, grad_norm: float, step: int, micro_batches: Sequence[MicroBatch]
    ) -> None:
        if math.isfinite(loss) and math.isfinite(grad_norm):
            return
        ids = [name for micro in micro_batches for name in micro.record_ids]
        more = f" and {len(ids) - IDS_SHOWN} more" if len(ids) > IDS_SHOWN else ""
        what = f"loss {loss:g}" if not math.isfinite(loss) else f"gradient norm {grad_norm:g}"
        raise RoboLoopError(
            "E-TRN-003",
            f"step {step + 1} of {self.config.name!r}: {what}, at the records "
            f"{', '.join(ids[:IDS_SHOWN])}{more}",
        )

    def _log(
        self, log: TrainerLog, *, progress: Progress, outcome: StepOutcome, window: Window
    ) -> None:
        if not self.accelerator.is_main_process:
            return
        done = progress.num_steps
        factor = schedule_factor(done - 1, num_steps=self.num_steps, config=self.config)
        line = LogLine(
            step=done,
            total_steps=self.num_steps,
            loss=window.loss_sum / max(1.0, window.weight),
            rate=max(self.config.rate_of(part) for part in self.trained_parts) * factor,
            epoch=self.batches.epoch_after(done),
            seconds=progress.seconds,
            num_tokens=progress.num_tokens,
            counts=window.counts,
            grad_norm=outcome.grad_norm,
            wait_seconds=window.wait_seconds,
            metrics={
                name: value / max(1.0, window.weight) for name, value in window.metrics.items()
            },
        )
        log.add(line)

    def _save(self, checkpoints: Path, *, progress: Progress) -> None:
        if self.accelerator.is_main_process:
            save_checkpoint(
                checkpoints, network=self.network, optimizers=self.optimizers, progress=progress
            )
        self.accelerator.wait_for_everyone()


def check_divides(per_step: int, *, option: str, accelerator: Accelerator) -> None:
    """Each process must get the same share of a step.

    Raises:
        RoboLoopError: E-CFG-003.
    """
    if per_step % accelerator.num_processes:
        raise RoboLoopError(
            "E-CFG-003",
            f"{option} is {per_step}, which "
            f"{accelerator.num_processes} processes cannot share out evenly",
            place=Place(),
        )


def _advanced(progress: Progress, *, outcome: StepOutcome, seconds: float) -> Progress:
    smooth = progress.smooth_loss
    smooth = outcome.loss if smooth is None else SMOOTHING * smooth + (1 - SMOOTHING) * outcome.loss
    return replace(
        progress,
        num_steps=progress.num_steps + 1,
        num_tokens=progress.num_tokens + outcome.counts.real,
        seconds=seconds,
        smooth_loss=smooth,
    )


def _show(bar: ProgressBar, *, progress: Progress) -> None:
    speed = progress.num_tokens / max(progress.seconds, 1e-9)
    bar.advance(note=f"loss {progress.smooth_loss:.3f}, {speed:,.0f} tokens/s")
