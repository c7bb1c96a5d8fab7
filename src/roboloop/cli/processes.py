"""Options of `run` and `train` for training on more than one process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cyclopts import Group, Parameter

if TYPE_CHECKING:
    from roboloop.pipeline.launch import ClusterJob
    from roboloop.train.processes import Processes

HELP = """
Data and the first model are made once; then `--nproc` processes train the phases. Stopped by
whatever, training goes on from its last checkpoint when the command is given again, to the same
weights. Status 75 says that the same command goes on from there, 2 that something has to be mended
first. On several machines, `--launch` prints what to give on each:

`roboloop train R.yaml --launch slurm --nodes 2 --nproc 8 > job.sh; sbatch job.sh`
"""
GROUP = Group("Training on several processes", help=HELP)


@Parameter(name="*", group=GROUP)
@dataclass(frozen=True, kw_only=True)
class ProcessOptions:
    """How many processes train.

    Attributes:
        nproc: Processes that train, on each machine; `gpu` is one for each GPU. Left out, training
            runs in this process. What each prints goes to `logs/rank-N.log` of the run folder.
        max_restarts: How often training starts again from its last checkpoint, without a new one in
            between, when a process is killed or hangs.
        nodes: Machines. All see the same run folder; the command is given on each.
        node_rank: Which of them this is, counted from 0.
        rendezvous: host:port of the first machine, where the processes of several meet.
    """

    nproc: int | Literal["gpu"] | None = None
    max_restarts: int = 3
    nodes: int = 1
    node_rank: int = 0
    rendezvous: str | None = None

    def check(self) -> None:
        """Find what cannot be.

        Raises:
            RoboLoopError: E-CFG-003.
        """
        from roboloop.base.errors import RoboLoopError

        problem = None
        if self.nproc != "gpu" and self.nproc is not None and self.nproc < 1:
            problem = f"--nproc is {self.nproc}; give 1 or more, or gpu"
        elif not 0 <= self.node_rank < self.nodes:
            problem = f"--node-rank is {self.node_rank} of {self.nodes} nodes, counted from 0"
        elif self.max_restarts < 0:
            problem = f"--max-restarts is {self.max_restarts}; give 0 or more"
        elif self.rendezvous is not None and not self.rendezvous.rpartition(":")[2].isdigit():
            problem = f"--rendezvous is {self.rendezvous!r}; give host:port"
        if problem is not None:
            raise RoboLoopError("E-CFG-003", problem)

    def processes(self) -> Processes | None:
        """What they come to; None for this process alone.

        Raises:
            RoboLoopError: E-CFG-003.
        """
        from roboloop.base.errors import RoboLoopError
        from roboloop.train.processes import Processes, visible_gpus

        self.check()
        if self.nodes > 1 and (self.nproc is None or self.rendezvous is None):
            raise RoboLoopError("E-CFG-003", "several nodes need --nproc and --rendezvous")
        if self.nproc is None:
            return None
        return Processes(
            visible_gpus() if self.nproc == "gpu" else self.nproc,
            num_nodes=self.nodes,
            node=self.node_rank,
            rendezvous=self.rendezvous,
            max_restarts=self.max_restarts,
        )

    def cluster_job(self, name: str, *, arguments: list[str]) -> ClusterJob:
        """The same for other machines, where `arguments` are what `roboloop` is to do."""
        from roboloop.pipeline.launch import ClusterJob

        return ClusterJob(
            name,
            arguments,
            num_nodes=self.nodes,
            per_node=self.nproc or "gpu",
            rendezvous=self.rendezvous,
            max_restarts=self.max_restarts,
        )


ALONE = ProcessOptions()
