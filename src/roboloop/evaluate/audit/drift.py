"""Did a model get worse, or does it only write otherwise?

Between two models on the same records a difference has two parts: answers that only one of them
wrote readably (form), and the difference among records where both did (ability). Both sum up to
the difference of the scores.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from roboloop.evaluate.audit.finding import Finding
from roboloop.evaluate.compare.loaded import Evaluated, Outcome
from roboloop.tasks.base import Metric

DRIFT = 0.2
"""Share of answers in another style from which on it is said."""

_STYLES = {
    name: re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for name, pattern in (
        ("nothing", r"\A\s*\Z"),
        ("thinks first", r"</?think>"),
        ("answer tag", r"<answer>"),
        ("tagged places", r"<\|?box|<points?\b|<\|?point"),
        ("fence", r"```"),
        ("JSON", r"\A\s*[\[{].*[\]}]\s*\Z"),
        ("letter alone", r"\A\s*\(?[a-z]\)?\.?\s*\Z"),
        ("number alone", r"\A\s*[-+]?\d[\d.,]*\s*\Z"),
        ("yes or no alone", r"\A\s*(?:yes|no|是|否)[.。!]?\s*\Z"),
    )
}
"""Style -> what shows it; the first that fits counts."""
SENTENCE_CHARACTERS = 120


class Drift(NamedTuple):
    """How two models differ on one task.

    Attributes:
        style_distance: Share of answers whose style would have to change for both to write alike
            (total variation distance of the shares of styles).
        styles: Style -> share, of the first and of the second.
        difference: Second minus first, mean of the main metric.
        by_ability: Part of it from records that both answered readably.
        by_form: Part of it from the others.
    """

    style_distance: float
    styles: Mapping[str, tuple[float, float]]
    difference: float
    by_ability: float
    by_form: float


def style_of(text: str) -> str:
    """How an answer is written, in a word or two."""
    for name, pattern in _STYLES.items():
        if pattern.search(text):
            return name
    return "a sentence" if len(text) <= SENTENCE_CHARACTERS else "long text"


def drift_between(
    first: Mapping[str, Outcome], second: Mapping[str, Outcome], *, metric: Metric
) -> Drift | None:
    """How the second differs from the first on their shared records; None when there are none."""
    shared = sorted(first.keys() & second.keys())
    if not shared:
        return None
    before, after = [first[i] for i in shared], [second[i] for i in shared]
    counts = [Counter(style_of(o.prediction["text"]) for o in side) for side in (before, after)]
    styles = {
        name: (counts[0][name] / len(shared), counts[1][name] / len(shared))
        for name in sorted(counts[0].keys() | counts[1].keys())
    }
    gaps = np.array(
        [b.values[metric.name] - a.values[metric.name] for a, b in zip(before, after, strict=True)]
    )
    both = np.array([_is_read(a) and _is_read(b) for a, b in zip(before, after, strict=True)])
    return Drift(
        style_distance=sum(abs(a - b) for a, b in styles.values()) / 2,
        styles=styles,
        difference=float(gaps.mean()),
        by_ability=float(gaps[both].sum() / len(shared)),
        by_form=float(gaps[~both].sum() / len(shared)),
    )


def format_drifts(model: Evaluated, *, against: Evaluated) -> list[Finding]:
    """Tasks that the model answers in another style than the other one."""
    found: list[Finding] = []
    for task in sorted(model.tasks.keys() & against.tasks.keys()):
        metric = model.metrics[task][0]
        drift = drift_between(against.tasks[task], model.tasks[task], metric=metric)
        if drift is None or drift.style_distance < DRIFT:
            continue
        was, now = (_commonest(drift.styles, side=side) for side in (0, 1))
        found.append(
            Finding(
                "format drift",
                task,
                f"{drift.style_distance:.0%} of the answers are in another style than "
                f"{against.label}'s ({was} -> {now}); {metric.name} {drift.difference:+.3f}, of "
                f"which {drift.by_form:+.3f} by form and {drift.by_ability:+.3f} by ability",
                {
                    "against": against.label,
                    "style_distance": drift.style_distance,
                    "difference": drift.difference,
                    "by_form": drift.by_form,
                    "by_ability": drift.by_ability,
                },
            )
        )
    return found


def _is_read(outcome: Outcome) -> bool:
    return outcome.prediction["answer"] is not None


def _commonest(styles: Mapping[str, Sequence[float]], *, side: int) -> str:
    name = max(styles, key=lambda style: styles[style][side])
    return f"{name} {styles[name][side]:.0%}"
