"""Could chance alone have made one model better than another on the same questions?

Sources: Q. McNemar (Psychometrika 12, 1947), in the exact binomial form; R. A. Fisher, The Design
of Experiments (1935), section 21, for the test that flips signs; S. Holm (Scandinavian Journal of
Statistics 6, 1979) for several comparisons at once; B. Phipson and G. Smyth (2010) for counting the
observed arrangement among the drawn ones, so that no p-value is ever 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from roboloop.base.statistics import FloatArray, Groups, group_sums

NUM_FLIPS = 10_000
MAX_EXACT_GROUPS = 13
"""Up to so many groups all 2^n signs are tried."""
_ROUNDING = 1e-9


class PairedTest(NamedTuple):
    """A two-sided test of paired values.

    Attributes:
        p_value: How often chance alone gives a difference at least so large.
        method: `mcnemar` or `sign flips`.
        wins: Observations on which the first is higher.
        losses: Observations on which it is lower.
    """

    p_value: float
    method: str
    wins: int
    losses: int


def paired_test(
    first: ArrayLike, *, second: ArrayLike, groups: Groups, generator: np.random.Generator
) -> PairedTest:
    """McNemar's exact test for zeros and ones of independent observations, else sign flips.

    Args:
        first: Values, shape (n,).
        second: Values of the same observations.
        groups: Observations of one group stand or fall together: their signs flip together.
        generator: Source of the signs when there are too many groups to try them all.
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    difference = one - other
    wins, losses = int((difference > 0).sum()), int((difference < 0).sum())
    independent = groups.num_groups == len(difference)
    if independent and np.isin(one, (0.0, 1.0)).all() and np.isin(other, (0.0, 1.0)).all():
        return PairedTest(mcnemar_p(wins, losses), "mcnemar", wins, losses)
    sums = group_sums(difference[:, None], groups=groups)[:, 0]
    return PairedTest(sign_flip_p(sums, generator=generator), "sign flips", wins, losses)


def mcnemar_p(wins: int, losses: int) -> float:
    """Two-sided p-value of so many wins and losses when each is a fair coin's throw."""
    number = wins + losses
    tail = sum(math.comb(number, count) for count in range(min(wins, losses) + 1))
    return min(1.0, 2 * tail / 2**number)


def sign_flip_p(sums: FloatArray, *, generator: np.random.Generator) -> float:
    """Share of all choices of signs whose total is at least as far from 0 as the observed one."""
    moving = sums[sums != 0]
    if not len(moving):
        return 1.0
    observed = abs(float(moving.sum())) - _ROUNDING * float(np.abs(moving).sum())
    if len(moving) <= MAX_EXACT_GROUPS:
        bits = np.arange(2 ** len(moving))[:, None] >> np.arange(len(moving)) & 1
        return float((np.abs((1 - 2 * bits) @ moving) >= observed).mean())
    as_far = 0
    for _ in range(NUM_FLIPS // 1000):
        signs = 1 - 2 * generator.integers(0, 2, size=(1000, len(moving)), dtype=np.int8)
        as_far += int((np.abs(signs @ moving) >= observed).sum())
    return (1 + as_far) / (1 + NUM_FLIPS)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values of several tests, raised so that one false alarm among all stays as rare as one's.

    Holm's step-down: the k-th smallest of m is multiplied by m - k + 1, and none becomes smaller
    than the one before it.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    raised = [0.0] * len(p_values)
    floor = 0.0
    for rank, place in enumerate(order):
        floor = max(floor, min(1.0, p_values[place] * (len(p_values) - rank)))
        raised[place] = floor
    return raised
