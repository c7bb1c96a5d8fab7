"""`trainer_log.jsonl`: one line for each few steps, in LLaMA-Factory's field names and then some.

    {"current_steps": 5, "total_steps": 400, "loss": 1.9042, "lr": 0.0005, "epoch": 0.02,
     "percentage": 1.25, "elapsed_time": "0:00:03", "remaining_time": "0:04:01",
     "throughput": 5312.07, "total_tokens": 15936, "tokens_real": 15936, "tokens_target": 2210,
     "tokens_image": 9600, "padding_fraction": 0.02, "data_wait_seconds": 0.004,
     "grad_norm": 1.7, "memory": 1.93}

A field without a value is left out. `throughput` and `total_tokens` count tokens that are there:
filling is left out. docs/training.md explains every field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from roboloop.base.files import atomic_write_bytes
from roboloop.base.progress import console
from roboloop.train.batches import TokenCounts
from roboloop.train.meter import Meter


@dataclass(frozen=True, slots=True)
class LogLine:
    """What is known after a step.

    Attributes:
        step: Steps done.
        total_steps: Steps in all.
        loss: Mean loss of the answers' tokens since the last line.
        rate: Learning rate of the step, AdamW's for the part that learns fastest.
        epoch: How often the pictures have been met.
        seconds: Time spent, over all attempts.
        num_tokens: Tokens seen.
        counts: Tokens since the last line.
        grad_norm: Norm of the gradient before it was clipped.
        wait_seconds: Time the first process waited for data since the last line.
        eval_loss: Loss of held-out records, where it was measured after this step.
        metrics: What else the objective tells, as means since the last line.
    """

    step: int
    total_steps: int
    loss: float
    rate: float
    epoch: float
    seconds: float
    num_tokens: int
    counts: TokenCounts
    grad_norm: float
    wait_seconds: float = 0.0
    eval_loss: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])

    def to_json(self) -> dict[str, Any]:
        """In the field names of the file."""
        held_out = {} if self.eval_loss is None else {"eval_loss": round(self.eval_loss, 4)}
        left = self.seconds / self.step * (self.total_steps - self.step)
        return {
            "current_steps": self.step,
            "total_steps": self.total_steps,
            "loss": round(self.loss, 4),
            **held_out,
            "lr": self.rate,
            "epoch": round(self.epoch, 4),
            "percentage": round(100 * self.step / self.total_steps, 2),
            "elapsed_time": str(timedelta(seconds=int(self.seconds))),
            "remaining_time": str(timedelta(seconds=int(left))),
            "throughput": round(self.num_tokens / max(self.seconds, 1e-9), 2),
            "total_tokens": self.num_tokens,
            "tokens_real": self.counts.real,
            "tokens_target": self.counts.target,
            "tokens_image": self.counts.image,
            "padding_fraction": round(self.counts.padding_fraction, 4),
            "data_wait_seconds": round(self.wait_seconds, 3),
            "grad_norm": round(self.grad_norm, 4),
            **{name: round(value, 6) for name, value in self.metrics.items()},
        }


class LogListener(Protocol):
    """Is told every line as it is written: figures, trackers."""

    def line(self, value: Mapping[str, Any]) -> None:
        """Take a line."""
        ...

    def close(self) -> None:
        """The run has ended, well or not."""
        ...


class TrainerLog:
    """The log file of a run.

    Attributes:
        lines: All lines so far, those of earlier attempts too.
        meter: Adds what it measures to each line, when there is one.
        listeners: Are told each line.

    Args:
        path: Where it is; lines after `keep_to` steps, left by a killed attempt, are removed.
        keep_to: Steps the resumed run has done.
    """

    def __init__(self, path: Path, keep_to: int) -> None:
        self.path = path
        self.meter: Meter | None = None
        self.listeners: list[LogListener] = []
        self.lines = [line for line in _read(path) if line["current_steps"] <= keep_to]
        text = "".join(json.dumps(line) + "\n" for line in self.lines)
        atomic_write_bytes(path, data=text.encode())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What looked wrong, in the order in which it was written."""
        said = (line.get("warning") for line in self.lines)
        return tuple(dict.fromkeys(text for text in said if text))

    def add(self, line: LogLine) -> None:
        """Append a line."""
        value = self.worded(line)
        if self.meter is not None:
            value |= self.meter.measure(line.counts, seconds=line.seconds)
        self._append(value)
        for listener in self.listeners:
            listener.line(value)

    def warn(self, text: str) -> None:
        """Say what went wrong, and write it down as a line of its own."""
        console().print(text, style="bold yellow", markup=False, soft_wrap=True)
        last = self.lines[-1] if self.lines else {"current_steps": 0}
        where = {name: last[name] for name in ("current_steps", "total_steps") if name in last}
        self._append({**where, "warning": text})

    def _append(self, value: dict[str, Any]) -> None:
        self.lines.append(value)
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(value) + "\n")

    def worded(self, line: LogLine) -> dict[str, Any]:
        """The line as it is written; a `warning` in it is one of `warnings`."""
        return line.to_json()


def _read(path: Path) -> list[dict[str, Any]]:
    """The whole lines of an earlier attempt; one that was cut off is not among them."""
    if not path.exists():
        return []
    lines: list[dict[str, Any]] = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines
