"""The training loop: steps of gradient descent over visits, on one process or many.

Thin by intent. Hugging Face's trainers normalise the loss of Qwen2.5-VL per batch rather than per
token and cannot resume it (docs/design/0006-training-loop.md). So the parts that have to be exact
are ours, and accelerate only places the model and talks between processes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.progress import ProgressBar, progress_bar
from roboloop.models.parts import Parts
from roboloop.train.branches import collate_branched
from roboloop.train.checkpoint import Progress, save_checkpoint
from roboloop.train.config import SftConfig
from roboloop.train.examples import Example, ExampleMaker, Schedule
from roboloop.train.log import LogLine, TrainerLog
from roboloop.train.objective import AnswerLoss, num_targets
from roboloop.train.optim import schedule_factor

SMOOTHING = 0.95
CHECKPOINTS_PER_RUN = 10
IDS_SHOWN = 6


@dataclass(slots=True)
class StepOutcome:
    """What a step did, over all processes.

    Attributes:
        loss: Mean over its target tokens.
        grad_norm: Norm of the gradient before clipping.
        num_tokens: Tokens of its rows, without filling.
        num_targets: Tokens the loss is a mean over.
    """

    loss: float
    grad_norm: float
    num_tokens: int
    num_targets: int


@dataclass(slots=True)
class Window:
    """What has gathered since the last line of the log."""

    loss_sum: float = 0.0
    num_targets: int = 0

    def add(self, outcome: StepOutcome) -> None:
        """Count a step in."""
        self.loss_sum += outcome.loss * outcome.num_targets
        self.num_targets += outcome.num_targets


class Trainer:
    """Runs the steps of one phase.

    Args:
        network: The model, whose tensors to train are already chosen.
        optimizers: Theirs; each group's `lr` is its peak.
        maker: Makes the examples.
        parts: Tokenizer and picture format of the model.
        config: The phase.
        num_steps: Steps in all.
        seed: Names the order of the pictures.
        accelerator: Places the model; brings processes together.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        optimizers: Sequence[torch.optim.Optimizer],
        maker: ExampleMaker,
        parts: Parts,
        config: SftConfig,
        num_steps: int,
        seed: int,
        accelerator: Accelerator,
    ) -> None:
        self.network = network
        self.maker = maker
        self.parts = parts
        self.config = config
        self.num_steps = num_steps
        self.accelerator = accelerator
        self.optimizers = optimizers
        self.peaks = [[group["lr"] for group in one.param_groups] for one in optimizers]
        self.parameters = [p for p in network.parameters() if p.requires_grad]
        self.objective = accelerator.prepare_model(AnswerLoss(network))
        self.schedule = Schedule(
            len(maker.groups), pictures_per_step=config.pictures_per_step, seed=seed
        )

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
        examples = self._examples(step)
        rows = [row for example in examples for row in example.rows]
        batch = collate_branched(rows, parts=self.parts)
        device = self.accelerator.device
        inputs = {name: tensor.to(device) for name, tensor in batch.inputs.items()}
        labels = batch.labels.to(device)
        num_tokens, all_targets = self._summed(
            sum(row.num_tokens for row in rows), num_targets(labels)
        )
        with self.accelerator.autocast():
            loss_sum = self.objective(inputs, labels)
        # Processes' gradients are averaged; times their number makes them the sum that is meant.
        scale = self.accelerator.num_processes / max(1, all_targets)
        self.accelerator.backward(loss_sum * scale)
        loss = self._summed(float(loss_sum.detach()))[0] / max(1, all_targets)
        grad_norm = float(nn.utils.clip_grad_norm_(self.parameters, self.config.clip_norm))
        self._check_finite(loss, grad_norm=grad_norm, step=step, examples=examples)
        self._set_rates(step)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return StepOutcome(loss, grad_norm, int(num_tokens), int(all_targets))

    def _examples(self, step: int) -> list[Example]:
        """This process's share of a step's examples."""
        visits = self.schedule.visits(step)
        mine = visits[self.accelerator.process_index :: self.accelerator.num_processes]
        return [self.maker.make(visit) for visit in mine]

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
        self, loss: float, *, grad_norm: float, step: int, examples: Sequence[Example]
    ) -> None:
        if math.isfinite(loss) and math.isfinite(grad_norm):
            return
        ids = [name for example in examples for name in example.record_ids]
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
            loss=window.loss_sum / max(1, window.num_targets),
            rate=max(self.config.rate_of(part) for part in self.config.parts) * factor,
            epoch=done * self.config.pictures_per_step / len(self.maker.groups),
            seconds=progress.seconds,
            num_tokens=progress.num_tokens,
            num_targets=window.num_targets,
            grad_norm=outcome.grad_norm,
        )
        log.add(line)

    def _save(self, checkpoints: Path, *, progress: Progress) -> None:
        if self.accelerator.is_main_process:
            save_checkpoint(
                checkpoints, network=self.network, optimizers=self.optimizers, progress=progress
            )
        self.accelerator.wait_for_everyone()


def check_divides(config: SftConfig, *, accelerator: Accelerator) -> None:
    """Each process must get the same number of pictures.

    Raises:
        RoboLoopError: E-CFG-003.
    """
    if config.pictures_per_step % accelerator.num_processes:
        raise RoboLoopError(
            "E-CFG-003",
            f"pictures_per_step is {config.pictures_per_step}, which "
            f"{accelerator.num_processes} processes cannot share out evenly",
            place=Place(),
        )


def _advanced(progress: Progress, *, outcome: StepOutcome, seconds: float) -> Progress:
    smooth = progress.smooth_loss
    smooth = outcome.loss if smooth is None else SMOOTHING * smooth + (1 - SMOOTHING) * outcome.loss
    return replace(
        progress,
        num_steps=progress.num_steps + 1,
        num_tokens=progress.num_tokens + outcome.num_tokens,
        seconds=seconds,
        smooth_loss=smooth,
    )


def _show(bar: ProgressBar, *, progress: Progress) -> None:
    speed = progress.num_tokens / max(progress.seconds, 1e-9)
    bar.advance(note=f"loss {progress.smooth_loss:.3f}, {speed:,.0f} tokens/s")
