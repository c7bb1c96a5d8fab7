"""Several questions about one picture as one row in which they do not see one another.

    picture  question 1  answer 1  question 2  answer 2 ...

Each question attends to the picture and to itself, and its positions go on from the picture's end
as if it stood there alone. The loss and its gradient are therefore those of separate rows; the
picture's tokens are computed once. (A packed row in the usual sense repeats the picture; a
conversation lets later questions read earlier answers, which at evaluation are not there.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from roboloop.models.batch import rotary_positions
from roboloop.models.chat import IGNORED, Encoded
from roboloop.models.parts import Parts

TRUNK = 0
FILLING = -1


@dataclass(frozen=True, slots=True, eq=False)
class Branched:
    """A row.

    Attributes:
        input_ids: int64 [num_tokens].
        labels: int64 [num_tokens], `IGNORED` where nothing is trained; not shifted.
        positions: int64 [3, num_tokens]: time, row, column.
        branches: int64 [num_tokens]: `TRUNK` for what all share, then 1, 2 ... for each question.
        patches: uint8 [num_patches, 3, patch_size, patch_size].
        grid_thw: int64 [num_pictures, 3].
        weights: float32 [num_tokens]: how much each target counts; None when all count 1.
    """

    input_ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    positions: NDArray[np.int64]
    branches: NDArray[np.int64]
    patches: NDArray[np.uint8]
    grid_thw: NDArray[np.int64]
    weights: NDArray[np.float32] | None = None

    @property
    def num_tokens(self) -> int:
        """Length of the row."""
        return len(self.input_ids)

    @property
    def num_targets(self) -> int:
        """Tokens that are trained on."""
        return int((self.labels != IGNORED).sum())

    def num_image_tokens(self, parts: Parts) -> int:
        """Tokens of its pictures."""
        return int((self.input_ids == parts.special.image_pad).sum())


def branch(items: Sequence[Encoded], *, parts: Parts) -> tuple[Branched, ...]:
    """Join conversations about the same pictures into as few rows as are exact.

    Conversations share a row when they begin alike up to the last picture. A published question
    that speaks before its picture begins in its own way and gets a row of its own.
    """
    assert all(np.array_equal(item.grid_thw, items[0].grid_thw) for item in items)
    beginnings: dict[bytes, list[Encoded]] = {}
    for item in items:
        pictures = np.flatnonzero(item.input_ids == parts.special.image_pad)
        end = pictures[-1] + 1 if len(pictures) else 0
        beginnings.setdefault(item.input_ids[:end].tobytes(), []).append(item)
    return tuple(_joined(alike, parts=parts) for alike in beginnings.values())


def _joined(items: Sequence[Encoded], *, parts: Parts) -> Branched:
    first = items[0]
    trunk = _num_shared(items)
    positions = [rotary_positions(item, parts=parts) for item in items]
    numbers = np.repeat(np.arange(1, len(items) + 1), [i.num_tokens - trunk for i in items])
    return Branched(
        input_ids=np.concatenate([first.input_ids[:trunk], *(i.input_ids[trunk:] for i in items)]),
        labels=np.concatenate([first.labels[:trunk], *(i.labels[trunk:] for i in items)]),
        positions=np.concatenate(
            [positions[0][:, :trunk], *(own[:, trunk:] for own in positions)], axis=1
        ),
        branches=np.concatenate([np.full(trunk, TRUNK), numbers]),
        patches=first.patches,
        grid_thw=first.grid_thw,
        weights=None if first.weights is None else _branched_weights(items, trunk=trunk),
    )


def _branched_weights(items: Sequence[Encoded], *, trunk: int) -> NDArray[np.float32]:
    weights = [item.weights for item in items if item.weights is not None]
    assert len(weights) == len(items), "all conversations of a row are weighed, or none"
    return np.concatenate([weights[0][:trunk], *(own[trunk:] for own in weights)])


def _num_shared(items: Sequence[Encoded]) -> int:
    """How many tokens all begin with, up to the one before the first that is trained on.

    The token before a target predicts it, so every branch has its own, even when the questions are
    the same and only the answers differ.
    """
    shared = min(max(0, int(np.argmax(item.labels != IGNORED)) - 1) for item in items)
    first = items[0].input_ids
    for item in items[1:]:
        differing = np.flatnonzero(item.input_ids[:shared] != first[:shared])
        shared = int(differing[0]) if len(differing) else shared
    return shared


class Batch(NamedTuple):
    """Rows as tensors.

    Attributes:
        inputs: Arguments of the model's forward pass.
        labels: int64 [num_rows, num_tokens], not shifted.
        weights: float32 [num_rows, num_tokens] of the targets; None when all count 1.
    """

    inputs: dict[str, torch.Tensor]
    labels: torch.Tensor
    weights: torch.Tensor | None


def filled(weights: Sequence[NDArray[np.float32] | None], *, width: int) -> torch.Tensor | None:
    """Weights of rows as one tensor [num_rows, width]; None when no row has some."""
    if all(own is None for own in weights):
        return None
    whole = np.zeros((len(weights), width), dtype=np.float32)
    for place, own in enumerate(weights):
        assert own is not None, "all rows are weighed, or none"
        whole[place, : len(own)] = own
    return torch.from_numpy(whole)


def collate_branched(rows: Sequence[Branched], *, parts: Parts) -> Batch:
    """Rows filled up at the end, with a mask that keeps the questions of a row apart.

    The inputs are `input_ids` [B, S], `position_ids` [3, B, S], `attention_mask` bool [B, 1, S, S]
    (True where a token, first S, sees another), `pixel_values` and `image_grid_thw`.
    """
    width = max(row.num_tokens for row in rows)
    shape = (len(rows), width)
    ids = np.full(shape, parts.pad_id, dtype=np.int64)
    labels = np.full(shape, IGNORED, dtype=np.int64)
    branches = np.full(shape, FILLING, dtype=np.int64)
    positions = np.zeros((3, *shape), dtype=np.int64)
    for place, row in enumerate(rows):
        ids[place, : row.num_tokens] = row.input_ids
        labels[place, : row.num_tokens] = row.labels
        branches[place, : row.num_tokens] = row.branches
        positions[:, place, : row.num_tokens] = row.positions
    seen = (branches[:, None, :] == branches[:, :, None]) | (branches[:, None, :] == TRUNK)
    mask = seen & np.tri(width, dtype=bool)
    inputs = {"input_ids": ids, "position_ids": positions, "attention_mask": mask[:, None]}
    if any(len(row.grid_thw) for row in rows):
        patches = np.concatenate([row.patches for row in rows])
        inputs["pixel_values"] = parts.pixels.normalise(patches)
        inputs["image_grid_thw"] = np.concatenate([row.grid_thw for row in rows])
    tensors = {name: torch.from_numpy(value) for name, value in inputs.items()}
    weights = filled([row.weights for row in rows], width=width)
    return Batch(tensors, torch.from_numpy(labels), weights)
