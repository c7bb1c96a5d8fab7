"""Minimum, maximum, mean and deviation of a feature, of one episode or of many."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


class FeatureStatistics(NamedTuple):
    """Per dimension of a feature; of pictures per channel in shape (3, 1, 1), values from 0 to 1.

    Attributes:
        num: Frames that went in.
    """

    min: Values
    max: Values
    mean: Values
    std: Values
    num: int

    def to_json(self) -> dict[str, Any]:
        """As LeRobot keeps it."""
        parts = {"min": self.min, "max": self.max, "mean": self.mean, "std": self.std}
        return {name: value.tolist() for name, value in parts.items()} | {"count": [self.num]}


def statistics_of(values: NDArray[Any]) -> FeatureStatistics:
    """Of values in shape (T,) or (T, D), per dimension."""
    rows = values.astype(np.float64).reshape(len(values), -1)
    return FeatureStatistics(
        rows.min(axis=0), rows.max(axis=0), rows.mean(axis=0), rows.std(axis=0), len(rows)
    )


def statistics_from_json(value: dict[str, Any]) -> FeatureStatistics:
    """The inverse of `to_json`; quantiles, which cannot be joined, are left behind."""
    parts = (np.asarray(value[name], dtype=np.float64) for name in ("min", "max", "mean", "std"))
    return FeatureStatistics(*parts, num=int(np.asarray(value["count"]).reshape(-1)[0]))


def joined(first: FeatureStatistics, second: FeatureStatistics) -> FeatureStatistics:
    """Of the frames of both.

    The variance of a union is the weighted mean of var_i + mean_i^2, less the mean's square; it is
    computed around the new mean, so that large values far from zero lose no digits.
    """
    total = first.num + second.num
    share = second.num / total
    gap = second.mean - first.mean
    mean = first.mean + gap * share
    variance = (first.std**2 * first.num + second.std**2 * second.num) / total
    variance = variance + gap**2 * share * (1 - share)
    return FeatureStatistics(
        np.minimum(first.min, second.min),
        np.maximum(first.max, second.max),
        mean,
        np.sqrt(variance),
        total,
    )
