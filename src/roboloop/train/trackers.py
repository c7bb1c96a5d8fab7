"""Experiment trackers by name, each fed every line of the log through accelerate's class for it.

All work without a network and keep what they have in `trackers/<name>/` of the phase; the usual
environment variables of each (`WANDB_MODE`, `MLFLOW_TRACKING_URI`, ...) take precedence. Keys are
left to the trackers' own ways: none is read, written or logged here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from accelerate.tracking import (
    GeneralTracker,
    MLflowTracker,
    SwanLabTracker,
    TensorBoardTracker,
    TrackioTracker,
    WandBTracker,
)

from roboloop.base.errors import RoboLoopError
from roboloop.runs.training_log import STEP, is_figure
from roboloop.train.run_options import TrackerName

FOLDER = "trackers"
HELD_OUT = "eval_"


class _Kind(NamedTuple):
    """A tracker: the package it needs, and how one is made for a phase and a folder."""

    package: str
    make: Callable[[str, Path], GeneralTracker]


def open_tracker(name: TrackerName, *, phase: str, out: Path) -> Tracker:
    """Start a tracker.

    Args:
        name: Of the tracker.
        phase: Of the phase: the project, or experiment, it appears under.
        out: Folder of the phase.

    Raises:
        RoboLoopError: E-ENV-001 when its package is not installed.
    """
    kind = KINDS[name]
    if find_spec(kind.package) is None:
        raise RoboLoopError(
            "E-ENV-001",
            f"the tracker {name!r} needs the package {kind.package}",
            fix=f"pip install {kind.package}, or take {name} out of trackers.",
        )
    folder = out / FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    tracker = kind.make(phase, folder)
    tracker.start()
    return Tracker(tracker)


class Tracker:
    """A listener of the log that passes its figures on."""

    def __init__(self, tracker: GeneralTracker) -> None:
        self._tracker = tracker

    def line(self, value: Mapping[str, Any]) -> None:
        """Pass a line on: `train/loss`, `eval/loss` and so on, at its step."""
        figures = {
            _name_of(name): figure
            for name, figure in value.items()
            if name != STEP and is_figure(figure)
        }
        self._tracker.log(figures, step=value[STEP])

    def close(self) -> None:
        """End the tracker's run."""
        self._tracker.finish()


def _name_of(field: str) -> str:
    if field.startswith(HELD_OUT):
        return f"eval/{field.removeprefix(HELD_OUT)}"
    return f"train/{field}"


def _wandb(phase: str, folder: Path) -> GeneralTracker:
    mode = os.environ.get("WANDB_MODE", "offline")
    return WandBTracker(phase, dir=str(folder), mode=mode)


def _tensorboard(phase: str, folder: Path) -> GeneralTracker:
    return TensorBoardTracker(phase, logging_dir=str(folder))


def _swanlab(phase: str, folder: Path) -> GeneralTracker:
    mode = os.environ.get("SWANLAB_MODE", "offline")
    return SwanLabTracker(phase, logdir=str(folder), mode=mode)


def _trackio(phase: str, folder: Path) -> GeneralTracker:
    os.environ.setdefault("TRACKIO_DIR", str(folder.resolve()))
    return TrackioTracker(phase)


def _mlflow(phase: str, folder: Path) -> GeneralTracker:
    import mlflow  # pyright: ignore[reportMissingImports]

    if "MLFLOW_TRACKING_URI" not in os.environ:
        mlflow.set_tracking_uri(f"sqlite:///{folder.resolve() / 'mlflow.db'}")
    return MLflowTracker(phase, logging_dir=(folder / "artifacts").resolve().as_uri())


KINDS: Mapping[TrackerName, _Kind] = {
    "wandb": _Kind("wandb", _wandb),
    "tensorboard": _Kind("tensorboard", _tensorboard),
    "swanlab": _Kind("swanlab", _swanlab),
    "trackio": _Kind("trackio", _trackio),
    "mlflow": _Kind("mlflow", _mlflow),
}
