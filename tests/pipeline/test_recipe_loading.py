"""A mistake in a recipe is answered with its place and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from roboloop.base.errors import RoboLoopError
from roboloop.pipeline.load import find_recipe, load_recipe, shipped_recipes

GOOD = """\
schema: 1
name: small
model:
  kind: tiny
  dialect: {kind: qwen25_vl, factor: 16, max_pixels: 15360}
data:
  sources:
    - {kind: simulated}
train:
  - name: first
    num_steps: 3
evaluate:
  split: val
"""


def write(folder: Path, text: str, name: str = "recipe.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def message(path: Path, **options: object) -> str:
    with pytest.raises(RoboLoopError) as caught:
        load_recipe(path, **options)  # pyright: ignore[reportArgumentType]
    return str(caught.value)


def test_a_good_recipe_loads_and_its_lock_states_every_default(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, GOOD))
    lock = recipe.resolved()
    assert lock["schema"] == 1
    assert lock["data"]["sources"][0]["kind"] == "simulated"
    assert "split" in lock["data"]["sources"][0], "a source's own fields are in the lock"
    assert lock["evaluate"]["num_bootstrap"] == 1000


def test_a_misspelt_key_is_answered_with_line_column_and_the_nearest_key(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("num_steps", "num_stpes"))
    said = message(path)
    assert said.startswith("E-CFG-002")
    assert f"{path}:11:5" in said
    assert "train.0.num_stpes" in said
    assert "Did you mean 'num_steps'?" in said


@pytest.mark.parametrize(
    ("phase", "said", "place"),
    [
        ("{name: a, num_steps: 3, epochs: 1}", "train.0: give either epochs", "11:"),
        ("{name: a, kind: dpo, num_steps: 3, epochs: 1}", "train.0: give either epochs", "11:"),
        ("{name: a, kind: dpo, num_steps: 3, betta: 1}", "Did you mean 'beta'?", "11:"),
        ("{name: a, kind: dpo, num_steps: 3, loss: ppo}", "train.0.loss", "11:"),
        ("{name: a, kind: ppo, num_steps: 3}", "'ppo'", "11:"),
        ("{kind: dpo, num_steps: 3}", "train.0.name: Field required", "11:"),
    ],
)
def test_mistakes_of_a_phase_of_any_kind_are_placed(
    tmp_path: Path, phase: str, said: str, place: str
) -> None:
    head, _, tail = GOOD.partition("train:\n")
    rest = tail.partition("evaluate:")[2]
    text = f"{head}train:\n\n  - {phase}\nevaluate:{rest}"
    found = message(write(tmp_path, text))
    assert said in found and f":{place}" in found


def test_a_misspelt_key_inside_a_source_is_found_too(tmp_path: Path) -> None:
    said = message(
        write(tmp_path, GOOD.replace("{kind: simulated}", "{kind: simulated, splitt: a}"))
    )
    assert "data.sources.0.splitt" in said
    assert ":8:25" in said


def test_a_misspelt_kind_names_the_nearest(tmp_path: Path) -> None:
    said = message(write(tmp_path, GOOD.replace("simulated", "simulatd")))
    assert "E-CFG-006" in said
    assert "'simulated'" in said
    assert ":8:" in said
    said = message(write(tmp_path, GOOD.replace("qwen25_vl", "qwen25vl")))
    assert "'qwen25_vl'" in said
    assert ":5:" in said


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("num_steps: 3", "num_steps: many").replace("split: val", "splitt: val")
    said = message(write(tmp_path, text))
    assert len(said.splitlines()) == 2
    assert "train.0.num_steps" in said
    assert "evaluate.splitt" in said


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    said = message(
        write(tmp_path, GOOD.replace("data:\n  sources:\n    - {kind: simulated}\n", ""))
    )
    assert "E-CFG-003" in said
    assert "data" in said


def test_broken_yaml_names_its_line(tmp_path: Path) -> None:
    said = message(write(tmp_path, "schema: 1\nname: [open\n"))
    assert said.startswith("E-CFG-001")
    assert "recipe.yaml:3" in said or "recipe.yaml:2" in said


def test_a_recipe_that_is_not_there_and_one_that_is_nearly_there(tmp_path: Path) -> None:
    assert "E-CFG-004" in message(tmp_path / "none.yaml")
    assert "Did you mean 'demo_cpu'?" in message(Path("demo_cup"))
    assert find_recipe(Path("demo_cpu")) == shipped_recipes()["demo_cpu"]


def test_environment_variables_are_filled_or_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, GOOD.replace("name: small", "name: ${RUN_NAME}"))
    monkeypatch.setenv("RUN_NAME", "from-outside")
    assert load_recipe(path).name == "from-outside"
    monkeypatch.delenv("RUN_NAME")
    assert "RUN_NAME is not set" in message(path)
    path = write(tmp_path, GOOD.replace("name: small", "name: ${RUN_NAME:-spare}"))
    assert load_recipe(path).name == "spare"


def test_values_are_overridden_on_the_command_line(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    recipe = load_recipe(path, overrides=["train.0.num_steps=9", "evaluate.tasks=[traj, vqa]"])
    assert recipe.train[0].num_steps == 9
    assert recipe.evaluate.tasks == ("traj", "vqa")
    assert "E-CFG-005" in message(path, overrides=["seed"])
    assert "items 0 to 0" in message(path, overrides=["train.3.num_steps=1"])


def test_a_recipe_extends_another_one_level_deep(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "base.yaml")
    path = write(tmp_path, "extends: base.yaml\nname: child\nevaluate: {num_bootstrap: 200}\n")
    recipe = load_recipe(path)
    assert (recipe.name, recipe.evaluate.num_bootstrap) == ("child", 200)
    assert recipe.evaluate.split == "val"
    grandchild = write(tmp_path, "extends: recipe.yaml\nname: grandchild\n", "g.yaml")
    assert "one level is the limit" in message(grandchild)


def test_two_phases_of_one_name_are_refused(tmp_path: Path) -> None:
    twice = GOOD.replace("evaluate:", "  - name: first\n    num_steps: 1\nevaluate:")
    assert "two training phases have one name" in message(write(tmp_path, twice))


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_every_shipped_recipe_is_good(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (
        "DATA",
        "JSON",
        "MODELS",
        "PICTURES",
        "QWEN",
        "ROBOBRAIN",
        "ROBOINTER",
        "SAMPLES",
    ):
        monkeypatch.setenv(variable, "/data")
    assert load_recipe(Path(name)).description, "a shipped recipe says what it is for"
