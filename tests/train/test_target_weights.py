"""Weights of single answer tokens: where they hold; exact however rows are cut and joined."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional
from whole_step import flat, loss_and_gradient

from roboloop.base.errors import RoboLoopError
from roboloop.dialects import Dialect
from roboloop.models.backbone import Backbone
from roboloop.models.batch import collate
from roboloop.models.chat import IGNORED, Encoder
from roboloop.records.answers import Text
from roboloop.records.record import Record, Turn
from roboloop.records.shards import RecordFolder
from roboloop.tasks import load_task
from roboloop.train.batches import MicroBatch, PictureBatches, target_weight
from roboloop.train.config import SftConfig
from roboloop.train.examples import ExampleMaker, PictureCache, load_groups, load_records
from roboloop.train.loss_config import TargetWeights
from roboloop.train.record_batches import PackedBatches, PaddedBatches
from roboloop.train.record_rows import RecordRows, ViewCache
from roboloop.train.refused import Refused
from roboloop.train.sft import run_sft
from roboloop.train.target_weights import weigh_answers

Phase = Callable[..., SftConfig]
WEIGHTS = {
    "tasks": {"object_box": 0.5, "gripper_det": 2},
    "families": {"generation": 3},
    "coordinates": 4,
}
PACKED = {"kind": "packed", "records_per_step": 36, "tokens_per_pack": 400}
PADDED = {"kind": "padded", "records_per_step": 36, "records_per_batch": 5}
PLAIN = {"reword": False, "max_tokens": 400, "loss": {"weights": WEIGHTS}}


def weights_of(
    text: str, record: Record, *, backbone: Backbone, dialect: Dialect, **options: Any
) -> dict[str, float]:
    """Token text -> weight, of an answer."""
    weigh = weigh_answers(record, config=TargetWeights.model_validate(options))
    encoder = Encoder(backbone.parts, dialect=dialect)
    turns = (Turn("user", "where?"), Turn("assistant", text))
    encoded = encoder.encode([], turns=turns, weigh=weigh)
    assert encoded.weights is not None
    assert not encoded.weights[encoded.labels == IGNORED].any()
    chosen = encoded.labels != IGNORED
    words = [
        backbone.parts.tokenizer.decode([int(n)], skip_special_tokens=False)
        for n in encoded.input_ids[chosen]
    ]
    return dict(zip(words, encoded.weights[chosen].tolist(), strict=True))


def test_factors_hold_where_they_say(
    records: list[Record], backbone: Backbone, dialect: Dialect
) -> None:
    given = {"backbone": backbone, "dialect": dialect}
    box = next(record for record in records if record.task == "gripper_det")
    found = weights_of("[[10, 25]]", box, coordinates=3, tasks={"gripper_det": 2}, **given)
    assert found["10"] == found["25"] == 6
    assert found["<|im_end|>"] == 2
    assert all(value in (2, 6) for value in found.values())
    words = replace(box, task="vqa", answer=Text("x"))
    text = "<think>7</think> 8"
    found = weights_of(text, words, coordinates=3, thinking=0.5, families={"general": 4}, **given)
    assert found["7"] == 2 and found["8"] == 4 and found["<|im_end|>"] == 4
    own = replace(box, meta={"trust": 0.25})
    found = weights_of("9", own, record_key="trust", **given)
    assert set(found.values()) == {0.25}
    assert set(weights_of("9", box, record_key="trust", **given).values()) == {1.0}


@pytest.mark.parametrize("value", [-1, "much", True, float("nan"), None])
def test_a_records_own_factor_is_a_number_from_0_up(records: list[Record], value: object) -> None:
    record = replace(records[0], meta={"trust": value})
    with pytest.raises(RoboLoopError, match="E-REC-003") as caught:
        weigh_answers(record, config=TargetWeights(record_key="trust"))
    assert caught.value.place.record_id == record.id


def test_options_that_name_nothing_are_refused(phase: Phase) -> None:
    for wrong in ({"families": {"planing": 1}}, {"tasks": {"planing": 1}}, {"coordinates": -1}):
        with pytest.raises(ValueError, match=r"famil|task|greater"):
            phase(loss={"weights": wrong})


def by_hand(backbone: Backbone, records: list[Record], dialect: Dialect, folder: Path) -> Any:
    """Loss and gradient record by record with Hugging Face's forward pass, in float64.

    A number's tokens are found by what they look like, not by their place in the text.
    """
    encoder = Encoder(backbone.parts, dialect=dialect)
    store = RecordFolder(folder).media_store()
    backbone.model.double().zero_grad()
    total, weight = torch.zeros((), dtype=torch.float64), 0.0
    for record in records:
        task = load_task(record.task)
        wording = task.choose_wording(record)
        question = task.question(record, dialect=dialect, wording=wording)
        assert record.answer is not None
        answer = task.render(record.answer, dialect=dialect, size=record.picture_size)
        item = encoder.encode(
            [store.open(m) for m in record.media],
            turns=(Turn("user", question), Turn("assistant", answer)),
        )
        batch = collate([item], parts=backbone.parts)
        logits = backbone.model(**{k: v for k, v in batch.items() if k != "labels"}).logits[0, :-1]
        targets = batch["labels"][0, 1:]
        losses = functional.cross_entropy(logits, targets, reduction="none", ignore_index=IGNORED)
        factor = {"object_box": 0.5, "gripper_det": 2.0}.get(record.task, 1.0)
        factor *= 3 if task.family == "generation" else 1
        for loss, target in zip(losses, targets.tolist(), strict=True):
            if target == IGNORED:
                continue
            is_number = backbone.parts.tokenizer.decode([target]).strip().isnumeric()
            own = factor * (4 if is_number else 1)
            total, weight = total + own * loss, weight + own
    (total / weight).backward()
    return flat(backbone, loss=(total / weight).detach()), weight


def test_packs_padded_batches_branches_and_accumulation_agree_with_the_plain_sum(
    record_folder: Path,
    records: list[Record],
    backbone: Backbone,
    dialect: Dialect,
    phase: Phase,
    tmp_path: Path,
) -> None:
    wanted, weight = by_hand(backbone, records, dialect, record_folder)
    folder = RecordFolder(record_folder)
    encoder = Encoder(backbone.parts, dialect=dialect)
    made: list[list[MicroBatch]] = []
    for kind, batching in ((PackedBatches, PACKED), (PaddedBatches, PADDED)):
        config = phase(**PLAIN, batching=batching, pictures_per_step=8, questions_per_picture=4)
        rows = RecordRows(
            load_records(folder, config=config),
            encoder=encoder,
            pictures=ViewCache(
                folder.media_store(), pixels=backbone.parts.pixels, most_bytes=10**6
            ),
            config=config,
            seed=0,
        )
        refused = Refused(tmp_path / "ledger.jsonl", stage="train.test")
        batches = kind(rows, parts=backbone.parts, config=config, seed=0, refused=refused)
        for maker in (batches, batches.cut(2)):
            assert maker is not None
            shares = [maker.micro_batches(0, rank=rank, num_ranks=2) for rank in range(2)]
            made.append([micro for share in shares for micro in share])
    config = phase(**PLAIN, pictures_per_step=12, questions_per_picture=3)
    config = config.model_copy(update={"pictures_per_micro_batch": 5})
    maker = ExampleMaker(
        load_groups(folder, config=config),
        encoder=encoder,
        pictures=PictureCache(folder.media_store(), encoder=encoder),
        config=config,
        seed=0,
    )
    refused = Refused(None, stage="train.test")
    branched = PictureBatches(maker, parts=backbone.parts, config=config, seed=0, refused=refused)
    made.append(list(branched.micro_batches(0, rank=0, num_ranks=1)))
    for micros in made:
        assert len(micros) > 2 and sum(len(micro.record_ids) for micro in micros) == 36
        assert sum(micro.weight for micro in micros) == pytest.approx(weight, rel=1e-6)
        assert all(micro.weight == float(target_weight(micro.tensors)) for micro in micros)
        found = loss_and_gradient(backbone, micros)
        assert float((found - wanted).norm() / wanted.norm()) < 1e-6


def test_only_the_ratios_of_weights_matter(
    record_folder: Path, tiny_folder: Path, dialect: Dialect, phase: Phase, tmp_path: Path
) -> None:
    """Sums below 1 are divided by like any other; the loss of held-out records is not weighed."""
    losses: list[list[float]] = []
    for name, factor in (("plain", None), ("small", 2.0**-12)):
        tasks = {"gripper_det": factor, "object_box": factor, "traj_wo_init_pos": factor}
        weights = None if factor is None else {"tasks": tasks}
        config = phase(
            loss={"weights": weights}, num_steps=3, optimizer={"kind": "adamw"},
            eval_every_steps=3, eval_split="train",
        )  # fmt: skip
        run_sft(
            config, model=tiny_folder, records=record_folder, out=tmp_path / name,
            dialect=dialect, seed=0,
        )  # fmt: skip
        lines = (tmp_path / name / "trainer_log.jsonl").read_text().splitlines()
        read = [json.loads(line) for line in lines]
        losses.append([line["loss"] for line in read] + [read[-1]["eval_loss"]])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4) and np.all(np.array(losses) > 0)
