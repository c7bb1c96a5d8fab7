"""Reward models in the layout of Skywork-VL-Reward: a Qwen2.5-VL with a linear read-out.

Beside the body's own files lies `value_head.safetensors` with `v_head.summary.weight` [1, width]
and `v_head.summary.bias` [1]; LLaMA-Factory writes the rewards it trains under the same names. The
score of a conversation is the read-out, in float32, of the last hidden state at the last token that
is no padding, over the whole chat: picture and question, the answer, no opening of a further turn.
It has no scale: only scores for the same kind of question can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from roboloop.base.errors import Place, RoboLoopError
from roboloop.models.backbone import Backbone, load_backbone
from roboloop.models.batch import Side, collate
from roboloop.models.chat import Encoded

HEAD_FILE = "value_head.safetensors"
WEIGHT, BIAS = "v_head.summary.weight", "v_head.summary.bias"


@dataclass(frozen=True, slots=True)
class RewardModel:
    """A loaded reward model.

    Attributes:
        backbone: The body.
        weight: float32 [width], on the body's device.
        bias: float32 [].
    """

    backbone: Backbone
    weight: torch.Tensor
    bias: torch.Tensor

    def scores(
        self, items: Sequence[Encoded], *, batch_size: int = 8, side: Side = "right"
    ) -> list[float]:
        """A score for each conversation, the higher the better; NaN where memory is too short.

        Neither the batch nor the side of the padding changes a score beyond rounding.
        """
        order = sorted(range(len(items)), key=lambda place: items[place].num_tokens)
        found = [math.nan] * len(items)
        for start in range(0, len(order), batch_size):
            places = order[start : start + batch_size]
            scores = self._halved([items[place] for place in places], side=side)
            for place, score in zip(places, scores, strict=True):
                found[place] = score
        return found

    def _halved(self, items: Sequence[Encoded], *, side: Side) -> list[float]:
        try:
            return self._batch(items, side=side)
        except torch.OutOfMemoryError:
            if len(items) == 1:
                return [math.nan]
        torch.cuda.empty_cache()
        half = len(items) // 2
        return self._halved(items[:half], side=side) + self._halved(items[half:], side=side)

    @torch.inference_mode()
    def _batch(self, items: Sequence[Encoded], *, side: Side) -> list[float]:
        batch = collate(items, parts=self.backbone.parts, side=side)
        mask = batch["attention_mask"]
        # With padding on the left `mask.sum() - 1` is wrong.
        last = mask.shape[1] - 1 - mask.flip(1).argmax(1)
        del batch["labels"]
        device, model = self.backbone.device, self.backbone.model
        batch = {name: tensor.to(device) for name, tensor in batch.items()}
        if "pixel_values" in batch:
            batch["pixel_values"] = batch["pixel_values"].to(model.dtype)
        states: torch.Tensor = model.base_model(**batch, use_cache=False).last_hidden_state
        ends = states[torch.arange(len(items), device=device), last.to(device)].float()
        return (ends @ self.weight + self.bias).tolist()


def load_reward(folder: Path, *, device: str = "auto", dtype: str = "auto") -> RewardModel:
    """Load a reward model, in evaluation mode.

    Args:
        folder: A Qwen2.5-VL folder with a `value_head.safetensors`.
        device: See `load_backbone`.
        dtype: Of the body; the read-out is always float32.

    Raises:
        RoboLoopError: E-ENG-001 when a file is missing, damaged or does not fit.
    """
    path = folder / HEAD_FILE
    if not path.is_file():
        raise RoboLoopError(
            "E-ENG-001", "the file does not exist: this is no reward model", place=Place(path)
        )
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise RoboLoopError(
            "E-ENG-001", f"it cannot be read: {error}", place=Place(path)
        ) from error
    backbone = load_backbone(folder, device=device, dtype=dtype)
    embeddings: Any = backbone.model.get_input_embeddings()
    width = embeddings.weight.shape[1]
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if shapes != {WEIGHT: (1, width), BIAS: (1,)}:
        raise RoboLoopError(
            "E-ENG-001",
            f"it holds {shapes}, not {WEIGHT} (1, {width}) and {BIAS} (1,)",
            place=Place(path),
        )
    return RewardModel(
        backbone,
        tensors[WEIGHT][0].float().to(backbone.device),
        tensors[BIAS][0].float().to(backbone.device),
    )
