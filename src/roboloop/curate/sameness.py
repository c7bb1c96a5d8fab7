"""What all operators agree on that take two records for one because of their words.

Two such records must be about the same pictures, and the words that turn a sentence into another,
such as left and right, must be the same in both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from roboloop.curate.base import (
    NO_PARTNER,
    ArrowBatch,
    ArrowTable,
    CurateContext,
    Flags,
    GroupOperator,
    Indices,
    Judgement,
    Numbers,
    Pairs,
)
from roboloop.curate.columns import hash_texts, same_text_numbers, take_rows
from roboloop.curate.keepers import keep_best_of_duplicates
from roboloop.curate.kernels import Hashes, mixed
from roboloop.curate.neighbours import find_clones
from roboloop.curate.prose import TellingWords
from roboloop.curate.telling import TELLING_WORDS

RULE_FACTS = ("task", "context", "answer_kind", "content")
"""The columns of the facts that must be equal in two duplicates."""


class AboutTheSame(GroupOperator):
    """Options of operators that compare records about the same pictures.

    Class attributes:
        reason: Text for the dropped.
    """

    reason: ClassVar[str]

    threshold: float = Field(gt=0, le=1)
    """Records are duplicates from this similarity on."""
    floor: float = Field(gt=0, le=1)
    """Pairs are stored from this similarity on, so that `what-if` may try thresholds above it."""
    pictures: Literal["same", "alike", "any"] = "same"
    """Whether duplicates must show the same pictures, pictures of one group of the operator
    `alike_by`, or any. With `any`, records about different scenes are dropped: look at
    `template_quota` first."""
    alike_by: str = "picture_groups"
    """Label of the earlier `picture_groups` operator that says which pictures are alike."""
    same_numbers: bool = True
    """Whether the numbers in the words must be the same."""
    telling_words: tuple[str, ...] = TELLING_WORDS
    """Words that must be the same in both, such as left and right. One word or one Chinese
    character each."""

    @model_validator(mode="after")
    def _threshold_is_stored(self) -> AboutTheSame:
        if self.threshold < self.floor:
            raise ValueError(
                f"threshold {self.threshold} is below the floor {self.floor}: lower the floor, too"
            )
        return self

    @property
    def judging_options(self) -> frozenset[str]:
        """The threshold can be tried out on the stored pairs."""
        return super().judging_options | {"threshold"}

    @property
    def reads(self) -> tuple[str, ...]:
        """The operator that groups pictures, where it is asked."""
        return (self.alike_by,) if self.pictures == "alike" else ()

    def telling(self) -> TellingWords:
        """The words that must be the same in both."""
        return TellingWords(self.telling_words, numbers=self.same_numbers)

    def rule(self, batch: ArrowBatch, *parts: Hashes) -> Hashes:
        """One hash of everything but the picture that must be equal in two duplicates."""
        hashed = (hash_texts(batch[name]) for name in RULE_FACTS)
        rule = np.zeros(batch.num_rows, dtype=np.uint64)
        for part in (*hashed, *parts):
            rule = mixed(rule + mixed(part + np.uint64(1)))
        return rule

    def paired(
        self,
        sketches: ArrowTable,
        facts: ArrowTable,
        context: CurateContext,
        *,
        asked: Indices,
        verified: Callable[[Indices, Hashes], Pairs],
    ) -> Pairs:
        """Pairs of records with equal rules about the same pictures.

        Args:
            sketches: Columns `rule`, and `same`, a hash that is equal for equal records.
            facts: The facts of all records.
            context: Of the operator.
            asked: The records to compare, ascending.
            verified: Gives the pairs among some records, as places in the list of them, whose
                similarity is `floor` or more. Records of different blocks (the second argument) are
                not paired.
        """
        pictures = mixed(self.picture_keys(facts, context)[asked])
        rule, same = (take_rows(sketches.select([name]), asked)[name] for name in ("rule", "same"))
        clones = find_clones(mixed(same.to_numpy() + pictures))
        blocks = mixed(rule.to_numpy() + pictures)[clones.firsts]
        _, places, counts = np.unique(blocks, return_inverse=True, return_counts=True)
        has_company = counts[places] > 1
        rows = asked[clones.firsts[has_company]]
        near = verified(rows, blocks[has_company])
        left = np.concatenate([asked[clones.first_of_others], rows[near.left]])
        right = np.concatenate([asked[clones.others], rows[near.right]])
        similarity = np.concatenate([np.ones(len(clones.others)), near.similarity])
        return Pairs.in_order(left, right, similarity)

    def judge(
        self,
        pairs: Pairs,
        facts: ArrowTable,
        *,
        kept: Flags,
        rank: Numbers,
    ) -> Judgement:
        """Of each group the best record stays; every other names one that it is truly near."""
        return keep_best_of_duplicates(
            pairs, kept=kept, rank=rank, threshold=self.threshold,
            reason=self.reason,
        )  # fmt: skip

    def picture_keys(self, facts: ArrowTable, context: CurateContext) -> Hashes:
        """One number for each record; equal for records that may be duplicates of each other."""
        if self.pictures == "any":
            return np.zeros(facts.num_rows, dtype=np.uint64)
        if self.pictures == "same":
            return same_text_numbers(facts["media_group"])
        first = context.judged[self.alike_by].partner
        own = np.arange(facts.num_rows)
        keys = np.where(first == NO_PARTNER, own, first).astype(np.uint64) + np.uint64(1)
        return np.where(facts["num_media"].to_numpy() > 0, keys, np.uint64(0))
