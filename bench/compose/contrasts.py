"""Tables of an experiment's cells: means, and paired differences with intervals.

Records are paired by id, episodes are drawn again as a whole, with their records of every seed. So
the interval of `pooled` tells of other records, the seeds beside it of other trainings.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from experiment import PAIRS, Contrast, Experiment
from numpy.typing import NDArray

from roboloop.base.hashing import seeded_generator
from roboloop.base.statistics import Interval, difference_intervals, group_by
from roboloop.tasks import load_task

CONFIDENCE, NUM_DRAWS = 0.95, 4000
Values = NDArray[np.float64]


class Measured(NamedTuple):
    """One metric of one task in one cell.

    Attributes:
        values: Of each record, higher is better.
        readable: Share of the answers that could be read.
        num_tokens: Mean length of an answer.
    """

    ids: Sequence[str]
    episodes: Sequence[str]
    values: Values
    readable: float
    num_tokens: float


Cells = Mapping[str, Mapping[int, Mapping[str, Any]]]
"""Variant -> seed -> the cell's JSON."""


def load_cells(folder: Path, *, experiment: Experiment, seeds: Sequence[int]) -> Cells:
    """The cells of an experiment that are there."""
    cells: dict[str, dict[int, Any]] = {}
    for variant in experiment.variants:
        for seed in seeds:
            path = folder / f"{variant}-{seed}.json"
            if path.exists():
                found = json.loads(path.read_text(encoding="utf-8"))
                cells.setdefault(variant, {})[seed] = found
    return cells


def measured(cell: Mapping[str, Any], *, task: str) -> Measured:
    """What a cell tells of a task: its main metric, or the share of pairs put the right way."""
    if task.startswith(PAIRS):
        return _measured_pairs(cell["pairs"], task=task.removeprefix(PAIRS))
    found = cell["tasks"][task]
    metric = load_task(task).metrics[0]
    values = np.array(found["values"][metric.name])
    total = sum(found["statuses"].values())
    return Measured(
        found["ids"], found["episodes"], values if metric.higher_is_better else -values,
        readable=found["statuses"].get("ok", 0) / total,
        num_tokens=float(np.mean(found["new_tokens"])),
    )  # fmt: skip


def _measured_pairs(pairs: Mapping[str, Any], *, task: str) -> Measured:
    places = [place for place, name in enumerate(pairs["tasks"]) if name == task]
    chosen, rejected = (np.array(pairs[key])[places] for key in ("chosen", "rejected"))
    values = (chosen > rejected) + 0.5 * (chosen == rejected)
    ids, episodes = ([pairs[key][place] for place in places] for key in ("ids", "episodes"))
    lengths = np.array(pairs["chosen_tokens"])[places]
    return Measured(ids, episodes, values, readable=1.0, num_tokens=float(lengths.mean()))


def means_table(cells: Cells, *, tasks: Sequence[str]) -> str:
    """Variant by task: the mean over seeds, each seed's mean, share readable, length."""
    lines = ["| variant, seeds | " + " | ".join(tasks) + " |", "| :-- |" + " :-- |" * len(tasks)]
    for variant, by_seed in cells.items():
        told: list[str] = []
        for task in tasks:
            found = [measured(cell, task=task) for _, cell in sorted(by_seed.items())]
            means = [float(each.values.mean()) for each in found]
            readable = min(each.readable for each in found)
            note = "" if readable > 0.9995 else f"; {readable:.1%} read"
            each = " ".join(f"{mean:.3f}" for mean in means)
            length = "" if task.startswith(PAIRS) else f"; {found[0].num_tokens:.0f} tokens"
            told.append(f"**{np.mean(means):.3f}** ({each}{note}{length})")
        lines.append(f"| {variant}, {_named(by_seed)} | " + " | ".join(told) + " |")
    return "\n".join(lines)


