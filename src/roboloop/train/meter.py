"""What the log says about the machine: memory, and how much of its arithmetic is put to use."""

from __future__ import annotations

import resource
import sys
from collections.abc import Collection
from typing import Any

import torch
from accelerate import Accelerator

from roboloop.train.batches import TokenCounts
from roboloop.train.config import PhaseConfig
from roboloop.train.flops import Workload, peak_flops, tower_sizes, workload

GIB = 2**30


class Meter:
    """Measures from one line of the log to the next.

    Args:
        device: Of this process.
        seconds: Time spent before, as the log counts it.
        work: Arithmetic of a token; None when it is not known.
        peak: FLOP/s of all devices together; None when it is not known.
    """

    def __init__(
        self, device: torch.device, *, seconds: float, work: Workload | None, peak: float | None
    ) -> None:
        self._device = device
        self._seconds = seconds
        self._work = work
        self._peak = peak

    def measure(self, counts: TokenCounts, *, seconds: float) -> dict[str, float]:
        """What is known now: `mfu` where it can be, and memory.

        Args:
            counts: Tokens since the last line, of all processes.
            seconds: Time spent so far.
        """
        passed, self._seconds = seconds - self._seconds, seconds
        measured = dict[str, float]()
        if self._work is not None and self._peak is not None and passed > 0:
            measured["mfu"] = round(self._work.flops(counts) / (passed * self._peak), 4)
        return measured | _memory(self._device)


def meter_of(
    model_config: Any,
    *,
    config: PhaseConfig,
    trained: Collection[str],
    accelerator: Accelerator,
    seconds: float,
) -> Meter:
    """The meter of a phase.

    Args:
        model_config: Of the model, as Hugging Face's class has it.
        config: The phase.
        trained: Parts of which something is trained.
        accelerator: Knows the devices. Their peaks are known for bfloat16 only.
        seconds: Time spent before.
    """
    sizes = tower_sizes(model_config)
    device = accelerator.device
    lora = config.lora
    adapted = {part for part in config.trained_parts if lora is not None and lora.rank_of(part)}
    work = None if sizes is None else workload(sizes, trained=trained, adapted=adapted)
    peak = None
    if device.type == "cuda" and accelerator.mixed_precision == "bf16":
        peak = peak_flops(torch.cuda.get_device_name(device))
    whole = None if peak is None else peak * accelerator.num_processes
    return Meter(device, seconds=seconds, work=work, peak=whole)


def _memory(device: torch.device) -> dict[str, float]:
    """Peaks in GiB: of the process on a CPU, of the tensors on a GPU."""
    if device.type != "cuda":
        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        return {"memory": round(peak / GIB, 3)}
    allocated = round(torch.cuda.max_memory_allocated(device) / GIB, 2)
    reserved = round(torch.cuda.max_memory_reserved(device) / GIB, 2)
    return {"memory": allocated, "vram_allocated": allocated, "vram_reserved": reserved}
