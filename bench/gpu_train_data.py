"""Records of random tokens and pictures with a real length mix, and their batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

MEAN_LENGTH, SPREAD = 755, 0.35
SMALL_LENGTH = 48
IMAGE_SHARE, TARGET_SHARE = 0.6, 0.1
RECORDS_PER_BATCH, MULTIPLE = 4, 8
IGNORED = -100
MERGE = 2
PATCH_VALUES = 3 * 2 * 14 * 14


@dataclass(frozen=True, slots=True)
class Record:
    """A conversation about one picture: text, the picture, text, and at the end the answer."""

    ids: np.ndarray
    positions: np.ndarray
    patches: np.ndarray
    grid: tuple[int, int, int]
    num_image_tokens: int
    num_targets: int

    @property
    def num_tokens(self) -> int:
        """All tokens."""
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Step:
    """One forward pass: rows of tokens; `segments` are the ends of records in a packed row."""

    ids: torch.Tensor
    labels: torch.Tensor
    positions: torch.Tensor
    mask: torch.Tensor | None
    patches: torch.Tensor
    grids: torch.Tensor
    segments: list[int] | None
    num_targets: int

    def inputs(self) -> dict[str, Any]:
        """What the model takes."""
        return {
            "input_ids": self.ids, "position_ids": self.positions, "attention_mask": self.mask,
            "pixel_values": self.patches, "image_grid_thw": self.grids, "use_cache": False,
        }  # fmt: skip


def record_pool(config: Any, *, num_tokens: int, num_steps: int, small: bool) -> list[list[Record]]:
    """Records of a few steps, each step with about so many tokens in whole batches of four."""
    rng = np.random.default_rng(0)
    mean = SMALL_LENGTH if small else MEAN_LENGTH
    per_step = max(1, round(num_tokens / mean / RECORDS_PER_BATCH)) * RECORDS_PER_BATCH
    return [
        [_record(rng, config=config, mean=mean) for _ in range(per_step)] for _ in range(num_steps)
    ]


def _record(rng: np.random.Generator, *, config: Any, mean: int) -> Record:
    length = max(32, round(rng.gamma(1 / SPREAD**2, mean * SPREAD**2)))
    rows = max(2, round((length * IMAGE_SHARE * 9 / 16) ** 0.5))
    cols = max(2, round(length * IMAGE_SHARE / rows))
    num_image = rows * cols
    num_text = max(10, length - num_image)
    before = min(8, num_text // 2)
    ids = rng.integers(0, config.text_config.vocab_size - 8, before + num_image + num_text)
    ids = ids[: before + num_image + (num_text - before)]
    ids[before - 1] = config.vision_start_token_id
    ids[before : before + num_image] = config.image_token_id
    seen = np.indices((1, rows, cols)).reshape(3, -1) + before
    after = before + max(rows, cols)
    texts = (np.arange(before), np.arange(num_text - before) + after)
    first, last = (np.repeat(text[None], 3, axis=0) for text in texts)
    patches = rng.integers(0, 256, (num_image * MERGE**2, PATCH_VALUES), dtype=np.uint8)
    return Record(
        ids, np.concatenate([first, seen, last], axis=1), patches,
        (1, rows * MERGE, cols * MERGE), num_image, max(1, round(len(ids) * TARGET_SHARE)),
    )  # fmt: skip


def padded(records: list[Record], *, config: Any, device: torch.device) -> list[Step]:
    """Batches of four, filled up to the longest and to a multiple of eight."""
    return [
        _padded(records[start : start + RECORDS_PER_BATCH], device=device)
        for start in range(0, len(records), RECORDS_PER_BATCH)
    ]


def _padded(records: list[Record], *, device: torch.device) -> Step:
    longest = max(record.num_tokens for record in records)
    width = -(-longest // MULTIPLE) * MULTIPLE
    ids = np.zeros((len(records), width), dtype=np.int64)
    labels = np.full_like(ids, IGNORED)
    mask = np.zeros_like(ids)
    positions = np.zeros((4, len(records), width), dtype=np.int64)
    positions[0] = np.arange(width)
    for row, record in enumerate(records):
        length = record.num_tokens
        ids[row, :length], mask[row, :length] = record.ids, 1
        labels[row, length - record.num_targets : length] = record.ids[-record.num_targets :]
        positions[1:, row, :length] = record.positions
    return _placed(records, ids, labels, positions, mask, None, device)


def packed(records: list[Record], *, config: Any, device: torch.device) -> list[Step]:
    """All records of a step in one row, without filling."""
    labels = [_labels(record) for record in records]
    positions = np.concatenate(
        [np.vstack([np.arange(r.num_tokens)[None], r.positions]) for r in records], axis=1
    )
    ends = np.cumsum([0, *(record.num_tokens for record in records)]).tolist()
    ids = np.concatenate([record.ids for record in records])[None]
    return [
        _placed(records, ids, np.concatenate(labels)[None], positions[:, None], None, ends, device)
    ]


def _labels(record: Record) -> np.ndarray:
    labels = np.full_like(record.ids, IGNORED)
    labels[-record.num_targets :] = record.ids[-record.num_targets :]
    return labels


def _placed(
    records: list[Record], ids: np.ndarray, labels: np.ndarray, positions: np.ndarray,
    mask: np.ndarray | None, segments: list[int] | None, device: torch.device,
) -> Step:  # fmt: skip
    """On the device, with patches from -1 to 1; a label is moved to where it is predicted."""
    patches = torch.from_numpy(np.concatenate([record.patches for record in records])).to(device)
    shifted = np.full_like(labels, IGNORED)
    shifted[:, :-1] = labels[:, 1:]
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32

    def place(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(device)

    return Step(
        place(ids), place(shifted), place(positions), None if mask is None else place(mask),
        patches.to(dtype) / 127.5 - 1, torch.tensor([r.grid for r in records], device=device),
        segments, sum(record.num_targets for record in records),
    )  # fmt: skip
