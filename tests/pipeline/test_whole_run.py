"""The whole loop, small: end to end, killed in every stage, and fed with broken input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

RECIPE = """\
schema: 1
name: small
description: A very small run.
seed: 3
model:
  kind: tiny
  dialect: {kind: qwen25_vl, factor: 16, max_pixels: 15360}
data:
  sources:
    - {kind: simulated, max_episodes: 12, tasks: [gripper_det, contact_decide]}
train:
  - {name: first, num_steps: 6, pictures_per_step: 2, save_every_steps: 2}
  - {name: second, num_steps: 4, pictures_per_step: 2, save_every_steps: 2}
evaluate:
  max_records_per_task: 12
  num_bootstrap: 100
  max_new_tokens: 24
"""
STAGES = ("data", "model", "train.first", "train.second", "evaluate", "report")


def start(recipe: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "roboloop", "run", str(recipe), "--out", str(out)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def finish(recipe: Path, out: Path) -> str:
    process = start(recipe, out)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    return said


def events(out: Path) -> list[dict[str, str]]:
    path = out / "events.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def output_hashes(out: Path) -> dict[str, str]:
    marks = [json.loads(mark.read_text()) for mark in (out / "stages").glob("*/stage.json")]
    return {mark["stage"]: mark["output_hash"] for mark in marks}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("whole")
    recipe = folder / "small.yaml"
    recipe.write_text(RECIPE)
    finish(recipe, folder / "run")
    return recipe, folder / "run"


def test_every_stage_leaves_its_mark_and_the_page_is_there(whole: tuple[Path, Path]) -> None:
    recipe, out = whole
    assert set(output_hashes(out)) == set(STAGES)
    page = out / "report" / "index.html"
    assert page.is_file()
    report = json.loads(next(out.glob("stages/evaluate-*/report.json")).read_text())
    assert {task["task"] for task in report["tasks"]} == {"gripper_det", "contact_decide"}
    names = {model["name"] for model in report["models"]}
    assert names == {"trained", "untrained", "constant"}
    said = finish(recipe, out)
    assert said.count("kept") == len(STAGES), "nothing is done twice"
    assert str(page) in said


def test_a_closed_gate_ends_the_run_with_status_1(whole: tuple[Path, Path]) -> None:
    """Only a gain of 1 would open this gate; the run is finished all the same, and says why."""
    recipe, out = whole
    gated = recipe.with_name("gated.yaml")
    gate = "  must_not_forget: {tasks: {gripper_det: -1.0}, proof: true}\n"
    gated.write_text(recipe.read_text() + gate)
    for _ in range(2):  # the second time everything is kept, the verdict as well
        process = start(gated, out)
        said, _ = process.communicate(timeout=600)
        assert process.returncode == 1, said
        assert "the forgetting gate is closed" in said
    assert "trained on gripper_det" in next(
        text for path in out.glob("stages/evaluate-*/report.json")
        if '"gate"' in (text := path.read_text())
    )  # fmt: skip


def test_the_page_that_followed_the_training_says_that_it_ended(whole: tuple[Path, Path]) -> None:
    _, run = whole
    assert (run / "live/index.html").is_file()
    shown = (run / "live/data/live.js").read_text(encoding="utf-8")
    assert '"live":false' in shown and '"name":"loss"' in shown


def test_a_run_killed_in_every_stage_ends_with_the_same_result(
    whole: tuple[Path, Path], tmp_path: Path
) -> None:
    recipe, undisturbed = whole
    out = tmp_path / "run"
    for stage in STAGES:
        process = start(recipe, out)
        deadline = time.monotonic() + 300
        while not any(e["event"] == "stage_started" and e["stage"] == stage for e in events(out)):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finish(recipe, out)
    started = [e["stage"] for e in events(out) if e["event"] == "stage_started"]
    finished = [e["stage"] for e in events(out) if e["event"] == "stage_finished"]
    assert len(started) > len(finished), "at least one kill met a stage at work"
    assert sorted(finished) == sorted(STAGES), "no finished stage was done again"
    assert output_hashes(out) == output_hashes(undisturbed)


def test_a_changed_value_redoes_only_what_it_touches(
    whole: tuple[Path, Path], tmp_path: Path
) -> None:
    recipe, out = whole
    changed = tmp_path / "changed.yaml"
    changed.write_text(recipe.read_text().replace("num_bootstrap: 100", "num_bootstrap: 120"))
    said = finish(changed, out)
    assert "evaluate.num_bootstrap 100 -> 120" in said
    assert said.count("kept") == 4, said
