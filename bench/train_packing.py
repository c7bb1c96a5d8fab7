"""Real tokens a second: batches of 4 filled up to the longest, and our packs of the same records.

    python bench/train_packing.py [--steps 12] [--tokens-per-pack 4096] [--rounds 3]

Both run the same tiny Qwen2.5-VL, records (`bench/train/robot_mix.py`: pictures of 320 x 180, 66
tokens; 150-400 tokens a sample), loss and optimizer in one process, in turn, data making included.
The padded side is what is usual: the model's own forward pass and loss, logits at every position.
Tokens that only fill a row up do not count. The figure of each way is its median round; with
`--cpu` time is that of the CPU, for a busy machine. The limit is 1.8 times as many.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

sys.path.insert(0, str(Path(__file__).parent / "train"))

from robot_mix import mix_dialect, write_mix, write_model

from roboloop.models.backbone import Backbone, load_backbone
from roboloop.models.chat import IGNORED, Encoder
from roboloop.records.shards import RecordFolder
from roboloop.train.batches import LOSS, BatchMaker
from roboloop.train.config import SftConfig
from roboloop.train.examples import load_records
from roboloop.train.last_layer import read_last_layer
from roboloop.train.lean_layers import use_lean_layers
from roboloop.train.objective import AnswerLoss, pixel_values
from roboloop.train.prefetch import PrefetchedBatches
from roboloop.train.record_batches import PackedBatches, PaddedBatches
from roboloop.train.record_rows import RecordRows, ViewCache
from roboloop.train.refused import Refused
from roboloop.train.segments import use_segments

MIN_RATIO = 1.8
RECORDS_PER_STEP = 32
MAX_LOSS_DIFFERENCE = 1e-3


class Round(NamedTuple):
    """What one way did."""

    tokens_per_second: float
    padding_fraction: float
    last_loss: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--tokens-per-pack", type=int, default=8192)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cpu", action="store_true")
    options = parser.parse_args()
    batchings = {
        "padded": {"kind": "padded", "records_per_batch": 4},
        "packed": {"kind": "packed", "tokens_per_pack": options.tokens_per_pack},
    }
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        records = write_mix(home / "mix", num_records=RECORDS_PER_STEP * options.steps)
        model = write_model(home / "model")
        clock = time.process_time if options.cpu else time.perf_counter
        rounds: dict[str, list[Round]] = {way: [] for way in batchings}
        for number in range(options.rounds):
            for way, batching in batchings.items():
                done = run(
                    model, records=records, batching=batching, num_steps=options.steps, clock=clock
                )
                print(f"round {number + 1} {way}: {done.tokens_per_second:,.0f} tokens/s")
                rounds[way].append(done)
    return report(rounds)


def report(rounds: dict[str, list[Round]]) -> int:
    """The ratio of each round, whose two sides ran one after the other; their median counts."""
    pairs = zip(rounds["packed"], rounds["padded"], strict=True)
    ratios = [packed.tokens_per_second / padded.tokens_per_second for packed, padded in pairs]
    medians = {way: statistics.median_low(found) for way, found in rounds.items()}
    padded, packed = medians["padded"], medians["packed"]
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    for way, done in medians.items():
        print(
            f"{way}: {done.tokens_per_second:,.0f} real tokens/s, "
            f"{done.padding_fraction:.0%} filling, last loss {done.last_loss:.5f}"
        )
    ratio = statistics.median(ratios)
    same = abs(packed.last_loss - padded.last_loss) <= MAX_LOSS_DIFFERENCE
    met = ratio >= MIN_RATIO and same
    print("ratios of the rounds:", ", ".join(f"{one:.2f}" for one in ratios))
    print(f"ratio {ratio:.2f}, limit {MIN_RATIO}; losses {'equal' if same else 'DIFFER'}")
    print("met" if met else "NOT met")
    return 0 if met else 1


def usual_loss(backbone: Backbone) -> Callable[[dict[str, torch.Tensor]], torch.Tensor]:
    """The model's own mean over a batch's targets, times their number, which sums up to ours."""

    def loss(tensors: dict[str, torch.Tensor]) -> torch.Tensor:
        inputs = {name: tensor for name, tensor in tensors.items() if name != "patches"}
        pixels = pixel_values(tensors["patches"], pixels=backbone.parts.pixels).flatten(1)
        num_targets = (inputs["labels"][:, 1:] != IGNORED).sum()
        made = backbone.model(**inputs, pixel_values=pixels, use_cache=False)
        return made.loss * num_targets

    return loss


def our_loss(backbone: Backbone) -> Callable[[dict[str, torch.Tensor]], torch.Tensor]:
    """As in training."""
    use_segments(backbone.model)
    use_lean_layers(backbone.model)
    read_last_layer(backbone.model)
    objective = AnswerLoss(backbone.model, pixels=backbone.parts.pixels)
    return lambda tensors: objective(tensors)[LOSS]


def run(
    model: Path,
    *,
    records: Path,
    batching: dict[str, object],
    num_steps: int,
    clock: Callable[[], float],
) -> Round:
    """An epoch of plain AdamW steps; the first one warms up and does not count."""
    config = SftConfig.model_validate(
        {
            "name": "bench",
            "epochs": 1,
            "max_tokens": 512,
            "reword": False,
            "batching": batching | {"records_per_step": RECORDS_PER_STEP},
        }
    )
    backbone = load_backbone(model, device="cpu")
    backbone.model.train()
    loss_of = (our_loss if config.batching.kind == "packed" else usual_loss)(backbone)
    optimizer = torch.optim.AdamW(backbone.model.parameters(), lr=1e-4, fused=True)
    batches = make_batches(config, backbone=backbone, records=records, num_steps=num_steps)
    num_real = num_padding = 0
    last_loss = 0.0
    began = clock()
    for step in range(num_steps):
        micros = batches.micro_batches(step, rank=0, num_ranks=1)
        weight = sum(micro.weight for micro in micros)
        losses: list[torch.Tensor] = []
        for micro in micros:
            loss = loss_of(micro.tensors) / weight
            loss.backward()
            losses.append(loss.detach())
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        last_loss = float(torch.stack(losses).sum())
        if step == 0:
            began = clock()
        else:
            num_real += sum(micro.counts.real for micro in micros)
            num_padding += sum(micro.counts.padding for micro in micros)
    seconds = clock() - began
    return Round(num_real / seconds, num_padding / (num_real + num_padding), last_loss)


def make_batches(
    config: SftConfig, *, backbone: Backbone, records: Path, num_steps: int
) -> BatchMaker:
    folder = RecordFolder(records)
    rows = RecordRows(
        load_records(folder, config=config),
        encoder=Encoder(backbone.parts, dialect=mix_dialect()),
        pictures=ViewCache(folder.media_store(), pixels=backbone.parts.pixels, most_bytes=2**28),
        config=config,
        seed=0,
    )
    kind = PackedBatches if config.batching.kind == "packed" else PaddedBatches
    refused = Refused(None, stage="bench")
    made = kind(rows, parts=backbone.parts, config=config, seed=0, refused=refused)
    return PrefetchedBatches(made, num_workers=config.data_workers, num_steps=num_steps)


if __name__ == "__main__":
    sys.exit(main())
