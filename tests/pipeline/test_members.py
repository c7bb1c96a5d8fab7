"""Processes that wait for the first one of a run."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from roboloop.base.errors import RestartableError, RoboLoopError
from roboloop.pipeline.members import Leader, member_number, tell_members
from roboloop.runs.folder import RunFolder
from roboloop.train.processes import Processes


def test_a_member_goes_on_with_the_mark_and_stops_with_the_leader(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    tell_members(run, error=RoboLoopError("E-DAT-003", "an earlier attempt's"))
    leader = Leader(run)
    done, waiting = (run.stage(name, settings={}, inputs={}) for name in ("data", "train.a"))
    done.path.mkdir(parents=True)
    marking = threading.Timer(0.3, lambda: done.finish(output_hash="x", seconds=0, facts={}))
    marking.start()
    leader.wait_for(done)
    tell_members(run, error=RestartableError("E-TRN-007", "a process was lost"))
    with pytest.raises(RestartableError, match="E-TRN-007 a process was lost"):
        leader.wait_for(waiting)
    marking.join()


def test_the_first_of_torchrun_or_of_the_machines_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert member_number(None) == 0
    assert member_number(Processes(2, num_nodes=3, node=1, rendezvous="a:1")) == 1
    monkeypatch.setenv("RANK", "5")
    assert member_number(None) == 0, "a rank of one is alone"
    monkeypatch.setenv("WORLD_SIZE", "8")
    assert member_number(None) == 5
