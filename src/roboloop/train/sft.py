"""Supervised fine-tuning of one phase: a model folder and records in, a model folder out.

out/
    model/               the trained model, as `load_backbone` reads it
    adapter/             with `lora`: the trained adapter, in peft's form
    trainer_log.jsonl    one line for each few steps
    mixture.json         how many records of which kind it was trained on
    figures/             loss, learning rate, throughput and so on, as SVG and PNG
    trainable.json       which tensors were trained, and how
    checkpoints/         the newest ones
    ranks/               what each process is doing
    ledger.jsonl         records that were too long and left out
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from roboloop.dialects.base import Dialect
from roboloop.models.moe.modeling_roboloop_moe import moe_layers
from roboloop.models.processor_model import ChatWriter, ProcessorModel
from roboloop.records.record import Record
from roboloop.train.batches import PictureBatches
from roboloop.train.config import SftConfig
from roboloop.train.examples import ExampleMaker, PictureCache, by_pictures
from roboloop.train.expert_loss import ExpertLoss
from roboloop.train.mixture import draw_mixture
from roboloop.train.objective import AnswerLoss, LogitsLoss
from roboloop.train.plain_batches import PlainBatches, Sources
from roboloop.train.prefetch import PrefetchedBatches
from roboloop.train.record_batches import PackedBatches, PaddedBatches
from roboloop.train.record_rows import RecordRows, ViewCache
from roboloop.train.refused import LEDGER, Refused
from roboloop.train.result import TrainResult
from roboloop.train.row_lengths import kept_lengths
from roboloop.train.segments import use_segments
from roboloop.train.train_model import check_divides, num_steps, train_model
from roboloop.train.work import Setting, Work, own_backbone


def run_sft(
    config: SftConfig, *, model: Path, records: Path, out: Path, dialect: Dialect, seed: int
) -> TrainResult:
    """Train the model of the folder `model` on the records' split `train`.

    A run that was killed goes on from its last checkpoint and ends with the same weights, bit for
    bit. Under torchrun each process takes its share of every step.

    Args:
        config: The phase.
        model: The model to start from; it is not changed.
        records: A `RecordFolder`.
        out: Folder for what the phase makes.
        dialect: How the model writes places.
        seed: Names every random draw.

    Raises:
        RoboLoopError: E-TRN-001 nothing to train, E-TRN-002 every record of a step is too long,
            E-TRN-003 the loss is not finite, E-TRN-004 no records, E-TRN-005 a checkpoint that
            does not fit, E-ENG-009 something that a model of another family than Qwen-VL's cannot
            do here.
    """
    return train_model(
        config, prepare=lambda setting: _fine_tuning(config, setting=setting),
        model=model, records=records, out=out, dialect=dialect, seed=seed,
    )  # fmt: skip


def _fine_tuning(config: SftConfig, *, setting: Setting) -> Work:
    if isinstance(setting.loaded, ProcessorModel):
        work = _plain_work(config, setting=setting, model=setting.loaded)
        return _prefetched(work, config=config)
    network, pixels = setting.backbone.model, setting.backbone.parts.pixels
    objective: nn.Module = AnswerLoss(network, config=config.loss, pixels=pixels)
    if moe_layers(network):
        objective = ExpertLoss(objective, network=network, options=config.moe_loss)
    make = _picture_work if config.batching.kind == "branched" else _record_work
    return _prefetched(make(config, setting=setting, objective=objective), config=config)


def _prefetched(work: Work, *, config: SftConfig) -> Work:
    batches = PrefetchedBatches(
        work.batches, num_workers=config.data_workers, num_steps=num_steps(config, work=work)
    )
    return work._replace(batches=batches)


def _plain_work(config: SftConfig, *, setting: Setting, model: ProcessorModel) -> Work:
    asked = config.augment or config.looks_at_held_out or config.loss.weights
    if config.batching.kind != "padded" or asked:
        own_backbone(model)
    settings: Any = model.model.config
    token = getattr(settings, "image_token_id", getattr(settings, "image_token_index", None))
    records = _records(config, setting=setting)
    sources = Sources(records, setting.records.media_store(), setting.dialect, token)
    batches = PlainBatches(
        sources, writer=ChatWriter(model), config=config, seed=setting.seed,
        refused=_ledger(config, setting=setting),
    )  # fmt: skip
    return Work(
        batches,
        LogitsLoss(model.model, config=config.loss),
        num_items=batches.num_per_epoch,
        items_per_step=config.items_per_step,
        items="records",
    )


def _records(config: SftConfig, *, setting: Setting) -> list[Record]:
    """What the phase is trained on; what that is made of is written down beside the log."""
    mixture = draw_mixture(setting.records, phase=config, seed=setting.seed)
    if setting.accelerator.is_main_process:
        mixture.write(setting.out, phase=config.name)
    return mixture.records


def _ledger(config: SftConfig, *, setting: Setting) -> Refused:
    writes = setting.accelerator.is_main_process
    return Refused(setting.out / LEDGER if writes else None, stage=f"train.{config.name}")


def _picture_work(config: SftConfig, *, setting: Setting, objective: nn.Module) -> Work:
    encoder, seed = setting.encoder, setting.seed
    check_divides(
        config.pictures_per_step, option="pictures_per_step", accelerator=setting.accelerator
    )
    groups = by_pictures(_records(config, setting=setting))
    pictures = PictureCache(setting.records.media_store(), encoder=encoder)
    pictures.load(groups)
    maker = ExampleMaker(groups, encoder=encoder, pictures=pictures, config=config, seed=seed)
    return Work(
        PictureBatches(
            maker, parts=encoder.parts, config=config, seed=seed,
            refused=_ledger(config, setting=setting),
        ),
        objective,
        num_items=len(groups),
        items_per_step=config.items_per_step,
        items="pictures",
    )  # fmt: skip


def _record_work(config: SftConfig, *, setting: Setting, objective: nn.Module) -> Work:
    encoder, seed = setting.encoder, setting.seed
    pictures = ViewCache(
        setting.records.media_store(),
        pixels=encoder.parts.pixels,
        most_bytes=config.picture_cache_megabytes * 2**20,
    )
    records = _records(config, setting=setting)
    shared = setting.accelerator.num_processes > 1
    rows = RecordRows(
        records, encoder=encoder, pictures=pictures, config=config, seed=seed,
        lengths=kept_lengths() if shared else None,
    )  # fmt: skip
    refused = _ledger(config, setting=setting)
    batching = config.batching
    kind = PackedBatches if batching.kind == "packed" else PaddedBatches
    if batching.kind == "packed" and batching.attention == "segments":
        use_segments(setting.backbone.model)
    batches = kind(rows, parts=encoder.parts, config=config, seed=seed, refused=refused)
    return Work(
        batches,
        objective,
        num_items=batches.num_per_epoch,
        items_per_step=config.items_per_step,
        items="records",
    )
