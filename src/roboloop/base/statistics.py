"""Intervals that know which observations belong together.

The frames of one episode resemble one another, so they say less than as many frames of different
episodes. Every interval here therefore treats the *group* (the episode) as the unit that was drawn
at random: groups are drawn again, never single records.

Sources: B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), chapter 13, for the
percentile interval; T. Hesterberg, What Teachers Should Know About the Bootstrap (2015), section
4.2, for its widening when groups are few; E. B. Wilson (1927) for the interval of a share; G. W.
Hill (Communications of the ACM, algorithm 396, 1970) for the quantile of Student's t.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

_NORMAL = NormalDist()
_CELLS_AT_ONCE = 4_000_000


class Interval(NamedTuple):
    """An estimate and its confidence interval.

    Attributes:
        value: The estimate.
        low: Lower end; None when one group alone cannot tell how much another would differ.
        high: Upper end; None likewise.
        method: `bootstrap`, `wilson`, or `none` when there is no interval.
    """

    value: float
    low: float | None
    high: float | None
    method: str


class Groups(NamedTuple):
    """Which group each of n observations belongs to.

    Attributes:
        numbers: Group number of each observation, shape (n,).
        sizes: Observations per group, shape (num_groups,).
    """

    numbers: NDArray[np.int64]
    sizes: FloatArray

    @property
    def num_groups(self) -> int:
        """How many groups there are."""
        return len(self.sizes)


def group_by(labels: Sequence[Hashable]) -> Groups:
    """Number the groups in the order in which their labels first appear."""
    numbers: dict[Hashable, int] = {}
    index = np.array([numbers.setdefault(label, len(numbers)) for label in labels], dtype=np.int64)
    return Groups(index, np.bincount(index, minlength=len(numbers)).astype(np.float64))


def group_sums(values: ArrayLike, *, groups: Groups) -> FloatArray:
    """Sum of each column within each group: shape (n, m) -> (num_groups, m)."""
    table = np.asarray(values, dtype=np.float64)
    sums = np.zeros((groups.num_groups, table.shape[1]))
    np.add.at(sums, groups.numbers, table)
    return sums


def bootstrap_means(
    sums: FloatArray,
    *,
    counts: FloatArray,
    num_draws: int,
    generator: np.random.Generator,
) -> FloatArray:
    """Means over observations when the groups are drawn again with replacement.

    Args:
        sums: Sum per group and column, shape (num_groups, m).
        counts: Observations per group, shape (num_groups,) for all columns alike or
            (num_groups, m).
        num_draws: How often all groups are drawn.
        generator: Source of the draws.

    Returns:
        Shape (num_draws, m). A column without any observation in a draw is NaN there.
    """
    num_groups = len(sums)
    sizes = np.broadcast_to(counts.reshape(num_groups, -1), sums.shape)
    share = np.full(num_groups, 1 / num_groups)
    step = max(1, _CELLS_AT_ONCE // num_groups)
    pieces: list[FloatArray] = []
    for start in range(0, num_draws, step):
        size = min(step, num_draws - start)
        times = generator.multinomial(num_groups, share, size=size).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            pieces.append((times @ sums) / (times @ sizes))
    return np.concatenate(pieces)


def percentile_interval(
    draws: FloatArray, *, value: float, confidence: float, num_groups: int, widen: bool = True
) -> Interval:
    """The middle `confidence` of the draws.

    The plain percentile interval of k groups is too short by about sqrt((k-1)/k) times the ratio of
    the normal to Student's t quantile; with `widen` it reaches out to the percentiles that undo
    this (Hesterberg's expanded percentile interval).
    """
    if num_groups < 2:
        return Interval(value, None, None, "none")
    tail = (1 - confidence) / 2
    if widen:
        reach = student_quantile(1 - tail, degrees=num_groups - 1)
        tail = _NORMAL.cdf(-reach * math.sqrt(num_groups / (num_groups - 1)))
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return Interval(value, float(low), float(high), "bootstrap")


def mean_intervals(
    values: ArrayLike,
    *,
    groups: Groups,
    confidence: float,
    num_draws: int,
    generator: np.random.Generator,
) -> list[Interval]:
    """The mean of each column of `values`, shape (n, m), with its interval.

    A column of nothing but zeros and ones is a share: it gets Wilson's interval on the effective
    number of observations, because a bootstrap of nothing but zeros would claim certainty.
    """
    table = np.asarray(values, dtype=np.float64)
    sums = group_sums(table, groups=groups)
    draws = bootstrap_means(sums, counts=groups.sizes, num_draws=num_draws, generator=generator)
    found: list[Interval] = []
    for column, drawn in zip(table.T, draws.T, strict=True):
        if np.isin(column, (0.0, 1.0)).all():
            found.append(share_interval(column, groups=groups, confidence=confidence))
        else:
            found.append(
                percentile_interval(
                    drawn,
                    value=float(column.mean()),
                    confidence=confidence,
                    num_groups=groups.num_groups,
                )
            )
    return found


def difference_intervals(
    first: ArrayLike,
    *,
    second: ArrayLike,
    groups: Groups,
    confidence: float,
    num_draws: int,
    generator: np.random.Generator,
) -> list[Interval]:
    """Mean of `first - second` per column, both of shape (n, m) on the same observations.

    Paired: what makes a record hard makes it hard for both, and cancels.
    """
    table = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    sums = group_sums(table, groups=groups)
    draws = bootstrap_means(sums, counts=groups.sizes, num_draws=num_draws, generator=generator)
    return [
        percentile_interval(
            drawn, value=float(mean), confidence=confidence, num_groups=groups.num_groups
        )
        for drawn, mean in zip(draws.T, table.mean(axis=0), strict=True)
    ]


def share_interval(hits: ArrayLike, *, groups: Groups, confidence: float) -> Interval:
    """Share of ones among zeros and ones, with Wilson's interval on the effective sample size.

    The design effect is the variance of the mean over groups divided by that of independent
    observations. Where all observations agree it cannot be seen, and each group counts once.
    """
    column = np.asarray(hits, dtype=np.float64)
    share = float(column.mean())
    if groups.num_groups < 2:
        return Interval(share, None, None, "none")
    effective = _effective_number(column, groups=groups)
    low, high = wilson_bounds(share, number=effective, confidence=confidence)
    return Interval(share, low, high, "wilson")


def wilson_bounds(share: float, *, number: float, confidence: float) -> tuple[float, float]:
    """Wilson's score interval of a share seen among `number` independent observations."""
    z = _NORMAL.inv_cdf((1 + confidence) / 2)
    middle = (share + z * z / (2 * number)) / (1 + z * z / number)
    half = z * math.sqrt(share * (1 - share) / number + z * z / (4 * number * number))
    half /= 1 + z * z / number
    low = 0.0 if share == 0 else max(0.0, middle - half)
    high = 1.0 if share == 1 else min(1.0, middle + half)
    return low, high


def fewest_groups(confidence: float) -> int:
    """Fewest groups with which a paired difference can be told from chance at all.

    If nothing differs, k groups all point the same way with probability 2^(1-k): a sign test of
    fewer groups cannot reach the wanted confidence, whatever they show.
    """
    return math.ceil(1 - math.log2(1 - confidence) - 1e-9)


def student_quantile(probability: float, *, degrees: int) -> float:
    """Quantile of Student's t (Hill 1970); exact for 1 and 2 degrees, else within 0.001."""
    if probability < 0.5:
        return -student_quantile(1 - probability, degrees=degrees)
    if degrees == 1:
        return math.tan(math.pi * (probability - 0.5))
    if degrees == 2:
        centred = 2 * probability - 1
        return centred * math.sqrt(2 / (1 - centred * centred))
    return _hill(2 * (1 - probability), degrees)


def _hill(two_tails: float, degrees: int) -> float:
    a = 1 / (degrees - 0.5)
    b = 48 / (a * a)
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * degrees
    y = (d * two_tails) ** (2 / degrees)
    if y > 0.05 + a:
        x = _NORMAL.inv_cdf(two_tails / 2)
        y = x * x
        if degrees < 5:
            c += 0.3 * (degrees - 4.5) * (x + 0.6)
        c += (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
        y = math.expm1(a * y * y)
    else:
        y = (
            (
                1 / (((degrees + 6) / (degrees * y) - 0.089 * d - 0.822) * (degrees + 2) * 3)
                + 0.5 / (degrees + 4)
            )
            * y
            - 1
        ) * (degrees + 1) / (degrees + 2) + 1 / y
    return math.sqrt(degrees * y)


def _effective_number(column: FloatArray, *, groups: Groups) -> float:
    """Independent observations that would tell as much as these; at most as many as there are."""
    number, share = len(column), float(column.mean())
    if share in (0.0, 1.0):
        return float(groups.num_groups)
    residuals = group_sums((column - share)[:, None], groups=groups)[:, 0]
    num_groups = groups.num_groups
    variance = num_groups / (num_groups - 1) * float(residuals @ residuals) / number**2
    independent = share * (1 - share) / number
    return min(float(number), number * independent / max(variance, 1e-300))
