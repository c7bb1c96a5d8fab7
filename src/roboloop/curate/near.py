"""Near duplicates: what `minhash` and `simhash` share.

Two records are duplicates only if they show the same pictures AND say nearly the same AND answer
the same. How the words are sketched only decides which pairs are looked at; every pair is verified
on its exact sets of n-grams before it counts.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from roboloop.curate.base import (
    ArrowBatch,
    ArrowTable,
    CurateContext,
    Indices,
    Numbers,
    Pairs,
)
from roboloop.curate.columns import (
    hash_number_lists,
    is_worded,
    number_lists,
    take_rows,
)
from roboloop.curate.geometry_match import GEOMETRY_FACTS, agreement, geometry_of
from roboloop.curate.kernels import (
    Hashes,
    Kernels,
    Offsets,
    load_kernels,
    mixed,
    ordered_hashes,
)
from roboloop.curate.neighbours import Candidates, Near, candidates
from roboloop.curate.prose import Prose, read_prose
from roboloop.curate.sameness import AboutTheSame


class NearDuplicates(AboutTheSame):
    """Drop records that say nearly the same about the same pictures as a better one."""

    threshold: float = Field(0.7, gt=0, le=1)
    """Records are duplicates from this similarity on: the Jaccard similarity of their n-grams, or
    the agreement of their coordinates where that is less."""
    floor: float = Field(0.5, gt=0, le=1)
    """Pairs are stored from this similarity on, so that `what-if` may try thresholds above it."""
    min_iou: float = Field(0.95, gt=0, le=1)
    """Least intersection over union of boxes that count as the same."""
    max_point_error: float = Field(0.01, ge=0, lt=1)
    """Largest mean distance, as a fraction of the diagonal, of points that count as the same."""
    min_answer_words: int = Field(12, ge=0)
    """Records whose answer is shorter (or is a choice, a number, yes or no) are duplicates only
    if all their words are the same: a short answer is no evidence that two questions are one."""
    min_answer_similarity: float = Field(0.4, ge=0, le=1)
    """Least Jaccard similarity of the answers alone, where they are words: a long question that all
    records share does not make their answers alike."""

    reason: ClassVar[str] = "nearly the same as another record of the same pictures"
    num_words: ClassVar[int]
    """Words of an n-gram."""

    @abstractmethod
    def marks(self, prose: Prose, kernels: Kernels) -> dict[str, Any]:
        """The columns by which candidates are found, one row a record."""

    @abstractmethod
    def tables(self, sketches: ArrowTable, rows: Offsets) -> Iterator[Hashes]:
        """Keys of some rows in each table; rows that share one are candidates."""

    @abstractmethod
    def near(self, sketches: ArrowTable, kernels: Kernels) -> Near:
        """A cheap test for pairs of rows of the sketches."""

    def sketch(self, batch: ArrowBatch, context: CurateContext) -> ArrowBatch:
        """The n-grams of each record, its marks, and what must be equal in a duplicate."""
        import pyarrow as pa

        del context
        kernels = load_kernels()
        telling = self.telling()
        prose = read_prose(
            batch["question"], batch["answer"],
            width=self.num_words, telling=telling, kernels=kernels,
        )  # fmt: skip
        wording = _set_hashes(prose)
        rule = self._rule(batch, prose=prose, wording=wording)
        geometry = hash_number_lists(batch["geometry"])
        columns: dict[str, Any] = {
            "rule": rule,
            "same": mixed(rule + mixed(wording + mixed(geometry))),
            **self.marks(prose, kernels),
            "shingles": pa.ListArray.from_arrays(
                pa.array(prose.offsets, pa.int32()), pa.array(prose.shingles)
            ),
        }
        return pa.RecordBatch.from_pydict(columns)

    def _rule(self, batch: ArrowBatch, *, prose: Prose, wording: Hashes) -> Hashes:
        """One hash of everything but the picture that must be equal in two duplicates."""
        worded = is_worded(batch).to_numpy(zero_copy_only=False)
        num_values = np.diff(number_lists(batch["geometry"]).offsets).astype(np.uint64)
        is_short = np.where(worded, prose.num_answer_words < self.min_answer_words, num_values == 0)
        return self.rule(
            batch, num_values, prose.telling, np.where(is_short, wording, np.uint64(0))
        )

    def pairs(self, sketches: ArrowTable, facts: ArrowTable, context: CurateContext) -> Pairs:
        """Verified pairs down to `floor`; records equal in all that counts have similarity 1."""
        asked = np.flatnonzero(sketches["rule"].is_valid().to_numpy())

        def verified(rows: Indices, blocks: Hashes) -> Pairs:
            return self._verified(
                take_rows(sketches, rows),
                take_rows(facts.select(GEOMETRY_FACTS), rows),
                blocks=blocks,
            )

        return self.paired(sketches, facts, context, asked=asked, verified=verified)

    def _verified(self, sketches: ArrowTable, facts: ArrowTable, *, blocks: Hashes) -> Pairs:
        """Pairs of rows of these tables that hold against their exact n-grams and coordinates."""
        kernels = load_kernels()
        shingles, offsets = number_lists(sketches["shingles"])
        found = candidates(
            np.arange(len(blocks)), blocks=blocks, tables=lambda rows: self.tables(sketches, rows),
            near=self.near(sketches, kernels),
        )  # fmt: skip
        common = kernels.overlap(shingles, offsets, found.left, found.right)
        odd_before = np.concatenate([[0], np.cumsum(shingles & np.uint32(1), dtype=np.int64)])
        whole = _jaccard(common[:, 0], np.diff(offsets), pairs=found)
        answers = _jaccard(common[:, 1], np.diff(odd_before[offsets]), pairs=found)
        agreed = agreement(
            geometry_of(facts), found.left, found.right,
            min_iou=self.min_iou, max_point_error=self.max_point_error,
        )  # fmt: skip
        similarity = np.minimum(whole, agreed)
        passed = (similarity >= self.floor) & (answers >= self.min_answer_similarity)
        return Pairs(found.left[passed], found.right[passed], similarity[passed])


def _jaccard(common: Offsets, sizes: Offsets, *, pairs: Candidates) -> Numbers:
    """Common n-grams by all n-grams of both; 1 where neither has any."""
    union = sizes[pairs.left] + sizes[pairs.right] - common
    return np.divide(common, union, out=np.ones(len(common)), where=union > 0)


def _set_hashes(prose: Prose) -> Hashes:
    """One hash of each record's set of n-grams."""
    return ordered_hashes(prose.shingles.astype(np.uint64), offsets=prose.offsets)
