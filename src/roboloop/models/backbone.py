"""A backbone: a model with all that belongs to it, loaded from a folder and saved to one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    PreTrainedModel,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3VLForConditionalGeneration,
)

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import atomic_write_bytes
from roboloop.base.hashing import hash_value
from roboloop.models.adapter_folder import base_of, is_adapter
from roboloop.models.folders import folder_replaced, no_progress_bars, save_weights
from roboloop.models.loaded import COMPANIONS, LoadedModel
from roboloop.models.parts import Parts, load_parts, read_json


@dataclass(frozen=True, slots=True)
class Backbone(LoadedModel):
    """A model whose chats and pictures this package writes itself, ready to train or to answer.

    Attributes:
        parts: Tokenizer, special tokens and picture format.
    """

    parts: Parts

    def identity(self) -> str:
        """Content hash of weights, architecture, tokenizer and picture format, not of the path."""
        return hash_value(
            {
                "weights": self.weights_hash(),
                "architecture": self.architecture(),
                "parts": self.parts.identity(),
            }
        )


def load_backbone(folder: Path, *, device: str = "auto", dtype: str = "auto") -> Backbone:
    """Load a model folder, in evaluation mode.

    Args:
        folder: As on the Hugging Face Hub, or made by `build_tiny` or `save_backbone`; or the
            folder of an adapter, which is loaded into the model that it names.
        device: `auto` is the first GPU if there is one, else the CPU.
        dtype: A name such as `float32` or `bfloat16`. `auto` is the folder's own type on a GPU
            and float32 on a CPU.

    Raises:
        RoboLoopError: E-ENG-001 when a file is missing, damaged or does not fit, or when not every
            weight of the model is in the folder and the other way round; E-ENG-006 when an
            adapter does not fit.
    """
    if is_adapter(folder):
        from roboloop.models.lora import load_adapter

        backbone = load_backbone(base_of(folder), device=device, dtype=dtype)
        load_adapter(backbone.model, folder=folder)
        backbone.model.eval()
        return backbone
    parts = load_parts(folder)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if dtype == "auto" and device == "cpu":
        dtype = "float32"
    model = load_weights(model_class(folder), folder=folder, dtype=dtype)
    placed: Any = model
    placed.to(device).eval()
    return Backbone(model, read_companions(folder), parts)


def load_weights(kind: Any, *, folder: Path, dtype: str) -> PreTrainedModel:
    """A model of the class `kind` with the weights of the folder: all of them, and no others.

    Raises:
        RoboLoopError: E-ENG-001.
    """
    try:
        with no_progress_bars():
            loaded: Any = kind.from_pretrained(
                folder,
                dtype=dtype,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # so that the report below names them
                local_files_only=True,
            )
    except Exception as error:  # whatever the loader or a damaged file brings up
        raise RoboLoopError("E-ENG-001", f"{error}", place=Place(folder)) from error
    model, report = loaded
    problems = [
        f"{len(report[key])} {key.replace('_', ' ')}, such as {sorted(map(str, report[key]))[0]}"
        for key in ("missing_keys", "unexpected_keys", "mismatched_keys")
        if report[key]
    ]
    if problems:
        raise RoboLoopError(
            "E-ENG-001",
            f"its weights are not those of the model: {'; '.join(problems)}",
            place=Place(folder),
        )
    return model


def read_companions(folder: Path) -> dict[str, bytes]:
    """Content of the files that belong to a model folder, by name."""
    return {name: (folder / name).read_bytes() for name in COMPANIONS if (folder / name).is_file()}


def model_class(folder: Path) -> type[PreTrainedModel]:
    """The class that a folder's `model_type` names.

    Raises:
        RoboLoopError: E-ENG-001 when there is no config.json.
    """
    match read_json(folder / "config.json").get("model_type"):
        case "roboloop_moe_qwen2_5_vl":
            from roboloop.models.moe.modeling_roboloop_moe import (
                RoboLoopMoeForConditionalGeneration,
            )

            return RoboLoopMoeForConditionalGeneration
        case "qwen3_vl":
            return Qwen3VLForConditionalGeneration
        case _:
            return Qwen2_5_VLForConditionalGeneration


def save_backbone(backbone: LoadedModel, *, folder: Path) -> Path:
    """Write the model to `folder`, whole or not at all; reading it back is bit-equal.

    A folder that exists is replaced.
    """
    with folder_replaced(folder) as temporary:
        save_weights(backbone.model, folder=temporary)
        for name, content in backbone.companions.items():
            atomic_write_bytes(temporary / name, data=content)
    return folder
