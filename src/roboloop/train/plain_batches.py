"""Padded batches for a model of any family, written by the model's own processor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from PIL import Image

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import seeded_generator
from roboloop.dialects.base import Dialect
from roboloop.models.chat import IGNORED
from roboloop.models.processor_model import Batch, ChatWriter, Conversation
from roboloop.records.media_open import MediaStore
from roboloop.records.record import Record, Turn
from roboloop.train.batches import MicroBatch, TokenCounts
from roboloop.train.batching import PaddedBatching
from roboloop.train.config import SftConfig
from roboloop.train.conversation import conversation
from roboloop.train.examples import Visit
from roboloop.train.record_rows import RecordSchedule
from roboloop.train.refused import Refused

NOTHING = Conversation((Image.new("RGB", (28, 28), "grey"),), (Turn("user", "."),))
"""What a process computes when all records of its batch were too long, or none has a picture: the
others would wait for it wherever weights or gradients of the picture encoder go between them."""


class Sources(NamedTuple):
    """Where the rows come from.

    Attributes:
        records: What can be visited.
        media: Opens their pictures.
        dialect: How the model writes places.
        image_token: The id that stands for a part of a picture; None where that is not known, and
            pictures' tokens are then counted as text.
    """

    records: Sequence[Record]
    media: MediaStore
    dialect: Dialect
    image_token: int | None


class PlainBatches:
    """Batches of `records_per_batch` records as they come, filled up at the end and masked.

    Args:
        sources: Records and pictures.
        writer: Writes conversations through the model's processor.
        config: The phase; its batching is `padded`.
        seed: Names the order of the records.
        refused: Where records that are too long are written down.
        num_cuts: How many times smaller the batches are than the phase says.
    """

    def __init__(
        self,
        sources: Sources,
        *,
        writer: ChatWriter,
        config: SftConfig,
        seed: int,
        refused: Refused,
        num_cuts: int = 1,
    ) -> None:
        assert isinstance(config.batching, PaddedBatching)
        self._again = partial(
            PlainBatches, sources, writer=writer, config=config, seed=seed, refused=refused
        )
        self._sources = sources
        self._writer = writer
        self._config = config
        self._seed = seed
        self._refused = refused
        self._per_batch = config.batching.records_per_batch
        self._size = math.ceil(self._per_batch / num_cuts)
        self._schedule = RecordSchedule.of(sources.records, config=config, seed=seed)

    @property
    def num_per_epoch(self) -> int:
        """Records met in an epoch."""
        return self._schedule.num_groups

    def micro_batches(self, step: int, *, rank: int, num_ranks: int) -> Sequence[MicroBatch]:
        """This process's share of a step.

        Raises:
            RoboLoopError: E-ENG-008, E-MED-*, E-REC-*.
        """
        visits = self._schedule.visits(step)
        groups = [visits[first : first + self._size] for first in range(0, len(visits), self._size)]
        groups += [[] for _ in range(-len(groups) % num_ranks)]
        together = num_ranks > 1
        return [self._micro_batch(group, together=together) for group in groups[rank::num_ranks]]

    def record_ids(self, step: int) -> list[str]:
        """Of the step's records."""
        return [self._sources.records[visit.group].id for visit in self._schedule.visits(step)]

    def cut(self, num_cuts: int) -> PlainBatches | None:
        """Fewer records in each."""
        return None if num_cuts >= 2 * self._per_batch else self._again(num_cuts=num_cuts)

    def epoch_after(self, num_steps: int) -> float:
        """How often the records have been met."""
        return num_steps * self._config.items_per_step / self.num_per_epoch

    def _micro_batch(self, visits: Sequence[Visit], *, together: bool) -> MicroBatch:
        records = [self._sources.records[visit.group] for visit in visits]
        said = [
            self._conversation(record, visit=visit)
            for record, visit in zip(records, visits, strict=True)
        ]
        if not said:
            return self._idle()
        batch = self._writer.targets(said)
        fits = self._fitting(batch, records=records)
        if not any(fits):
            return self._idle()
        # Of those that fit: a picture in a record that is left out is not looked at.
        blind = together and not any(
            one.pictures for one, fit in zip(said, fits, strict=True) if fit
        )
        if not all(fits) or blind:
            records = [record for record, fit in zip(records, fits, strict=True) if fit]
            said = [one for one, fit in zip(said, fits, strict=True) if fit]
            batch = self._writer.targets([*said, NOTHING] if blind else said)
        counts = self._counts(batch, num_rows=len(records))
        ids = tuple(record.id for record in records)
        return MicroBatch(_tensors(batch), float(counts.target), counts, ids)

    def _conversation(self, record: Record, *, visit: Visit) -> Conversation:
        rng = seeded_generator(self._seed, "visit", visit.epoch, record.id)
        wording_seed = int(rng.integers(2**31)) if self._config.reword else None
        turns = conversation(
            record, dialect=self._sources.dialect, config=self._config, wording_seed=wording_seed
        )
        pictures = [self._sources.media.open(medium) for medium in record.media]
        return Conversation(pictures, turns)

    def _fitting(self, batch: Batch, *, records: Sequence[Record]) -> list[bool]:
        """Which rows are short enough; the others go to the ledger."""
        lengths = batch.tensors["attention_mask"].sum(dim=1).tolist()
        most = self._config.max_tokens
        for record, length in zip(records, lengths, strict=True):
            if length > most:
                error = RoboLoopError(
                    "E-TRN-002", f"{length} tokens, at most {most} fit",
                    place=Place(record_id=record.id),
                )  # fmt: skip
                self._refused.add(error, source=record.source)
        return [length <= most for length in lengths]

    def _counts(self, batch: Batch, *, num_rows: int) -> TokenCounts:
        """Of the first rows; what is after them fills up."""
        ids, mask = batch.tensors["input_ids"], batch.tensors["attention_mask"][:num_rows]
        real = int(mask.sum())
        image = self._sources.image_token
        return TokenCounts(
            real=real,
            target=int((batch.labels != IGNORED).sum()),
            image=0 if image is None else int((ids[:num_rows] == image).sum()),
            padding=ids.numel() - real,
        )

    def _idle(self) -> MicroBatch:
        batch = self._writer.targets([NOTHING])
        tensors = _tensors(batch)
        return MicroBatch(tensors, 0.0, TokenCounts(padding=batch.labels.numel()), ())


def _tensors(batch: Batch) -> dict[str, torch.Tensor]:
    return {**batch.tensors, "labels": batch.labels}
