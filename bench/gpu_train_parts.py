"""The settings of the ladder: attention over segments, losses, compilation, 8-bit Adam, fp8."""

from __future__ import annotations

import inspect
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as functional
from torch import nn
from torch.utils.checkpoint import checkpoint

from gpu_train_data import IGNORED, Step

NAME = "segments_flash"
"""Its "flash" makes Qwen2.5-VL's picture encoder hand over its windows instead of looping."""
CHUNK = 2048
BLOCK = 256
SLICE = 1 << 26

_ends: dict[str, Any] = {"cu": None, "longest": 0}
"""Of the packed row that is being computed: the model hands segments to its vision tower only."""


def use_varlen(model: Any) -> None:
    """Attend within segments, in both towers, by PyTorch's own kernel where there is a GPU."""
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    ALL_ATTENTION_FUNCTIONS.register(NAME, _segment_attention)
    ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, lambda *_, **__: None)
    for config in (model.config, model.config.text_config, model.config.vision_config):
        config._attn_implementation_internal = NAME


def _segment_attention(
    module: nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
    attention_mask: Any, scaling: float | None = None, cu_seq_lens_q: Any = None,
    max_length_q: Any = None, **_: Any,
) -> tuple[torch.Tensor, None]:  # fmt: skip
    """Query, key, value [1, heads, tokens, width] -> [1, tokens, heads, width]."""
    causal = cu_seq_lens_q is None
    ends = _ends["cu"] if causal else cu_seq_lens_q.to(torch.int32)
    longest = int(_ends["longest"] if causal else max_length_q)
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = (part.repeat_interleave(groups, dim=1) for part in (key, value))
    if query.is_cuda:
        rows = [part[0].transpose(0, 1).contiguous() for part in (query, key, value)]
        return _varlen(*rows, ends=ends, longest=longest, causal=causal, scale=scaling)[None], None
    bounds = ends.tolist()
    pieces = [
        functional.scaled_dot_product_attention(
            *(part[:, :, start:end] for part in (query, key, value)),
            is_causal=causal, scale=scaling,
        )
        for start, end in pairwise(bounds)
        if end > start
    ]  # fmt: skip
    return torch.cat(pieces, dim=2).transpose(1, 2), None


def _varlen(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, ends: torch.Tensor,
    longest: int, causal: bool, scale: float | None,
) -> torch.Tensor:  # fmt: skip
    """`varlen_attn` of torch >= 2.10; the argument for causal attention was renamed since."""
    from torch.nn.attention.varlen import varlen_attn

    known = inspect.signature(varlen_attn).parameters
    more: dict[str, Any] = {"scale": scale} if "scale" in known else {}
    if "window_size" in known:
        more["window_size"] = (-1, 0) if causal else (-1, -1)
    else:
        more["is_causal"] = causal
    return varlen_attn(query, key, value, ends, ends, longest, longest, **more)


def _hidden(model: Any, step: Step) -> torch.Tensor:
    if step.segments is not None:
        ends = torch.tensor(step.segments, dtype=torch.int32, device=step.ids.device)
        pairs = pairwise(step.segments)
        _ends.update(cu=ends, longest=max(end - start for start, end in pairs))
    return model.model(**step.inputs()).last_hidden_state


def full_loss(model: Any, step: Step) -> torch.Tensor:
    """Summed cross-entropy from the logits of every position at once."""
    logits = model.lm_head(_hidden(model, step)).float()
    return functional.cross_entropy(
        logits.flatten(0, 1), step.labels.flatten(), ignore_index=IGNORED, reduction="sum"
    )


