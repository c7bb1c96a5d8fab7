"""Phases with data of their own, an evaluation after each, and the table at the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from roboloop.cli.main import run_command
from roboloop.pipeline.load import load_recipe

RECIPE = """\
schema: 1
name: phases
seed: 3
model:
  kind: tiny
  dialect: {kind: qwen25_vl, factor: 16, max_pixels: 15360}
data:
  sources:
    - {kind: simulated, max_episodes: 12, tasks: [gripper_det, contact_decide, planning]}
train:
  - {name: align, num_steps: 4, pictures_per_step: 2, data: [{tasks: [gripper_det]}]}
  - name: inject
    num_steps: 4
    pictures_per_step: 2
    data:
      - {tasks: [contact_decide], rate: 0.5}
    replay: 0.25
evaluate:
  after_each_phase: true
  max_records_per_task: 4
  num_bootstrap: 100
  max_new_tokens: 8
"""


def written(folder: Path, text: str = RECIPE) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


def test_a_phase_learns_what_those_before_it_took(tmp_path: Path) -> None:
    align, inject = load_recipe(written(tmp_path)).train
    (entries,) = inject.replay.of  # pyright: ignore[reportAttributeAccessIssue]
    assert entries == align.taken and entries[0].tasks == ("gripper_det",)


def test_there_must_be_something_to_replay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, RECIPE.replace("name: align,", "name: align, replay: 0.1,"))
    assert run_command(["plan", str(file), "--out", str(tmp_path / "run")]) == 2
    assert "'align' has no phase of fine-tuning before it" in capsys.readouterr().err


@pytest.mark.slow
def test_every_phase_is_measured_and_the_table_ends_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = written(tmp_path), tmp_path / "run"
    assert run_command(["run", str(file), "--out", str(out)]) == 0
    said = capsys.readouterr().err
    assert "inject: 50% of contact_decide:" in said
    (stage,) = out.glob("stages/train.inject-*")
    own, replayed = json.loads((stage / "mixture.json").read_text())["drawn"]
    assert own["num_taken"] == round(own["num_there"] / 2)
    assert replayed["num_taken"] == round(own["num_taken"] / 3)
    (judged,) = out.glob("stages/evaluate-*")
    assert [path.name.partition("-")[0] for path in out.glob("stages/evaluate.*")] == [
        "evaluate.align"
    ]
    table = json.loads((judged / "report.json").read_text())["phases"]
    assert table["order"] == ["untrained", "align", "inject"]
    assert (judged / "phases.txt").read_text().splitlines()[0] in said
    # Answers are kept from one evaluation to the next.
    asked = [path.name for path in (out / "answers").iterdir()]
    assert sorted(asked) == ["align.jsonl", "inject.jsonl", "untrained.jsonl"]
    told = json.loads((out / "report/report.json").read_text())
    assert told["evaluation"]["phases"]["order"] == table["order"]
    capsys.readouterr()
    assert run_command(["plan", str(file), "--out", str(out), "--json"]) == 0
    steps = {step["stage"]: step for step in json.loads(capsys.readouterr().out)}
    assert {step["state"] for step in steps.values()} == {"done"}
    assert list(steps)[2:6] == ["train.align", "evaluate.align", "train.inject", "evaluate"]
    assert "25% replayed" in steps["train.inject"]["what"]
    assert f"replayed: {replayed['num_taken']} of " in steps["train.inject"]["what"]
