"""Answers a second of the local engine, against one by one and against fixed batches of 16.

    python bench/local_engine.py RUN [--records 128] [--rounds 3] [--threads 2]

RUN is a finished run of `demo_cpu`: its trained model answers the run's own validation questions,
which differ in length and in the length of their answers. The three ways take turns in one process;
the medians are compared. The peers are transformers' `generate`, greedy, as a user calls it: one
question at a time, and batches of 16 in the order of the records, filled up at the start. All
three have to say the same.

The targets: 3 times one by one, and faster than fixed batches.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from roboloop.base.hashing import seeded_generator
from roboloop.engines.base import Request
from roboloop.engines.local import LocalEngine
from roboloop.evaluate.config import EvaluateConfig
from roboloop.evaluate.run import question_text
from roboloop.models.adapter_folder import trained_folder
from roboloop.models.backbone import Backbone, load_backbone
from roboloop.models.batch import collate
from roboloop.models.chat import Encoder
from roboloop.models.config import DialectConfig
from roboloop.pipeline.yaml_places import read_yaml
from roboloop.records.shards import RecordFolder

LEAST_RATIO = 3.0
FIXED = 16
NUM_NEW = 96


def main() -> int:
    options = arguments()
    torch.set_num_threads(options.threads)
    stages = options.run / "stages"
    locked = read_yaml(options.run / "recipe.lock.yaml", fill_variables=False).value
    dialect = DialectConfig.model_validate(locked["model"]["dialect"]).load()
    phases = sorted(stages.glob("train.*"), key=lambda path: path.stat().st_mtime_ns)
    backbone = load_backbone(trained_folder(phases[-1]), device="cpu")
    folder = RecordFolder(next(stages.glob("data-*")) / "records")
    records = sorted(folder.records("val"), key=lambda record: record.id)
    order = seeded_generator(0, "bench").permutation(len(records))[: options.records]
    media = folder.media_store()
    config = EvaluateConfig()
    requests = [
        Request(
            record_id=record.id,
            pictures=lambda record=record: [media.open(medium) for medium in record.media],
            question=question_text(record, dialect=dialect, config=config),
        )
        for record in (records[place] for place in order)
    ]
    encoder = Encoder(backbone.parts, dialect=dialect)
    engine = LocalEngine(backbone, dialect=dialect, max_new_tokens=NUM_NEW)
    ways: dict[str, Callable[[], list[str]]] = {
        "this engine": lambda: answered(requests, engine=engine),
        "fixed batches of 16": lambda: generated(requests, encoder=encoder, backbone=backbone,
                                                 size=FIXED),
        "one by one": lambda: generated(requests, encoder=encoder, backbone=backbone, size=1),
    }  # fmt: skip
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    said: dict[str, list[str]] = {}
    for _ in range(options.rounds):
        for name, way in ways.items():
            begun = time.perf_counter()
            said[name] = way()
            seconds[name].append(time.perf_counter() - begun)
    medians = {name: statistics.median(spent) for name, spent in seconds.items()}
    for name, spent in medians.items():
        print(f"{name}: {len(requests) / spent:,.1f} answers/s ({spent:.2f} s)")
    equal = len({tuple(texts) for texts in said.values()}) == 1
    ratio = medians["one by one"] / medians["this engine"]
    over_fixed = medians["fixed batches of 16"] / medians["this engine"]
    print(f"{ratio:.2f} times one by one, {over_fixed:.2f} times fixed batches; "
          f"{'the same answers' if equal else 'THE ANSWERS DIFFER'}")  # fmt: skip
    return 0 if equal and ratio >= LEAST_RATIO and over_fixed > 1 else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--records", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def answered(requests: Sequence[Request], *, engine: LocalEngine) -> list[str]:
    responses = list(engine.answer(requests))
    assert not any(response.error for response in responses), responses
    return [response.text for response in responses]


@torch.inference_mode()
def generated(
    requests: Sequence[Request], *, encoder: Encoder, backbone: Backbone, size: int
) -> list[str]:
    """What transformers' `generate` says, `size` questions at a time."""
    network: Any = backbone.model
    parts = backbone.parts
    texts: list[str] = []
    for first in range(0, len(requests), size):
        items = [
            encoder.prompt(request.pictures(), question=request.question)
            for request in requests[first : first + size]
        ]
        batch = collate(items, parts=parts, side="left")
        del batch["labels"]
        found = network.generate(
            **batch, max_new_tokens=NUM_NEW, do_sample=False,
            eos_token_id=list(parts.special.stops), pad_token_id=parts.pad_id,
        )  # fmt: skip
        for row in found[:, batch["input_ids"].shape[1] :].tolist():
            ends = [place for place, token in enumerate(row) if token in parts.special.stops]
            new = row[: ends[0]] if ends else row
            texts.append(parts.tokenizer.decode(new, skip_special_tokens=True))
    return texts


if __name__ == "__main__":
    sys.exit(main())
