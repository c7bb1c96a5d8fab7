"""One rung of `gpu_train.py`: build the model, take steps, measure them."""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import torch
from torch import nn
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from gpu_train_data import Record, Step, packed, padded, record_pool
from gpu_train_parts import (
    AdamEightBit,
    compile_pieces,
    full_loss,
    target_loss,
    use_varlen,
    with_fp8,
)
from roboloop.train.flops import peak_flops, tower_sizes, workload

SHAPES: dict[str, dict[str, Any]] = {
    "7b": {
        "text": (3584, 18944, 28, 28, 4, 152064, [16, 24, 24]), "tied": False,
        "vision": (1280, 3420, 32, 16, [7, 15, 23, 31]),
    },
    "3b": {
        "text": (2048, 11008, 36, 16, 2, 151936, [16, 24, 24]), "tied": True,
        "vision": (1280, 3420, 32, 16, [7, 15, 23, 31]),
    },
    "tiny": {
        "text": (64, 128, 2, 4, 2, 512, [2, 3, 3]), "tied": False,
        "vision": (32, 64, 2, 2, [1]),
    },
}  # fmt: skip
NUM_PREPARED = 4
RATE, BETAS, CLIP_NORM = 1e-5, (0.9, 0.98), 1.0
LADDER = (
    "padded", "packed", "varlen", "chunked_loss", "compiled", "no_recompute", "adam_8bit", "fp8",
)  # fmt: skip


def run_rung(options: argparse.Namespace) -> dict[str, Any]:
    """Measure one rung, with the settings of all rungs up to it."""
    on = set(LADDER[1 : LADDER.index(options.rung) + 1])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    config = _config(options.size)
    model = _model(config, device=device)
    if "varlen" in on:
        use_varlen(model)
    if "no_recompute" not in on:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    if "fp8" in on and (reason := with_fp8(model)):
        return {"skipped": reason}
    if "compiled" in on:
        compile_pieces(model)
    parameters = list(model.parameters())
    optimizer = (
        AdamEightBit(parameters, rate=RATE, betas=BETAS)
        if "adam_8bit" in on
        else torch.optim.AdamW(parameters, lr=RATE, betas=BETAS, weight_decay=0.0, fused=True)
    )
    pool = record_pool(
        config, num_tokens=options.tokens, num_steps=NUM_PREPARED, small=options.size == "tiny"
    )
    loss_of = target_loss if "chunked_loss" in on else full_loss
    collate = packed if "packed" in on else padded
    losses: list[float] = []
    seconds: list[float] = []
    num_warm = 1 if options.size == "tiny" else 4
    for number in range(num_warm + options.steps):
        began = time.perf_counter()
        steps = collate(pool[number % NUM_PREPARED], config=config, device=device)
        losses.append(_step(model, steps=steps, loss_of=loss_of, optimizer=optimizer))
        seconds.append(time.perf_counter() - began)
    return _measured(
        config, pool=pool, losses=losses, seconds=seconds, num_warm=num_warm, device=device,
        padding=_padding(pool[0], collate=collate, config=config),
    )  # fmt: skip


def _step(model: nn.Module, *, steps: list[Step], loss_of: Any, optimizer: Any) -> float:
    """One optimizer step over its micro-batches; reading the loss waits for the device."""
    num_targets = sum(step.num_targets for step in steps)
    total = torch.zeros((), device=steps[0].ids.device)
    for step in steps:
        loss = loss_of(model, step) / num_targets
        loss.backward()
        total += loss.detach()
    nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return float(total)


def _measured(
    config: Any, *, pool: list[list[Record]], losses: list[float], seconds: list[float],
    num_warm: int, padding: float, device: torch.device,
) -> dict[str, Any]:  # fmt: skip
    sizes = tower_sizes(config)
    assert sizes is not None
    work = workload(sizes, trained=("vision", "projector", "language"), adapted=())
    speeds, uses = list[float](), list[float]()
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    peak = peak_flops(name)
    for number, passed in list(enumerate(seconds))[num_warm:]:
        records = pool[number % NUM_PREPARED]
        real = sum(record.num_tokens for record in records)
        image = sum(record.num_image_tokens for record in records)
        target = sum(record.num_targets for record in records)
        flops = work.token * real + work.image * image + work.target * target
        speeds.append(real / passed)
        uses.append(flops / passed / peak if peak else 0.0)
    memory = torch.cuda.max_memory_allocated() if device.type == "cuda" else _peak_resident()
    return {
        "tokens_per_second": statistics.median(speeds),
        "mfu": statistics.median(uses) if peak else None,
        "peak_gib": memory / 2**30,
        "padding_fraction": padding,
        "loss": losses[0],
        "last_loss": losses[-1],
        "seconds": seconds,
        "device": name,
        "torch": torch.__version__,
    }


def _padding(records: list[Record], *, collate: Any, config: Any) -> float:
    steps = collate(records, config=config, device=torch.device("cpu"))
    real = sum(record.num_tokens for record in records)
    return 1 - real / sum(step.ids.numel() for step in steps)


def _peak_resident() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _config(size: str) -> Qwen2_5_VLConfig:
    shape = SHAPES[size]
    width, inner, depth, heads, kv_heads, vocab, sections = shape["text"]
    seen, seen_inner, seen_depth, seen_heads, whole = shape["vision"]
    return Qwen2_5_VLConfig(
        text_config={
            "hidden_size": width, "intermediate_size": inner, "num_hidden_layers": depth,
            "num_attention_heads": heads, "num_key_value_heads": kv_heads, "vocab_size": vocab,
            "rope_parameters": {
                "rope_type": "default", "rope_theta": 1e6, "mrope_section": sections,
            },
            "tie_word_embeddings": shape["tied"], "bos_token_id": None, "eos_token_id": None,
            "pad_token_id": None,
        },
        vision_config={
            "hidden_size": seen, "intermediate_size": seen_inner, "depth": seen_depth,
            "num_heads": seen_heads, "out_hidden_size": width, "fullatt_block_indexes": whole,
        },
        tie_word_embeddings=shape["tied"],
        image_token_id=vocab - 1, video_token_id=vocab - 2,
        vision_start_token_id=vocab - 3, vision_end_token_id=vocab - 4,
    )  # fmt: skip


def _model(config: Qwen2_5_VLConfig, *, device: torch.device) -> Qwen2_5_VLForConditionalGeneration:
    """In bfloat16 on a GPU; random, and the same for every rung."""
    torch.manual_seed(0)
    if device.type == "cuda":
        torch.set_default_dtype(torch.bfloat16)
    with device:
        model = Qwen2_5_VLForConditionalGeneration(config)
    torch.set_default_dtype(torch.float32)
    model.config.use_cache = False
    return model.train()
