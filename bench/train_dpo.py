"""Pairs of answers a second, with and without computing their beginning once.

    python bench/train_dpo.py [--pairs 8] [--rounds 7] [--width 256] [--depth 6]

Pairs as DPO meets them: a picture and a question of about 300 tokens, two answers of about 30. Same
model, same loss, same pairs; both ways take turns in one process, and the medians are compared. A
step is forward and backward; the reference is cached in both. Losses have to agree.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from roboloop.dialects import load_dialect
from roboloop.models.backbone import load_backbone
from roboloop.models.chat import Encoder
from roboloop.models.tiny import build_tiny
from roboloop.records.record import Turn
from roboloop.train.batches import LOSS
from roboloop.train.dpo_config import DpoConfig
from roboloop.train.preference_batches import REFERENCE, collate_pairs
from roboloop.train.preference_loss import PreferenceLoss
from roboloop.train.preference_pairs import EncodedPair

PREFIX_TOKENS, ANSWER_TOKENS = 300, 30
WORDS = ("gripper", "block", "left", "above", "shelf", "move", "open", "close", "red", "cup")


def made_pairs(encoder: Encoder, *, num_pairs: int) -> list[EncodedPair]:
    """Pairs about noise, of the lengths wanted."""
    rng = np.random.default_rng(0)

    def words(num_tokens: int) -> str:
        text = ""
        while len(encoder.text_ids(text)) < num_tokens:
            text += f" {rng.choice(WORDS)}"
        return text.strip()

    pairs: list[EncodedPair] = []
    for number in range(num_pairs):
        pixels = rng.integers(0, 256, (180, 320, 3), dtype=np.uint8)
        picture = Image.fromarray(pixels)
        asked = encoder.prompt([picture], question="").num_tokens
        question = Turn("user", words(PREFIX_TOKENS - asked))
        chosen, rejected = (
            encoder.encode([picture], turns=[question, Turn("assistant", words(ANSWER_TOKENS))])
            for _ in range(2)
        )
        pairs.append(EncodedPair(str(number), chosen, rejected))
    return pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--depth", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    dialect = load_dialect("qwen25_vl", factor=16, max_pixels=66 * 256)
    with tempfile.TemporaryDirectory() as name:
        folder = build_tiny(
            Path(name) / "tiny", seed=0, texts=[" ".join(WORDS)], width=given.width,
            depth=given.depth, vision_width=128, vision_depth=4,
        )  # fmt: skip
        backbone = load_backbone(folder, device="cpu", dtype="float32")
    pairs = made_pairs(Encoder(backbone.parts, dialect=dialect), num_pairs=given.pairs)
    config = DpoConfig.model_validate({"kind": "dpo", "name": "bench", "num_steps": 1})
    objective = PreferenceLoss(backbone.model, config=config)
    batches = {}
    for share in (False, True):
        tensors, counts = collate_pairs(pairs, parts=backbone.parts, share_prefix=share)
        batches[share] = {**tensors, REFERENCE: torch.zeros(2 * given.pairs)}
        print(f"{'shared' if share else 'apart '}: {counts.real:,} tokens, {counts.image:,} image")
    seconds: dict[bool, list[float]] = {False: [], True: []}
    losses: dict[bool, float] = {}
    for _ in range(given.rounds + 1):
        for share, tensors in batches.items():
            backbone.model.zero_grad()
            start = time.perf_counter()
            loss = objective(tensors)[LOSS]
            loss.backward()
            seconds[share].append(time.perf_counter() - start)
            losses[share] = float(loss.detach())
    assert abs(losses[True] / losses[False] - 1) < 1e-5, losses
    speed = {share: given.pairs / statistics.median(taken[1:]) for share, taken in seconds.items()}
    longest = max(len(pair.chosen.input_ids) for pair in pairs)
    print(f"{given.pairs} pairs of up to {longest} tokens; {backbone.num_parameters:,} weights")
    print(f"apart  {speed[False]:6.2f} pairs/s")
    print(f"shared {speed[True]:6.2f} pairs/s")
    print(f"ratio  {speed[True] / speed[False]:6.2f}")


if __name__ == "__main__":
    main()
