"""A trained model as a folder for others: transformers, vLLM, the Hugging Face Hub."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from safetensors import safe_open

from roboloop.base.errors import Place, RoboLoopError
from roboloop.models.adapter_folder import ADAPTER_CONFIG, ADAPTER_WEIGHTS, is_adapter
from roboloop.models.backbone import Backbone, load_backbone, save_backbone
from roboloop.models.folders import folder_replaced
from roboloop.models.lora import has_adapter, merge_adapter
from roboloop.models.moe.modeling_roboloop_moe import moe_layers
from roboloop.models.moe.upcycle import fold_gates
from roboloop.models.published import check_published, stored_names

Dtype = Literal["bfloat16", "float16", "float32"]
PREPROCESSOR = "preprocessor_config.json"


class PixelLimits(NamedTuple):
    """Areas between which a picture is resized: what the model has seen in training."""

    min_pixels: int
    max_pixels: int


class Exported(NamedTuple):
    """What was written.

    Attributes:
        folder: Where it lies.
        num_tensors: Weights in it.
        merged: Whether an adapter was added to the weights.
    """

    folder: Path
    num_tensors: int
    merged: bool


def export_model(
    source: Path, *, out: Path, dtype: Dtype = "bfloat16", limits: PixelLimits | None = None
) -> Exported:
    """Write a whole model, an adapter added to its weights, under the published names.

    An adapter is added, and gates of experts are folded in, in float32 before the weights are
    rounded to `dtype`.

    Args:
        source: A model folder or an adapter's.
        out: The folder to make; one that exists is replaced if it holds a model.
        dtype: Number format of the weights.
        limits: Sizes of pictures the model was trained with. They go into the picture processor's
            configuration: with others, places in the answers would be shifted.

    Raises:
        RoboLoopError: E-ENG-001 or E-ENG-006 when the source cannot be loaded, E-ENG-007 when the
            weights are not those of a published folder.
    """
    _check_out(out, mark="config.json")
    backbone = load_backbone(source, device="cpu", dtype="float32")
    merged = has_adapter(backbone.model)
    if merged:
        merge_adapter(backbone.model)
    has_experts = bool(moe_layers(backbone.model))
    if has_experts:
        backbone = fold_gates(backbone)
    kind: torch.dtype = getattr(torch, dtype)
    backbone.model.to(kind)  # pyright: ignore[reportArgumentType, reportCallIssue]
    _name_dtype(backbone.model.config, dtype=kind)
    if limits is not None:
        backbone = _with_limits(backbone, limits=limits)
    save_backbone(backbone, folder=out)
    if has_experts:  # no published folder has such tensors; loading it checks every one
        load_backbone(out, device="cpu")
        return Exported(out, len(stored_names(out)), merged)
    return Exported(out, check_published(out), merged)


def export_adapter(source: Path, *, out: Path) -> Exported:
    """Copy an adapter's folder, in peft's own form.

    Raises:
        RoboLoopError: E-ENG-006 when the source is no adapter.
    """
    if not is_adapter(source):
        raise RoboLoopError(
            "E-ENG-006", "there is no adapter", place=Place(source), fix="Export the whole model."
        )
    _check_out(out, mark=ADAPTER_CONFIG)
    with folder_replaced(out) as temporary:
        for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS):
            shutil.copyfile(source / name, temporary / name)
    with safe_open(out / ADAPTER_WEIGHTS, framework="pt") as stored:
        return Exported(out, len(list(stored.keys())), False)


def _check_out(out: Path, *, mark: str) -> None:
    """A folder with something else in it stays.

    Raises:
        RoboLoopError: E-REP-002.
    """
    if out.exists() and any(out.iterdir()) and not (out / mark).is_file():
        raise RoboLoopError("E-REP-002", "there is something else in it", place=Place(out))


def _name_dtype(config: Any, *, dtype: torch.dtype) -> None:
    """Readers go by `dtype` in config.json, of the whole and of its halves."""
    for one in (config, config.get_text_config(), getattr(config, "vision_config", None)):
        if one is not None:
            one.dtype = dtype


def _with_limits(backbone: Backbone, *, limits: PixelLimits) -> Backbone:
    if PREPROCESSOR not in backbone.companions:
        return backbone
    value: dict[str, Any] = json.loads(backbone.companions[PREPROCESSOR])
    value["min_pixels"], value["max_pixels"] = limits
    if "size" in value:
        value["size"] = {"shortest_edge": limits.min_pixels, "longest_edge": limits.max_pixels}
    text = json.dumps(value, indent=2) + "\n"
    companions = {**backbone.companions, PREPROCESSOR: text.encode()}
    return Backbone(backbone.model, companions, backbone.parts)
