"""`roboloop train` on several processes: its own, and those of the command it prints."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from roboloop.train.pulse import RANKS, read_beat

pytestmark = pytest.mark.slow

RECIPE = """\
schema: 1
name: several
seed: 3
model:
  kind: tiny
  dialect: {kind: qwen25_vl, factor: 16, max_pixels: 15360}
data:
  sources:
    - {kind: simulated, max_episodes: 4, tasks: [gripper_det, contact_decide]}
train:
  - {name: first, num_steps: 24, pictures_per_step: 2, save_every_steps: 2}
  - {name: second, num_steps: 2, pictures_per_step: 2}
"""
ON_CPU = {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true", "CUDA_VISIBLE_DEVICES": ""}
ENVIRONMENT = os.environ | ON_CPU


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "several.yaml"
    path.write_text(RECIPE)
    return path


def command(recipe: Path, out: Path, *options: str) -> list[str]:
    words = ["-m", "roboloop", "train", str(recipe), "--out", str(out), *options]
    return [sys.executable, *words]


def output_hashes(out: Path) -> dict[str, str]:
    marks = [json.loads(mark.read_text()) for mark in (out / "stages").glob("*/stage.json")]
    return {mark["stage"]: mark["output_hash"] for mark in marks}


def printed(words: list[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, env=ENVIRONMENT, check=True)
    return done.stdout


def stopped_in_training(words: list[str], *, out: Path, step: int, by: signal.Signals) -> int:
    """Its exit status after the signal; none of its processes lives on."""
    # What a shell starts in the background is deaf to Ctrl-C, and so is all that it starts.
    process = subprocess.Popen(
        words, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    deadline = time.monotonic() + 300
    pids: list[int] = []
    while len(pids) < 2:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[1]
        folders = list(out.glob(f"stages/train.first-*/{RANKS}"))
        beats = [read_beat(folder, rank=rank) for folder in folders for rank in (0, 1)]
        pids = [beat.pid for beat in beats if beat is not None and beat.step >= step]
        time.sleep(0.005)
    process.send_signal(by)
    process.communicate(timeout=60)
    deadline = time.monotonic() + 30
    while any(map(psutil.pid_exists, pids)):
        assert time.monotonic() < deadline, "a process outlived the run"
        time.sleep(0.05)
    return process.returncode


def test_the_command_and_the_commands_it_prints_train_the_same(
    recipe: Path, tmp_path: Path
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    words = command(recipe, ours, "--nproc", "2")
    assert stopped_in_training(words, out=ours, step=2, by=signal.SIGINT) == 130
    assert stopped_in_training(words, out=ours, step=6, by=signal.SIGKILL) == -signal.SIGKILL
    done = subprocess.run(words, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert done.returncode == 0, done.stderr
    assert "first: 24 steps over" in done.stderr, "the first process is heard"
    assert "rank 1 of 2" in (ours / "logs" / "rank-1.log").read_text()

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        meet = f"127.0.0.1:{probe.getsockname()[1]}"
    asked = ("--launch", "torchrun", "--nproc", "2", "--rendezvous", meet)
    comment, line = printed(command(recipe, theirs, *asked)).splitlines()
    assert comment == "# node 0" and not theirs.exists()
    done = subprocess.run(
        shlex.split(line), capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert output_hashes(theirs) == output_hashes(ours)
    assert "waits for the first process" in (theirs / "logs" / "rank-1.log").read_text()


SLURM = """\
#!/bin/bash
# What the script calls of Slurm: one node, and a queue that starts it again at once.
scontrol() { case $1 in show) echo 127.0.0.1;; requeue) echo "again $2";; esac; }
srun() { shift; SLURM_NODEID=0 "$@"; }
export SLURM_JOB_ID=7 SLURM_JOB_NODELIST=one SLURM_RESTART_COUNT=%d
"""


@pytest.mark.parametrize(
    ("status", "count", "queued"), [(75, 0, 1), (75, 3, 0), (137, 1, 1), (2, 0, 0)]
)
def test_script_for_slurm_goes_back_into_the_queue_when_that_helps(
    recipe: Path, tmp_path: Path, status: int, count: int, queued: int
) -> None:
    script = printed(command(recipe, tmp_path / "out", "--launch", "slurm", "--nproc", "2"))
    assert "#SBATCH --requeue" in script and "#SBATCH --gpus-per-node=2" in script
    ending = tmp_path / "ends"
    ending.write_text(f'#!/bin/bash\necho "$@"\nexit {status}\n')
    ending.chmod(0o755)
    tried = script.replace(f"{sys.executable} -m roboloop", str(ending))
    assert tried != script
    done = subprocess.run(
        ["bash", "-c", SLURM % count + tried], capture_output=True, text=True, check=False
    )
    assert "--nproc 2 --nodes 1 --max-restarts 3 --node-rank 0 --rendezvous 127.0.0.1:29500" in (
        done.stdout
    ), done.stderr
    assert done.stdout.count("again 7") == queued
    assert queued or done.returncode == status
