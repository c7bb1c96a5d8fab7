"""kill -9 at any point costs at most the piece each worker had in hand, and no byte differs."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from logged_exact import LOG
from made_records import record

import roboloop
from roboloop.records.answers import Box

Write = Callable[..., Path]

NUM_KILLS, NUM_SHARDS, RECORDS_OF_A_SHARD, NUM_WORKERS = 10, 60, 20, 2
MAX_SECONDS = 120


@pytest.mark.slow
def test_ten_kills_redo_a_piece_a_worker_and_change_no_byte(
    write_records: Write, tmp_path: Path
) -> None:
    records = [
        record(f"r{number}", answer=Box(number % 700, 1, 900, 99))
        for number in range(NUM_SHARDS * RECORDS_OF_A_SHARD)
    ]
    folder = write_records(records, max_records=RECORDS_OF_A_SHARD)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(start(folder, whole, log=tmp_path / "whole.log"))
    total = len(files(whole))
    draw = random.Random(5)
    num_kills = 0
    for point in sorted(draw.randrange(total - NUM_WORKERS) for _ in range(NUM_KILLS)):
        process = start(folder, killed, log=tmp_path / "killed.log")
        if reached(killed, point, process=process):
            time.sleep(draw.uniform(0, 0.02))
            kill(process, whole_group=num_kills % 2 == 0)
            num_kills += 1
    finish(start(folder, killed, log=tmp_path / "killed.log"))
    assert num_kills >= NUM_KILLS // 2, "it ended before it could be killed"
    assert {path: (killed / path).read_bytes() for path in files(killed)} == {
        path: (whole / path).read_bytes() for path in files(whole)
    }
    begun = Counter((tmp_path / "killed.log").read_text().split())
    assert len(begun) == NUM_SHARDS
    assert begun.total() - NUM_SHARDS <= num_kills * NUM_WORKERS


def start(folder: Path, out: Path, *, log: Path) -> subprocess.Popen[bytes]:
    source = Path(roboloop.__file__).parent.parent
    engine = json.dumps({"kind": "inline", "num_workers": NUM_WORKERS})
    script = Path(__file__).parent / "curate_folder.py"
    return subprocess.Popen(
        [sys.executable, str(script), str(folder), str(out), engine],
        env={**os.environ, "PYTHONPATH": str(source), LOG: str(log)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    assert process.wait(MAX_SECONDS) == 0


def files(out: Path) -> set[str]:
    """The whole files so far; those being written have names that begin with a dot."""
    return {
        path.relative_to(out).as_posix()
        for path in out.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def reached(out: Path, num_files: int, *, process: subprocess.Popen[bytes]) -> bool:
    """Wait until there are so many files; False when the process ends before."""
    end = time.monotonic() + MAX_SECONDS
    while len(files(out)) < num_files:
        assert time.monotonic() < end
        if process.poll() is not None:
            return False
        time.sleep(0.001)
    return process.poll() is None


def kill(process: subprocess.Popen[bytes], *, whole_group: bool) -> None:
    """kill -9; where only the first process is killed, its workers must go by themselves."""
    family = psutil.Process(process.pid).children(recursive=True)
    for one in family if whole_group else ():
        one.kill()
    process.kill()
    process.wait(MAX_SECONDS)
    _, alive = psutil.wait_procs(family, timeout=MAX_SECONDS)
    assert not alive
