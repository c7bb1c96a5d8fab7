"""A training phase out of another trainer's options."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

SCHEDULES = {"cosine": "cosine", "linear": "linear", "constant": "constant",
             "constant_with_warmup": "constant"}  # fmt: skip
FROZEN = {"vision": "freeze_vision_tower", "projector": "freeze_multi_modal_projector",
          "language": "freeze_language_model"}  # fmt: skip
TUNED = {"vision": "tune_mm_vision", "projector": "tune_mm_mlp", "language": "tune_mm_llm",
         "moe": "tune_moe"}  # fmt: skip
WARMUP = 0.03


def _number(value: Any) -> float:
    """YAML 1.2 reads `5e-6` as a number, YAML 1.1 as text: both are meant."""
    return float(value)


def phase_of(
    given: Mapping[str, Any], *, num_gpus: int, num_samples: int | None, notes: list[str]
) -> dict[str, Any]:
    """The phase that another trainer's options describe, as plain values.

    Args:
        given: Its options.
        num_gpus: Processes of that run: batch sizes there are for each.
        num_samples: Training samples of that run; None when not known.
        notes: What to look at before it is run is added here.
    """
    if str(given.get("stage", "sft")) != "sft":
        notes.append(f"stage {given['stage']} is written as sft; change the phase by hand")
    phase: dict[str, Any] = {"name": "sft"}
    if int(given.get("max_steps", -1)) > 0:
        phase["num_steps"] = int(given["max_steps"])
    else:
        phase["epochs"] = _number(given.get("num_train_epochs", 3.0))
    phase |= _batching(given, num_gpus=num_gpus, notes=notes)
    phase |= _parts(given, notes=notes)
    for option, key, convert in COPIED:
        if given.get(option) is not None:
            phase[key] = convert(given[option])
    if str(given.get("eval_strategy", "steps")) == "no":
        phase.pop("eval_every_steps", None)
    phase["optimizer"] = _optimizer(given, notes=notes)
    phase["warmup_fraction"] = _warmup(given, phase=phase, num_samples=num_samples, notes=notes)
    if given.get("label_smoothing_factor"):
        phase["loss"] = {"label_smoothing": _number(given["label_smoothing_factor"])}
    if str(given.get("finetuning_type", "full")) == "lora":
        phase["lora"] = _lora(given)
    return phase


COPIED: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("cutoff_len", "max_tokens", int),
    ("model_max_length", "max_tokens", int),
    ("learning_rate", "learning_rate", _number),
    ("lr_scheduler_type", "schedule", lambda value: SCHEDULES.get(str(value), str(value))),
    ("max_grad_norm", "clip_norm", _number),
    ("bf16", "precision", lambda value: "bfloat16" if value else "float32"),
    ("logging_steps", "log_every_steps", int),
    ("save_steps", "save_every_steps", int),
    ("save_total_limit", "keep_checkpoints", int),
    ("eval_steps", "eval_every_steps", int),
)
"""Option, key of the phase, and how the value is written there."""


def _batching(given: Mapping[str, Any], *, num_gpus: int, notes: list[str]) -> dict[str, Any]:
    """Records of a step: those of a device, times devices and accumulation."""
    each = int(given.get("per_device_train_batch_size", 1))
    records = each * int(given.get("gradient_accumulation_steps", 1)) * num_gpus
    packs = any(given.get(option) for option in ("packing", "neat_packing", "data_flatten"))
    if num_gpus == 1:
        notes.append(f"records_per_step {records} is for one GPU; give --num-gpus of that run")
    if packs:
        length = int(given.get("cutoff_len", given.get("model_max_length", 8192)))
        kind = {"kind": "packed", "tokens_per_pack": length}
    else:
        kind = {"kind": "padded", "records_per_batch": each}
    return {"batching": {**kind, "records_per_step": records}}


def _parts(given: Mapping[str, Any], *, notes: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    tuned = {part: option for part, option in TUNED.items() if option in given}
    if tuned:
        parts = [part for part, option in tuned.items() if given[option]]
    else:
        # LLaMA-Factory freezes the vision tower and the projector unless told otherwise.
        unless = {"vision": True, "projector": True, "language": False}
        parts = [p for p, option in FROZEN.items() if not given.get(option, unless[p])]
    found["parts"] = parts
    if parts == ["moe"]:
        notes.append(
            "parts: [moe] needs a model with experts; the script itself loads a dense model, of "
            "which it trains nothing"
        )
    rates = {"vision": "vision_tower_lr", "projector": "mm_projector_lr"}
    own = {p: _number(given[o]) for p, o in rates.items() if o in given and p in parts}
    unused = [option for part, option in rates.items() if option in given and part not in parts]
    if unused:
        notes.append(f"{', '.join(unused)}: that part is frozen, so the rate is left out")
    return {**found, "part_learning_rates": own} if own else found


def _optimizer(given: Mapping[str, Any], *, notes: list[str]) -> dict[str, Any]:
    asked = str(given.get("optim", "adamw_torch"))
    if not asked.startswith("adamw_torch"):
        notes.append(f"optim {asked} is written as adamw")
    betas = [_number(given.get("adam_beta1", 0.9)), _number(given.get("adam_beta2", 0.999))]
    return {
        "kind": "adamw",
        "weight_decay": _number(given.get("weight_decay", 0.0)),
        "betas": betas,
        "eps": _number(given.get("adam_epsilon", 1e-8)),
    }


def _warmup(
    given: Mapping[str, Any],
    *,
    phase: Mapping[str, Any],
    num_samples: int | None,
    notes: list[str],
) -> float:
    steps = int(given.get("warmup_steps", 0))
    if not steps:
        return _number(given.get("warmup_ratio", 0.0))
    per_step = phase["batching"]["records_per_step"]
    total = phase.get("num_steps")
    if total is None and num_samples is not None:
        total = math.ceil(phase["epochs"] * num_samples / per_step)
    if total is None:
        notes.append(
            f"warmup_steps {steps} is a share of steps not known: warmup_fraction is {WARMUP}; "
            "give --num-samples"
        )
        return WARMUP
    return round(min(1.0, steps / total), 4)


def _lora(given: Mapping[str, Any]) -> dict[str, Any]:
    rank = int(given.get("lora_rank", 8))
    options: dict[str, Any] = {
        "rank": rank,
        "alpha": _number(given.get("lora_alpha") or 2 * rank),
        "dropout": _number(given.get("lora_dropout", 0.0)),
    }
    target = given.get("lora_target", "all")
    if target != "all":
        listed = target if isinstance(target, list) else str(target).split(",")
        options["targets"] = [str(name).strip() for name in listed]
    return options
