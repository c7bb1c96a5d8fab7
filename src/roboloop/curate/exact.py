"""exact: of records that are the same in everything but their id, the best one stays."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar, Literal

import numpy as np

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
from roboloop.curate.columns import arrow_compute, number_lists, take_rows

EXACT_COLUMNS = ("task", "context", "media_group", "answer_kind")
"""Columns without a line end in them that must be equal letter by letter."""
_SPACES = r"^\s|\s$|[^\S ]|\s\s"
"""White space other than one blank between words."""


class ExactDuplicates(GroupOperator):
    """Drop records whose task, pictures, question and answer are all the same as another's.

    White space and letter case of the question and of an answer in words do not count.
    """

    code: ClassVar[str] = "E-CUR-020"
    version: ClassVar[int] = 2

    kind: Literal["exact"] = "exact"  # pyright: ignore[reportIncompatibleVariableOverride]

    def sketch(self, batch: ArrowBatch, context: CurateContext) -> ArrowBatch:
        """128 bits of each record's content, as two columns."""
        import pyarrow as pa

        del context
        words = (_folded(batch[name]) for name in ("question", "answer"))
        columns = (batch[name].to_pylist() for name in (*EXACT_COLUMNS, "content"))
        coordinates, offsets = number_lists(batch["geometry"])
        flat, bounds = coordinates.tobytes(), (offsets * coordinates.itemsize).tolist()
        rows = zip(*words, *columns, bounds, bounds[1:], strict=False)
        digests = b"".join(_digest(row, coordinates=flat[row[-2] : row[-1]]) for row in rows)
        halves = np.frombuffer(digests, dtype=np.uint64).reshape(-1, 2)
        return pa.RecordBatch.from_arrays(
            [pa.array(halves[:, 0]), pa.array(halves[:, 1])], names=["high", "low"]
        )

    def pairs(self, sketches: ArrowTable, facts: ArrowTable, context: CurateContext) -> Pairs:
        """Each record beside the one before it of the same content."""
        del facts, context
        asked = np.flatnonzero(sketches["high"].is_valid().to_numpy())
        halves = take_rows(sketches, asked)
        high, low = halves["high"].to_numpy(), halves["low"].to_numpy()
        order = np.lexsort((low, high))  # stable: the first record of each content comes first
        same = (high[order][1:] == high[order][:-1]) & (low[order][1:] == low[order][:-1])
        left, right = asked[order[:-1][same]], asked[order[1:][same]]
        return Pairs.in_order(left, right, np.ones(len(left)))

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


def _folded(texts: Any) -> list[str]:
    """The texts in one letter case, with one blank between words."""
    pc = arrow_compute()
    folded = pc.ascii_lower(texts).to_pylist()
    is_odd = pc.or_(pc.match_substring_regex(texts, _SPACES), pc.invert(pc.string_is_ascii(texts)))
    for place in pc.indices_nonzero(is_odd).to_pylist():
        folded[place] = " ".join(texts[place].as_py().split()).casefold()
    return folded


def _digest(row: tuple[Any, ...], *, coordinates: bytes) -> bytes:
    """Hash of a text that no two different rows give.

    The texts before `content` hold no line end, and what follows it has a length that is told.
    """
    *words, content, start, stop = row
    whole = "\n".join((*words, str(stop - start), content)).encode()
    return hashlib.blake2b(whole + coordinates, digest_size=16).digest()
