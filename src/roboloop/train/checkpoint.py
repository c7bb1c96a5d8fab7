"""Checkpoints: everything a run needs to go on as if it had never stopped.

The step says where in the data the run is, since what a step sees follows from its number alone.
How the folders are made is in `checkpoint_files.py`, what is in them in `strategies.py`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Protocol

import numpy as np
import torch

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.progress import console
from roboloop.models.parts import read_json
from roboloop.train.checkpoint_files import (
    PROGRESS,
    checkpoint_folders,
    find_damage,
    remove_old,
    remove_unfinished,
    write_checkpoint,
)
from roboloop.train.ranks import Ranks
from roboloop.train.run_options import RunOptions


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come.

    Attributes:
        identity: Hash of the phase, its data and the model it starts from.
        num_steps: Optimizer steps done.
        num_tokens: Tokens seen, pictures' included, filling not.
        seconds: Time spent, over all attempts.
        smooth_loss: The smoothed loss at this point.
        evaluation_loss: Loss on records that are not trained on, when it was last taken.
        layout: How the state lies: `replicated`, or the way of sharding and its processes.
        num_skipped: Steps whose gradient was thrown away.
    """

    identity: str
    num_steps: int = 0
    num_tokens: int = 0
    seconds: float = 0.0
    smooth_loss: float | None = None
    evaluation_loss: float | None = None
    layout: str = "replicated"
    num_skipped: int = 0

    @property
    def score(self) -> float:
        """What the best checkpoint has the least of."""
        score = self.smooth_loss if self.evaluation_loss is None else self.evaluation_loss
        return math.inf if score is None else score


class TrainState(Protocol):
    """Weights and optimizers, wherever they lie."""

    @property
    def layout(self) -> str:
        """See `Progress.layout`."""
        ...

    def can_read(self, layout: str) -> bool:
        """Whether `load` takes a state that lies so."""
        ...

    def save(self, folder: Path) -> None:
        """Write this process's share into a folder that all processes write to."""
        ...

    def load(self, folder: Path, *, layout: str) -> None:
        """Read a state back."""
        ...


def save_checkpoint(
    root: Path, *, state: TrainState, progress: Progress, ranks: Ranks, options: RunOptions
) -> Path:
    """Write a checkpoint below `root`; then remove those that need not be kept.

    Raises:
        RoboLoopError: E-ENV-002 when the disk is full; the checkpoints before it are kept.
    """
    folder = root / f"step-{progress.num_steps:06d}"

    def save(temporary: Path) -> None:
        state.save(temporary)
        torch.save(_random_states(), temporary / f"random-{ranks.number}.pt")

    write_checkpoint(folder, save=save, progress=asdict(progress), ranks=ranks)
    if ranks.is_first:
        best = _best(checkpoint_folders(root)) if options.keep_best_checkpoint else None
        remove_old(root, num_kept=options.keep_checkpoints, best=best)
    return folder


def restore_newest(root: Path, *, state: TrainState, identity: str, ranks: Ranks) -> Progress:
    """Load the newest whole checkpoint below `root`; say so when a newer one is damaged.

    Returns:
        How far it had come; a fresh start when there is no checkpoint.

    Raises:
        RoboLoopError: E-TRN-005 when all are damaged, or it belongs to something else.
    """
    if ranks.is_first:
        remove_unfinished(root)
    ranks.wait()
    folders = checkpoint_folders(root)
    damage = None
    for folder in reversed(folders):
        damage = find_damage(folder, ranks=ranks)
        if damage is None:
            return _restored(folder, state=state, identity=identity, ranks=ranks)
        if ranks.is_first:
            said = f"{folder}: damaged ({damage}); going back to the checkpoint before it"
            console().print(said, markup=False, soft_wrap=True)
    if folders:
        raise RoboLoopError(
            "E-TRN-005",
            f"none of {len(folders)} checkpoints is whole; in the newest {damage}",
            place=Place(folders[-1]),
            fix="Delete the folder of checkpoints to start again.",
        )
    return Progress(identity, layout=state.layout)


def _restored(folder: Path, *, state: TrainState, identity: str, ranks: Ranks) -> Progress:
    progress = Progress(**read_json(folder / PROGRESS))
    if progress.identity != identity:
        raise RoboLoopError(
            "E-TRN-005",
            "it was made with another configuration, other records or another model",
            place=Place(folder),
            fix="Give another output folder, or delete the folder of checkpoints.",
        )
    if not state.can_read(progress.layout):
        raise RoboLoopError(
            "E-TRN-005",
            f"its state lies as {progress.layout!r}; this run wants it as {state.layout!r}",
            place=Place(folder),
            fix="Keep the sharding and number of processes, or delete the folder of checkpoints.",
        )
    try:
        state.load(folder, layout=progress.layout)
        own = folder / f"random-{ranks.number}.pt"
        saved = own if own.exists() else folder / "random-0.pt"
        _set_random_states(torch.load(saved, map_location="cpu", weights_only=True))
    except (RuntimeError, ValueError, KeyError, OSError, EOFError, UnpicklingError) as error:
        raise RoboLoopError("E-TRN-005", f"{error}", place=Place(folder)) from error
    return replace(progress, layout=state.layout)


def _best(folders: Iterable[Path]) -> Path | None:
    """The checkpoint with the lowest score; the newest of equals."""
    scored: list[tuple[float, Path]] = []
    for folder in folders:
        try:
            scored.append((Progress(**read_json(folder / PROGRESS)).score, folder))
        except (RoboLoopError, TypeError):
            continue  # damaged: restoring will say so
    lowest = min((score for score, _ in scored), default=math.inf)
    return next((folder for score, folder in reversed(scored) if score == lowest), None)


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
