"""The training loop: steps of gradient descent over micro-batches, on one process or many.

Thin by intent. Hugging Face's trainers normalise the loss of Qwen2.5-VL per batch rather than per
token and cannot resume it (docs/design/0006-training-loop.md). So the parts that have to be exact
are ours, and accelerate only places the model and talks between processes.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from accelerate import Accelerator

from roboloop.base.progress import ProgressBar, progress_bar
from roboloop.train.batches import EVAL_LOSS, TokenCounts
from roboloop.train.checkpoint import Progress, save_checkpoint
from roboloop.train.config import PhaseConfig
from roboloop.train.gradients import GradientMaker, Passed
from roboloop.train.guards import LossGuard
from roboloop.train.held_out import HeldOut
from roboloop.train.log import LogLine, TrainerLog
from roboloop.train.memory import MemoryGuard
from roboloop.train.schedule import schedule_factor
from roboloop.train.strategies import Strategy

SMOOTHING = 0.95
CHECKPOINTS_PER_RUN = 10


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
        skipped: Whether its gradient was thrown away.
    """

    loss: float
    grad_norm: float
    weight: float
    counts: TokenCounts
    metrics: dict[str, float]
    wait_seconds: float
    skipped: bool = False


@dataclass(slots=True)
class Window:
    """What has gathered since the last line of the log."""

    loss_sum: float = 0.0
    weight: float = 0.0
    counts: TokenCounts = field(default_factory=TokenCounts)
    metrics: Counter[str] = field(default_factory=Counter[str])
    wait_seconds: float = 0.0
    grad_norm: float = 0.0

    def add(self, outcome: StepOutcome) -> None:
        """Count a step in."""
        self.loss_sum += outcome.loss * outcome.weight
        self.weight += outcome.weight
        self.counts += outcome.counts
        self.metrics.update(outcome.metrics)
        self.wait_seconds += outcome.wait_seconds
        self.grad_norm = outcome.grad_norm

    def means(self) -> dict[str, float]:
        """What the objective tells, over the weight."""
        return {name: value / (self.weight or 1.0) for name, value in self.metrics.items()}


