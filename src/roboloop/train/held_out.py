"""What a phase says on records it does not train on: their loss, and answers to a few of them.

Nothing here draws a random number or changes a weight, so a run that looks takes the same steps as
one that does not. Logits exist at the answers' tokens only and are thrown away at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import islice

import torch

from roboloop.engines.base import Request
from roboloop.engines.local import LocalEngine
from roboloop.records.media_open import MediaStore
from roboloop.records.record import Record
from roboloop.tasks import load_task
from roboloop.train.batches import EVAL_LOSS, LOSS, MicroBatch, picture_batch
from roboloop.train.config import SftConfig
from roboloop.train.examples import ExampleMaker, PictureCache, Visit, load_groups
from roboloop.train.strategies import Strategy
from roboloop.train.work import Setting

PICTURES_PER_BATCH = 4


class HeldOut:
    """Measures a phase on the split `eval_split`.

    Args:
        config: The phase.
        setting: Its records and model.
        strategy: Where the weights lie.
        autocast: Surrounds the computation of a loss.

    Raises:
        RoboLoopError: E-TRN-004 when the split has no record of the phase's tasks, E-TRN-002 when
            one is too long, E-MED-*.
    """

    def __init__(
        self,
        config: SftConfig,
        *,
        setting: Setting,
        strategy: Strategy,
        autocast: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.config = config
        self.strategy = strategy
        self.autocast = autocast
        self.media = setting.records.media_store()
        self._dialect = setting.encoder.dialect
        self._engine = LocalEngine(
            setting.backbone,
            dialect=self._dialect,
            system=setting.encoder.system,
            max_new_tokens=config.generate_max_tokens,
        )
        groups = load_groups(setting.records, config=config, split=config.eval_split)
        self._asked = _few_of_each([r for group in groups for r in group.records], config=config)
        self._batches: list[MicroBatch] = []
        if config.eval_every_steps is not None:
            self._batches = _all_questions(
                config, setting=setting, media=self.media, most=config.eval_pictures
            )

    def after(self, step: int, *, is_last: bool) -> dict[str, float]:
        """What is due after so many steps; every interval is also due after the last step."""
        told: dict[str, float] = {}
        devices = [self.strategy.ranks.device] if torch.cuda.is_available() else []
        was_training = self.strategy.network.training
        self.strategy.network.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=devices), self.autocast():
            if _is_due(self.config.eval_every_steps, step=step, is_last=is_last):
                told[EVAL_LOSS] = self._loss()
            if _is_due(self.config.generate_every_steps, step=step, is_last=is_last):
                told |= self._generated()
        self.strategy.network.train(was_training)
        return told

    def _loss(self) -> float:
        """Mean over all target tokens; each process takes as many batches, sharded or not."""
        ranks = self.strategy.ranks
        total = weight = 0.0
        for first in range(0, len(self._batches), ranks.count):
            ranks.pulse.beat("looks at held-out records")
            place = first + ranks.number
            micro = self._batches[place % len(self._batches)]
            told = self.strategy.forward({k: v.to(ranks.device) for k, v in micro.tensors.items()})
            if place < len(self._batches):
                total += float(told[LOSS])
                weight += micro.weight
        total, weight = ranks.summed([total, weight])
        return total / (weight or 1.0)

    def _generated(self) -> dict[str, float]:
        """Every task's first metric; an answer that cannot be read counts as the worst one.

        Every process answers all of them: where weights are sharded, none can alone.
        """
        requests = [
            Request(
                record_id=record.id,
                pictures=lambda record=record: [self.media.open(m) for m in record.media],
                question=load_task(record.task).question(record, dialect=self._dialect),
            )
            for record in self._asked
        ]
        with self.strategy.whole_network():
            texts = {said.record_id: said.text for said in self._engine.answer(requests)}
        found: dict[str, list[float]] = {}
        for record in self._asked:
            task = load_task(record.task)
            answer = task.parse(texts[record.id], record=record, dialect=self._dialect)[0]
            assert record.answer is not None
            values: Mapping[str, float] = task.worst(record.answer, size=record.picture_size)
            if answer is not None:
                values = task.score(answer, truth=record.answer, size=record.picture_size)
            name = task.metrics[0].name
            found.setdefault(f"gen_{task.kind}_{name}", []).append(values[name])
        return {name: sum(values) / len(values) for name, values in found.items()}


def _is_due(every: int | None, *, step: int, is_last: bool) -> bool:
    return every is not None and (is_last or step % every == 0)


def _few_of_each(records: Sequence[Record], *, config: SftConfig) -> list[Record]:
    """The first records of each task, spread over the split."""
    by_task: dict[str, list[Record]] = {}
    for record in records:
        by_task.setdefault(record.task, []).append(record)
    few: list[Record] = []
    for alike in by_task.values():
        stride = max(1, len(alike) // config.generate_per_task)
        few += islice(alike[::stride], config.generate_per_task)
    return few


def _all_questions(
    config: SftConfig, *, setting: Setting, media: MediaStore, most: int
) -> list[MicroBatch]:
    """Batches of all questions about the pictures, in their first wording, unchanged."""
    loss = config.loss.model_copy(update={"weights": None})
    plain = config.model_copy(update={"reword": False, "augment": None, "tasks": {}, "loss": loss})
    groups = load_groups(setting.records, config=config, split=config.eval_split)
    groups = groups[:: max(1, len(groups) // most)][:most]
    plain = plain.model_copy(
        update={"questions_per_picture": max(len(group.records) for group in groups)}
    )
    encoder = setting.encoder
    maker = ExampleMaker(
        groups, encoder=encoder, pictures=PictureCache(media, encoder=encoder), config=plain,
        seed=setting.seed,
    )  # fmt: skip
    examples = [maker.make(Visit(place, 0)) for place in range(len(groups))]
    return [
        picture_batch(examples[first : first + PICTURES_PER_BATCH], parts=encoder.parts)
        for first in range(0, len(examples), PICTURES_PER_BATCH)
    ]
