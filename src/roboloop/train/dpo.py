"""Direct preference optimization of one phase: as `sft`, on records with a rejected answer.

out/ as of `sft`, and
    reference/           what the reference model gives every answer
    ledger.jsonl         pairs that were left out because both answers are one
"""

from __future__ import annotations

from pathlib import Path

from torch import nn

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_value
from roboloop.base.progress import console
from roboloop.dialects.base import Dialect
from roboloop.models.backbone import Backbone, load_backbone
from roboloop.runs.ledger import Ledger
from roboloop.train.adapt import only_adapts
from roboloop.train.dpo_config import DpoConfig
from roboloop.train.mixture import draw_mixture
from roboloop.train.optim import choose_trainables
from roboloop.train.preference_batches import PairBatches, RefLogProbs
from roboloop.train.preference_log import PreferenceLog
from roboloop.train.preference_loss import PreferenceLoss
from roboloop.train.preference_pairs import PairEncoder, Pairs, make_pairs
from roboloop.train.preference_reference import Reference, reference_log_probs
from roboloop.train.prefetch import PrefetchedBatches
from roboloop.train.record_rows import ViewCache
from roboloop.train.result import TrainResult
from roboloop.train.train_model import check_divides, num_steps, train_model
from roboloop.train.work import Setting, Work

PAIRS_PER_BATCH = 8
"""Pairs of a forward pass of the reference model, where the phase does not say."""


def run_dpo(
    config: DpoConfig, *, model: Path, records: Path, out: Path, dialect: Dialect, seed: int
) -> TrainResult:
    """Train the model of the folder `model` on the pairs among the records' split `train`.

    Arguments, interruption and processes as of `run_sft`.

    Raises:
        RoboLoopError: As `run_sft`; E-REC-013 for an answer that its task does not give, E-CFG-003
            when the reference model writes other tokens.
    """
    return train_model(
        config, prepare=lambda setting: _preferences(config, setting=setting),
        model=model, records=records, out=out, dialect=dialect, seed=seed,
    )  # fmt: skip


def _preferences(config: DpoConfig, *, setting: Setting) -> Work:
    encoder, seed = setting.encoder, setting.seed
    check_divides(config.pairs_per_step, option="pairs_per_step", accelerator=setting.accelerator)
    mixture = draw_mixture(setting.records, phase=config, seed=seed)
    pairs = make_pairs(mixture.records, config=config, dialect=encoder.dialect, seed=seed)
    if setting.accelerator.is_main_process:
        mixture.write(setting.out, phase=config.name)
        _note_left_out(pairs, path=setting.out / "ledger.jsonl", stage=f"train.{config.name}")
    pictures = ViewCache(
        setting.records.media_store(),
        pixels=encoder.parts.pixels,
        most_bytes=config.picture_cache_megabytes * 2**20,
    )
    writer = PairEncoder(encoder, pictures=pictures, max_tokens=config.max_tokens)
    if config.reference == "adapter_off":
        _check_adapter(setting.backbone.model, config=config)
        reference, identity = None, config.reference
    else:
        reference, identity = _reference(config, setting=setting, pairs=pairs, encoder=writer)
    work = Work(
        PairBatches(pairs.kept, encoder=writer, config=config, seed=seed, reference=reference),
        PreferenceLoss(setting.backbone.model, config=config),
        num_items=len(pairs.kept),
        items_per_step=config.pairs_per_step,
        items="pairs",
        identity=identity,
        log=PreferenceLog,
    )
    ahead = PrefetchedBatches(
        work.batches, num_workers=config.data_workers, num_steps=num_steps(config, work=work)
    )
    return work._replace(batches=ahead)


def _note_left_out(pairs: Pairs, *, path: Path, stage: str) -> None:
    with Ledger(path, stage=stage) as ledger:
        for error in pairs.left_out:
            ledger.drop(error)
    if pairs.left_out:
        console().print(f"left out: {len(pairs.left_out):,} pairs of equal answers; see {path}")


def _check_adapter(network: nn.Module, *, config: DpoConfig) -> None:
    """Without its adapter the network has to be, and to stay, the model that the phase starts from.

    Raises:
        RoboLoopError: E-CFG-003.
    """
    moved = [
        name for name, value in network.named_parameters() if ".lora_B." in name and value.any()
    ]
    if moved:
        raise RoboLoopError(
            "E-CFG-003",
            "reference: adapter_off would be the model before the adapter that it starts with",
            fix="Use reference: cached, or set lora.merge in the phase before.",
        )
    choose_trainables(network, config=config)
    if not only_adapts(network):
        raise RoboLoopError(
            "E-CFG-003",
            "reference: adapter_off needs a phase that trains adapters only; some part has no rank",
            fix="Use reference: cached, or give every part in lora.rank.",
        )


def _reference(
    config: DpoConfig, *, setting: Setting, pairs: Pairs, encoder: PairEncoder
) -> tuple[RefLogProbs, str]:
    """The cached reference: log-probabilities, and the hash of all that they depend on."""
    asked = _reference_model(config, setting=setting)
    size = config.pairs_per_micro_batch or PAIRS_PER_BATCH
    identity = hash_value(
        [
            asked.identity(), repr(encoder.encoder.dialect), pairs.content_hash(),
            setting.accelerator.mixed_precision, size, config.share_prefix,
        ]
    )  # fmt: skip
    found = reference_log_probs(
        Reference(asked.model, pairs_per_batch=size, share_prefix=config.share_prefix),
        pairs=pairs.kept,
        encoder=encoder,
        folder=setting.out / "reference",
        identity=identity,
        accelerator=setting.accelerator,
    )
    return found, identity


def _reference_model(config: DpoConfig, *, setting: Setting) -> Backbone:
    if config.reference_model is None:
        return setting.backbone
    device = str(setting.accelerator.device)
    found = load_backbone(config.reference_model, device=device, dtype="float32")
    if found.parts.identity() != setting.backbone.parts.identity():
        raise RoboLoopError(
            "E-CFG-003",
            "the reference model has another tokenizer or picture format than the model",
            place=Place(config.reference_model),
        )
    return found
