"""The processes of a run and what they tell one another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import torch
from accelerate import Accelerator
from torch import distributed

from roboloop.base.errors import RoboLoopError
from roboloop.train.pulse import Pulse

Value = TypeVar("Value")


class Ranks:
    """All processes of a run, seen from one of them.

    Every method but the properties is called by all of them at once.

    Args:
        accelerator: What brought them together.
        pulse: Told when this one waits for the others; nobody is told when it is left out.
    """

    def __init__(self, accelerator: Accelerator, *, pulse: Pulse | None = None) -> None:
        self._accelerator = accelerator
        self.pulse = pulse or Pulse()

    @property
    def number(self) -> int:
        """Which of them this is, counted from 0."""
        return self._accelerator.process_index

    @property
    def count(self) -> int:
        """How many there are."""
        return self._accelerator.num_processes

    @property
    def is_first(self) -> bool:
        """Whether this one writes what is written once."""
        return self._accelerator.is_main_process

    @property
    def device(self) -> torch.device:
        """Where this one computes."""
        return self._accelerator.device

    def wait(self) -> None:
        """Go on when all have come here."""
        with self.pulse.waiting():
            self._accelerator.wait_for_everyone()

    def summed(self, values: Iterable[float]) -> list[float]:
        """Each value summed over the processes."""
        mine = list(values)
        if self.count == 1:
            return mine
        tensor = torch.tensor(mine, dtype=torch.float64, device=self.device)
        with self.pulse.waiting():
            distributed.all_reduce(tensor)
            return tensor.tolist()

    def gathered(self, value: Value) -> list[Value]:
        """What each process gave, in their order; anything that pickles."""
        if self.count == 1:
            return [value]
        values: list[Value | None] = [None] * self.count
        with self.pulse.waiting():
            distributed.all_gather_object(values, value)
        return values  # pyright: ignore[reportReturnType]

    def raise_any(self, error: RoboLoopError | None) -> None:
        """Raise the first process's error on all of them, so that none is left waiting.

        Raises:
            RoboLoopError: What one of them gave.
        """
        given = None if error is None else (error.code, error.detail, error.place, error.fix)
        for found in self.gathered(given):
            if found is not None:
                code, detail, place, fix = found
                raise RoboLoopError(code, detail, place=place, fix=fix) from error
