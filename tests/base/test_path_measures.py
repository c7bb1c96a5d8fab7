"""Path measures against other people's code, brute force, and values worked out by hand."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from math import hypot

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, directed_hausdorff

from roboloop.base.geometry import Point
from roboloop.base.paths import (
    aligned_distances,
    discrete_frechet,
    dtw_mean,
    dtw_total,
    hausdorff,
    path_length,
    resample_path,
)

numbers = st.floats(-500, 500, allow_nan=False, width=32)
paths = st.lists(st.builds(Point, numbers, numbers), min_size=1, max_size=5)


def every_alignment(num_first: int, num_second: int) -> list[list[tuple[int, int]]]:
    """All monotone alignments, by walking back from the end."""

    @cache
    def ending_at(i: int, j: int) -> tuple[tuple[tuple[int, int], ...], ...]:
        if (i, j) == (0, 0):
            return (((0, 0),),)
        before = [(a, b) for a, b in ((i - 1, j), (i, j - 1), (i - 1, j - 1)) if min(a, b) >= 0]
        return tuple((*way, (i, j)) for place in before for way in ending_at(*place))

    return [list(way) for way in ending_at(num_first - 1, num_second - 1)]


@given(first=paths, second=paths)
def test_dynamic_measures_equal_the_best_of_all_alignments(
    first: list[Point], second: list[Point]
) -> None:
    distances = cdist(first, second)
    ways = every_alignment(len(first), len(second))
    total = min(sum(distances[pair] for pair in way) for way in ways)
    leash = min(max(distances[pair] for pair in way) for way in ways)
    weighted = min(
        2 * distances[0, 0]
        + sum(
            distances[here] * (2 if here[0] > last[0] and here[1] > last[1] else 1)
            for last, here in pairwise(way)
        )
        for way in ways
    )
    assert dtw_total(first, second=second) == pytest.approx(total, abs=1e-6)
    assert discrete_frechet(first, second=second) == pytest.approx(leash, abs=1e-6)
    mean = weighted / (len(first) + len(second))
    assert dtw_mean(first, second=second) == pytest.approx(mean, abs=1e-6)
    assert dtw_mean(first, second=second) <= distances.max() + 1e-6


@given(first=paths, second=paths)
def test_hausdorff_equals_scipy(first: list[Point], second: list[Point]) -> None:
    both = max(directed_hausdorff(first, second)[0], directed_hausdorff(second, first)[0])
    assert hausdorff(first, second=second) == pytest.approx(both, abs=1e-9)


@given(first=paths, second=paths)
def test_measures_are_symmetric_and_zero_for_the_same_path(
    first: list[Point], second: list[Point]
) -> None:
    for measure in (dtw_total, dtw_mean, discrete_frechet, hausdorff):
        assert measure(first, second=second) == pytest.approx(measure(second, second=first))
        assert measure(first, second=first) == 0


def test_values_worked_out_by_hand() -> None:
    flat = [Point(0, 0), Point(10, 0), Point(20, 0)]
    above = [Point(0, 3), Point(20, 3)]
    # Pairs (0,0) and (2,1) are 3 apart; the middle point is hypot(10, 3) from either end.
    assert dtw_total(flat, second=above) == pytest.approx(6 + hypot(10, 3))
    assert dtw_mean(flat, second=above) == pytest.approx((2 * 3 + hypot(10, 3) + 2 * 3) / 5)
    assert discrete_frechet(flat, second=above) == pytest.approx(hypot(10, 3))
    assert path_length(flat) == 20
    assert list(aligned_distances(flat, second=above, num_points=5)) == pytest.approx([3.0] * 5)


def test_resampling_spreads_points_evenly_along_the_way() -> None:
    corner = [Point(0, 0), Point(6, 0), Point(6, 2)]
    assert resample_path(corner, num_points=5) == (
        Point(0, 0),
        Point(2, 0),
        Point(4, 0),
        Point(6, 0),
        Point(6, 2),
    )
    waiting = [Point(0, 0), Point(4, 0), Point(4, 0), Point(4, 0)]
    assert resample_path(waiting, num_points=3) == (Point(0, 0), Point(2, 0), Point(4, 0))
    assert resample_path([Point(1, 2)], num_points=3) == (Point(1, 2),) * 3


@given(path=paths, num_points=st.integers(2, 12))
def test_resampling_keeps_the_ends_and_never_lengthens(path: list[Point], num_points: int) -> None:
    even = resample_path(path, num_points=num_points)
    assert np.allclose(even[0], path[0], atol=1e-6)
    assert np.allclose(even[-1], path[-1], atol=1e-6)
    assert path_length(even) <= path_length(path) + 1e-6
