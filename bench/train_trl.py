"""Real tokens a second: TRL's SFTTrainer, and ours over packs, on the same records.

    python bench/train_trl.py --peers FOLDER [--torchvision FOLDER] [--steps 8]

`--peers` names a folder filled by `pip install --target FOLDER trl==1.16.0` (without PyTorch and
transformers, which are those of this environment); `--torchvision` as for `train_pixels.py`. Both
train the same tiny Qwen2.5-VL by AdamW over the records of `bench/train/robot_mix.py`, 32 in a
step: TRL in 8 batches of 4 with images, which it can only pad; ours as a recipe would. Data making,
clipping and logging are included; each one's first step is not counted. The limit is 1.5 times as
many.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / "train"))

import torch
import torchvision_early  # first of all, see there  # isort: split
from robot_mix import mix_dialect, write_mix, write_model

from roboloop.models.backbone import load_backbone
from roboloop.records.answers import Text
from roboloop.records.shards import RecordFolder
from roboloop.train.config import SftConfig
from roboloop.train.loop import Trainer
from roboloop.train.sft import run_sft
from train_packing import RECORDS_PER_STEP, make_batches

MIN_RATIO = 1.5
BATCH = 4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--peers", type=Path, required=True)
    parser.add_argument("--torchvision", type=Path)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--tokens-per-pack", type=int, default=4096)
    options = parser.parse_args()
    if not torchvision_early.is_there():
        print("TRL's processor needs torchvision: see --torchvision", file=sys.stderr)
        return 2
    sys.path.append(str(options.peers))
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        records = write_mix(home / "mix", num_records=RECORDS_PER_STEP * options.steps)
        model = write_model(home / "model")
        config = phase(options)
        tokens = num_tokens(config, model=model, records=records, num_steps=options.steps)
        theirs = trl_seconds(model, records=records, out=home / "trl", num_steps=options.steps)
        mine = our_seconds(config, model=model, records=records, out=home / "out")
    mean = tokens / options.steps
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"TRL: {mean / theirs:,.0f} real tokens/s, {theirs:.2f} s a step")
    print(f"roboloop: {mean / mine:,.0f} real tokens/s, {mine:.2f} s a step")
    met = theirs / mine >= MIN_RATIO
    print(f"ratio {theirs / mine:.2f}, limit {MIN_RATIO}: {'met' if met else 'NOT met'}")
    return 0 if met else 1


def phase(options: argparse.Namespace) -> SftConfig:
    return SftConfig.model_validate(
        {
            "name": "bench", "num_steps": options.steps, "max_tokens": 512, "reword": False,
            "learning_rate": 1e-4, "log_every_steps": 1, "save_every_steps": 10**6,
            "batching": {
                "kind": "packed", "records_per_step": RECORDS_PER_STEP,
                "tokens_per_pack": options.tokens_per_pack,
            },
        }
    )  # fmt: skip


def num_tokens(config: SftConfig, *, model: Path, records: Path, num_steps: int) -> int:
    """Real tokens of the epoch, the same for both."""
    backbone = load_backbone(model, device="cpu")
    batches = make_batches(config, backbone=backbone, records=records, num_steps=num_steps)
    micros = [m for n in range(num_steps) for m in batches.micro_batches(n, rank=0, num_ranks=1)]
    return sum(micro.counts.real for micro in micros)


def our_seconds(config: SftConfig, *, model: Path, records: Path, out: Path) -> float:
    """Mean time of a step after the first."""
    ends: list[float] = []
    real_step = Trainer._step

    def watched(self: Trainer, step: int) -> Any:
        outcome = real_step(self, step)
        ends.append(time.perf_counter())
        return outcome

    Trainer._step = watched  # type: ignore[method-assign]
    run_sft(config, model=model, records=records, out=out, dialect=mix_dialect(), seed=0)
    Trainer._step = real_step  # type: ignore[method-assign]
    return (ends[-1] - ends[0]) / (len(ends) - 1)


def trl_seconds(model: Path, *, records: Path, out: Path, num_steps: int) -> float:
    """As `our_seconds`, of TRL's trainer."""
    from datasets import Dataset  # pyright: ignore[reportMissingImports]
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer  # pyright: ignore[reportMissingImports]

    ends: list[float] = []

    class Watch(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            ends.append(time.perf_counter())

    folder = RecordFolder(records)
    store = folder.media_store()
    rows = []
    for record in folder.records("train"):
        assert isinstance(record.answer, Text)
        asked = [{"role": "user", "content": record.text_input("question")}]
        told = [{"role": "assistant", "content": record.answer.text}]
        images = [store.open(medium) for medium in record.media]
        rows.append({"images": images, "prompt": asked, "completion": told})
    trainer = SFTTrainer(
        model=load_backbone(model, device="cpu").model,
        args=SFTConfig(
            output_dir=str(out), max_steps=num_steps, per_device_train_batch_size=BATCH,
            gradient_accumulation_steps=RECORDS_PER_STEP // BATCH, learning_rate=1e-4,
            logging_steps=1, save_strategy="no", report_to=[], use_cpu=True, bf16=False,
            gradient_checkpointing=False, max_length=None, disable_tqdm=True,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=processor(model),
        callbacks=[Watch()],
    )  # fmt: skip
    trainer.train()
    return (ends[-1] - ends[0]) / (len(ends) - 1)


def processor(model: Path) -> Any:
    """Hugging Face's processor over the tiny model's files."""
    from transformers import (
        PreTrainedTokenizerFast,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
    )

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(model / "tokenizer.json"),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
    )
    return Qwen2_5_VLProcessor(
        Qwen2VLImageProcessor.from_pretrained(model),
        tokenizer,
        Qwen2VLVideoProcessor(),
        chat_template=(model / "chat_template.jinja").read_text(encoding="utf-8"),
    )


if __name__ == "__main__":
    sys.exit(main())
