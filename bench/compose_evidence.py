"""What structured reasoning, preferences and replay do to a tiny model, over several seeds.

    python bench/compose_evidence.py replay [--seeds 7,11,13] [--minutes 30] [--out runs/evidence]
    python bench/compose_evidence.py preference
    python bench/compose_evidence.py replay --table

A cell is a variant with a seed: a recipe that starts from the base model of its seed, is followed
to its evaluation, and leaves a JSON file. Cells that have one are not run again, so a bench that
was killed, or had no time left, goes on where it was. Tables are made of the cells that are there.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "compose"))

from cells import Cell, base_model, run_cell
from contrasts import contrasts_table, displacement_table, load_cells, means_table
from experiments import EXPERIMENTS, PAIRS, Experiment


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment", choices=["base", *EXPERIMENTS])
    parser.add_argument("--seeds", default="7,11,13")
    parser.add_argument("--variants", default="", help="only these, with commas")
    parser.add_argument("--minutes", type=float, default=60.0, help="start no cell after these")
    parser.add_argument("--out", type=Path, default=Path("runs/compose-evidence"))
    parser.add_argument("--table", action="store_true", help="run nothing")
    given = parser.parse_args()
    seeds = [int(seed) for seed in given.seeds.split(",")]
    end = time.monotonic() + 60 * given.minutes
    if given.experiment == "base":
        for seed in seeds:
            base_model(given.out, seed=seed)
        return
    experiment = EXPERIMENTS[given.experiment]
    names = [name for name in given.variants.split(",") if name] or list(experiment.variants)
    for seed in seeds:
        for name in names:
            cell = Cell(given.out, given.experiment, name, seed)
            if given.table or cell.result.exists() or time.monotonic() > end:
                continue
            run_cell(cell, experiment=experiment)
            print(f"{cell.name}: done", flush=True)
    print_tables(given.out / "cells" / given.experiment, experiment=experiment, seeds=seeds)


def print_tables(folder: Path, *, experiment: Experiment, seeds: Sequence[int]) -> None:
    """Means, differences and, with pairs, what became of their answers, of the cells there are."""
    cells = load_cells(folder, experiment=experiment, seeds=seeds)
    pair_tasks = [f"{PAIRS}{task}" for task in experiment.pair_tasks]
    print(means_table(cells, tasks=[*experiment.evaluate["tasks"], *pair_tasks]))
    print()
    print(contrasts_table(cells, contrasts=experiment.contrasts))
    for task in experiment.pair_tasks:
        print(f"\n{task}\n\n{displacement_table(cells, task=task)}")


if __name__ == "__main__":
    main()
