"""One cell: a variant and a seed as a recipe that is followed, and what came of it as JSON."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
import yaml
from accelerate import Accelerator
from alfred_sample import some_episodes
from experiment import ALFRED_FILE, BASE_FOLDER, DIALECT, Base, Experiment, Section

import roboloop
from roboloop.base.files import atomic_write_json, atomic_write_text
from roboloop.models.backbone import load_backbone
from roboloop.models.chat import Encoder
from roboloop.pipeline.execute import run_recipe
from roboloop.pipeline.load import load_recipe
from roboloop.pipeline.recipe import Recipe
from roboloop.records.shards import RecordFolder
from roboloop.train.dpo import PAIRS_PER_BATCH
from roboloop.train.dpo_config import DpoConfig
from roboloop.train.preference_pairs import PairEncoder, make_pairs
from roboloop.train.preference_reference import Reference, reference_log_probs
from roboloop.train.record_rows import ViewCache

Json = dict[str, Any]


class Cell(NamedTuple):
    """What is run once.

    Attributes:
        folder: Of all results.
    """

    folder: Path
    experiment: str
    variant: str
    seed: int

    @property
    def name(self) -> str:
        """In messages."""
        return f"{self.experiment}/{self.variant}-{self.seed}"

    @property
    def result(self) -> Path:
        """Where its JSON lies once it is done."""
        return self.folder / "cells" / self.experiment / f"{self.variant}-{self.seed}.json"

    @property
    def recipe(self) -> Path:
        """Where its recipe lies: `roboloop run` follows it too."""
        return self.folder / "recipes" / self.experiment / f"{self.variant}-{self.seed}.yaml"


def base_model(base: Base, *, folder: Path, seed: int) -> Path:
    """The model that all variants of a seed start from; trained when it is not there."""
    cell = Cell(folder, "base", base.name, seed)
    if cell.result.exists():
        return Path(json.loads(cell.result.read_text(encoding="utf-8"))["weights"])
    given: Json = {
        "schema": 1, "name": f"{base.name}-{seed}", "seed": seed,
        "model": {"kind": "tiny", "dialect": DIALECT, "seed": seed},
        "data": _filled(base.data, cell=cell), "train": list(base.train),
    }  # fmt: skip
    if base.compose:
        given["compose"] = base.compose
    started = time.monotonic()
    recipe = _written(given, path=cell.recipe)
    weights = run_recipe(recipe, out=_run_folder(cell), until="train").output
    found = {"weights": str(weights.resolve()), "seconds": time.monotonic() - started}
    atomic_write_json(cell.result, value={**found, **_versions()})
    return weights


def run_cell(cell: Cell, *, experiment: Experiment) -> None:
    """Follow the cell's recipe and keep what came of it."""
    variant = experiment.variants[cell.variant]
    base = base_model(experiment.base, folder=cell.folder, seed=cell.seed)
    given: Json = {
        "schema": 1, "name": f"{cell.experiment}-{cell.seed}", "seed": cell.seed,
        "model": {"kind": "folder", "path": str(base), "dialect": DIALECT},
        "data": _filled(experiment.data, cell=cell),
    }  # fmt: skip
    if compose := variant.compose or experiment.compose:
        given["compose"] = _filled(compose, cell=cell, base=base)
    started = time.monotonic()
    run = _run_folder(cell)
    data = run_recipe(_written(given, path=cell.recipe), out=run, until="compose").output
    given["train"] = list(variant.train)
    baselines = [] if variant.train else ["untrained"]
    given["evaluate"] = {**experiment.evaluate, "baselines": baselines}
    recipe = _written(given, path=cell.recipe)
    weights = run_recipe(recipe, out=run, until="train").output
    judged = run_recipe(recipe, out=run, until="evaluate").output.parent
    result: Json = {
        "cell": cell.name, "seconds": time.monotonic() - started, "weights": str(weights),
        "phases": _phases(run, weights=weights) if variant.train else {},
        "tasks": _scores(judged / "items.jsonl"), **_versions(),
    }  # fmt: skip
    if experiment.pair_tasks:
        asked = {name for task in result["tasks"].values() for name in task["ids"]}
        result["pairs"] = _held_out_pairs(
            cell, recipe=recipe, weights=weights, records=data, asked=asked
        )
    atomic_write_json(cell.result, value=result)