def target_loss(model: Any, step: Step) -> torch.Tensor:
    """The same from the logits of trained positions only, a chunk at a time, computed twice."""
    wanted = step.labels.flatten() != IGNORED
    hidden = _hidden(model, step).flatten(0, 1)[wanted]
    labels = step.labels.flatten()[wanted]

    def chunk_loss(part: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(model.lm_head(part).float(), targets, reduction="sum")

    sums = [
        checkpoint(chunk_loss, part, targets, use_reentrant=False)
        for part, targets in zip(hidden.split(CHUNK), labels.split(CHUNK), strict=True)
    ]
    return torch.stack(sums).sum()


def compile_pieces(model: Any) -> None:
    """Compile norms and MLPs of both towers; on a CPU only trace them, which is quick."""
    backend = "inductor" if torch.cuda.is_available() else "aot_eager"
    for module in model.modules():
        if type(module).__name__.endswith(("RMSNorm", "MLP")):
            module.compile(dynamic=True, backend=backend)


def with_fp8(model: Any) -> str | None:
    """Linear layers of the language model in fp8 by torchao; else why not."""
    if not torch.cuda.is_available():
        return "fp8 needs a GPU"
    try:
        from torchao.float8 import convert_to_float8_training
    except ImportError:
        return "fp8 needs torchao"
    convert_to_float8_training(model.model.language_model.layers)
    return None


class AdamEightBit:
    """Adam with both moments in 8 bits, and weights rounded at random.

    Moments are kept as bytes with one scale for 256 values (Dettmers et al., 2022, with linear
    steps; of the second its root is kept). A weight in bfloat16 whose change is smaller than its
    last digit is rounded up or down with the chances that make the mean right; without, small
    changes would all be lost.
    """

    def __init__(
        self, parameters: list[nn.Parameter], *, rate: float, betas: tuple[float, float]
    ) -> None:
        self.parameters = parameters
        self.rate, self.betas, self.num_steps = rate, betas, 0
        self.update = torch.compile(_update, dynamic=True) if parameters[0].is_cuda else _update
        self.moments = [self._empty(parameter) for parameter in parameters]

    @staticmethod
    def _empty(parameter: nn.Parameter) -> list[torch.Tensor]:
        blocks = -(-parameter.numel() // BLOCK)
        place = parameter.device
        return [
            torch.zeros(blocks, BLOCK, dtype=torch.int8, device=place),
            torch.zeros(blocks, 1, device=place),
            torch.zeros(blocks, BLOCK, dtype=torch.uint8, device=place),
            torch.zeros(blocks, 1, device=place),
        ]

    @torch.no_grad()
    def step(self) -> None:
        """Change the weights."""
        self.num_steps += 1
        corrections = [1 - beta**self.num_steps for beta in self.betas]
        for parameter, state in zip(self.parameters, self.moments, strict=True):
            if parameter.grad is None:
                continue
            weights, gradient = parameter.view(-1), parameter.grad.reshape(-1)
            for start in range(0, weights.numel(), SLICE):
                blocks = slice(start // BLOCK, (start + SLICE) // BLOCK)
                self._slice(
                    weights[start : start + SLICE], gradient[start : start + SLICE],
                    [part[blocks] for part in state], corrections,
                )  # fmt: skip

    def _slice(
        self, weights: torch.Tensor, gradient: torch.Tensor, state: list[torch.Tensor],
        corrections: list[float],
    ) -> None:  # fmt: skip
        fill = state[0].numel() - weights.numel()
        blocked = [functional.pad(part, (0, fill)).view(-1, BLOCK) for part in (weights, gradient)]
        rate = self.rate / corrections[0]
        changing = [torch.tensor(v, device=weights.device) for v in (rate, corrections[1])]
        new, *moments = self.update(*blocked, *state, *changing, *self.betas)
        weights.copy_(new.reshape(-1)[: weights.numel()])
        for old, fresh in zip(state, moments, strict=True):
            old.copy_(fresh)

    def zero_grad(self, *, set_to_none: bool) -> None:
        """Forget the gradients."""
        assert set_to_none
        for parameter in self.parameters:
            parameter.grad = None


def _update(
    weights: torch.Tensor, gradient: torch.Tensor, mean: torch.Tensor, mean_scale: torch.Tensor,
    root: torch.Tensor, root_scale: torch.Tensor, rate: torch.Tensor,
    correction: torch.Tensor, beta1: float, beta2: float,
) -> tuple[torch.Tensor, ...]:  # fmt: skip
    """Weights and moments after a step, in blocks."""
    slope = gradient.float()
    first = beta1 * mean.float() * mean_scale + (1 - beta1) * slope
    second = beta2 * (root.float() * root_scale).square() + (1 - beta2) * slope.square()
    change = rate * first / ((second / correction).sqrt() + 1e-8)
    new = _rounded_at_random(weights.float() - change, like=weights)
    new_root = second.sqrt()
    scale1 = first.abs().amax(1, keepdim=True).clamp_min(1e-30) / 127
    scale2 = new_root.amax(1, keepdim=True).clamp_min(1e-30) / 255
    # Rounded up: a root of 0 under a mean that is not 0 would make a huge change.
    return (
        new, (first / scale1).round().to(torch.int8), scale1,
        (new_root / scale2).ceil().clamp(max=255).to(torch.uint8), scale2,
    )  # fmt: skip


def _rounded_at_random(values: torch.Tensor, *, like: torch.Tensor) -> torch.Tensor:
    """float32 to the type of `like`, up or down by chance where that is bfloat16."""
    if like.dtype != torch.bfloat16:
        return values.to(like.dtype)
    noise = torch.randint_like(values, 0, 1 << 16, dtype=torch.int32)
    bits = (values.view(torch.int32) + noise) & -65536
    return bits.view(torch.float32).to(torch.bfloat16)
