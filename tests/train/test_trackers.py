"""Trackers by name, offline: what was logged is read back from what each left on disk."""

from __future__ import annotations

import json
import shutil
import sqlite3
import struct
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from accelerate import PartialState
from accelerate.tracking import TensorBoardTracker

from roboloop.base.errors import RoboLoopError
from roboloop.dialects import Dialect
from roboloop.train import trackers
from roboloop.train.config import SftConfig
from roboloop.train.listening import listening
from roboloop.train.log import TrainerLog
from roboloop.train.run_options import RUN_OPTIONS, TrackerName
from roboloop.train.sft import run_sft
from roboloop.train.trackers import open_tracker

LINES = (
    {"current_steps": 5, "loss": 2.5, "lr": 1e-4, "elapsed_time": "0:00:01"},
    {"current_steps": 10, "loss": 1.25, "eval_loss": 1.5, "lr": 5e-5},
)
NUM_LOOKS = 40
OFFLINE_ONLY = ("WANDB_MODE", "SWANLAB_MODE", "TRACKIO_DIR", "MLFLOW_TRACKING_URI")


@pytest.fixture
def tracked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Feeds the lines to a tracker and gives its folder."""
    PartialState()
    monkeypatch.chdir(tmp_path)
    for name in OFFLINE_ONLY:
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)

    def feed(name: TrackerName) -> Path:
        tracker = open_tracker(name, phase="ground", out=tmp_path, warn=pytest.fail)
        for line in LINES:
            tracker.line(line)
        tracker.close()
        return tmp_path / "trackers" / name

    yield feed


@pytest.mark.filterwarnings("ignore")
def test_tensorboard(tracked: Any) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (event_file,) = tracked("tensorboard").rglob("events.out.*")
    events = EventAccumulator(str(event_file))
    events.Reload()
    loss = [(event.step, event.value) for event in events.Scalars("train/loss")]
    assert loss == [(5, 2.5), (10, 1.25)]
    assert [event.value for event in events.Scalars("eval/loss")] == [1.5]


@pytest.mark.filterwarnings("ignore")
def test_wandb(tracked: Any) -> None:
    pytest.importorskip("wandb")
    folder = tracked("wandb")
    (kept,) = folder.rglob("run-*.wandb")
    assert "offline" in kept.parent.name
    for _ in range(NUM_LOOKS):  # a process of wandb's own writes the file
        content = kept.read_bytes()
        if b"1.25" in content:
            break
        time.sleep(0.5)
    assert b"train/loss" in content and b"1.25" in content


@pytest.mark.filterwarnings("ignore")
def test_trackio(tracked: Any) -> None:
    if find_spec("trackio") is None:  # it reads TRACKIO_DIR when it is imported
        pytest.skip("no trackio")
    rows = _rows(tracked("trackio"), "select step, metrics from metrics order by step")
    assert [step for step, _ in rows] == [5, 10]
    assert "1.25" in str(rows[1][1])


@pytest.mark.filterwarnings("ignore")
def test_mlflow(tracked: Any) -> None:
    pytest.importorskip("mlflow")
    query = "select step, value from metrics where key = 'train/loss' order by step"
    assert _rows(tracked("mlflow"), query) == [(5, 2.5), (10, 1.25)]


@pytest.mark.filterwarnings("ignore")
def test_swanlab(tracked: Any) -> None:
    pytest.importorskip("swanlab")
    kept = [path.read_bytes() for path in tracked("swanlab").rglob("*") if path.is_file()]
    values = [struct.pack(form, 1.25) for form in ("<f", "<d")]
    assert any(b"train/loss" in data and any(v in data for v in values) for data in kept)


def _rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    (database,) = folder.glob("*.db")
    with sqlite3.connect(database) as connection:
        return connection.execute(query).fetchall()


def test_a_missing_package_is_named_before_a_step_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    config = SftConfig.model_validate({"name": "ground", "num_steps": 1, "trackers": ["wandb"]})
    log = TrainerLog(tmp_path / "trainer_log.jsonl", keep_to=0)
    with pytest.raises(RoboLoopError) as caught, listening(log, config=config, out=tmp_path):
        raise AssertionError("it went on")
    assert caught.value.code == "E-ENV-001" and "pip install wandb" in str(caught.value)


@pytest.mark.filterwarnings("ignore")  # the end of TensorBoard's own thread
def test_a_tracker_that_breaks_is_reported_once_and_the_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
    phase: Callable[..., SftConfig], tiny_folder: Path, record_folder: Path, dialect: Dialect,
) -> None:  # fmt: skip
    pytest.importorskip("tensorboard")
    real = TensorBoardTracker.log

    def log(self: TensorBoardTracker, values: dict[str, Any], step: int, **rest: Any) -> None:
        if step == 3:
            shutil.rmtree(tmp_path / "out/trackers")
        real(self, values, step, **rest)

    def run(out: Path, **options: Any) -> Any:
        config = phase(num_steps=6, **options)
        given = {"model": tiny_folder, "records": record_folder, "dialect": dialect, "seed": 3}
        return run_sft(config, out=out, **given)

    well = run(tmp_path / "well")
    monkeypatch.setattr(TensorBoardTracker, "log", log)
    result = run(tmp_path / "out", trackers=["tensorboard"])
    (warning,) = result.warnings
    assert "'tensorboard' failed at step 3" in warning and "FileNotFoundError" in warning
    assert "failed at step 3" in " ".join(capfd.readouterr().err.split())
    assert (result.num_steps, result.final_loss) == (6, well.final_loss)
    lines = (tmp_path / "out/trainer_log.jsonl").read_text().splitlines()
    assert [json.loads(text)["current_steps"] for text in lines] == [1, 2, 3, 3, 4, 5, 6]


def test_a_tracker_that_cannot_start_is_reported_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(phase: str, folder: Path) -> Any:
        raise ConnectionError("no answer from https://me:secret@host/api\nmany more lines")

    kind = trackers.KINDS["tensorboard"]._replace(make=unreachable)
    monkeypatch.setattr(trackers, "KINDS", {"tensorboard": kind})
    log = TrainerLog(tmp_path / "trainer_log.jsonl", keep_to=0)
    tracker = open_tracker("tensorboard", phase="ground", out=tmp_path, warn=log.warn)
    tracker.line(LINES[0])
    tracker.close()
    (warning,) = log.warnings
    assert warning.endswith("ConnectionError: no answer from https://host/api")
    assert "'tensorboard' failed at its start" in warning


def test_trackers_do_not_change_what_a_phase_makes() -> None:
    assert "trackers" in RUN_OPTIONS
