"""Habits that a score hides: cut-off answers, a favourite letter, truths written to the pixel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from roboloop.base.hashing import seeded_generator
from roboloop.evaluate.audit.finding import Finding
from roboloop.evaluate.compare.flags import SPATIAL
from roboloop.evaluate.compare.loaded import Evaluated, Outcome

CUT_OFF = 0.02
"""Share of cut-off answers from which on it is said."""
ALPHA = 0.01
LEAST_BIAS = 0.10
NUM_DRAWS = 10_000
COPIED = 0.25
FEWEST = 20
"""Answers below which no habit can be seen."""


def habits(model: Evaluated, *, seed: int = 0) -> list[Finding]:
    """What each task's answers show."""
    found: list[Finding] = []
    for task, outcomes in sorted(model.tasks.items()):
        answered = [o for o in outcomes.values() if o.status in ("scored", "unparsed")]
        if len(answered) < FEWEST:
            continue
        for finding in (
            cut_off(task, answered), letter_bias(task, answered, seed=seed),
            copied_truth(task, answered),
        ):  # fmt: skip
            if finding is not None:
                found.append(finding)
    return found


def cut_off(task: str, answered: Sequence[Outcome]) -> Finding | None:
    """Answers that ended at the limit of new tokens."""
    cut = [o for o in answered if o.prediction["finish_reason"] == "length"]
    share = len(cut) / len(answered)
    if share < CUT_OFF:
        return None
    unread = sum(outcome.prediction["answer"] is None for outcome in cut)
    return Finding(
        "answers cut off",
        task,
        f"{len(cut)} of {len(answered)} answers end at the limit of new tokens; {unread} of these "
        "could not be read. Raise max_new_tokens, or give the model its stop rule",
        {"share": share, "num_cut_off": len(cut), "num_not_read": unread},
    )


def letter_bias(task: str, answered: Sequence[Outcome], *, seed: int = 0) -> Finding | None:
    """A letter that is chosen more often than it is right, by more than chance.

    The test draws as many letters from the truths' distribution and counts how often Pearson's
    sum of squared deviations is at least as large.
    """
    pairs = [
        (letter, truth)
        for outcome in answered
        if (letter := _letter(outcome.prediction["answer"]))
        and (truth := _letter(outcome.item["truth"]["answer"]))
    ]
    if len(pairs) < FEWEST:
        return None
    chosen, true = Counter(pair[0] for pair in pairs), Counter(pair[1] for pair in pairs)
    letters = sorted(chosen | true)
    counts = np.array([chosen[letter] for letter in letters], dtype=np.float64)
    expected = np.array([true[letter] for letter in letters]) + 0.5  # a letter never right may be
    expected = expected / expected.sum() * len(pairs)
    draws = seeded_generator(seed, "letters", task).multinomial(
        len(pairs), expected / expected.sum(), size=NUM_DRAWS
    )
    observed = float(((counts - expected) ** 2 / expected).sum())
    as_far = int((((draws - expected) ** 2 / expected).sum(axis=1) >= observed - 1e-9).sum())
    p_value = (1 + as_far) / (1 + NUM_DRAWS)
    excess = (counts - expected) / len(pairs)
    most = int(np.argmax(excess))
    if p_value >= ALPHA or excess[most] < LEAST_BIAS:
        return None
    return Finding(
        "letter bias",
        task,
        f"{letters[most]} is chosen in {counts[most] / len(pairs):.0%} of the answers and right in "
        f"{true[letters[most]] / len(pairs):.0%}. Ask with shuffled options to see what is left",
        {"letter": letters[most], "excess": float(excess[most]), "p_value": p_value},
    )


def copied_truth(task: str, answered: Sequence[Outcome]) -> Finding | None:
    """Places given exactly as the annotation has them, number by number.

    Annotations are rarely reproducible to the pixel: a model that writes them so may have read
    them. A rendered or rule-made truth can be met exactly; then this says nothing.
    """
    if answered[0].item["truth"]["answer"]["kind"] not in SPATIAL:
        return None
    same = sum(_as_written(o.prediction["text"]) == _as_written(o.item["truth"]["text"])
               for o in answered)  # fmt: skip
    share = same / len(answered)
    if share < COPIED:
        return None
    return Finding(
        "copied truth",
        task,
        f"{same} of {len(answered)} answers are the annotation to the last digit. Look whether "
        "these records were trained on: `roboloop check-leakage`",
        {"share": share},
    )


def _letter(answer: Mapping[str, object] | None) -> str:
    return str(answer["letter"]) if answer and answer.get("kind") == "choice" else ""


def _as_written(text: str) -> str:
    return "".join(text.split())
