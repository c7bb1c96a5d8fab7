"""One of the processes that train a phase together: `python -m roboloop.train.rank JOB.json`.

Started by `train.processes`, with the environment that torchrun would give it.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from pathlib import Path

from roboloop.base.errors import START_AGAIN, RestartableError, RoboLoopError
from roboloop.train.phases import Job, run_job
from roboloop.train.pulse import RANKS, write_error
from roboloop.train.result import write_result


def main(job_file: Path) -> None:
    """Do this process's share of the job; leaves its error, or the result, beside the job."""
    threading.Thread(target=_end_with_parent, name="leash", daemon=True).start()
    rank = int(os.environ.get("RANK", "0"))
    job = Job.model_validate_json(job_file.read_text(encoding="utf-8"))
    try:
        _check_device()
        result = run_job(job)
    except RoboLoopError as error:
        write_error(job.out / RANKS, rank=rank, error=error)
        print(error, file=sys.stderr)  # noqa: T201 - the log of this process
        _leave(START_AGAIN if isinstance(error, RestartableError) else 2)
    except BaseException:
        traceback.print_exc()
        _leave(1)
    else:
        if rank == 0:
            write_result(job.out / RANKS, result=result)


def _check_device() -> None:
    """More processes than GPUs is a mistake.

    Raises:
        RoboLoopError: E-CFG-003.
    """
    import torch

    num_gpus, mine = torch.cuda.device_count(), int(os.environ.get("LOCAL_RANK", "0"))
    on_cpu = os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true", "yes")
    if num_gpus and not on_cpu and mine >= num_gpus:
        detail = f"more processes than GPUs: this machine has {num_gpus}"
        raise RoboLoopError("E-CFG-003", detail, fix=f"Give --nproc {num_gpus}, or fewer.")


def _end_with_parent() -> None:
    """Nobody may go on training in a folder that is no longer held by a run."""
    os.read(sys.stdin.fileno(), 1)  # ends when the parent does, however it ends
    os._exit(1)


def _leave(status: int) -> None:
    """Without the farewells of libraries, which wait for processes that are gone."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
