"""What length and looks still tell about pairs: a classifier that sees nothing else is asked.

It is a logistic regression on the differences of the features of `looks`, learned on the pairs of
one half of the pictures and tried on the other half. At one half right it knows nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roboloop.base.hashing import seeded_fraction
from roboloop.base.statistics import group_by, share_interval
from roboloop.compose.base import COMPOSER_KEY, EVIDENCE_KEY
from roboloop.compose.looks import looks_of
from roboloop.records.record import Record

MAX_FEATURES = 64
RIDGE = 1.0
NUM_NEWTON_STEPS = 12
FEWEST_HELD_OUT = 50
"""With fewer pairs to try it on, nothing is said of the classifier."""
LENGTH_EDGES = (-10_000, -64, -16, -4, -1, 0, 1, 2, 5, 17, 65, 10_000)
"""Edges of the histogram of lengths, in characters by which the chosen answer is longer."""

FloatArray = NDArray[np.float64]


class _Seen(NamedTuple):
    """What is kept of a pair: which picture, which mistake, how its answers differ."""

    picture: str
    what: str
    difference: dict[str, float]
    num_chars: float


class PairTally:
    """Counts pairs while they are made and says, for each composer, what gives them away."""

    def __init__(self) -> None:
        self._seen: defaultdict[str, list[_Seen]] = defaultdict(list)

    def add(self, record: Record) -> None:
        """Count a record; those that are no pair of a composer are passed over."""
        if record.answer is None or record.rejected is None or COMPOSER_KEY not in record.meta:
            return
        chosen = looks_of(record, answer=record.answer)
        rejected = looks_of(record, answer=record.rejected)
        names = chosen.keys() | rejected.keys()
        difference = {n: chosen.get(n, 0.0) - rejected.get(n, 0.0) for n in sorted(names)}
        lengths = (name for name in difference if name.startswith("characters"))
        evidence = record.meta.get(EVIDENCE_KEY)
        self._seen[record.meta[COMPOSER_KEY]].append(
            _Seen(
                picture=repr(record.media[:1] or record.id),
                what=str(evidence.get("what", "")) if isinstance(evidence, dict) else "",  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
                difference=difference,
                num_chars=difference.get(next(lengths, ""), 0.0),
            )
        )

    def facts(self) -> list[dict[str, Any]]:
        """One object for each composer, as `compose.json` and the report have them."""
        return [{"composer": label, **_facts(seen)} for label, seen in sorted(self._seen.items())]


def _facts(seen: Sequence[_Seen]) -> dict[str, Any]:
    longer = np.clip([one.num_chars for one in seen], LENGTH_EDGES[0], LENGTH_EDGES[-1])
    counts, _ = np.histogram(longer, bins=LENGTH_EDGES)
    return {
        "num_pairs": len(seen),
        "mistakes": dict(sorted(Counter(one.what for one in seen).items())),
        "characters": {
            "chosen_longer": int((longer > 0).sum()),
            "rejected_longer": int((longer < 0).sum()),
            "edges": list(LENGTH_EDGES),
            "counts": counts.tolist(),
        },
        "blind": blind_accuracy(
            [one.difference for one in seen], pictures=[one.picture for one in seen]
        ),
    }


def blind_accuracy(
    differences: Sequence[dict[str, float]], *, pictures: Sequence[str]
) -> dict[str, Any] | None:
    """How often the classifier picks the chosen answer of pairs it has not seen.

    Args:
        differences: Feature -> chosen minus rejected, for each pair.
        pictures: Name of each pair's picture: pairs of one stand in the same half.

    Returns:
        `accuracy` with `low` and `high`, the ends of its 95 % interval; `num_held_out`; and
        `strongest`, the feature with the largest weight. None where there are too few pairs.
    """
    held_out = np.array([seeded_fraction("balance", name) < 0.5 for name in pictures], dtype=bool)
    if held_out.sum() < FEWEST_HELD_OUT or (~held_out).sum() < FEWEST_HELD_OUT:
        return None
    common = Counter(name for one in differences for name, value in one.items() if value)
    names = [name for name, _ in common.most_common(MAX_FEATURES)]
    table = np.array([[one.get(name, 0.0) for name in names] for one in differences])
    table = table / (np.sqrt((table**2).mean(axis=0)) + 1e-9)
    columns = np.concatenate([table, np.sign(table)], axis=1)
    weights = _fitted(columns[~held_out])
    scores = columns[held_out] @ weights
    hits = np.where(np.abs(scores) < 1e-9, 0.5, (scores > 0).astype(np.float64))
    groups = group_by([name for name, is_out in zip(pictures, held_out, strict=True) if is_out])
    found = share_interval(hits, groups=groups, confidence=0.95)
    strongest = int(np.abs(weights).argmax()) % max(1, len(names)) if names else 0
    return {
        "accuracy": found.value,
        "low": found.low,
        "high": found.high,
        "num_held_out": int(held_out.sum()),
        "strongest": names[strongest] if names else "",
    }


def _fitted(differences: FloatArray) -> FloatArray:
    """Weights of a logistic regression without intercept, by Newton's method with a ridge.

    Every row is a chosen minus a rejected answer, so the loss is that of the row taken for right:
    sum of log(1 + exp(-w x)) + ridge / 2 * |w|^2 (Bradley and Terry, 1952, with features).
    """
    num_features = differences.shape[1]
    weights = np.zeros(num_features)
    for _ in range(NUM_NEWTON_STEPS):
        wrong = 1 / (1 + np.exp(np.clip(differences @ weights, -30, 30)))
        slope = differences.T @ wrong - RIDGE * weights
        bend = differences.T @ (differences * (wrong * (1 - wrong))[:, None])
        weights = weights + np.linalg.solve(bend + RIDGE * np.eye(num_features), slope)
    return weights
