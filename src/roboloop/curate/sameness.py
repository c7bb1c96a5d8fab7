"""What all operators agree on that take two records for one because of their words.

Two such records must be about the same pictures, and the words that turn a sentence into another,
such as left and right, must be the same in both.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from roboloop.curate.base import NO_PARTNER, ArrowTable, CurateContext, GroupOperator
from roboloop.curate.columns import same_text_numbers
from roboloop.curate.kernels import Hashes
from roboloop.curate.prose import TellingWords
from roboloop.curate.telling import TELLING_WORDS


class AboutTheSame(GroupOperator):
    """Options of operators that compare records about the same pictures."""

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
