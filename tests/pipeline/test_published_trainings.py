"""The recipes with the values of two published trainings: what they come to, and that they run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from roboloop.cli.main import run_command
from roboloop.pipeline.load import load_recipe
from roboloop.pipeline.phase_plan import Assumed, plan_phases
from roboloop.pipeline.yaml_places import parse_value

ROOT = Path(__file__).resolve().parents[2]
FINAL = ROOT / "recipes/robobrain_final_7b.yaml"
FINAL_CPU = ROOT / "recipes/robobrain_final_cpu.yaml"
ROBOINTER = ROOT / "recipes/robointer_moe_cpu.yaml"
ROBOINTER_3B = ROOT / "recipes/robointer_moe_3b.yaml"
SHORT = [
    "data.sources.0.max_episodes=8",
    "train.0.num_steps=2",
    "train.1.epochs=null",
    "train.1.num_steps=2",
    "train.1.log_every_steps=1",
    "train.1.batching.records_per_step=8",
]
FEW_ASKED = [
    "evaluate.max_records_per_task=2",
    "evaluate.max_new_tokens=8",
    "evaluate.num_bootstrap=100",
]


@pytest.fixture(autouse=True)
def places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the recipes take from the environment; nothing lies there."""
    for name in ("DATA", "ROBOBRAIN", "ALFRED", "ROBOINTER", "QWEN"):
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))


def test_the_finals_values_give_its_93_steps_and_nothing_looks_wrong() -> None:
    """As its log says: `total_steps` 93, three epochs, a peak of 2e-5, 256 records a step."""
    recipe = load_recipe(FINAL)
    align, _, _, prefer = recipe.train
    assert align.kind == "sft" and align.epochs == 3 and align.items_per_step == 8 * 4 * 8
    assert align.learning_rate == 2e-5 and align.schedule == "cosine" and align.clip_norm == 1
    assert align.optimizer.kind == "adamw" and align.optimizer.betas == (0.9, 0.999)
    assert align.max_tokens == 8192 and align.log_every_steps == 5 and align.parts is None
    assert prefer.kind == "dpo" and prefer.reference == "adapter_off"
    plan, *_ = plan_phases(recipe, assumed=Assumed(num_samples=7936))
    assert plan.num_steps == 93 and plan.findings == ()


@pytest.mark.parametrize(("recipe", "size"), [(FINAL, "7b"), (ROBOINTER_3B, "3b")])
def test_every_phase_of_the_full_recipes_fits_on_eight_gpus_of_141_gb(
    recipe: Path, size: Any
) -> None:
    for phase in load_recipe(recipe).train:
        alone = load_recipe(recipe).model_copy(update={"train": (phase,)})
        (plan,) = plan_phases(alone, assumed=Assumed(num_gpus=8, size=size))
        (row,) = (row for row in plan.memory if row.sharding == phase.sharding)
        assert row.high < 141e9 / 2**30, phase.name


def test_a_plan_is_made_before_the_data_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["plan", str(FINAL), "--size", "7b", "--samples", "7936", "--json"]
    assert run_command([*asked, "--out", str(tmp_path / "run")]) == 0
    steps = {step["stage"]: step for step in json.loads(capsys.readouterr().out)}
    assert steps["data"]["state"] == "missing" and "E-DAT-001" in steps["data"]["what"]
    assert steps["train.align"]["training"]["num_steps"] == 93


def test_both_recipes_of_the_final_have_its_four_stages() -> None:
    full, small = (load_recipe(file) for file in (FINAL, FINAL_CPU))
    names = ["align", "inject", "fuse", "prefer"]
    assert [phase.name for phase in full.train] == names
    assert [phase.name for phase in small.train] == ["base", *names]
    for recipe in (full, small):
        by_name = {phase.name: phase for phase in recipe.train}
        assert by_name["align"].data[0].composed == ()
        assert by_name["inject"].data[0].composed == ("reason",)
        labels = by_name["prefer"].data[0].composed or ()
        assert labels and all(label.startswith("preference_") for label in labels)
        assert recipe.evaluate.after_each_phase


