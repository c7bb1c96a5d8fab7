"""Supervised fine-tuning of one phase: a model folder and records in, a model folder out.

out/
    model/               the trained model, as `load_backbone` reads it
    adapter/             with `lora`: the trained adapter, in peft's form
    trainer_log.jsonl    one line for each few steps
    figures/             loss, learning rate, throughput and so on, as SVG and PNG
    trainable.json       which tensors were trained, and how
    checkpoints/         the newest ones
    ledger.jsonl         records that were too long and left out, where a step takes records
"""

from __future__ import annotations

import atexit
import math
from pathlib import Path
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn

from roboloop.base.files import atomic_write_json
from roboloop.base.hashing import hash_value
from roboloop.base.progress import console
from roboloop.dialects.base import Dialect
from roboloop.models.adapter_folder import ADAPTER, MODEL, base_of, is_adapter, trained_folder
from roboloop.models.backbone import Backbone, load_backbone, save_backbone
from roboloop.models.chat import Encoder
from roboloop.models.lora import merge_adapter, save_adapter
from roboloop.models.moe.modeling_roboloop_moe import moe_layers
from roboloop.models.moe.upcycle import add_experts
from roboloop.records.shards import RecordFolder
from roboloop.train.adapt import only_adapts, prepare_adapter
from roboloop.train.batches import PictureBatches
from roboloop.train.checkpoint import restore_newest
from roboloop.train.choose_strategy import make_strategy
from roboloop.train.config import PhaseConfig, SftConfig
from roboloop.train.examples import ExampleMaker, PictureCache, load_groups, load_records
from roboloop.train.expert_loss import ExpertLoss
from roboloop.train.guards import LossGuard
from roboloop.train.held_out import HeldOut
from roboloop.train.listening import listening
from roboloop.train.loop import Trainer, check_divides
from roboloop.train.memory import MemoryGuard
from roboloop.train.meter import meter_of
from roboloop.train.objective import AnswerLoss
from roboloop.train.optim import choose_trainables, group_facts, make_optimizers
from roboloop.train.prefetch import PrefetchedBatches
from roboloop.train.ranks import Ranks
from roboloop.train.recompute import recompute_activations
from roboloop.train.record_batches import PackedBatches, PaddedBatches
from roboloop.train.record_rows import RecordRows, ViewCache
from roboloop.train.refused import LEDGER, Refused
from roboloop.train.segments import use_segments
from roboloop.train.strategies import Strategy
from roboloop.train.vision_pass import EveryPart
from roboloop.train.work import Prepare, Setting, Work


