"""Experiment trackers by name, each fed every line of the log through accelerate's class for it.

All work without a network and keep what they have in `trackers/<name>/` of the phase; the usual
environment variables of each (`WANDB_MODE`, `MLFLOW_TRACKING_URI`, ...) take precedence. Keys are
left to the trackers' own ways: none is read, written or logged here.

A tracker that fails, be it at the start, is given up with a warning, and the training goes on: the
log has every line anyway.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
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
CREDENTIALS = re.compile(r"//[^/@\s]+@")


class _Kind(NamedTuple):
    """A tracker: the package it needs, and how one is made for a phase and a folder."""

    package: str
    make: Callable[[str, Path], GeneralTracker]


def open_tracker(
    name: TrackerName, *, phase: str, out: Path, warn: Callable[[str], None]
) -> Tracker:
    """Start a tracker.

    Args:
        name: Of the tracker.
        phase: Of the phase: the project, or experiment, it appears under.
        out: Folder of the phase.
        warn: Told when the tracker fails.

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

    def make() -> GeneralTracker:
        folder = out / FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        return kind.make(phase, folder)

    return Tracker(name, make=make, warn=warn)


class Tracker:
    """A listener of the log that passes its figures on, until the tracker fails.

    Args:
        name: Of the tracker.
        make: Makes accelerate's object for it, to be started.
        warn: Told when it fails, which is once.
    """

    def __init__(
        self, name: TrackerName, *, make: Callable[[], GeneralTracker], warn: Callable[[str], None]
    ) -> None:
        self._name = name
        self._warn = warn
        self._tracker: GeneralTracker | None = None
        self._has_failed = False
        with self._given_up_on_failure("its start"):
            self._tracker = make()
            self._tracker.start()

    def line(self, value: Mapping[str, Any]) -> None:
        """Pass a line on: `train/loss`, `eval/loss` and so on, at its step."""
        if self._tracker is None or self._has_failed:
            return
        figures = {
            _name_of(name): figure
            for name, figure in value.items()
            if name != STEP and is_figure(figure)
        }
        with self._given_up_on_failure(f"step {value[STEP]}"):
            self._tracker.log(figures, step=value[STEP])

    def close(self) -> None:
        """End the tracker's run; one that failed, too, or mlflow refuses the next phase's."""
        if self._tracker is not None:
            with self._given_up_on_failure("its end"):
                self._tracker.finish()

    @contextmanager
    def _given_up_on_failure(self, where: str) -> Generator[None]:
        """Whatever the other side raises is no reason to lose a training; said once."""
        try:
            yield
        except Exception as error:
            if not self._has_failed:
                self._warn(
                    f"the tracker {self._name!r} failed at {where} and is given up; the training "
                    f"goes on, and its log has every line: {_said_by(error)}"
                )
            self._has_failed = True


def _said_by(error: Exception) -> str:
    """In one line, and without the name and password that an address may have in it."""
    first = next(iter(f"{error}".splitlines()), "")
    return f"{type(error).__name__}: {CREDENTIALS.sub('//', first)}"


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
