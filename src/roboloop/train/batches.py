"""What a step works on: micro-batches, made by number.

A kind of training (fine-tuning, preference pairs) is a `BatchMaker` that makes the micro-batches of
a step and an objective that turns one into a loss. The loop knows no more of it than this.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from roboloop.models.chat import IGNORED
from roboloop.models.parts import Parts
from roboloop.train.branches import collate_branched
from roboloop.train.config import SftConfig
from roboloop.train.examples import Example, ExampleMaker, Schedule, Sketch
from roboloop.train.refused import Refused

LOSS = "loss"
"""The key of an objective's output that is minimised."""
EVAL_LOSS = "eval_loss"
"""The same on held-out records."""
WEIGHTS = "weights"
"""The tensor that says how much each target counts."""


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """Tokens of a batch.

    Attributes:
        real: All that stand for something, pictures' included.
        target: Those that are trained on.
        image: Those of pictures.
        padding: Those that only fill a tensor up.
    """

    real: int = 0
    target: int = 0
    image: int = 0
    padding: int = 0

    @property
    def text(self) -> int:
        """All real tokens but the pictures'."""
        return self.real - self.image

    @property
    def padding_fraction(self) -> float:
        """Share of the tokens that only fill up."""
        return self.padding / max(1, self.real + self.padding)

    def __add__(self, other: TokenCounts) -> TokenCounts:
        return TokenCounts(
            self.real + other.real,
            self.target + other.target,
            self.image + other.image,
            self.padding + other.padding,
        )


class MicroBatch(NamedTuple):
    """What one forward pass takes.

    Attributes:
        tensors: Arguments of the objective, by name, on the CPU.
        weight: What its loss is a sum over: target tokens by their weights, or pairs. The gradient
            of a step is that of the sum of all losses over the sum of all weights, however the step
            is cut up.
        counts: Its tokens.
        record_ids: For messages about it.
    """

    tensors: dict[str, Tensor]
    weight: float
    counts: TokenCounts
    record_ids: tuple[str, ...]


def target_weight(tensors: Mapping[str, Tensor]) -> Tensor:
    """What the targets [B, S] of a micro-batch count together; one each without weights."""
    is_target = tensors["labels"][:, 1:] != IGNORED
    if WEIGHTS not in tensors:
        return is_target.sum()
    return tensors[WEIGHTS][:, 1:][is_target].sum(dtype=torch.float64)


class BatchMaker(Protocol):
    """Makes the micro-batches of each step. Follows from the step's number alone."""

    def micro_batches(self, step: int, *, rank: int, num_ranks: int) -> Sequence[MicroBatch]:
        """The share of one process in a step, counted from 0: as many for every process."""
        ...

    def record_ids(self, step: int) -> Sequence[str]:
        """Records that a step may meet, over all processes: for messages about it."""
        ...

    def epoch_after(self, num_steps: int) -> float:
        """How often the records have been met after so many steps."""
        ...


@runtime_checkable
class Cuttable(Protocol):
    """A maker whose micro-batches can be made smaller."""

    def cut(self, num_cuts: int) -> BatchMaker | None:
        """The same steps in micro-batches of one part in `num_cuts` the size.

        None when they would be smaller than one example.
        """
        ...


def picture_batch(examples: Sequence[Example], *, parts: Parts) -> MicroBatch:
    """Pictures with their questions as one micro-batch."""
    rows = [row for example in examples for row in example.rows]
    batch = collate_branched(rows, parts=parts)
    counts = TokenCounts(
        real=sum(row.num_tokens for row in rows),
        target=sum(row.num_targets for row in rows),
        image=sum(row.num_image_tokens(parts) for row in rows),
        padding=batch.labels.numel() - sum(row.num_tokens for row in rows),
    )
    ids = tuple(name for example in examples for name in example.record_ids)
    tensors = {**batch.inputs, "labels": batch.labels}
    if batch.weights is not None:
        tensors[WEIGHTS] = batch.weights
    return MicroBatch(tensors, float(target_weight(tensors)), counts, ids)


class PictureBatches:
    """Steps over pictures, the questions of each in rows of branches.

    Args:
        maker: Makes the examples.
        parts: Tokenizer and picture format of the model.
        config: The phase.
        seed: Names the order of the pictures.
        refused: Where records that are too long are written down.
        num_cuts: How many times smaller the micro-batches are than the phase says.
    """

    def __init__(
        self,
        maker: ExampleMaker,
        *,
        parts: Parts,
        config: SftConfig,
        seed: int,
        refused: Refused,
        num_cuts: int = 1,
    ) -> None:
        self._maker = maker
        self._parts = parts
        self._refused = refused
        self._per_step = config.pictures_per_step
        self._most = config.pictures_per_micro_batch or config.pictures_per_step
        self._num_cuts = num_cuts
        self._again = partial(
            PictureBatches, maker, parts=parts, config=config, seed=seed, refused=refused
        )
        self._schedule = Schedule(
            len(maker.groups), pictures_per_step=config.pictures_per_step, seed=seed
        )

    def micro_batches(self, step: int, *, rank: int, num_ranks: int) -> Sequence[MicroBatch]:
        """Batches of this process's pictures: every so-manieth of the step.

        Every process writes the questions of the whole step, so that all know which are too long.

        Raises:
            RoboLoopError: E-TRN-002 when every question of the step is too long, E-MED-*.
        """
        sketches = self._sketches(step)
        mine = sketches[rank::num_ranks]
        size = math.ceil(min(self._most, len(mine)) / self._num_cuts)
        made: list[MicroBatch] = []
        for first in range(0, len(mine), size):
            examples = [self._maker.fill(sketch) for sketch in mine[first : first + size]]
            if any(example.rows for example in examples):
                made.append(picture_batch(examples, parts=self._parts))
            else:
                made.append(self._idle(sketches))
        return made

    def _sketches(self, step: int) -> list[Sketch]:
        """The step's visits over all processes; what is too long is written down."""
        sketches = [self._maker.outline(visit) for visit in self._schedule.visits(step)]
        left_out = [each for sketch in sketches for each in sketch.too_long]
        for each in left_out:
            self._refused.add(each.error, source=each.source)
        if left_out and not any(sketch.encoded for sketch in sketches):
            raise left_out[-1].error
        return sketches

    def _idle(self, sketches: Sequence[Sketch]) -> MicroBatch:
        """The shortest picture with questions, taught nothing: every process passes as often.

        All of it counts as filling.
        """
        asked = [sketch for sketch in sketches if sketch.encoded]
        shortest = min(asked, key=lambda sketch: sum(item.num_tokens for item in sketch.encoded))
        batch = picture_batch([self._maker.fill(shortest)], parts=self._parts)
        tensors = {**batch.tensors, "labels": torch.full_like(batch.tensors["labels"], IGNORED)}
        padding = batch.counts.real + batch.counts.padding
        return MicroBatch(tensors, 0.0, TokenCounts(padding=padding), ())

    def record_ids(self, step: int) -> list[str]:
        """Of all questions about the step's pictures."""
        groups = [self._maker.groups[visit.group] for visit in self._schedule.visits(step)]
        return [record.id for group in groups for record in group.records]

    def cut(self, num_cuts: int) -> PictureBatches | None:
        """Fewer pictures in each."""
        return None if num_cuts >= 2 * self._most else self._again(num_cuts=num_cuts)

    def epoch_after(self, num_steps: int) -> float:
        """How often the pictures have been met."""
        return num_steps * self._per_step / len(self._maker.groups)
