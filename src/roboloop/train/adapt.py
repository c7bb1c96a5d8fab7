"""Which layers of a model get an adapter in a phase, and where the adapter comes from."""

from __future__ import annotations

from torch import nn

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import seeded_generator
from roboloop.models.lora import LoraShape, add_adapter, has_adapter, merge_adapter, shape_of
from roboloop.train.config import PhaseConfig
from roboloop.train.optim import part_of

NOT_ADAPTED = ("lm_head",)
"""Linear layers without an adapter: the head, which often is the embedding itself."""


def prepare_adapter(model: nn.Module, *, config: PhaseConfig, seed: int) -> None:
    """Make the model ready for a phase: with the adapter it asks for, or with none.

    A model that comes with an adapter goes on with it when the phase asks for the same shape. A
    phase without `lora` first adds the adapter to the weights.

    Raises:
        RoboLoopError: E-TRN-051 when no layer would have an adapter, or the model's own has another
            shape.
    """
    if config.lora is None:
        if has_adapter(model):
            merge_adapter(model)
        return
    if not has_adapter(model):
        draw = seeded_generator(seed, "adapter", config.name)
        add_adapter(
            model, shape=adapter_shape(model, config=config), seed=int(draw.integers(2**31))
        )
        return
    wanted, had = adapter_shape(model, config=config), shape_of(model)
    if wanted != had:
        raise RoboLoopError(
            "E-TRN-051",
            f"phase {config.name!r} asks for an adapter of {_said(wanted)}; the model it starts "
            f"from has one of {_said(had)}",
            fix="Give both phases the same lora options, or set lora.merge in the one before.",
        )


def adapter_shape(model: nn.Module, *, config: PhaseConfig) -> LoraShape:
    """Ranks by layer, from ranks by part.

    Raises:
        RoboLoopError: E-TRN-051 when a target names no layer, or nothing is left.
    """
    options = config.lora
    assert options is not None
    ranks: dict[str, int] = {}
    seen: set[str] = set()
    for name, layer in model.named_modules():
        name = name.removesuffix(".base_layer")
        last = name.rpartition(".")[2]
        if not isinstance(layer, nn.Linear) or last in NOT_ADAPTED or ".lora_" in name:
            continue
        seen.add(last)
        part = part_of(f"{name}.weight")
        rank = options.rank_of(part)
        is_target = options.targets == "all" or last in options.targets
        if rank and is_target and part in config.trained_parts and config.rate_of(part) > 0:
            ranks[name] = rank
    if options.targets != "all" and (unknown := sorted(set(options.targets) - seen)):
        raise RoboLoopError(
            "E-TRN-051",
            f"lora.targets names {', '.join(unknown)}; linear layers are {', '.join(sorted(seen))}",
        )
    if not ranks:
        raise RoboLoopError("E-TRN-051", f"no layer of phase {config.name!r} would have an adapter")
    return LoraShape(
        ranks, {name: options.alpha_for(rank) for name, rank in ranks.items()}, options.dropout
    )


def only_adapts(model: nn.Module) -> bool:
    """Whether all that is trained is an adapter, so that its folder holds the whole outcome."""
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    return all(is_adapter_tensor(name) for name in trained)


def is_adapter_tensor(name: str) -> bool:
    """Whether a tensor, by its name in memory, belongs to an adapter."""
    return ".lora_A." in name or ".lora_B." in name


def _said(shape: LoraShape) -> str:
    ranks = sorted(set(shape.ranks.values()))
    alphas = sorted(set(shape.alphas.values()))
    return (
        f"{len(shape.ranks)} layers, rank {' and '.join(map(str, ranks))}, "
        f"alpha {' and '.join(f'{alpha:g}' for alpha in alphas)}, dropout {shape.dropout:g}"
    )
