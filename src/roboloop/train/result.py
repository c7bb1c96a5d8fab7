"""What a phase comes to. Imports no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from roboloop.base.files import atomic_write_json

RESULT = "result.json"


class TrainResult(NamedTuple):
    """What a phase came to.

    Attributes:
        folder: The trained model.
        final_loss: Smoothed loss at the end, per target token.
        num_steps: Optimizer steps.
        num_tokens: Tokens seen.
        seconds: Time the steps took, over all attempts.
        warnings: What looked wrong on the way.
    """

    folder: Path
    final_loss: float
    num_steps: int
    num_tokens: int
    seconds: float
    warnings: tuple[str, ...] = ()


def write_result(folder: Path, *, result: TrainResult) -> None:
    """Leave the result for another process."""
    atomic_write_json(folder / RESULT, value=result._asdict() | {"folder": str(result.folder)})


def read_result(folder: Path) -> TrainResult:
    """What `write_result` left."""
    told = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    lists = {"folder": Path(told["folder"]), "warnings": tuple(told["warnings"])}
    return TrainResult(**told | lists)