def test_robointers_values_train_experts_alone() -> None:
    recipe = load_recipe(ROBOINTER)
    _, sft = recipe.train
    assert sft.kind == "sft" and sft.epochs == 1 and sft.items_per_step == 4 * 2 * 8
    assert sft.parts == ("moe",) and sft.learning_rate == 5e-6 and sft.warmup_fraction == 0.03
    assert sft.moe is not None and (sft.moe.num_experts, sft.moe.num_experts_per_token) == (16, 4)
    assert sft.moe.every_nth_layer == 1 and sft.clip_norm == 1 and sft.decay_of("moe") == 0
    _, plan = plan_phases(recipe, assumed=Assumed(num_samples=4224))
    assert plan.num_steps == 66 and plan.findings == ()
    # With the rate of the script for the gates, too, they stay shut: in this run and in its own.
    shut = sft.model_copy(update={"gate_learning_rate": None})
    for num_samples in (4224, 1_740_421):
        short = recipe.model_copy(update={"train": (shut,)})
        (found,) = plan_phases(short, assumed=Assumed(num_samples=num_samples))
        assert "gate-cannot-open" in {finding.name for finding in found.findings}


@pytest.mark.parametrize(("recipe", "phase"), [(FINAL, "align"), (ROBOINTER, "sft")])
def test_the_table_of_values_is_the_recipes(recipe: Path, phase: str) -> None:
    page = (ROOT / "docs/import_config.md").read_text()
    _, _, rest = page.partition(f"### {recipe.stem}, phase `{phase}`\n")
    lines = rest.partition("\n#")[0].splitlines()
    rows = [line.split(" | ") for line in lines if line.startswith("| ")]
    (found,) = (one for one in load_recipe(recipe).train if one.name == phase)
    values = {"lora": None, **found.model_dump(mode="json")}
    checked = 0
    for _, key, shown, *_ in rows[1:]:
        value: object = values
        for name in key.strip("`").split("."):
            assert isinstance(value, dict)
            value = value[name]
        assert parse_value(shown) == value, key
        checked += 1
    assert checked >= 18


SHORT_FINAL = [
    "data.sources.0.max_episodes=6",
    *(f"train.{number}.num_steps=2" for number in range(5)),
    "train.1.pictures_per_step=2",
    *(f"train.{number}.batching.records_per_step=4" for number in (0, 2, 3)),
    "train.4.pairs_per_step=2",
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "more"), [(FINAL_CPU, SHORT_FINAL), (ROBOINTER, SHORT)], ids=["final", "robointer"]
)
def test_a_few_steps_of_each_run_to_the_report(
    tmp_path: Path, recipe: Path, more: list[str]
) -> None:
    out = tmp_path / "run"
    options = [word for change in [*FEW_ASKED, *more] for word in ("--set", change)]
    assert run_command(["run", str(recipe), "--out", str(out), *options]) == 0
    logs = out.glob("stages/train.*/trainer_log.jsonl")
    phases = {path.parent.name.partition("-")[0].partition(".")[2]: path for path in logs}
    assert phases.keys() == set(phases_of(recipe))
    for path in phases.values():
        last = json.loads(path.read_text().splitlines()[-1])
        assert last["current_steps"] == last["total_steps"] == 2
    assert (out / "report" / "index.html").is_file()
    if recipe == FINAL_CPU:
        told = json.loads((out / "report/report.json").read_text())
        assert told["evaluation"]["phases"]["order"] == ["untrained", *phases_of(recipe)]
        assert [reason["code"] for reason in told["ledger"]["reasons"]].count("E-DAT-001") == 1
    if recipe == ROBOINTER:
        log = [json.loads(line) for line in phases["sft"].read_text().splitlines()]
        assert all({"moe_balance", "moe_entropy", "moe_most_load"} <= line.keys() for line in log)
        trained = json.loads((phases["sft"].parent / "trainable.json").read_text())
        assert trained["num_trained_by_part"].keys() == {"moe"}


def phases_of(recipe: Path) -> list[str]:
    return [phase.name for phase in load_recipe(recipe).train]
