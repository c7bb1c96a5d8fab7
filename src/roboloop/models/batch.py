"""Encoded conversations to padded tensors, and the rotary positions of their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from roboloop.models.chat import IGNORED, Encoded
from roboloop.models.parts import Parts

if TYPE_CHECKING:
    import torch

Side = Literal["left", "right"]


def collate(
    items: Sequence[Encoded], *, parts: Parts, side: Side = "right", pixels: bool = True
) -> dict[str, torch.Tensor]:
    """One batch in the names of Hugging Face's forward pass: `model(**collate(...))`.

    Rows are filled up to the longest with `parts.pad_id`, at the end for training, at the start
    (`side="left"`) for generation. `pixels=False` leaves the pictures out.

    Returns:
        `input_ids`, `attention_mask`, `labels` and `mm_token_type_ids` (1 for a picture's tokens,
        0 for text), int64 [num_items, num_tokens]; and, when there are pictures, `pixel_values`
        float32 [num_patches, values of a patch] and `image_grid_thw` int64 [num_pictures, 3].
    """
    import torch

    width = max(item.num_tokens for item in items)
    shape = (len(items), width)
    ids = np.full(shape, parts.pad_id, dtype=np.int64)
    labels = np.full(shape, IGNORED, dtype=np.int64)
    mask = np.zeros(shape, dtype=np.int64)
    for row, item in enumerate(items):
        start = width - item.num_tokens if side == "left" else 0
        place = slice(start, start + item.num_tokens)
        ids[row, place] = item.input_ids
        labels[row, place] = item.labels
        mask[row, place] = 1
    batch = {
        "input_ids": ids,
        "attention_mask": mask,
        "labels": labels,
        "mm_token_type_ids": (ids == parts.special.image_pad).astype(np.int64),
    }
    if pixels and any(len(item.grid_thw) for item in items):
        patches = np.concatenate([item.patches for item in items])
        batch["pixel_values"] = parts.pixels.normalise(patches)
        batch["image_grid_thw"] = np.concatenate([item.grid_thw for item in items])
    return {name: torch.from_numpy(value) for name, value in batch.items()}


def rotary_positions(item: Encoded, *, parts: Parts) -> NDArray[np.int64]:
    """Time, row and column of every token, int64 [3, num_tokens], as Qwen2.5-VL counts them.

    Text counts up by one in all three. A picture's tokens keep the time at which the picture
    begins and add their row and column to it; the text after it goes on from one past the largest.
    """
    merge = parts.pixels.merge_size
    is_picture = item.input_ids == parts.special.image_pad
    columns: list[NDArray[np.int64]] = []
    place = now = 0
    for grid in item.grid_thw:
        frames, rows, cols = (int(grid[0]), int(grid[1]) // merge, int(grid[2]) // merge)
        num_text = int(np.argmax(is_picture[place:]))
        columns.append(_counting(num_text, start=now))
        now += num_text
        seen = np.indices((frames, rows, cols)).reshape(3, -1)
        columns.append((seen + now).astype(np.int64))
        now += max(rows, cols)
        place += num_text + seen.shape[1]
    columns.append(_counting(item.num_tokens - place, start=now))
    return np.concatenate(columns, axis=1)


def _counting(num: int, *, start: int) -> NDArray[np.int64]:
    return np.broadcast_to(np.arange(start, start + num, dtype=np.int64), (3, num))