def contrasts_table(cells: Cells, *, contrasts: Sequence[Contrast]) -> str:
    """Every difference, by seed and pooled, with what it says about its claim."""
    lines = [
        "| claim | compared, seeds | task | by seed | pooled [95 %] | holds |",
        "| :-- | :-- | :-- | :-- | --: | :-- |",
    ]
    for contrast in contrasts:
        if not {contrast.better, contrast.worse} <= set(cells):
            continue
        first, second = cells[contrast.better], cells[contrast.worse]
        seeds = sorted(set(first) & set(second))
        for task in contrast.tasks:
            pairs = [
                (measured(first[seed], task=task), measured(second[seed], task=task))
                for seed in seeds
            ]
            by_seed = [_difference([pair]) for pair in pairs]
            pooled = _difference(pairs)
            told = ", ".join(f"{each.value:+.3f}" for each in by_seed)
            compared = f"{contrast.better} - {contrast.worse}, {_named(seeds)}"
            interval = f"{pooled.value:+.3f} [{pooled.low:+.3f}, {pooled.high:+.3f}]"
            verdict = _verdict(pooled, by_seed=by_seed)
            cells_told = (contrast.claim, compared, task, told, interval, verdict)
            lines.append(f"| {' | '.join(cells_told)} |")
    return "\n".join(lines)


def displacement_table(cells: Cells, *, task: str) -> str:
    """What became of both answers' log-probabilities against the base, a token, held out."""
    lines = ["| variant | chosen, nats a token | rejected | margin | margin > 0 |",
             "| :-- | --: | --: | --: | --: |"]  # fmt: skip
    for variant, by_seed in cells.items():
        rows: list[tuple[float, float, float]] = []
        for seed in sorted(set(by_seed) & set(cells.get("base", {}))):
            here, start = by_seed[seed]["pairs"], cells["base"][seed]["pairs"]
            places = [place for place, name in enumerate(here["tasks"]) if name == task]
            chosen, rejected = (
                (np.array(here[key]) - np.array(start[key]))[places]
                for key in ("chosen", "rejected")
            )
            lengths = {
                key: np.array(here[f"{key}_tokens"])[places] for key in ("chosen", "rejected")
            }
            rows.append(
                (
                    float((chosen / lengths["chosen"]).mean()),
                    float((rejected / lengths["rejected"]).mean()),
                    float((chosen > rejected).mean()),
                )
            )
        if not rows:
            continue
        mean = np.mean(rows, axis=0)
        lines.append(
            f"| {variant} | {mean[0]:+.3f} | {mean[1]:+.3f} | {mean[0] - mean[1]:+.3f} | "
            f"{mean[2]:.1%} |"
        )
    return "\n".join(lines)


def _difference(pairs: Sequence[tuple[Measured, Measured]]) -> Interval:
    """Over the records of all seeds; an episode is drawn again with those of every seed."""
    for first, second in pairs:
        assert list(first.ids) == list(second.ids), "the same records, in the same order"
    better, worse = (
        np.concatenate([pair[side].values for pair in pairs])[:, None] for side in (0, 1)
    )
    episodes = [episode for first, _ in pairs for episode in first.episodes]
    (found,) = difference_intervals(
        better, second=worse, groups=group_by(episodes), confidence=CONFIDENCE,
        num_draws=NUM_DRAWS, generator=seeded_generator(0, "compose-evidence"),
    )  # fmt: skip
    return found


def _named(seeds: Iterable[int]) -> str:
    return " ".join(map(str, sorted(seeds)))


def _verdict(pooled: Interval, *, by_seed: Sequence[Interval]) -> str:
    """Clear only when the pooled interval leaves out 0 and every seed points the same way."""
    assert pooled.low is not None and pooled.high is not None
    if len(by_seed) == 1 and not pooled.low <= 0 <= pooled.high:
        return f"{'yes' if pooled.low > 0 else 'no, the opposite'} (one seed)"
    signs = {np.sign(each.value) for each in by_seed}
    if pooled.low > 0:
        return "yes" if signs == {1.0} else "yes, but not in every seed"
    if pooled.high < 0:
        return f"no, the opposite{'' if signs == {-1.0} else ', but not in every seed'}"
    return "not told"
