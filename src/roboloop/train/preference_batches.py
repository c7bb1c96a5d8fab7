"""Steps over pairs of answers, each pair one row that begins once or two rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from roboloop.models.chat import IGNORED
from roboloop.models.parts import Parts
from roboloop.train.batches import MicroBatch, TokenCounts
from roboloop.train.branches import Branched, branch, collate_branched
from roboloop.train.dpo_config import DpoConfig
from roboloop.train.examples import Schedule
from roboloop.train.preference_pairs import EncodedPair, Pair, PairEncoder

ANSWERS, REFERENCE = "answers", "reference"
NO_ANSWER = -1

RefLogProbs = np.ndarray[tuple[int, int], np.dtype[np.float64]]
"""float64 [num_pairs, 2]: log-probability of the chosen and the rejected answer."""


def pair_rows(pair: EncodedPair, *, parts: Parts, share_prefix: bool) -> tuple[Branched, ...]:
    """A pair as one row whose beginning both answers see, or as two rows."""
    items = (pair.chosen, pair.rejected)
    if share_prefix:
        rows = branch(items, parts=parts)
        assert len(rows) == 1, "both answer the same question about the same pictures"
        return rows
    return tuple(chain.from_iterable(branch([item], parts=parts) for item in items))


def collate_pairs(
    pairs: Sequence[EncodedPair], *, parts: Parts, share_prefix: bool
) -> tuple[dict[str, Tensor], TokenCounts]:
    """The tensors of some pairs, and their tokens.

    Returns:
        The arguments of the network as `collate_branched` makes them, `labels`, and `answers`,
        int64 [num_rows, num_tokens]: 2k for targets of the chosen answer of pair k, 2k + 1 for
        those of the rejected one, else `NO_ANSWER`.
    """
    rows = [
        row for pair in pairs for row in pair_rows(pair, parts=parts, share_prefix=share_prefix)
    ]
    batch = collate_branched(rows, parts=parts)
    answers = np.full(tuple(batch.labels.shape), NO_ANSWER, dtype=np.int64)
    first = 0
    for place, row in enumerate(rows):
        numbers = first + row.branches - 1
        answers[place, : row.num_tokens] = np.where(row.labels != IGNORED, numbers, NO_ANSWER)
        first += int(row.branches.max())
    counts = TokenCounts(
        real=sum(row.num_tokens for row in rows),
        target=sum(row.num_targets for row in rows),
        image=sum(row.num_image_tokens(parts) for row in rows),
        padding=batch.labels.numel() - sum(row.num_tokens for row in rows),
    )
    tensors = {**batch.inputs, "labels": batch.labels, ANSWERS: torch.from_numpy(answers)}
    return tensors, counts


class PairBatches:
    """Steps over pairs: all in a drawn order, then all in another.

    Args:
        pairs: What can be met.
        encoder: Writes them in the model's tokens.
        config: The phase.
        seed: Names the order.
        reference: What the reference model gives each answer; None when it is asked in every step.
        num_cuts: How many times smaller the micro-batches are than the phase says.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        *,
        encoder: PairEncoder,
        config: DpoConfig,
        seed: int,
        reference: RefLogProbs | None,
        num_cuts: int = 1,
    ) -> None:
        assert reference is None or len(reference) == len(pairs)
        self._pairs = pairs
        self._encoder = encoder
        self._config = config
        self._reference = reference
        self._most = config.pairs_per_micro_batch or config.pairs_per_step
        self._num_cuts = num_cuts
        self._again = partial(
            PairBatches, pairs, encoder=encoder, config=config, seed=seed, reference=reference
        )
        self._schedule = Schedule(len(pairs), pictures_per_step=config.pairs_per_step, seed=seed)

    def micro_batches(self, step: int, *, rank: int, num_ranks: int) -> Sequence[MicroBatch]:
        """Each process takes every so-manieth pair; all as many micro-batches.

        Raises:
            RoboLoopError: E-TRN-002 for an answer that is too long, E-MED-*.
        """
        mine = [visit.group for visit in self._schedule.visits(step)[rank::num_ranks]]
        size = math.ceil(min(self._most, len(mine)) / self._num_cuts)
        return [self._micro_batch(mine[at : at + size]) for at in range(0, len(mine), size)]

    def record_ids(self, step: int) -> list[str]:
        """Of the step's pairs."""
        return [self._pairs[visit.group].record_id for visit in self._schedule.visits(step)]

    def cut(self, num_cuts: int) -> PairBatches | None:
        """Fewer pairs in each."""
        return None if num_cuts >= 2 * self._most else self._again(num_cuts=num_cuts)

    def _micro_batch(self, numbers: Sequence[int]) -> MicroBatch:
        encoded = [self._encoder.encode(self._pairs[number]) for number in numbers]
        tensors, counts = collate_pairs(
            encoded,
            parts=self._encoder.encoder.parts,
            share_prefix=self._config.share_prefix,
        )
        if self._reference is not None:
            tensors[REFERENCE] = torch.from_numpy(self._reference[list(numbers)].reshape(-1))
        ids = tuple(pair.record_id for pair in encoded)
        return MicroBatch(tensors, float(len(numbers)), counts, ids)

    def epoch_after(self, num_steps: int) -> float:
        """How often the pairs have been met."""
        return num_steps * self._config.pairs_per_step / len(self._pairs)
