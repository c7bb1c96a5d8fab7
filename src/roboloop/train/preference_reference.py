"""What the reference model gives every answer: computed once, before training, and kept.

reference/
    reference.json       what it belongs to
    00000.json           log-probabilities of the first pairs: [[chosen, rejected], ...]
    00001.json           and so on

A file is whole or not there. A run that was killed on the way computes those that are missing.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn

from roboloop.base.errors import RoboLoopError
from roboloop.base.files import atomic_write_json
from roboloop.base.progress import progress_bar
from roboloop.train.preference_batches import RefLogProbs, collate_pairs
from roboloop.train.preference_loss import answer_log_probs
from roboloop.train.preference_pairs import Pair, PairEncoder

IDENTITY = "reference.json"
PAIRS_PER_FILE = 128


class Reference(NamedTuple):
    """A reference model and how it is asked.

    Attributes:
        network: The model, in evaluation mode.
        pairs_per_batch: Pairs of one forward pass.
        share_prefix: Whether both answers of a pair share a row.
    """

    network: nn.Module
    pairs_per_batch: int
    share_prefix: bool


def reference_log_probs(
    reference: Reference,
    *,
    pairs: Sequence[Pair],
    encoder: PairEncoder,
    folder: Path,
    identity: str,
    accelerator: Accelerator,
) -> RefLogProbs:
    """The log-probabilities of all answers, from the files where they are there already.

    Args:
        reference: The model to ask.
        pairs: Whose answers.
        encoder: Writes them in the model's tokens.
        folder: Where the files are. Those of another identity are removed.
        identity: Hash of the model, the pairs and all else that the numbers depend on.
        accelerator: Each process computes every so-manieth file.

    Raises:
        RoboLoopError: E-TRN-002 for an answer that is too long, E-TRN-003 when a number is not
            finite, E-MED-*.
    """
    if accelerator.is_main_process:
        _claim(folder, identity=identity)
    accelerator.wait_for_everyone()
    starts = range(0, len(pairs), PAIRS_PER_FILE)
    files = [folder / f"{number:05d}.json" for number in range(len(starts))]
    todo = [
        (file, pairs[start : start + PAIRS_PER_FILE])
        for number, (file, start) in enumerate(zip(files, starts, strict=True))
        if number % accelerator.num_processes == accelerator.process_index and not file.exists()
    ]
    with progress_bar("reference", total=sum(len(some) for _, some in todo)) as bar:
        for file, some in todo:
            found = _asked(reference, pairs=some, encoder=encoder, accelerator=accelerator)
            _check_finite(found, pairs=some)
            atomic_write_json(file, value=found)
            bar.advance(len(some))
    accelerator.wait_for_everyone()
    rows = [row for file in files for row in json.loads(file.read_text(encoding="utf-8"))]
    return np.array(rows, dtype=np.float64).reshape(len(pairs), 2)


def _claim(folder: Path, *, identity: str) -> None:
    """Make the folder this identity's, empty unless it was already."""
    mark = folder / IDENTITY
    if mark.exists() and json.loads(mark.read_text(encoding="utf-8")) == {"identity": identity}:
        return
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    atomic_write_json(mark, value={"identity": identity})


def _check_finite(rows: Sequence[Sequence[float]], *, pairs: Sequence[Pair]) -> None:
    for row, pair in zip(rows, pairs, strict=True):
        if not np.isfinite(row).all():
            said = f"the reference gives record {pair.record_id!r} the log-probabilities {row}"
            raise RoboLoopError("E-TRN-003", said, fix="Check the weights of the reference model.")


def _asked(
    reference: Reference,
    *,
    pairs: Sequence[Pair],
    encoder: PairEncoder,
    accelerator: Accelerator,
) -> list[list[float]]:
    """Log-probabilities of the answers of some pairs."""
    rows: list[list[float]] = []
    size = reference.pairs_per_batch
    for at in range(0, len(pairs), size):
        encoded = [encoder.encode(pair) for pair in pairs[at : at + size]]
        tensors, _ = collate_pairs(
            encoded, parts=encoder.encoder.parts, share_prefix=reference.share_prefix
        )
        placed = {name: tensor.to(accelerator.device) for name, tensor in tensors.items()}
        with torch.no_grad(), accelerator.autocast():
            sums = answer_log_probs(reference.network, placed).sums
        rows += sums.double().cpu().reshape(-1, 2).tolist()
    return rows
