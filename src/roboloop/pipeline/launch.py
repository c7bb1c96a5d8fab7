"""What to run on several machines: the commands of torchrun, or a script for Slurm. Starts nothing.

Under torchrun every process is a member of the run and trains in place (`pipeline.members`). Under
Slurm each machine has one `roboloop train`, which starts the processes and knows how they ended:
torchrun ends with status 1 whatever happened, so that a script could not tell a mistake from a
lost machine.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from roboloop.base.errors import START_AGAIN

PORT = 29500
Launcher = Literal["torchrun", "slurm"]


class ClusterJob(NamedTuple):
    """A training that several machines shall do.

    Attributes:
        name: For the job.
        arguments: Of `roboloop`, such as `train demo_cpu --out runs/demo`.
        num_nodes: Machines.
        per_node: Processes on each; `gpu` is one for each GPU.
        rendezvous: host:port of the first machine; None when it is not known yet.
        max_restarts: How often it may start again.
    """

    name: str
    arguments: Sequence[str]
    num_nodes: int
    per_node: int | Literal["gpu"]
    rendezvous: str | None
    max_restarts: int


def launch_text(launcher: Launcher, job: ClusterJob) -> str:
    """The commands or the script."""
    return _torchrun(job) if launcher == "torchrun" else _slurm(job)


def _torchrun(job: ClusterJob) -> str:
    """A command for each node; one alone needs no address."""
    words = [*_program("torchrun", module="torch.distributed.run"), f"--nnodes={job.num_nodes}"]
    words.append(f"--nproc-per-node={job.per_node}")
    lines: list[str] = []
    if job.rendezvous is None and job.num_nodes == 1:
        words.append("--standalone")
    else:
        words += ["--rdzv-backend=c10d", f"--rdzv-id={job.name}"]
        words.append(f"--rdzv-endpoint={job.rendezvous or f'FIRST_NODE:{PORT}'}")
    if job.rendezvous is None and job.num_nodes > 1:
        lines.append("# FIRST_NODE is the name of node 0, by which all others reach it.")
    command = shlex.join([*words, "-m", "roboloop", *job.arguments])
    for node in range(job.num_nodes):
        lines += [f"# node {node}", command]
    return "\n".join(lines)


def _slurm(job: ClusterJob) -> str:
    """A script for sbatch that puts itself back into the queue when that helps."""
    gpus = [] if job.per_node == "gpu" else [f"#SBATCH --gpus-per-node={job.per_node}"]
    options = {
        "--nproc": job.per_node, "--nodes": job.num_nodes, "--max-restarts": job.max_restarts
    }  # fmt: skip
    words = [*_program("roboloop", module="roboloop"), *job.arguments]
    words += [str(word) for option in options.items() for word in option]
    port = PORT if job.rendezvous is None else job.rendezvous.rpartition(":")[2]
    lines = [
        "#!/bin/bash",
        f"#SBATCH --job-name={job.name}",
        f"#SBATCH --nodes={job.num_nodes}",
        "#SBATCH --ntasks-per-node=1",
        *gpus,
        "#SBATCH --output=%x-%j.log",
        "#SBATCH --open-mode=append",
        "#SBATCH --requeue",
        "#SBATCH --signal=B:USR1@120",
        "",
        'again() { scontrol requeue "$SLURM_JOB_ID"; exit; }',
        "trap again USR1  # two minutes before the time is up",
        'head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)',
        f'export RENDEZVOUS="$head:{port}"',
        "",
        f"command={shlex.quote(shlex.join(words))}",
        "srun --wait=120 bash -c \\",
        '  "exec $command --node-rank \\$SLURM_NODEID --rendezvous \\$RENDEZVOUS" &',
        "wait $!",
        "status=$?",
        f"# {START_AGAIN}: it goes on from its last checkpoint. Above 128: it was ended, as when a",
        "# machine is lost. Everything else has to be mended first.",
        f"if [ $status -eq {START_AGAIN} ] || [ $status -gt 128 ]; then",
        f'  [ "${{SLURM_RESTART_COUNT:-0}}" -lt {job.max_restarts} ] && again',
        "fi",
        "exit $status",
    ]
    return "\n".join(lines)


def _program(name: str, *, module: str) -> list[str]:
    """The command of that name if it is the one beside this Python, else the module of it."""
    found = shutil.which(name)
    if found is not None and Path(found).parent == Path(sys.executable).parent:
        return [name]
    return [sys.executable, "-m", module]
