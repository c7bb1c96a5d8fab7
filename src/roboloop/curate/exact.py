"""exact: of records that are the same in everything but their id, the best one stays."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar, Literal

import numpy as np

from roboloop.base.hashing import canonical_json
from roboloop.curate.base import (
    ArrowBatch,
    ArrowTable,
    CurateContext,
    Flags,
    GroupOperator,
    Judgement,
    Numbers,
    Pairs,
)

COMPARED = (
    "task", "media_group", "question", "answer", "answer_kind", "geometry", "content",
)  # fmt: skip


class ExactDuplicates(GroupOperator):
    """Drop records whose task, pictures, question and answer are all the same as another's.

    White space and letter case of the question and of an answer in words do not count.
    """

    code: ClassVar[str] = "E-CUR-020"

    kind: Literal["exact"] = "exact"  # pyright: ignore[reportIncompatibleVariableOverride]

    def sketch(self, batch: ArrowBatch, context: CurateContext) -> ArrowBatch:
        """128 bits of each record's content, as two columns."""
        import pyarrow as pa

        del context
        rows = batch.select(list(COMPARED)).to_pylist()
        digests = b"".join(_digest(row) for row in rows)
        halves = np.frombuffer(digests, dtype=np.uint64).reshape(-1, 2)
        return pa.RecordBatch.from_arrays(
            [pa.array(halves[:, 0]), pa.array(halves[:, 1])], names=["high", "low"]
        )

    def pairs(self, sketches: ArrowTable, facts: ArrowTable, context: CurateContext) -> Pairs:
        """Each record beside the one before it of the same content."""
        del facts, context
        high, low = sketches["high"].to_numpy(), sketches["low"].to_numpy()
        order = np.lexsort((np.arange(len(high)), low, high))
        same = (high[order][1:] == high[order][:-1]) & (low[order][1:] == low[order][:-1])
        left, right = order[:-1][same], order[1:][same]
        by_place = np.lexsort((right, left))
        return Pairs(left[by_place], right[by_place], np.ones(len(left)))

    def judge(
        self,
        pairs: Pairs,
        facts: ArrowTable,
        *,
        kept: Flags,
        rank: Numbers,
    ) -> Judgement:
        """Of each group of equal records the best one that is left stays."""
        return keep_one_of_group(pairs, kept=kept, rank=rank, reason="the same record again")


def keep_one_of_group(pairs: Pairs, *, kept: Flags, rank: Numbers, reason: str) -> Judgement:
    """Drop all but the best record of each group, where being alike is transitive.

    Args:
        pairs: Chains `left -> right` with `left < right` that run through each group.
        kept: Bool, the records that are left.
        rank: Float, the higher the better; of equals the first stays.
        reason: Text for the dropped.
    """
    group = np.arange(len(kept))
    for left, right in zip(pairs.left, pairs.right, strict=True):  # sorted: left is settled
        group[right] = group[left]
    judgement = Judgement.keep_all(len(kept))
    members = np.flatnonzero(np.isin(group, np.unique(group[pairs.left])) & kept)
    order = members[np.lexsort((members, -rank[members], group[members]))]
    is_first = (
        np.r_[True, group[order][1:] != group[order][:-1]] if len(order) else np.zeros(0, bool)
    )
    keeper = order[np.maximum.accumulate(np.where(is_first, np.arange(len(order)), 0))]
    dropped = order[~is_first]
    judgement.drop[dropped] = True
    judgement.value[dropped] = 1.0
    judgement.threshold[dropped] = 1.0
    judgement.partner[dropped] = keeper[~is_first]
    judgement.reason[dropped] = reason
    return judgement


def _digest(row: dict[str, Any]) -> bytes:
    folded = {
        key: " ".join(value.split()).casefold() if key in ("question", "answer") else value
        for key, value in row.items()
    }
    return hashlib.blake2b(canonical_json(folded).encode(), digest_size=16).digest()