class Trainer:
    """Runs the steps of one phase.

    Args:
        strategy: Where the weights lie; placed, and bound to optimizers whose groups' `lr` is their
            peak.
        memory: Makes the micro-batches.
        guard: Looks at each step's loss before it counts.
        config: The phase.
        num_steps: Steps in all.
        accelerator: What brought the processes together.
        held_out: Looks at records that are not trained on, at intervals.
    """

    def __init__(
        self,
        strategy: Strategy,
        *,
        memory: MemoryGuard,
        guard: LossGuard,
        config: PhaseConfig,
        num_steps: int,
        accelerator: Accelerator,
        held_out: HeldOut | None = None,
    ) -> None:
        self.strategy = strategy
        self.held_out = held_out
        self.ranks = strategy.ranks
        self.memory = memory
        self.guard = guard
        self.progress = Progress("")
        self.config = config
        self.num_steps = num_steps
        self.peaks = [[g["lr"] for g in one.param_groups] for one in strategy.optimizers]
        self.trained_parts = {g["part"] for one in strategy.optimizers for g in one.param_groups}
        self.gradients = GradientMaker(
            strategy, memory=memory, autocast=lambda: accelerator.autocast()
        )

    def run(self, start: Progress, *, log: TrainerLog | None, checkpoints: Path) -> Progress:
        """Take the steps that are left; write checkpoints, and the log where there is one.

        Raises:
            RoboLoopError: E-TRN-003 when the loss is not finite, E-ENV-002 when the disk is full:
                the last checkpoint stays.
        """
        save_every = self.config.save_every_steps or max(1, self.num_steps // CHECKPOINTS_PER_RUN)
        began = time.monotonic() - start.seconds
        progress = start
        window = Window()
        self.strategy.network.train()
        title = self.config.name
        with progress_bar(title, total=self.num_steps, done=start.num_steps) as bar:
            for step in range(start.num_steps, self.num_steps):
                self.progress = progress
                self._tell("makes its micro-batches", step=step)
                outcome = self._step(step)
                if not outcome.skipped:
                    window.add(outcome)
                progress = _advanced(progress, outcome=outcome, seconds=time.monotonic() - began)
                _show(bar, progress=progress)
                is_last = step + 1 == self.num_steps
                looked: Mapping[str, float] = {}
                if self.held_out is not None:
                    self._tell("looks at held-out records", step=step)
                    looked = self.held_out.after(step + 1, is_last=is_last)
                    progress = _looked(progress, looked=looked)
                if looked or is_last or (step + 1) % self.config.log_every_steps == 0:
                    self._log(log, progress=progress, window=window, looked=looked)
                    window = Window()
                if is_last or (step + 1) % save_every == 0:
                    self._tell("writes a checkpoint", step=step)
                    self._save(checkpoints, progress=progress)
        self.strategy.network.eval()
        return progress

    def _step(self, step: int) -> StepOutcome:
        """One optimizer step."""
        passed = self.gradients.make(step)
        grad_norm = self.strategy.clip(self.config.clip_norm)
        goes_on = self._lets_pass(passed, grad_norm=grad_norm, step=step)
        if goes_on:
            self._set_rates(step)
            told_late = self.strategy.step()
            if told_late is not None:
                grad_norm = told_late
                self._lets_pass(passed, grad_norm=grad_norm, step=step)
        else:
            self.strategy.drop_gradients()
        return StepOutcome(
            passed.loss,
            grad_norm,
            passed.weight,
            passed.counts,
            passed.metrics,
            passed.wait_seconds,
            skipped=not goes_on,
        )

    def _lets_pass(self, passed: Passed, *, grad_norm: float, step: int) -> bool:
        return self.guard.lets_pass(
            passed,
            grad_norm=grad_norm,
            step=step,
            smooth_loss=self.progress.smooth_loss,
            num_skipped=self.progress.num_skipped,
        )

    def _tell(self, doing: str, *, step: int) -> None:
        ids = self.memory.batches.record_ids(step)
        self.ranks.pulse.beat(doing, step=step + 1, record_ids=ids)

    def _set_rates(self, step: int) -> None:
        factor = schedule_factor(step, num_steps=self.num_steps, config=self.config)
        for optimizer, peaks in zip(self.strategy.optimizers, self.peaks, strict=True):
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * factor

    def _log(
        self,
        log: TrainerLog | None,
        *,
        progress: Progress,
        window: Window,
        looked: Mapping[str, float],
    ) -> None:
        smooth = progress.smooth_loss
        if log is None or smooth is None:
            return  # without a smoothed loss every step so far was skipped
        metrics = window.means()
        metrics |= {name: value for name, value in looked.items() if name != EVAL_LOSS}
        if progress.num_skipped:
            metrics["skipped_steps"] = progress.num_skipped
        loss = window.loss_sum / (window.weight or 1.0)
        done = progress.num_steps
        factor = schedule_factor(done - 1, num_steps=self.num_steps, config=self.config)
        line = LogLine(
            step=done,
            total_steps=self.num_steps,
            loss=loss if window.weight else smooth,
            rate=max(self.config.rate_of(part) for part in self.trained_parts) * factor,
            epoch=self.memory.batches.epoch_after(done),
            seconds=progress.seconds,
            num_tokens=progress.num_tokens,
            counts=window.counts,
            grad_norm=window.grad_norm,
            wait_seconds=window.wait_seconds,
            eval_loss=looked.get(EVAL_LOSS),
            metrics=metrics,
        )
        log.add(line)

    def _save(self, checkpoints: Path, *, progress: Progress) -> None:
        save_checkpoint(
            checkpoints,
            state=self.strategy,
            progress=progress,
            ranks=self.ranks,
            options=self.config,
        )


def _advanced(progress: Progress, *, outcome: StepOutcome, seconds: float) -> Progress:
    smooth, loss = progress.smooth_loss, outcome.loss
    if not outcome.skipped:
        smooth = loss if smooth is None else SMOOTHING * smooth + (1 - SMOOTHING) * loss
    return replace(
        progress,
        num_steps=progress.num_steps + 1,
        num_tokens=progress.num_tokens + outcome.counts.real,
        seconds=seconds,
        smooth_loss=smooth,
        num_skipped=progress.num_skipped + outcome.skipped,
    )


def _looked(progress: Progress, *, looked: Mapping[str, float]) -> Progress:
    if EVAL_LOSS not in looked:
        return progress
    return replace(progress, evaluation_loss=looked[EVAL_LOSS])


def _show(bar: ProgressBar, *, progress: Progress) -> None:
    speed = progress.num_tokens / max(progress.seconds, 1e-9)
    loss = math.nan if progress.smooth_loss is None else progress.smooth_loss
    bar.advance(note=f"loss {loss:.3f}, {speed:,.0f} tokens/s")
