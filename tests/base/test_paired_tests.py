"""Paired tests against scipy, and Holm's rule against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, permutation_test

from roboloop.base.paired_tests import holm, mcnemar_p, paired_test, sign_flip_p
from roboloop.base.statistics import group_by


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (1, 0), (5, 5), (9, 2), (0, 30), (400, 350)])
def test_mcnemar_is_the_exact_binomial_test(wins: int, losses: int) -> None:
    expected = binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert mcnemar_p(wins, losses) == pytest.approx(expected, rel=1e-9)


def test_few_groups_try_all_signs_as_scipy_does() -> None:
    sums = np.random.default_rng(3).normal(0.4, 1.0, size=10)
    theirs = permutation_test(
        (sums,), np.sum, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )
    ours = sign_flip_p(sums, generator=np.random.default_rng(0))
    assert ours == pytest.approx(theirs.pvalue, abs=1e-12)


def test_many_groups_draw_signs_and_come_near_the_exact_value() -> None:
    sums = np.random.default_rng(4).normal(0.35, 1.0, size=40)
    theirs = permutation_test(
        (sums,), np.sum, permutation_type="samples", n_resamples=20_000,
        rng=np.random.default_rng(1),
    )  # fmt: skip
    ours = sign_flip_p(sums, generator=np.random.default_rng(0))
    assert ours > 0 and ours == pytest.approx(theirs.pvalue, abs=0.01)


def test_frames_of_one_episode_are_one_witness() -> None:
    """Twenty wins in two episodes prove little; in twenty episodes they prove much."""
    wins, losses = np.ones(20), np.zeros(20)
    two = group_by([index // 10 for index in range(20)])
    alone = group_by(list(range(20)))
    generator = np.random.default_rng(0)
    grouped = paired_test(wins, second=losses, groups=two, generator=generator)
    single = paired_test(wins, second=losses, groups=alone, generator=generator)
    assert (grouped.method, grouped.p_value) == ("sign flips", 0.5)
    assert single.method == "mcnemar" and single.p_value < 1e-5
    assert (grouped.wins, grouped.losses) == (single.wins, single.losses) == (20, 0)


def test_no_difference_is_no_evidence() -> None:
    same = np.array([0.3, 0.7, 0.1])
    test = paired_test(same, second=same, groups=group_by([1, 2, 3]), generator=_drawn())
    assert test == (1.0, "sign flips", 0, 0)


def test_false_alarms_are_as_rare_as_promised() -> None:
    generator = np.random.default_rng(11)
    alarms = 0
    for _ in range(400):
        values = generator.normal(size=(2, 12))
        groups = group_by(list(range(12)))
        test = paired_test(values[0], second=values[1], groups=groups, generator=generator)
        alarms += test.p_value < 0.05
    assert alarms <= 32  # 20 expected; 32 are 2.75 standard deviations above


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.4, 0.9]) == pytest.approx([0.8, 0.9])
    assert holm([]) == []


def _drawn() -> np.random.Generator:
    return np.random.default_rng(0)