def _run_folder(cell: Cell) -> Path:
    """One for a seed and experiment: variants share what they have in common."""
    name = cell.variant if cell.experiment == "base" else cell.experiment
    return cell.folder / "runs" / f"{name}-{cell.seed}"


def _filled(section: Section, *, cell: Cell, base: Path | None = None) -> Json:
    """The section with the places of what it reads."""
    text = json.dumps(section)
    if ALFRED_FILE in text:
        text = text.replace(ALFRED_FILE, str(some_episodes(cell.folder)))
    return json.loads(text.replace(BASE_FOLDER, str(base)))


def _written(given: Json, *, path: Path) -> Recipe:
    atomic_write_text(path, text=yaml.safe_dump(given, sort_keys=False))
    return load_recipe(path)


def _phases(run: Path, *, weights: Path) -> Json:
    """Phase -> seconds, steps, tokens and loss of the training that ended in `weights`."""
    stage = json.loads((weights.resolve().parent / "stage.json").read_text(encoding="utf-8"))
    log = (weights.resolve().parent / "trainer_log.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in log.splitlines()]
    kept = ("loss", "accuracy", "reward_margin", "chosen_ratio_per_token", "kl_estimate",
            "logp_chosen", "logp_rejected")  # fmt: skip
    last = {key: lines[-1][key] for key in kept if key in lines[-1]}
    targets = sum(line.get("tokens_target", 0) for line in lines)
    return {
        stage["stage"]: {
            "seconds": stage["seconds"], **stage["facts"], "target_tokens": targets, "last": last,
        }
    }  # fmt: skip


def _scores(items: Path) -> Json:
    """Task -> ids, episodes, every metric record by record, statuses and lengths."""
    tasks: dict[str, Json] = {}
    for line in items.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        (said,) = item["predictions"].values()
        task = tasks.setdefault(
            item["task"],
            {"ids": [], "episodes": [], "values": {}, "statuses": {}, "new_tokens": []},
        )
        task["ids"].append(item["id"])
        task["episodes"].append(item["episode"])
        for name, value in said["values"].items():
            task["values"].setdefault(name, []).append(round(value, 5))
        status = said["parse_status"]
        task["statuses"][status] = task["statuses"].get(status, 0) + 1
        task["new_tokens"].append(said["num_new_tokens"])
    return tasks


def _held_out_pairs(
    cell: Cell, *, recipe: Recipe, weights: Path, records: Path, asked: Set[str]
) -> Json:
    """Log-probabilities of both answers of the held-out pairs among what was asked."""
    config = DpoConfig.model_validate(
        {"kind": "dpo", "name": "held-out", "num_steps": 1, "reword": False}
    )
    dialect, split = recipe.model.dialect.load(), recipe.evaluate.split
    folder = RecordFolder(records)
    held_out = [each for each in folder.records(split) if each.rejected and each.id in asked]
    pairs = make_pairs(held_out, config=config, dialect=dialect, seed=recipe.seed).kept
    backbone = load_backbone(weights, device="cpu", dtype="float32")
    encoder = Encoder(backbone.parts, dialect=dialect)
    pictures = ViewCache(folder.media_store(), pixels=backbone.parts.pixels, most_bytes=512 * 2**20)
    writer = PairEncoder(encoder, pictures=pictures, max_tokens=config.max_tokens)
    found = reference_log_probs(
        Reference(backbone.model, pairs_per_batch=PAIRS_PER_BATCH, share_prefix=True),
        pairs=pairs, encoder=writer, identity=str(weights), accelerator=Accelerator(cpu=True),
        folder=cell.folder / "held_out" / cell.experiment / f"{cell.variant}-{cell.seed}",
    )  # fmt: skip
    by_id = {record.id: record for record in held_out}
    return {
        "ids": [pair.record_id for pair in pairs],
        "tasks": [by_id[pair.record_id].task for pair in pairs],
        "episodes": [by_id[pair.record_id].meta.get("episode") for pair in pairs],
        "chosen": [round(float(row[0]), 4) for row in found],
        "rejected": [round(float(row[1]), 4) for row in found],
        "chosen_tokens": [len(encoder.text_ids(pair.chosen)) for pair in pairs],
        "rejected_tokens": [len(encoder.text_ids(pair.rejected)) for pair in pairs],
    }


def _versions() -> Mapping[str, Any]:
    return {
        "versions": {
            "roboloop": roboloop.__version__, "torch": torch.__version__,
            "transformers": transformers.__version__, "python": platform.python_version(),
        }
    }  # fmt: skip
