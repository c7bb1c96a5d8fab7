"""Which record of some duplicates stays."""

from __future__ import annotations

import numpy as np

from roboloop.curate.base import NO_PARTNER, Flags, Indices, Judgement, Numbers, Pairs, keep_best
from roboloop.curate.exact import keep_one_of_group


def keep_best_of_duplicates(
    pairs: Pairs, *, kept: Flags, rank: Numbers, threshold: float, reason: str
) -> Judgement:
    """Of records that are the same the best stays; then of near ones, as `keep_best` does.

    Pairs of similarity 1 are the same in all that counts, so they stand for one another: a chain of
    them is a group of which one stays, and what is near to one of the group is near to all.

    Args:
        pairs: Of equal records, each with the first of its group; of near records, the firsts.
        kept: Bool, the records that are left.
        rank: Float, the higher the better; of equals the first stays.
        threshold: Least similarity of near duplicates.
        reason: Text for the dropped.
    """
    equal = pairs.similarity == 1.0
    judgement = keep_one_of_group(
        Pairs(pairs.left[equal], pairs.right[equal], pairs.similarity[equal]),
        kept=kept, rank=rank, reason=reason,
    )  # fmt: skip
    judgement.threshold[judgement.drop] = threshold
    standing = kept & ~judgement.drop
    group = _groups(pairs.left[equal], pairs.right[equal], num_records=len(kept))
    keeper = np.full(len(kept), NO_PARTNER, dtype=np.int64)
    keeper[group[standing]] = np.flatnonzero(standing)
    left, right = keeper[group[pairs.left[~equal]]], keeper[group[pairs.right[~equal]]]
    both = (left != NO_PARTNER) & (right != NO_PARTNER)
    near = keep_best(
        Pairs(left[both], right[both], pairs.similarity[~equal][both]),
        kept=standing, rank=rank, threshold=threshold,
    )  # fmt: skip
    judgement.reason[near.drop] = reason
    # Those whose keeper is dropped in turn name the record that is kept instead of it.
    heirs = np.flatnonzero(judgement.drop)
    heirs = heirs[near.drop[judgement.partner[heirs]]]
    keepers = judgement.partner[heirs]
    for records, source in ((near.drop, near.drop), (heirs, keepers)):
        judgement.value[records] = near.value[source]
        judgement.threshold[records] = near.threshold[source]
        judgement.partner[records] = near.partner[source]
    judgement.drop[near.drop] = True
    return judgement


def _groups(left: Indices, right: Indices, *, num_records: int) -> Indices:
    """For each record the first of its group; pairs run from a lower to a higher record."""
    group = np.arange(num_records)
    group[right] = left
    while True:
        further = group[group]
        if np.array_equal(further, group):
            return group
        group = further
