"""Steps over records, each a row of its own: in packs without filling, or in padded batches."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor, from_numpy

from roboloop.base.errors import RoboLoopError
from roboloop.models.batch import collate
from roboloop.models.chat import IGNORED, Encoded
from roboloop.models.parts import Parts
from roboloop.train.batches import WEIGHTS, MicroBatch, TokenCounts, target_weight
from roboloop.train.batching import PackedBatching, PaddedBatching
from roboloop.train.branches import filled
from roboloop.train.config import SftConfig
from roboloop.train.examples import Visit
from roboloop.train.packing import Pack, collate_packed, picture_arrays, share_out
from roboloop.train.record_rows import Outline, RecordRows, RecordSchedule
from roboloop.train.refused import Refused

TOO_LONG = "E-TRN-002"


class _Measured(NamedTuple):
    """A row whose length is known, and where it has been written, its outline."""

    visit: Visit
    length: int
    outline: Outline | None


class RecordBatches(ABC):
    """Steps over records. A step takes the same records however they are put together.

    Args:
        rows: Makes the rows.
        parts: Tokenizer and picture format of the model.
        config: The phase; its batching takes records.
        seed: Names the order of the records.
        refused: Where records that are too long are written down.
        num_cuts: How many times smaller the micro-batches are than the phase says.
    """

    def __init__(
        self,
        rows: RecordRows,
        *,
        parts: Parts,
        config: SftConfig,
        seed: int,
        refused: Refused,
        num_cuts: int = 1,
    ) -> None:
        self._num_cuts = num_cuts
        self._again = partial(
            type(self), rows, parts=parts, config=config, seed=seed, refused=refused
        )
        self._rows = rows
        self._parts = parts
        self._refused = refused
        self._per_step = config.items_per_step
        self._schedule = RecordSchedule.of(rows.records, config=config, seed=seed)

    @property
    def num_per_epoch(self) -> int:
        """Records met in an epoch."""
        return self._schedule.num_groups

    def outlines(self, step: int) -> list[Outline]:
        """The rows of a step over all processes, without pictures.

        Raises:
            RoboLoopError: E-TRN-002 when every record of the step is too long.
        """
        return [self._outline(row) for row in self._measured(step, others=False)]

    def _outline(self, row: _Measured) -> Outline:
        return row.outline or self._rows.outline(row.visit)

    def _measured(self, step: int, *, others: bool) -> list[_Measured]:
        """The rows of a step that are not too long.

        With `others` some of them are other processes': where a length is kept from before, the row
        is not written.
        """
        found: list[_Measured] = []
        last: RoboLoopError | None = None
        for visit in self._schedule.visits(step):
            length = self._rows.known_length(visit) if others else None
            if length is not None:
                found.append(_Measured(visit, length, None))
                continue
            try:
                outline = self._rows.outline(visit)
                length = outline.encoded.num_tokens
                found.append(_Measured(visit, length, outline))
                if others:
                    self._rows.keep_length(visit, length=length)
            except RoboLoopError as error:
                if error.code != TOO_LONG:
                    raise
                last = error
                self._refused.add(error, source=self._rows.records[visit.group].source)
        if last is not None and not found:
            raise last
        return found

    def micro_batches(self, step: int, *, rank: int, num_ranks: int) -> Sequence[MicroBatch]:
        """This process's share of a step. Only its own pictures are opened.

        Raises:
            RoboLoopError: E-TRN-002 when every record of the step is too long, E-MED-*.
        """
        rows = self._measured(step, others=num_ranks > 1)
        lengths = [row.length for row in rows]
        made: list[MicroBatch] = []
        for places in self._arranged(lengths, num_ranks=num_ranks)[rank]:
            if places:
                made.append(self._micro_batch([self._outline(rows[place]) for place in places]))
            else:
                made.append(self._idle(self._outline(rows[int(np.argmin(lengths))])))
        return made

    def record_ids(self, step: int) -> list[str]:
        """Of the step, those that will be left out included."""
        return [self._rows.records[visit.group].id for visit in self._schedule.visits(step)]

    def cut(self, num_cuts: int) -> RecordBatches | None:
        """Fewer records in each."""
        return None if num_cuts >= 2 * self._most_records else self._again(num_cuts=num_cuts)

    def epoch_after(self, num_steps: int) -> float:
        """How often the records have been met."""
        return num_steps * self._per_step / self.num_per_epoch

    @property
    @abstractmethod
    def _most_records(self) -> int:
        """Most records that one micro-batch can have."""

    @abstractmethod
    def _arranged(self, lengths: Sequence[int], *, num_ranks: int) -> list[list[Pack]]:
        """Which rows go together: for each process equally many groups, some perhaps empty."""

    @abstractmethod
    def _collated(self, items: Sequence[Encoded]) -> dict[str, Tensor]:
        """Rows as arguments of the objective."""

    def _micro_batch(self, outlines: Sequence[Outline]) -> MicroBatch:
        items = [self._rows.fill(outline) for outline in outlines]
        tensors = self._collated(items)
        counts = sum((outline.counts for outline in outlines), TokenCounts())
        counts = replace(counts, padding=tensors["input_ids"].numel() - counts.real)
        ids = tuple(outline.record.id for outline in outlines)
        return MicroBatch(tensors, float(target_weight(tensors)), counts, ids)

    def _idle(self, outline: Outline) -> MicroBatch:
        """A row that teaches nothing, so that every process goes through the model equally often.

        All of it counts as filling.
        """
        item = self._rows.fill(outline)
        item = replace(item, labels=np.full_like(item.labels, IGNORED), num_target_tokens=0)
        return MicroBatch(self._collated([item]), 0.0, TokenCounts(padding=item.num_tokens), ())


class PackedBatches(RecordBatches):
    """Packs of at most `tokens_per_pack` tokens, without filling."""

    def __init__(
        self, rows: RecordRows, *, config: SftConfig, num_cuts: int = 1, **others: Any
    ) -> None:
        super().__init__(rows, config=config, num_cuts=num_cuts, **others)
        assert isinstance(config.batching, PackedBatching)
        self._most = config.batching.tokens_per_pack // num_cuts

    @property
    def _most_records(self) -> int:
        return self._per_step

    def _arranged(self, lengths: Sequence[int], *, num_ranks: int) -> list[list[Pack]]:
        most = max(self._most, *lengths) if self._num_cuts > 1 else self._most
        return share_out(lengths, most=most, num_ranks=num_ranks)

    def _collated(self, items: Sequence[Encoded]) -> dict[str, Tensor]:
        return collate_packed(items, parts=self._parts)


class PaddedBatches(RecordBatches):
    """Batches of `records_per_batch` rows as they come, filled up and masked."""

    def __init__(
        self, rows: RecordRows, *, config: SftConfig, num_cuts: int = 1, **others: Any
    ) -> None:
        super().__init__(rows, config=config, num_cuts=num_cuts, **others)
        assert isinstance(config.batching, PaddedBatching)
        self._most_records_whole = config.batching.records_per_batch
        self._size = math.ceil(self._most_records_whole / num_cuts)

    @property
    def _most_records(self) -> int:
        return self._most_records_whole

    def _arranged(self, lengths: Sequence[int], *, num_ranks: int) -> list[list[Pack]]:
        places = list(range(len(lengths)))
        groups = [places[first : first + self._size] for first in places[:: self._size]]
        groups += [[] for _ in range(-len(groups) % num_ranks)]
        return [groups[rank::num_ranks] for rank in range(num_ranks)]

    def _collated(self, items: Sequence[Encoded]) -> dict[str, Tensor]:
        pictures = {name: from_numpy(value) for name, value in picture_arrays(items).items()}
        tensors = {**collate(items, parts=self._parts, pixels=False), **pictures}
        weights = filled([item.weights for item in items], width=tensors["labels"].shape[1])
        return tensors if weights is None else {**tensors, WEIGHTS: weights}
