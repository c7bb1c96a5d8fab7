from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from roboloop.base.errors import Place, RoboLoopError
from roboloop.pipeline.stage import StageOutput, complete, setting_changes
from roboloop.runs import Ledger, RunFolder, read_ledger
from roboloop.runs.folder import open_run


def finish(run: RunFolder, *, settings: dict[str, int], inputs: dict[str, str]) -> list[str]:
    done: list[str] = []

    def work(out: Path) -> StageOutput:
        done.append("worked")
        (out / "a.txt").write_text("x")
        return StageOutput("hash of a", {"files": 1})

    stage = run.stage("data", settings=settings, inputs=inputs)
    assert complete(run, stage=stage, work=work).output_hash == "hash of a"
    return done


def test_a_finished_stage_is_not_done_again(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert finish(run, settings={"a": 1}, inputs={"s": "1"}) == ["worked"]
    assert finish(run, settings={"a": 1}, inputs={"s": "1"}) == []
    assert finish(run, settings={"a": 2}, inputs={"s": "1"}) == ["worked"]
    assert finish(run, settings={"a": 1}, inputs={"s": "2"}) == ["worked"]
    assert finish(run, settings={"a": 1}, inputs={"s": "1"}) == [], "going back finds the old one"


def test_a_stage_that_failed_leaves_no_mark(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    stage = run.stage("data", settings={}, inputs={})

    def broken(out: Path) -> StageOutput:
        raise RuntimeError("killed half-way")

    with pytest.raises(RuntimeError):
        complete(run, stage=stage, work=broken)
    assert stage.mark is None


def test_what_changed_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = RunFolder(tmp_path)
    finish(run, settings={"limit": 100}, inputs={})
    finish(run, settings={"limit": 200}, inputs={})
    assert "limit 100 -> 200" in capsys.readouterr().err
    old = {"a": {"b": 1, "c": [1, 2]}, "d": 5}
    new = {"a": {"b": 2, "c": [1, 3]}, "e": 6}
    assert setting_changes(old, new=new) == [
        "a.b 1 -> 2",
        "a.c.1 2 -> 3",
        "d 5 -> None",
        "e None -> 6",
    ]


def test_only_one_process_works_in_a_run_folder(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from roboloop.runs import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).exclusive(): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(RoboLoopError, match=str(holder.pid)), RunFolder(tmp_path).exclusive():
        pass
    holder.kill()
    holder.communicate()
    with RunFolder(tmp_path).exclusive():
        pass  # a killed process holds nothing


def test_the_ledger_keeps_every_reason(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path, stage="data") as ledger:
        error = RoboLoopError("E-REC-010", "coordinate (nan, 2) is not finite",
                              place=Place("a.jsonl", 7, record_id="r7"))  # fmt: skip
        ledger.drop(error, source="llava_json")
        assert len(path.read_text().splitlines()) == 1, "on disk at once"
    (line,) = read_ledger(path)
    assert (line.record_id, line.code, line.place, line.stage) == (
        "r7",
        "E-REC-010",
        "a.jsonl:7",
        "data",
    )


def test_a_folder_without_a_lock_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RoboLoopError, match="E-RUN-004"):
        open_run(tmp_path)
