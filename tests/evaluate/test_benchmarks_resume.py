"""An evaluation on benchmarks that is killed again and again ends as one that never was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import hub_files
import numpy as np
from benchmark_engine import contents

PROGRAM = Path(__file__).parent / "benchmark_engine.py"
NUM_KILLS = 10


def start(root: Path, out: Path, *, seconds: float) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(PROGRAM), str(root), str(out), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_kills_at_random_moments_change_no_number(tmp_path: Path) -> None:
    root = tmp_path / "hub"
    hub_files.blink(root)
    hub_files.cvbench(root)
    hub_files.refspatial(root)
    assert start(root, tmp_path / "whole", seconds=0.0).wait() == 0
    draw = np.random.default_rng(7)
    out = tmp_path / "killed"
    sizes: list[int] = []
    for _ in range(NUM_KILLS):
        running = start(root, out, seconds=0.05)
        answers = out / "answers" / "told.jsonl"
        before = answers.stat().st_size if answers.exists() else 0
        deadline = time.monotonic() + 60
        while running.poll() is None and time.monotonic() < deadline:
            if answers.exists() and answers.stat().st_size > before:
                break
            time.sleep(0.005)
        time.sleep(float(draw.uniform(0, 0.15)))
        if running.poll() is None:
            os.kill(running.pid, signal.SIGKILL)
        running.wait()
        sizes.append(answers.stat().st_size)
        with answers.open("ab") as stream:  # what a crash in the middle of a write leaves
            stream.write(b'{"key": "half a li')
    assert start(root, out, seconds=0.0).wait() == 0
    assert sizes[0] < sizes[-1]
    assert contents(out) == contents(tmp_path / "whole")
