"""A phase of any kind: a model folder and records in, a model folder out."""

from __future__ import annotations

import atexit
import math
import os
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs, set_seed

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import atomic_write_json
from roboloop.base.hashing import hash_value
from roboloop.base.progress import console
from roboloop.dialects.base import Dialect
from roboloop.models.adapter_folder import ADAPTER, MODEL, base_of, is_adapter, trained_folder
from roboloop.models.backbone import save_backbone
from roboloop.models.loaded import LoadedModel
from roboloop.models.lora import merge_adapter, save_adapter
from roboloop.models.moe.upcycle import add_experts
from roboloop.models.processor_model import load_model
from roboloop.records.shards import RecordFolder
from roboloop.train.adapt import only_adapts, prepare_adapter
from roboloop.train.checkpoint import restore_newest
from roboloop.train.choose_strategy import make_strategy
from roboloop.train.config import PhaseConfig, SftConfig
from roboloop.train.guards import LossGuard
from roboloop.train.held_out import HeldOut
from roboloop.train.last_layer import read_last_layer
from roboloop.train.lean_layers import use_lean_layers
from roboloop.train.listening import listening
from roboloop.train.loop import Trainer
from roboloop.train.memory import MemoryGuard, with_room
from roboloop.train.meter import meter_of
from roboloop.train.optim import choose_trainables, group_facts, make_optimizers
from roboloop.train.pulse import RANKS, Pulse
from roboloop.train.ranks import Ranks
from roboloop.train.recompute import recompute_activations
from roboloop.train.result import TrainResult
from roboloop.train.strategies import Strategy
from roboloop.train.vision_pass import EveryPart
from roboloop.train.watchdog import watched
from roboloop.train.work import Prepare, Setting, Work, own_backbone

COLLECTIVE_SECONDS = 1800
"""How long a process waits for the others at least, before it gives up."""


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
    config = with_room(config, folder=out)
    accelerator = _accelerator(config)
    set_seed(seed)
    folder = RecordFolder(records)
    backbone: LoadedModel = load_model(model, device=str(accelerator.device), dtype="float32")
    if isinstance(config, SftConfig) and config.moe is not None:
        backbone = add_experts(own_backbone(backbone), options=config.moe, seed=seed)
    prepare_adapter(backbone.model, config=config, seed=seed)
    use_lean_layers(backbone.model)
    read_last_layer(backbone.model)
    setting = Setting(folder, backbone, dialect, accelerator, out, seed)
    ranks = Ranks(accelerator, pulse=Pulse(out / RANKS, rank=accelerator.process_index))
    strategy = make_strategy(
        config, network=backbone.model, ranks=ranks, precision=accelerator.mixed_precision
    )
    work = prepare(setting)
    belongs = [config.settings(), folder.content_hash(), backbone.weights_hash(), seed]
    identity = hash_value(belongs if work.identity is None else [*belongs, work.identity])
    if config.gradient_checkpointing != "off":
        recompute_activations(backbone.model, how=config.gradient_checkpointing)
    strategy.place(EveryPart(work.objective, network=backbone.model))
    trainables = choose_trainables(backbone.model, config=config)
    optimizers = make_optimizers(trainables, config=config)
    report = {**trainables.report(), "groups": group_facts(optimizers)}
    strategy.bind(optimizers)
    steps = num_steps(config, work=work)
    memory = MemoryGuard(
        work.batches, network=backbone.model, config=config, folder=out, num_ranks=ranks.count
    )
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
    with listening(log, config=config, out=out), _watched(config, ranks=ranks, out=out):
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
    # The watchdog speaks first: it knows more than a collective that ran out of time.
    seconds = max(COLLECTIVE_SECONDS, 2 * config.hang_timeout_seconds)
    patience = InitProcessGroupKwargs(timeout=timedelta(seconds=seconds))
    # A cluster may leave the one variable behind; a launcher sets both.
    num_started = int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1
    accelerator = Accelerator(
        mixed_precision="bf16" if precision == "bfloat16" else "no",
        # Unless told, accelerate lets every process on a CPU train alone.
        cpu=num_started > 1 and not torch.accelerator.is_available(),
        kwargs_handlers=[patience],
    )
    assert accelerator.num_processes == num_started, "the processes have not met"
    if accelerator.num_processes > 1:
        atexit.unregister(_leave_group)
        atexit.register(_leave_group)
    return accelerator


def _watched(config: PhaseConfig, *, ranks: Ranks, out: Path) -> AbstractContextManager[None]:
    return watched(
        ranks.pulse, folder=out / RANKS, rank=ranks.number, num_ranks=ranks.count,
        timeout_seconds=config.hang_timeout_seconds, phase=config.name,
    )  # fmt: skip


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


def save_trained(backbone: LoadedModel, *, config: PhaseConfig, start: Path, out: Path) -> None:
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


def check_divides(per_step: int, *, option: str, accelerator: Accelerator) -> None:
    """Each process must get the same share of a step.

    Raises:
        RoboLoopError: E-CFG-003.
    """
    if per_step % accelerator.num_processes:
        raise RoboLoopError(
            "E-CFG-003",
            f"{option} is {per_step}, which "
            f"{accelerator.num_processes} processes cannot share out evenly",
            place=Place(),
        )


def _held_out(config: PhaseConfig, *, setting: Setting, strategy: Strategy) -> HeldOut | None:
    if not isinstance(config, SftConfig) or not config.looks_at_held_out:
        return None
    autocast = setting.accelerator.autocast
    return HeldOut(config, setting=setting, strategy=strategy, autocast=lambda: autocast())
