"""Which of several models nobody beats everywhere: the choice among checkpoints."""

from __future__ import annotations

from typing import NamedTuple

from roboloop.evaluate.compare.comparison import Comparison


class Standing(NamedTuple):
    """A model among the others.

    Attributes:
        label: The model.
        beaten_by: A model that is at least as good on every task and better on one; empty on the
            Pareto front.
        regret: The largest loss, over tasks, against the best model of that task, in shares of the
            distance between that task's best and worst model. The front's model with the smallest
            regret gives up least.
    """

    label: str
    beaten_by: str
    regret: float


def standings(comparison: Comparison) -> list[Standing]:
    """Every model's standing over the tasks that all models were asked, least regret first."""
    rows = [row for row in comparison.rows if all(row.cells)]
    if not rows:
        return []
    goodness = [
        [
            (cell.mean.value if row.metric.higher_is_better else -cell.mean.value)
            for row in rows
            if (cell := row.cells[number]) is not None
        ]
        for number in range(len(comparison.models))
    ]
    best = [max(column) for column in zip(*goodness, strict=True)]
    span = [max(column) - min(column) for column in zip(*goodness, strict=True)]
    regrets = [
        max(
            (top - value) / width if width else 0.0
            for top, value, width in zip(best, mine, span, strict=True)
        )
        for mine in goodness
    ]
    found: list[Standing] = []
    for number, mine in enumerate(goodness):
        beaters = [
            other
            for other, theirs in enumerate(goodness)
            if theirs != mine and all(a >= b for a, b in zip(theirs, mine, strict=True))
        ]
        strongest = min(beaters, key=lambda other: regrets[other], default=None)
        beaten_by = "" if strongest is None else comparison.models[strongest].label
        found.append(Standing(comparison.models[number].label, beaten_by, regrets[number]))
    return sorted(found, key=lambda standing: (bool(standing.beaten_by), standing.regret))
