"""semantic: records that say the same in other words, by the vectors of question and answer.

Vectors see paraphrases that share few words, and they see no difference between left and right, or
between two trajectories. So only answers in prose are compared, only about the same pictures, and
only where the telling words agree.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from roboloop.curate import neighbours
from roboloop.curate.base import (
    ArrowBatch,
    ArrowTable,
    CurateContext,
    Indices,
    Numbers,
    Pairs,
)
from roboloop.curate.columns import is_worded
from roboloop.curate.kernels import Bools, Hashes, Offsets, load_kernels, mixed, ordered_hashes
from roboloop.curate.neighbours import candidates
from roboloop.curate.prose import words_of
from roboloop.curate.sameness import AboutTheSame
from roboloop.curate.vector_neighbours import SLACK, near_pairs
from roboloop.curate.vectors import HalfVectors, vectors_at

PAIRS_AT_ONCE = 1 << 16
DECIMALS = 6
"""Of a stored similarity: the same on processors that add in another order."""
_BELOW_ONE = 1 - 10.0**-DECIMALS


class SemanticDuplicates(AboutTheSame):
    """Drop records whose answers in prose mean the same about the same pictures as a better one."""

    code: ClassVar[str] = "E-CUR-025"

    reason: ClassVar[str] = "means the same as another record of the same pictures"

    kind: Literal["semantic"] = "semantic"  # pyright: ignore[reportIncompatibleVariableOverride]
    vectors_of: str = "relevance"
    """Label of the earlier `relevance` operator whose vectors are compared."""
    threshold: float = Field(0.9, gt=0, le=1)
    """Records are duplicates from this cosine on: that of the questions or that of the answers,
    whichever is less. It means something else with every embedder."""
    floor: float = Field(0.8, gt=0, le=1)
    min_answer_words: int = Field(6, ge=1)
    """Records with a shorter answer are not compared."""
    num_probes: int = Field(12, ge=1)
    """Among more than 4096 records about the same pictures (or with `pictures: any`), with how
    many parts of them each is compared at most."""
    margin: float = Field(0.1, ge=0, le=1)
    """A further part is looked at if its centre is hardly farther, by this much of the cosine."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The operator that made the vectors, and the one that groups pictures where asked."""
        return (self.vectors_of, *super().reads)

    def sketch(self, batch: ArrowBatch, context: CurateContext) -> ArrowBatch:
        """What must be equal in a duplicate; null where a record is not compared."""
        import pyarrow as pa

        del context
        telling, kernels = self.telling(), load_kernels()
        asked = words_of(batch["question"], kernels=kernels)
        answered = words_of(batch["answer"], kernels=kernels)
        rule = self.rule(batch, mixed(telling.of(asked)) ^ telling.of(answered))
        wording = mixed(
            ordered_hashes(asked.hashes, offsets=asked.offsets)
            + mixed(ordered_hashes(answered.hashes, offsets=answered.offsets))
        )
        compared = is_worded(batch).to_numpy(zero_copy_only=False)
        compared = compared & (np.diff(answered.offsets) >= self.min_answer_words)
        return pa.RecordBatch.from_pydict(
            {
                "rule": pa.array(rule, mask=~compared),
                "same": pa.array(mixed(rule + wording), mask=~compared),
            }
        )

    def pairs(self, sketches: ArrowTable, facts: ArrowTable, context: CurateContext) -> Pairs:
        """Verified pairs down to `floor`; records of the same words have similarity 1."""
        values = context.values[self.vectors_of]
        asked = np.flatnonzero(
            sketches["rule"].is_valid().to_numpy() & values["cosine"].is_valid().to_numpy()
        )

        def verified(rows: Indices, blocks: Hashes) -> Pairs:
            return self._verified(
                vectors_at(values["question"], rows), vectors_at(values["answer"], rows),
                blocks=blocks, seed=context.seed,
            )  # fmt: skip

        return self.paired(sketches, facts, context, asked=asked, verified=verified)

    def _verified(
        self, questions: HalfVectors, answers: HalfVectors, *, blocks: Hashes, seed: int
    ) -> Pairs:
        """Pairs of rows of one block whose questions and answers are both near."""
        found = [self._small_blocks(answers, blocks=blocks)]
        order = np.argsort(blocks, kind="stable")
        starts = np.flatnonzero(blocks[order][1:] != blocks[order][:-1]) + 1
        for members in np.split(order, starts):
            if len(members) > neighbours.SMALL_BLOCK:
                near = near_pairs(
                    answers[members], floor=self.floor, num_probes=self.num_probes,
                    margin=self.margin, seed=seed,
                )  # fmt: skip
                found.append(_Ends(members[near.left], members[near.right]))
        left, right = (np.concatenate([ends[side] for ends in found]) for side in (0, 1))
        similarity = np.minimum(_cosines(questions, left, right), _cosines(answers, left, right))
        similarity = np.minimum(np.round(similarity, DECIMALS), _BELOW_ONE)
        passed = similarity >= self.floor
        return Pairs(left[passed], right[passed], similarity[passed])

    def _small_blocks(self, answers: HalfVectors, *, blocks: Hashes) -> _Ends:
        def near(left: Offsets, right: Offsets) -> Bools:
            return _cosines(answers, left, right) >= self.floor - SLACK

        return _Ends(
            *candidates(np.arange(len(blocks)), blocks=blocks, tables=lambda rows: (), near=near)
        )


class _Ends(NamedTuple):
    """Pairs of rows, the lower one on the left."""

    left: Indices
    right: Indices


def _cosines(vectors: HalfVectors, left: Indices, right: Indices) -> Numbers:
    """The cosine of each pair, in float64."""
    found = np.empty(len(left))
    for start in range(0, len(left), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        one, other = (vectors[ends[part]].astype(np.float64) for ends in (left, right))
        lengths: Any = np.sqrt((one**2).sum(1) * (other**2).sum(1))
        found[part] = np.einsum("ij,ij->i", one, other) / np.where(lengths > 0, lengths, 1)
    return found
