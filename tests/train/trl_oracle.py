"""TRL's own losses of a batch of pairs; `test_preference_against_trl.py` runs it with TRL.

Reads {model, batch, options} saved by torch and prints a JSON list: the loss for each of `options`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import torch
from datasets import Dataset
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLForConditionalGeneration
from trl import DPOConfig, DPOTrainer

given = torch.load(sys.argv[1], weights_only=True)


def loaded() -> Qwen2_5_VLForConditionalGeneration:
    return Qwen2_5_VLForConditionalGeneration.from_pretrained(given["model"], dtype="float32")


tokenizer = PreTrainedTokenizerFast(
    tokenizer_file=str(Path(given["model"]) / "tokenizer.json"),
    eos_token="<|im_end|>", pad_token="<|endoftext|>",
)  # fmt: skip
rows = [{"prompt": "box?", "chosen": "here", "rejected": "there"}] * 2
losses = []
for options in given["options"]:
    torch.manual_seed(0)
    policy, reference = loaded(), loaded()
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter.mul_(given["shrink"])
    arguments = DPOConfig(
        output_dir=tempfile.mkdtemp(), use_cpu=True, report_to=[], bf16=False, max_length=None,
        activation_checkpointing=False, **options,
    )  # fmt: skip
    trainer = DPOTrainer(
        model=policy, ref_model=reference, args=arguments,
        train_dataset=Dataset.from_list(rows), processing_class=tokenizer,
    )  # fmt: skip
    policy.eval()
    loss = trainer._compute_loss(trainer.model, dict(given["batch"]), False)
    losses.append(float(loss.detach()))
print(json.dumps(losses))
