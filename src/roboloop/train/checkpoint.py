"""Checkpoints: everything a run needs to go on as if it had never stopped.

    checkpoints/
        step-000200/
            state.pt       weights, optimizers, random states, under the names they have in memory
            progress.json  steps done, what the state belongs to

A folder is whole or not there; the newest two are kept. The step says where in the data the run
is, since what a step sees follows from its number alone.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from torch import nn

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import atomic_write_json
from roboloop.models.folders import folder_replaced
from roboloop.models.parts import read_json

NUM_KEPT = 2
STATE = "state.pt"
PROGRESS = "progress.json"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come.

    Attributes:
        identity: Hash of the phase, its data and the model it starts from.
        num_steps: Optimizer steps done.
        num_tokens: Tokens seen, pictures' included, filling not.
        seconds: Time spent, over all attempts.
        smooth_loss: The smoothed loss at this point.
    """

    identity: str
    num_steps: int = 0
    num_tokens: int = 0
    seconds: float = 0.0
    smooth_loss: float | None = None


def save_checkpoint(
    root: Path,
    *,
    network: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    progress: Progress,
) -> Path:
    """Write a checkpoint below `root` and remove the oldest but two."""
    state = {
        "network": network.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "random": _random_states(),
    }
    folder = root / f"step-{progress.num_steps:06d}"
    with folder_replaced(folder) as temporary:
        torch.save(state, temporary / STATE)
        atomic_write_json(temporary / PROGRESS, value=asdict(progress))
    for old in _folders(root)[:-NUM_KEPT]:
        shutil.rmtree(old)
    return folder


def restore_newest(
    root: Path,
    *,
    network: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    identity: str,
) -> Progress:
    """Load the newest checkpoint below `root` into the model, the optimizers and the random states.

    Returns:
        How far it had come; a fresh start when there is no checkpoint.

    Raises:
        RoboLoopError: E-TRN-005 when it is damaged or belongs to something else.
    """
    folders = _folders(root)
    if not folders:
        return Progress(identity)
    newest = folders[-1]
    progress = Progress(**read_json(newest / PROGRESS))
    if progress.identity != identity:
        raise RoboLoopError(
            "E-TRN-005",
            "it was made with another configuration, other records or another model",
            place=Place(newest),
            fix="Give another output folder, or delete the folder of checkpoints.",
        )
    try:
        state: dict[str, Any] = torch.load(newest / STATE, map_location="cpu", weights_only=True)
        network.load_state_dict(state["network"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        _set_random_states(state["random"])
    except (RuntimeError, ValueError, KeyError, OSError, EOFError, UnpicklingError) as error:
        raise RoboLoopError("E-TRN-005", f"{error}", place=Place(newest)) from error
    return progress


def _folders(root: Path) -> list[Path]:
    return sorted(root.glob("step-*"))


def _random_states() -> dict[str, Any]:
    """Nothing in the loop draws from these today; a model with dropout would."""
    kind, keys, place, has_gauss, gauss = np.random.get_state(legacy=True)
    states: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": (
            kind,
            torch.from_numpy(np.asarray(keys).astype(np.int64)),
            place,
            has_gauss,
            gauss,
        ),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def _set_random_states(states: dict[str, Any]) -> None:
    version, internal, gauss_next = states["python"]
    random.setstate((version, tuple(internal), gauss_next))
    kind, keys, place, has_gauss, gauss = states["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), place, has_gauss, gauss))
    torch.set_rng_state(states["torch"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(states["cuda"])
