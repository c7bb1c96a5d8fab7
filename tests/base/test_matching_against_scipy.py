"""The own Hungarian algorithm finds matchings as cheap as scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from roboloop.base.matching import cheapest_matching


@given(
    num_rows=st.integers(1, 12),
    num_columns=st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
    has_ties=st.booleans(),
)
def test_costs_as_little_as_scipys(
    num_rows: int, num_columns: int, seed: int, has_ties: bool
) -> None:
    draw = np.random.default_rng(seed)
    costs = draw.normal(size=(num_rows, num_columns))
    if has_ties:
        costs = np.round(costs)
    pairs = cheapest_matching(costs.tolist())
    rows, columns = zip(*pairs, strict=True)
    assert len(pairs) == len(set(rows)) == len(set(columns)) == min(num_rows, num_columns)
    assert list(rows) == sorted(rows)
    assert sum(costs[pair] for pair in pairs) == pytest.approx(
        costs[linear_sum_assignment(costs)].sum()
    )


def test_greedy_would_be_wrong_here() -> None:
    # Taking the cheapest pair (0, 0) first forces the dear (1, 1): 1 + 9 > 2 + 3.
    assert cheapest_matching([[1, 2], [3, 9]]) == ((0, 1), (1, 0))


@pytest.mark.parametrize("costs", [[], [[]], [[], []]])
def test_nothing_matches_nothing(costs: list[list[float]]) -> None:
    assert cheapest_matching(costs) == ()
