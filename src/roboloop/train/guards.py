"""What stops a run whose loss has gone wrong."""

from __future__ import annotations

import math

from roboloop.base.errors import RoboLoopError
from roboloop.train.gradients import Passed

IDS_SHOWN = 6


def check_finite(passed: Passed, *, grad_norm: float, step: int, phase: str) -> None:
    """Stop when the loss or its gradient is no finite number.

    Raises:
        RoboLoopError: E-TRN-003 with the step and its records.
    """
    if math.isfinite(passed.loss) and math.isfinite(grad_norm):
        return
    ids = [name for micro in passed.micro_batches for name in micro.record_ids]
    more = f" and {len(ids) - IDS_SHOWN} more" if len(ids) > IDS_SHOWN else ""
    wrong = (
        f"gradient norm {grad_norm:g}" if math.isfinite(passed.loss) else f"loss {passed.loss:g}"
    )
    raise RoboLoopError(
        "E-TRN-003",
        f"step {step + 1} of {phase!r}: {wrong}, at the records {', '.join(ids[:IDS_SHOWN])}{more}",
    )
