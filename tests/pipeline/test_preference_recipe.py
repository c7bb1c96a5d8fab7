"""A recipe with a stage of fine-tuning and one of preferences, over simulated pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from roboloop.cli.main import run_command

RECIPE = """\
schema: 1
name: preferring
seed: 3
model:
  kind: tiny
  dialect: {kind: qwen25_vl, factor: 16, max_pixels: 15360}
data:
  sources:
    - {kind: simulated, max_episodes: 12, tasks: [gripper_det, contact_decide], rejected: true}
train:
  - {name: tune, num_steps: 4, pictures_per_step: 2}
  - kind: dpo
    name: prefer
    num_steps: 6
    pairs_per_step: 4
    learning_rate: 1.0e-3
    log_every_steps: 2
    sft_weight: 0.1
evaluate:
  max_records_per_task: 4
  num_bootstrap: 100
  max_new_tokens: 8
"""


@pytest.mark.slow
def test_a_stage_of_preferences_follows_one_of_fine_tuning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    out = tmp_path / "run"
    assert run_command(["plan", str(recipe), "--out", str(out)]) == 0
    assert "6 steps of 4 pairs of answers" in " ".join(capsys.readouterr().err.split())
    assert run_command(["run", str(recipe), "--out", str(out)]) == 0
    (stage,) = out.glob("stages/train.prefer-*")
    lines = [json.loads(line) for line in (stage / "trainer_log.jsonl").read_text().splitlines()]
    assert [line["current_steps"] for line in lines] == [2, 4, 6]
    assert lines[-1]["kl_estimate"] > 0 and {"accuracy", "reward_margin"} <= lines[-1].keys()
    assert (stage / "reference" / "00000.json").is_file()
    assert (out / "report" / "index.html").is_file()
    capsys.readouterr()
    assert run_command(["run", str(recipe), "--out", str(out)]) == 0
    assert "train.prefer: kept" in " ".join(capsys.readouterr().err.split())
