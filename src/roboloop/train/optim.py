"""Which tensors are trained, at which rate, with which decay, and the optimizers that do it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn

from roboloop.base.errors import RoboLoopError
from roboloop.train.config import PhaseConfig
from roboloop.train.muon import Muon
from roboloop.train.optimizer_config import MuonConfig
from roboloop.train.trained_config import PARTS, Part

VISION = ("model.visual.", "model.vision_tower.")
PROJECTOR = (
    "model.visual.merger.", "model.visual.deepstack_merger", "model.multi_modal_projector.",
    "model.image_newline",
)  # fmt: skip
"""Names of Qwen's towers, and of those of most other families in transformers."""
EXPERTS = re.compile(r"\.layers\.\d+\..*(\.experts\.|\.router\.|\.moe_gate\b)")
"""Experts beside a decoder layer, what chooses among them, and the gate that opens them."""
AMPLIFIER = ".amplifier."
NOT_A_LAYER = ("embed_tokens", "lm_head", "patch_embed")
"""Matrices that Muon leaves to AdamW: they look up or write tokens, or read pixels."""


class Trained(NamedTuple):
    """A tensor that is trained."""

    name: str
    parameter: nn.Parameter
    part: Part
    decays: bool

    @property
    def is_gate(self) -> bool:
        """Whether it opens experts or an amplifier: a number, or one for each channel."""
        return self.part in ("moe", "amplifier") and self.name.endswith("gate")


@dataclass(frozen=True, slots=True)
class Trainables:
    """What is trained and what is not.

    Attributes:
        trained: The tensors that are trained, in the model's order.
        num_frozen: Weights that stay as they are.
    """

    trained: tuple[Trained, ...]
    num_frozen: int

    def report(self) -> dict[str, Any]:
        """For `trainable.json`: counts of weights by part, and every trained tensor."""
        by_part: dict[str, int] = {}
        for tensor in self.trained:
            by_part[tensor.part] = by_part.get(tensor.part, 0) + tensor.parameter.numel()
        return {
            "num_trained": sum(by_part.values()),
            "num_frozen": self.num_frozen,
            "num_trained_by_part": by_part,
            "tensors": {
                tensor.name: {
                    "part": tensor.part,
                    "shape": list(tensor.parameter.shape),
                    "weight_decay": tensor.decays,
                }
                for tensor in self.trained
            },
        }


def part_of(name: str) -> Part:
    """The part a tensor belongs to, by its name in memory."""
    if AMPLIFIER in name:
        return "amplifier"
    if EXPERTS.search(name):
        return "moe"
    if name.startswith(PROJECTOR):
        return "projector"
    return "vision" if name.startswith(VISION) else "language"


def choose_trainables(model: nn.Module, *, config: PhaseConfig) -> Trainables:
    """Switch the gradient of every tensor on or off as the phase says.

    Raises:
        RoboLoopError: E-TRN-001 when nothing is left to train, E-TRN-050 when a part is named that
            the model does not have.
    """
    trained: list[Trained] = []
    num_frozen = 0
    _check_parts(model, config=config)
    for name, parameter in model.named_parameters():
        part = part_of(name)
        wanted = part in config.trained_parts and config.rate_of(part) > 0
        if config.lora is not None and config.lora.rank_of(part):
            wanted = wanted and ".lora_" in name
        parameter.requires_grad_(wanted)
        if wanted:
            trained.append(Trained(name, parameter, part, decays=_decays(name, parameter)))
        else:
            num_frozen += parameter.numel()
    if not trained:
        parts = ", ".join(config.trained_parts)
        raise RoboLoopError("E-TRN-001", f"parts {parts}, learning rate {config.learning_rate:g}")
    return Trainables(tuple(trained), num_frozen)


def parts_in(model: nn.Module) -> tuple[Part, ...]:
    """The parts that a model has, in the order of `PARTS`."""
    found = {part_of(name) for name, _ in model.named_parameters()}
    return tuple(part for part in PARTS if part in found)


def _check_parts(model: nn.Module, *, config: PhaseConfig) -> None:
    had = parts_in(model)
    if missing := [part for part in config.named_parts if part not in had]:
        raise RoboLoopError(
            "E-TRN-050", f"phase {config.name!r} names {', '.join(missing)}; has {', '.join(had)}"
        )


def _decays(name: str, parameter: nn.Parameter) -> bool:
    """Matrices and stacks of them; not norms, biases and gates."""
    return parameter.ndim > 1 and not name.endswith("gate")


def make_optimizers(trainables: Trainables, *, config: PhaseConfig) -> list[torch.optim.Optimizer]:
    """The optimizers of a phase; each group's `lr` is its peak."""
    chosen = config.optimizer
    for_muon: list[Trained] = []
    for_adam = list(trainables.trained)
    if isinstance(chosen, MuonConfig):
        for_muon = [tensor for tensor in trainables.trained if _is_layer_matrix(tensor)]
        for_adam = [tensor for tensor in trainables.trained if not _is_layer_matrix(tensor)]
    optimizers: list[torch.optim.Optimizer] = []
    if for_adam:
        groups = _groups(for_adam, config=config, rate_factor=1.0)
        optimizers.append(torch.optim.AdamW(groups, betas=chosen.betas, eps=chosen.eps, fused=True))
    if for_muon:
        assert isinstance(chosen, MuonConfig)
        groups = _groups(for_muon, config=config, rate_factor=chosen.matrix_rate_factor)
        optimizers.append(
            Muon(
                groups,
                lr=0.0,
                momentum=chosen.momentum,
                num_iterations=chosen.num_iterations,
            )
        )
    return optimizers


def _is_layer_matrix(tensor: Trained) -> bool:
    return tensor.parameter.ndim == 2 and not any(word in tensor.name for word in NOT_A_LAYER)


def _groups(
    tensors: Iterable[Trained], *, config: PhaseConfig, rate_factor: float
) -> list[dict[str, Any]]:
    """One optimizer group for each part: what decays, what does not, and gates."""
    sorted_out: dict[tuple[Part, bool, bool], list[nn.Parameter]] = {}
    for tensor in tensors:
        kind = (tensor.part, tensor.decays, tensor.is_gate)
        sorted_out.setdefault(kind, []).append(tensor.parameter)
    return [
        {
            "params": parameters,
            "lr": _rate(config, part=part, is_gate=is_gate) * rate_factor,
            "weight_decay": config.decay_of(part) if decays else 0.0,
            "part": part,
        }
        for (part, decays, is_gate), parameters in sorted_out.items()
    ]


def _rate(config: PhaseConfig, *, part: Part, is_gate: bool) -> float:
    if is_gate and config.gate_learning_rate is not None:
        return config.gate_learning_rate
    return config.rate_of(part)


def group_facts(optimizers: Iterable[torch.optim.Optimizer]) -> list[Mapping[str, Any]]:
    """Each group's optimizer, part, peak rate, decay and size, for `trainable.json`."""
    return [
        {
            "optimizer": type(optimizer).__name__,
            "part": group["part"],
            "peak_learning_rate": group["lr"],
            "weight_decay": group["weight_decay"],
            "num_weights": sum(parameter.numel() for parameter in group["params"]),
        }
        for optimizer in optimizers
        for group in optimizer.param_groups
    ]
