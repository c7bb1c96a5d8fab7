"""What structured reasoning, preferences and replay do to a tiny model, over several seeds.

    [ALFRED=PATH] python bench/compose_evidence.py [reasoning] [other_thing] [geometry] [sampled]
        [alfred] [replay] [--seeds 7,11,13] [--variants base,replay0] [--minutes 20]
        [--out runs/compose-evidence]
    python bench/compose_evidence.py --table

A cell is a variant with a seed: a recipe that starts from the base model of its seed, is followed
to its evaluation, and leaves a JSON file. Cells that have one are not run again, so a bench that
was killed, or had no time left, goes on where it was. Tables are made of the cells that are there.
A base model takes four minutes of an idle core, a cell one to two. `alfred` reads the distilled
plans that `ALFRED` names, as recipes do, and is left out without them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "compose"))

from alfred_sample import all_episodes
from cells import Cell, run_cell
from contrasts import contrasts_table, displacement_table, load_cells, means_table
from experiment import PAIRS, Experiment
from experiments import EXPERIMENTS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiments", nargs="*", help=f"all when left out: {[*EXPERIMENTS]}")
    parser.add_argument("--seeds", default="7,11,13")
    parser.add_argument("--variants", default="", help="only these, with commas")
    parser.add_argument("--minutes", type=float, default=20.0, help="start no cell after these")
    parser.add_argument("--out", type=Path, default=Path("runs/compose-evidence"))
    parser.add_argument("--table", action="store_true", help="run nothing")
    given = parser.parse_args()
    seeds = [int(seed) for seed in given.seeds.split(",")]
    wanted = [name for name in given.variants.split(",") if name]
    chosen = {name: EXPERIMENTS[name] for name in given.experiments or EXPERIMENTS}
    if not given.table and not all_episodes().is_file():
        for name in [name for name in chosen if "alfred" in name]:
            del chosen[name]
            print(f"{name} is left out: there is no {all_episodes()}; let ALFRED name it")
    end = time.monotonic() + 60 * given.minutes
    cells = [
        Cell(given.out, name, variant, seed)
        for seed in seeds
        for name, experiment in chosen.items()
        for variant in wanted or experiment.variants
    ]
    for cell in cells:
        if not given.table and not cell.result.exists() and time.monotonic() < end:
            run_cell(cell, experiment=EXPERIMENTS[cell.experiment])
            print(f"{cell.name}: done", flush=True)
    for name, experiment in chosen.items():
        print_tables(given.out / "cells" / name, experiment=experiment, seeds=seeds)


def print_tables(folder: Path, *, experiment: Experiment, seeds: Sequence[int]) -> None:
    """Means, differences and, with pairs, what became of their answers, of the cells there are."""
    cells = load_cells(folder, experiment=experiment, seeds=seeds)
    if not cells:
        return
    pair_tasks = [f"{PAIRS}{task}" for task in experiment.pair_tasks]
    print(f"\n## {folder.name}\n")
    print(means_table(cells, tasks=[*experiment.evaluate["tasks"], *pair_tasks]))
    print()
    print(contrasts_table(cells, contrasts=experiment.contrasts))
    for task in experiment.pair_tasks:
        print(f"\n{task}\n\n{displacement_table(cells, task=task)}")


if __name__ == "__main__":
    main()
