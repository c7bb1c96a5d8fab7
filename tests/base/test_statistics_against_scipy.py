"""Intervals against SciPy, against closed forms, and by counting how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from roboloop.base.statistics import (
    bootstrap_means,
    difference_intervals,
    fewest_groups,
    group_by,
    group_sums,
    mean_intervals,
    percentile_interval,
    share_interval,
    student_quantile,
    wilson_bounds,
)


def draw(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 6, 9, 29, 300])
@pytest.mark.parametrize("probability", [0.03, 0.5, 0.8, 0.95, 0.975, 0.995])
def test_student_quantile_is_scipys(probability: float, degrees: int) -> None:
    ours = student_quantile(probability, degrees=degrees)
    assert ours == pytest.approx(stats.t.ppf(probability, degrees), rel=1e-3, abs=1e-9)


@pytest.mark.parametrize(("hits", "number"), [(0, 5), (1, 9), (37, 50), (50, 50)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_wilson_bounds_are_scipys(hits: int, number: int, confidence: float) -> None:
    oracle = stats.binomtest(hits, number).proportion_ci(confidence, method="wilson")
    ours = wilson_bounds(hits / number, number=number, confidence=confidence)
    assert ours == pytest.approx((oracle.low, oracle.high), abs=1e-12)


def test_ungrouped_percentiles_are_scipys() -> None:
    values = draw(1).gamma(2.0, size=40)
    oracle = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=20_000, rng=draw(2)
    ).confidence_interval
    groups = group_by(range(40))
    draws = bootstrap_means(
        group_sums(values[:, None], groups=groups),
        counts=groups.sizes,
        num_draws=20_000,
        generator=draw(3),
    )
    ours = percentile_interval(
        draws[:, 0], value=values.mean(), confidence=0.95, num_groups=40, widen=False
    )
    assert (ours.low, ours.high) == pytest.approx((oracle.low, oracle.high), rel=0.01)


def test_grouped_percentiles_are_scipys_ratio_of_group_sums() -> None:
    generator = draw(4)
    labels = np.repeat(np.arange(25), generator.integers(1, 9, size=25))
    values = generator.normal(size=25)[labels] + generator.normal(scale=0.3, size=len(labels)) + 5
    groups = group_by(labels.tolist())
    sums = group_sums(values[:, None], groups=groups)
    oracle = stats.bootstrap(
        (sums[:, 0], groups.sizes),
        lambda total, count, axis=-1: total.sum(axis=axis) / count.sum(axis=axis),
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=20_000,
        rng=draw(5),
    ).confidence_interval
    draws = bootstrap_means(sums, counts=groups.sizes, num_draws=20_000, generator=draw(6))
    ours = percentile_interval(
        draws[:, 0], value=values.mean(), confidence=0.95, num_groups=25, widen=False
    )
    assert (ours.low, ours.high) == pytest.approx((oracle.low, oracle.high), rel=0.01)


def _coverage(num_groups: int, *, ignore_groups: bool = False) -> float:
    """Share of 500 made-up evaluations whose 95 % interval holds the true mean of 3."""
    held = 0
    for trial in range(500):
        generator = draw(1000 + trial)
        labels = np.repeat(np.arange(num_groups), 6)
        values = 3 + generator.normal(size=num_groups)[labels]
        values += generator.normal(scale=0.3, size=len(labels))
        kept = range(len(labels)) if ignore_groups else labels.tolist()
        (interval,) = mean_intervals(
            values[:, None],
            groups=group_by(kept),
            confidence=0.95,
            num_draws=400,
            generator=draw(trial),
        )
        assert interval.low is not None and interval.high is not None
        held += interval.low <= 3 <= interval.high
    return held / 500


@pytest.mark.parametrize("num_groups", [6, 12, 40])
def test_intervals_hold_the_truth_as_often_as_they_say(num_groups: int) -> None:
    # 500 trials: 0.95 is seen within 0.02 (two standard errors); few groups cost a little more.
    assert 0.915 <= _coverage(num_groups) <= 0.985


def test_forgetting_the_episodes_would_be_seen() -> None:
    assert _coverage(12, ignore_groups=True) < 0.75


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_shares_hold_the_truth_too(share: float) -> None:
    """Each episode has its own rate, drawn from a beta distribution: its frames agree."""
    held = 0
    for trial in range(500):
        generator = draw(trial)
        rates = generator.beta(2 * share, 2 * (1 - share), size=40)
        labels = np.repeat(np.arange(40), 5)
        hits = (generator.random(len(labels)) < rates[labels]).astype(float)
        interval = share_interval(hits, groups=group_by(labels.tolist()), confidence=0.95)
        assert interval.low is not None and interval.high is not None
        held += interval.low <= share <= interval.high
    assert held / 500 >= 0.92


def test_a_column_of_zeros_is_not_certain() -> None:
    labels = [0, 0, 0, 1, 1, 1, 2, 2]
    (interval,) = mean_intervals(
        np.zeros((8, 1)), groups=group_by(labels), confidence=0.95, num_draws=100, generator=draw(0)
    )
    assert (interval.value, interval.low, interval.method) == (0.0, 0.0, "wilson")
    _, high = wilson_bounds(0.0, number=3, confidence=0.95)
    assert interval.high == high > 0.5


def test_pairing_sees_what_unpaired_means_hide() -> None:
    generator = draw(7)
    difficulty = generator.normal(scale=5, size=(60, 1))
    first, second = difficulty + 0.5, difficulty + generator.normal(scale=0.2, size=(60, 1))
    groups = group_by(range(60))
    options = {"groups": groups, "confidence": 0.95, "num_draws": 500}
    (gain,) = difference_intervals(first, second=second, generator=draw(8), **options)
    assert gain.low is not None and gain.high is not None
    assert 0.4 < gain.low < 0.5 < gain.high < 0.6
    one, other = (mean_intervals(v, generator=draw(9), **options)[0] for v in (first, second))
    assert one.low is not None and other.high is not None and one.low < other.high


def test_one_group_has_no_interval() -> None:
    options = {"groups": group_by(["a"] * 5), "confidence": 0.95}
    (mean,) = mean_intervals(np.arange(5.0)[:, None], num_draws=100, generator=draw(0), **options)
    assert (mean.value, mean.low, mean.high, mean.method) == (2.0, None, None, "none")
    assert share_interval([1, 0, 1, 1, 1], **options).low is None


def test_many_draws_come_in_pieces_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    sums, counts = np.arange(30.0)[:, None], np.ones(30)
    whole = bootstrap_means(sums, counts=counts, num_draws=50, generator=draw(3))
    monkeypatch.setattr("roboloop.base.statistics._CELLS_AT_ONCE", 100)
    pieces = bootstrap_means(sums, counts=counts, num_draws=50, generator=draw(3))
    np.testing.assert_array_equal(pieces, whole)


def test_fewest_groups_is_the_sign_tests_limit() -> None:
    for confidence, number in ((0.9, 5), (0.95, 6), (0.99, 8)):
        assert fewest_groups(confidence) == number
        assert stats.binomtest(number, number).pvalue <= 1 - confidence
        assert stats.binomtest(number - 1, number - 1).pvalue > 1 - confidence
