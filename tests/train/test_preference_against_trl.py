"""TRL's DPOTrainer gives the same losses for the same batch, pictures and padding included.

TRL wants packages that nothing here needs, so it lives in a folder of its own: where
`tools/install.py` put it, or where ROBOLOOP_TRL_FOLDER says.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from roboloop.dialects import Dialect
from roboloop.models.backbone import load_backbone
from roboloop.models.batch import collate
from roboloop.models.chat import IGNORED, Encoder
from roboloop.records.shards import RecordFolder
from roboloop.train.batches import LOSS
from roboloop.train.dpo_config import DpoConfig
from roboloop.train.mixture import draw_mixture
from roboloop.train.preference_batches import REFERENCE, collate_pairs
from roboloop.train.preference_loss import PreferenceLoss, answer_log_probs
from roboloop.train.preference_pairs import PairEncoder, make_pairs
from roboloop.train.record_rows import ViewCache

TRL = Path(os.environ.get("ROBOLOOP_TRL_FOLDER", Path(sys.prefix) / "oracles/trl"))
SHRINK = 0.9
NUM_PAIRS = 4
SMOOTHING = 0.2


@pytest.mark.slow
@pytest.mark.skipif(not (TRL / "trl").is_dir(), reason=f"there is no TRL in {TRL}")
def test_losses_are_those_of_trl(
    tiny_folder: Path,
    pair_folder: Path,
    dialect: Dialect,
    dpo_phase: Callable[..., DpoConfig],
    tmp_path: Path,
) -> None:
    backbone = load_backbone(tiny_folder, device="cpu", dtype="float32")
    folder = RecordFolder(pair_folder)
    found = make_pairs(
        draw_mixture(folder, phase=dpo_phase(), seed=0).records,
        config=dpo_phase(),
        dialect=dialect,
        seed=0,
    ).kept[:NUM_PAIRS]
    encoder = Encoder(backbone.parts, dialect=dialect)
    pictures = ViewCache(folder.media_store(), pixels=backbone.parts.pixels, most_bytes=1 << 20)
    writer = PairEncoder(encoder, pictures=pictures, max_tokens=4096)
    pairs = [writer.encode(pair) for pair in found]
    chosen, rejected = [pair.chosen for pair in pairs], [pair.rejected for pair in pairs]
    for order in (chosen + rejected, rejected + chosen):
        batch = collate(order, parts=backbone.parts)
        batch["completion_mask"] = (batch.pop("labels") != IGNORED).long()
        name = "pairs.pt" if order[0] is chosen[0] else "swapped.pt"
        options = [
            {"loss_type": ["sigmoid"], "beta": 0.5},
            {"loss_type": ["hinge"], "beta": 0.7},
            {"loss_type": ["ipo"], "beta": 0.3},
        ]
        torch.save(
            {"model": str(tiny_folder), "batch": batch, "options": options, "shrink": SHRINK},
            tmp_path / name,
        )
    trl = asked(tmp_path / "pairs.pt")
    swapped = asked(tmp_path / "swapped.pt")
    # TRL 1.16 has no smoothing of its own here; by definition it is a mean over both orders.
    trl.append((1 - SMOOTHING) * trl[0] + SMOOTHING * swapped[0])
    tensors, _ = collate_pairs(pairs, parts=backbone.parts, share_prefix=True)
    reference = load_backbone(tiny_folder, device="cpu", dtype="float32").model
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter.mul_(SHRINK)
        tensors[REFERENCE] = answer_log_probs(reference, tensors).sums
    ours = [
        float(PreferenceLoss(backbone.model, config=dpo_phase(**options))(tensors)[LOSS].detach())
        / NUM_PAIRS
        for options in (
            {"loss": "sigmoid", "beta": 0.5},
            {"loss": "hinge", "beta": 0.7},
            {"loss": "ipo", "beta": 0.3},
            {"loss": "sigmoid", "beta": 0.5, "label_smoothing": SMOOTHING},
        )
    ]
    assert ours == pytest.approx(trl, rel=1e-5)


def asked(file: Path) -> list[float]:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("trl_oracle.py")), str(file)],
        env={**os.environ, "PYTHONPATH": str(TRL), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])