class TrainResult(NamedTuple):
    """What a phase came to.

    Attributes:
        folder: The trained model.
        final_loss: Smoothed loss at the end, per target token.
        num_steps: Optimizer steps.
        num_tokens: Tokens seen.
        seconds: Time the steps took, over all attempts.
        warnings: What looked wrong on the way.
    """

    folder: Path
    final_loss: float
    num_steps: int
    num_tokens: int
    seconds: float
    warnings: tuple[str, ...] = ()


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
        RoboLoopError: E-TRN-001 nothing to train, E-TRN-002 a record too long (where a step takes
            records: all of a step), E-TRN-003 the loss is not finite, E-TRN-004 no records,
            E-TRN-005 a checkpoint that does not fit.
    """
    return train_model(
        config, prepare=lambda setting: _fine_tuning(config, setting=setting),
        model=model, records=records, out=out, dialect=dialect, seed=seed,
    )  # fmt: skip


def _fine_tuning(config: SftConfig, *, setting: Setting) -> Work:
    network, pixels = setting.backbone.model, setting.backbone.parts.pixels
    objective: nn.Module = AnswerLoss(network, config=config.loss, pixels=pixels)
    if moe_layers(network):
        objective = ExpertLoss(objective, network=network, options=config.moe_loss)
    make = _picture_work if config.batching.kind == "branched" else _record_work
    work = make(config, setting=setting, objective=objective)
    batches = PrefetchedBatches(
        work.batches, num_workers=config.data_workers, num_steps=num_steps(config, work=work)
    )
    return work._replace(batches=batches)


def _picture_work(config: SftConfig, *, setting: Setting, objective: nn.Module) -> Work:
    encoder, seed = setting.encoder, setting.seed
    check_divides(
        config.pictures_per_step, option="pictures_per_step", accelerator=setting.accelerator
    )
    groups = load_groups(setting.records, config=config)
    pictures = PictureCache(setting.records.media_store(), encoder=encoder)
    pictures.load(groups)
    maker = ExampleMaker(groups, encoder=encoder, pictures=pictures, config=config, seed=seed)
    return Work(
        PictureBatches(maker, parts=encoder.parts, config=config, seed=seed),
        objective,
        num_items=len(groups),
        items_per_step=config.items_per_step,
        items="pictures",
    )


def _held_out(config: PhaseConfig, *, setting: Setting, strategy: Strategy) -> HeldOut | None:
    if not isinstance(config, SftConfig) or not config.looks_at_held_out:
        return None
    autocast = setting.accelerator.autocast
    return HeldOut(config, setting=setting, strategy=strategy, autocast=lambda: autocast())


def _record_work(config: SftConfig, *, setting: Setting, objective: nn.Module) -> Work:
    encoder, seed = setting.encoder, setting.seed
    pictures = ViewCache(
        setting.records.media_store(), most_bytes=config.picture_cache_megabytes * 2**20
    )
    records = load_records(setting.records, config=config)
    rows = RecordRows(records, encoder=encoder, pictures=pictures, config=config, seed=seed)
    writes = setting.accelerator.is_main_process
    refused = Refused(setting.out / LEDGER if writes else None, stage=f"train.{config.name}")
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


def train_model(
    config: PhaseConfig,
    *,
    prepare: Prepare,
    model: Path,
    records: Path,
    out: Path,
    dialect: Dialect,
    seed: int,
) -> TrainResult:
    """Train a model on the work that `prepare` makes; otherwise as `run_sft`.

    Raises:
        RoboLoopError: As `run_sft`, and what `prepare` raises.
    """
    accelerator = _accelerator(config)
    set_seed(seed)
    folder = RecordFolder(records)
    backbone = load_backbone(model, device=str(accelerator.device), dtype="float32")
    if isinstance(config, SftConfig) and config.moe is not None:
        backbone = add_experts(backbone, options=config.moe, seed=seed)
    encoder = Encoder(backbone.parts, dialect=dialect)
    prepare_adapter(backbone.model, config=config, seed=seed)
    setting = Setting(folder, backbone, encoder, accelerator, out, seed)
    work = prepare(setting)
    belongs = [config.settings(), folder.content_hash(), backbone.weights_hash(), seed]
    identity = hash_value(belongs if work.identity is None else [*belongs, work.identity])
    ranks = Ranks(accelerator)
    strategy = make_strategy(
        config, network=backbone.model, ranks=ranks, precision=accelerator.mixed_precision
    )
    if config.gradient_checkpointing != "off":
        recompute_activations(backbone.model, how=config.gradient_checkpointing)
    strategy.place(EveryPart(work.objective, network=backbone.model))
    trainables = choose_trainables(backbone.model, config=config)
    optimizers = make_optimizers(trainables, config=config)
    report = {**trainables.report(), "groups": group_facts(optimizers)}
    strategy.bind(optimizers)
    steps = num_steps(config, work=work)
    memory = MemoryGuard(work.batches, network=backbone.model, options=config, folder=out)
    guard = LossGuard(
        config.guard, phase=config.name, folder=out, network=backbone.model, rank=ranks.number
    )
    trainer = Trainer(
        strategy,
        memory=memory,
        guard=guard,
        config=config,
        num_steps=steps,
        accelerator=accelerator,
        held_out=_held_out(config, setting=setting, strategy=strategy),
    )
    if ranks.is_first:
        atomic_write_json(out / "trainable.json", value=report)
        _announce(config, report=report, work=work, num_steps=steps)
    start = restore_newest(out / "checkpoints", state=strategy, identity=identity, ranks=ranks)
    log = work.log(out / "trainer_log.jsonl", start.num_steps) if ranks.is_first else None
    if log is not None:
        log.meter = meter_of(
            backbone.model.config, config=config, trained=trainer.trained_parts,
            accelerator=accelerator, seconds=start.seconds,
        )  # fmt: skip
    with listening(log, config=config, out=out):
        done = trainer.run(start, log=log, checkpoints=out / "checkpoints")
    strategy.make_whole()
    if log is not None:
        save_trained(backbone, config=config, start=model, out=out)
    ranks.wait()
    return TrainResult(
        trained_folder(out),
        final_loss=done.smooth_loss or math.nan,
        num_steps=done.num_steps,
        num_tokens=done.num_tokens,
        seconds=done.seconds,
        warnings=() if log is None else log.warnings,
    )


def _accelerator(config: PhaseConfig) -> Accelerator:
    precision = config.precision
    if precision == "auto":
        precision = "bfloat16" if torch.cuda.is_available() else "float32"
    accelerator = Accelerator(mixed_precision="bf16" if precision == "bfloat16" else "no")
    if accelerator.num_processes > 1:
        atexit.unregister(_leave_group)
        atexit.register(_leave_group)
    return accelerator


def _leave_group() -> None:
    """Without it a process of gloo's never ends."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def num_steps(config: PhaseConfig, *, work: Work) -> int:
    """Optimizer steps of a phase."""
    if config.num_steps is not None:
        return config.num_steps
    assert config.epochs is not None
    return max(1, math.ceil(config.epochs * work.num_items / work.items_per_step))


def _announce(config: PhaseConfig, *, report: dict[str, Any], work: Work, num_steps: int) -> None:
    parts = ", ".join(f"{part} {num:,}" for part, num in report["num_trained_by_part"].items())
    console().print(
        f"{config.name}: {num_steps} steps over {work.num_items:,} {work.items}; trains "
        f"{report['num_trained']:,} weights ({parts}), {report['num_frozen']:,} stay"
    )
    for group in report["groups"]:
        console().print(
            f"  {group['part']}: {group['num_weights']:,} weights by {group['optimizer']}, "
            f"peak rate {group['peak_learning_rate']:g}, decay {group['weight_decay']:g}"
        )


def save_trained(backbone: Backbone, *, config: PhaseConfig, start: Path, out: Path) -> None:
    """Write the outcome of a phase: `adapter/` when it is one, `model/` when it is not or merged.

    Args:
        backbone: As trained; an adapter in it is merged when the model is written.
        config: The phase.
        start: The model folder it started from.
        out: Folder of the phase.
    """
    if config.lora is not None:
        only_adapter = only_adapts(backbone.model)
        if only_adapter:
            base = base_of(start) if is_adapter(start) else start
            save_adapter(backbone.model, folder=out / ADAPTER, base=base)
        if only_adapter and not config.lora.merge:
            return
        merge_adapter(backbone.model)
    save_backbone(backbone, folder=out / MODEL)
