"""Two answers before a judge, in both orders: what depends on the order is no verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from roboloop.engines.judging.questions import Verdict

VERDICTS: Mapping[str, Verdict] = {"own": "good", "other": "bad"}
"""What is preferred -> what that says of the own answer."""


class PairTexts(NamedTuple):
    """What a judge is shown: the own answer first, and the other one first."""

    own_first: str
    other_first: str


def pair_texts(question: str, *, own: str, other: str) -> PairTexts:
    """Two answers to a question in both orders, as A and B."""
    form = "{}\n\nAnswer A:\n{}\n\nAnswer B:\n{}"
    return PairTexts(form.format(question, own, other), form.format(question, other, own))


class PairVerdict(NamedTuple):
    """What a judge prefers: `own`, `other` or `unsure`, in either order, and both together."""

    verdict: Verdict
    preferred: str
    swapped_preferred: str


def pair_verdict(first: str, *, second: str) -> PairVerdict:
    """The verdict of both orders, own answer as A, then as B: a changed mind is unsure."""
    preferred = {"A": "own", "B": "other"}.get(first, "unsure")
    swapped = {"A": "other", "B": "own"}.get(second, "unsure")
    verdict: Verdict = "unsure"
    if preferred == swapped:
        verdict = VERDICTS.get(preferred, "unsure")
    return PairVerdict(verdict, preferred, swapped)
