"""Packs hold every row once and are even; nothing depends on more than the lengths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roboloop.train.packing import best_fit, share_out

LENGTHS = st.lists(st.integers(1, 100), min_size=1, max_size=60)


@settings(max_examples=200, deadline=None)
@given(lengths=LENGTHS, num_ranks=st.integers(1, 5))
def test_every_row_is_in_one_pack_and_ranks_get_equally_many(
    lengths: list[int], num_ranks: int
) -> None:
    shares = share_out(lengths, most=100, num_ranks=num_ranks)
    assert len(shares) == num_ranks and len({len(share) for share in shares}) == 1
    packs = [pack for share in shares for pack in share]
    assert sorted(row for pack in packs for row in pack) == list(range(len(lengths)))
    assert all(sum(lengths[row] for row in pack) <= 100 for pack in packs)
    assert len(packs) < len(best_fit(lengths, most=100)) + 2 * num_ranks


@settings(max_examples=200, deadline=None)
@given(lengths=LENGTHS)
def test_best_fit_leaves_no_two_packs_that_would_go_into_one(lengths: list[int]) -> None:
    loads = sorted(sum(lengths[row] for row in pack) for pack in best_fit(lengths, most=100))
    assert len(loads) == 1 or loads[0] + loads[1] > 100
    assert len(loads) <= 11 / 9 * np.ceil(sum(lengths) / 100) + 4


def test_best_fit_takes_the_tightest_room() -> None:
    # 60 and 70 stand alone; 30 fits both and goes where it fills up, 40 to the other.
    packs = best_fit([60, 70, 30, 40], most=100)
    assert sorted(map(sorted, packs)) == [[0, 3], [1, 2]]


def robot_lengths(num: int) -> list[int]:
    """Mean 755 and coefficient of variation 0.35, as inferred of RoboInter's training log."""
    drawn = np.random.default_rng(0).gamma(1 / 0.35**2, 755 * 0.35**2, num)
    return drawn.clip(100, 4096).astype(int).tolist()


@pytest.mark.parametrize("num_ranks", [1, 2, 8])
def test_ranks_have_nearly_equal_tokens(num_ranks: int) -> None:
    lengths = robot_lengths(128 * num_ranks)
    shares = share_out(lengths, most=8192, num_ranks=num_ranks)
    loads = [sum(lengths[row] for pack in share for row in pack) for share in shares]
    assert max(loads) / np.mean(loads) < 1.01
    packs = [sum(lengths[row] for row in pack) for share in shares for pack in share]
    assert max(packs) / np.mean(packs) < 1.05


def test_large_steps_are_filled_well() -> None:
    lengths = robot_lengths(4000)
    assert sum(lengths) / (8192 * len(best_fit(lengths, most=8192))) > 0.99


def test_a_row_longer_than_a_pack_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError):
        best_fit([101], most=100)
