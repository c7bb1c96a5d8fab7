"""Low-rank adapters (LoRA, arXiv 2106.09685) by peft, put into Hugging Face's own model in place.

A linear layer y = W x becomes y = W x + alpha / rank * B A x, with A [rank, in] drawn at random, B
[out, rank] zero, and W frozen: at the start nothing changes. The model stays of its class, so
training and answering need not know; `layer` becomes `layer.base_layer`, `layer.lora_A.default` and
`layer.lora_B.default`.

An adapter's folder is peft's own (`adapter_config.json`, `adapter_model.safetensors`), so
`PeftModel.from_pretrained` and vLLM read it too. It names the model it belongs to.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from roboloop.base.errors import Place, RoboLoopError
from roboloop.models.adapter_folder import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from roboloop.models.folders import folder_replaced

PREFIX = "base_model.model."
"""What peft writes before the names of the model that it wraps."""


@dataclass(frozen=True, slots=True)
class LoraShape:
    """Which layers have an adapter, and how large it is.

    Attributes:
        ranks: Name of a linear layer in memory -> rank.
        alphas: Name -> alpha; the update is scaled by alpha / rank.
        dropout: Share of an adapter's inputs that are zeroed while training.
    """

    ranks: Mapping[str, int]
    alphas: Mapping[str, float]
    dropout: float = 0.0

    def to_peft(self) -> LoraConfig:
        """The same in peft's terms."""
        rank, alpha = max(self.ranks.values()), max(self.alphas.values())
        return LoraConfig(
            r=rank,
            lora_alpha=alpha,  # pyright: ignore[reportArgumentType] - peft divides it as it is
            lora_dropout=self.dropout,
            target_modules=sorted(self.ranks),
            rank_pattern={_exactly(k): r for k, r in self.ranks.items() if r != rank},
            alpha_pattern={_exactly(k): a for k, a in self.alphas.items() if a != alpha},
        )


def add_adapter(model: nn.Module, *, shape: LoraShape, seed: int) -> None:
    """Give the layers of `shape` an adapter that changes nothing yet; all else is frozen.

    The random states are left as they were.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(shape.to_peft(), model)
    found = {name for name, _ in _adapted(model)}
    assert found == set(shape.ranks), found ^ set(shape.ranks)


def load_adapter(model: nn.Module, *, folder: Path) -> None:
    """Put the adapter of a folder into its model.

    Raises:
        RoboLoopError: E-ENG-006 when it does not fit.
    """
    place = Place(folder)
    try:
        config = LoraConfig.from_pretrained(str(folder))
        stored = load_file(folder / ADAPTER_WEIGHTS)
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise RoboLoopError("E-ENG-006", f"it cannot be read: {error}", place=place) from error
    with torch.random.fork_rng(devices=[]):
        try:
            inject_adapter_in_model(config, model)
        except ValueError as error:
            raise RoboLoopError("E-ENG-006", f"{error}", place=place) from error
    wanted = dict(_adapter_tensors(model))
    given = {name.removeprefix(PREFIX): tensor for name, tensor in stored.items()}
    if wanted.keys() != given.keys():
        odd = sorted(wanted.keys() ^ given.keys())
        raise RoboLoopError(
            "E-ENG-006", f"{len(odd)} tensors differ in name, such as {odd[0]}", place=place
        )
    with torch.no_grad():
        for name, tensor in wanted.items():
            if tensor.shape != given[name].shape:
                raise RoboLoopError(
                    "E-ENG-006",
                    f"{name} has the shape {tuple(given[name].shape)}, not {tuple(tensor.shape)}",
                    place=place,
                )
            tensor.copy_(given[name])


def save_adapter(model: nn.Module, *, folder: Path, base: Path) -> Path:
    """Write the model's adapter to `folder` in peft's form, whole or not at all.

    Args:
        model: A model with an adapter.
        folder: Where to; one that exists is replaced.
        base: The model folder it was trained on, which the adapter names.
    """
    config: LoraConfig = _config(model)
    tensors = {
        PREFIX + name: tensor.detach().cpu().contiguous()
        for name, tensor in _adapter_tensors(model)
    }
    with folder_replaced(folder) as temporary:
        save_file(tensors, temporary / ADAPTER_WEIGHTS, metadata={"format": "pt"})
        was, config.base_model_name_or_path = config.base_model_name_or_path, str(base.absolute())
        inference, config.inference_mode = config.inference_mode, True
        config.task_type = "CAUSAL_LM"
        config.save_pretrained(str(temporary))
        config.base_model_name_or_path, config.inference_mode = was, inference
        text = (temporary / ADAPTER_CONFIG).read_text(encoding="utf-8")
        (temporary / ADAPTER_CONFIG).write_text(_in_order(text), encoding="utf-8")
    return folder


def merge_adapter(model: nn.Module) -> None:
    """Add the adapter to the weights and take it out: W + alpha / rank * B A.

    Raises:
        RoboLoopError: E-ENG-004 when the sum is not finite.
    """
    for name, layer in list(_adapted(model)):
        try:
            layer.merge(safe_merge=True)  # pyright: ignore[reportCallIssue] - every LoRA layer has it
        except ValueError as error:
            raise RoboLoopError("E-ENG-004", f"merging {name}: {error}") from error
        above, _, last = name.rpartition(".")
        setattr(model.get_submodule(above), last, layer.get_base_layer())
    del model.peft_config


def has_adapter(model: nn.Module) -> bool:
    """Whether any layer has one."""
    return next(_adapted(model), None) is not None


def shape_of(model: nn.Module) -> LoraShape:
    """Layers, ranks and alphas of the adapter that a model has."""
    ranks: dict[str, int] = {}
    alphas: dict[str, float] = {}
    for name, layer in _adapted(model):
        found: Any = layer
        ranks[name], alphas[name] = found.r["default"], float(found.lora_alpha["default"])
    return LoraShape(ranks, alphas, _config(model).lora_dropout)


@contextmanager
def adapter_off(model: nn.Module) -> Generator[None]:
    """Within the block the model is the one it was before the adapter: a reference for free."""
    layers = [layer for _, layer in _adapted(model)]
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


def _adapted(model: nn.Module) -> Iterator[tuple[str, BaseTunerLayer]]:
    for name, module in model.named_modules():
        if isinstance(module, BaseTunerLayer):
            yield name, module


def _adapter_tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The adapter's own tensors, by peft's names: without the adapter's name in them."""
    config = _config(model)
    named: Any = _Configured(model, {"default": config})
    state = get_peft_model_state_dict(named, state_dict=model.state_dict(keep_vars=True))
    yield from sorted(state.items())


class _Configured:
    """What peft asks a model for when it names the tensors of an adapter."""

    def __init__(self, model: nn.Module, configs: dict[str, LoraConfig]) -> None:
        self.peft_config = configs
        self.modules = model.modules
        self.named_modules = model.named_modules
        self.config = getattr(model, "config", None)


def _config(model: Any) -> LoraConfig:
    return model.peft_config["default"]


def _exactly(name: str) -> str:
    """A pattern of peft's that no other layer's name ends in."""
    return "^" + name.replace(".", r"\.")


def _in_order(text: str) -> str:
    """The same JSON with lists of names sorted: peft keeps them in sets."""
    value = json.loads(text)
    names = value.get("target_modules")
    if isinstance(names, list):
        value["target_modules"] = sorted(map(str, names))
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
