"""Qwen2.5-VL with routed experts beside its feed-forward layers. Needs torch and transformers only.

A copy of this file lies in every model folder it saves, so that
`AutoModelForImageTextToText.from_pretrained(folder, trust_remote_code=True)` reads the folder back.

Each chosen layer of the language model computes

    y = FFN(x) + tanh(g) * sum over the k experts e that the router prefers of w_e(x) * E_e(x)

where FFN is the dense layer under its own names, g one number that starts at 0, E_e a SwiGLU of its
own width, and w the router's probabilities, divided by the sum of the chosen ones if asked for.
While g is 0 the model is the dense one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLModel
from transformers.activations import ACT2FN

GROUPED_TYPES = (torch.bfloat16, torch.float16, torch.float32)
INIT_STD = 0.02
FILE = "modeling_roboloop_moe"
"""Name of this file, wherever it lies."""


class RoboLoopMoeConfig(Qwen2_5_VLConfig):
    """Qwen2.5-VL's configuration; `text_config` holds what the experts are.

    `num_experts`, `num_experts_per_tok`, `moe_intermediate_size` (width of an expert),
    `norm_topk_prob` (whether the chosen probabilities are made to sum to 1),
    `decoder_sparse_step` (every how-manieth layer has experts), `moe_folded` (whether the gates
    are folded into the experts).
    """

    model_type = "roboloop_moe_qwen2_5_vl"


class Experts(nn.Module):
    """All experts of a layer in two stacked tensors.

    Attributes:
        gate_up_proj: [num_experts, 2 * width, hidden].
        down_proj: [num_experts, hidden, width].
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        num, width, hidden = config.num_experts, config.moe_intermediate_size, config.hidden_size
        self.gate_up_proj = nn.Parameter(torch.empty(num, 2 * width, hidden))
        self.down_proj = nn.Parameter(torch.empty(num, hidden, width))
        self.act_fn = ACT2FN[config.hidden_act]
        for stack in (self.gate_up_proj, self.down_proj):
            nn.init.normal_(stack, std=INIT_STD)

    def forward(self, hidden: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
        """The weighted sum of the chosen experts.

        Args:
            hidden: [num_tokens, hidden].
            chosen: int64 [num_tokens, k], numbers of experts.
            weights: [num_tokens, k].

        Returns:
            [num_tokens, hidden].
        """
        num_experts, top_k = len(self.down_proj), chosen.shape[-1]
        by_expert = chosen.flatten().argsort(stable=True)
        in_order = torch.empty_like(by_expert).scatter_(
            0, by_expert, torch.arange(len(by_expert), device=hidden.device)
        )
        sizes = torch.bincount(chosen.flatten(), minlength=num_experts)
        rows = reorder(hidden, by_expert, in_order, times=top_k)
        if can_group(hidden):
            made = self._grouped(rows, ends=sizes.cumsum(0).to(torch.int32))
        else:
            made = self._one_by_one(rows, sizes=sizes.tolist())
        made = reorder(made, in_order, by_expert).view(len(hidden), top_k, -1)
        return (made * weights[..., None].to(made.dtype)).sum(1)

    def _grouped(self, hidden: Tensor, *, ends: Tensor) -> Tensor:
        """All experts in two multiplications; `ends` int32 [num_experts], where each one's end."""
        multiply = _grouped_mm()
        gate, up = multiply(hidden, self.gate_up_proj.transpose(1, 2), offs=ends).chunk(2, dim=-1)
        return multiply(self.act_fn(gate) * up, self.down_proj.transpose(1, 2), offs=ends)

    def _one_by_one(self, hidden: Tensor, *, sizes: list[int]) -> Tensor:
        """Each expert that is asked, over its rows."""
        # Unbound once: the gradient of an index into the stack would be a whole stack of zeros.
        stacks = zip(self.gate_up_proj.unbind(), self.down_proj.unbind(), strict=True)
        made: list[Tensor] = []
        for rows, (gate_up, down) in zip(hidden.split(sizes), stacks, strict=True):
            if len(rows):
                gate, up = functional.linear(rows, gate_up).chunk(2, dim=-1)
                made.append(functional.linear(self.act_fn(gate) * up, down))
        return torch.cat(made) if made else hidden


class _Reorder(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, order: Tensor, back: Tensor, times: int) -> Tensor:
        ctx.save_for_backward(back)
        ctx.times = times
        return rows.index_select(0, order // times if times > 1 else order)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        (back,) = ctx.saved_tensors
        in_order = grads[0].index_select(0, back)
        if ctx.times > 1:
            in_order = in_order.view(-1, ctx.times, in_order.shape[-1]).sum(1)
        return in_order, None, None, None


def reorder(rows: Tensor, order: Tensor, back: Tensor, *, times: int = 1) -> Tensor:
    """The rows, each repeated `times`, in another order.

    Torch cannot know that no place comes twice, so the gradient of an index is added row by row:
    slow on a CPU, and on a GPU in any order. Here each row gathers its own.

    Args:
        rows: [num_rows, width].
        order: int64 [num_rows * times]: which of the repeated rows stands at each place; each once.
        back: int64 [num_rows * times], `back[order[i]] == i`.
        times: How often each row is repeated, one after the other.

    Returns:
        [num_rows * times, width].
    """
    return _Reorder.apply(rows, order, back, times)


class MoeMlp(nn.Module):
    """The dense feed-forward layer, and experts beside it.

    Attributes:
        routed: The router's last logits [num_tokens, num_experts], while `keep_routed` is set.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        hidden, inner = config.hidden_size, config.intermediate_size
        self.gate_proj = nn.Linear(hidden, inner, bias=False)
        self.up_proj = nn.Linear(hidden, inner, bias=False)
        self.down_proj = nn.Linear(inner, hidden, bias=False)
        self.act_fn = ACT2FN[config.hidden_act]
        self.experts = Experts(config)
        self.router = nn.Linear(hidden, config.num_experts, bias=False)
        nn.init.normal_(self.router.weight, std=INIT_STD)
        self.moe_gate = None if config.moe_folded else nn.Parameter(torch.zeros(1))
        self.top_k: int = config.num_experts_per_tok
        self.norm_topk_prob: bool = config.norm_topk_prob
        self.keep_routed = False
        self.routed: Tensor | None = None

    def forward(self, hidden: Tensor) -> Tensor:
        """[..., hidden] to [..., hidden]."""
        dense = self.down_proj(self.act_fn(self.gate_proj(hidden)) * self.up_proj(hidden))
        flat = hidden.reshape(-1, hidden.shape[-1])
        logits = self.router(flat)
        if self.keep_routed:
            self.routed = logits
        weights, chosen = logits.softmax(-1, dtype=torch.float32).topk(self.top_k, dim=-1)
        if self.norm_topk_prob:
            weights = weights / weights.sum(-1, keepdim=True)
        routed = self.experts(flat, chosen, weights.to(flat.dtype)).view_as(dense)
        return dense + (routed if self.moe_gate is None else self.moe_gate.tanh() * routed)


class RoboLoopMoeModel(Qwen2_5_VLModel):
    """The same without a head: what `AutoModel` gives, which vLLM puts its own head on."""

    config_class = RoboLoopMoeConfig
    _can_compile_fullgraph = False  # how many tokens an expert gets is not known beforehand

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        _put_experts(self)


class RoboLoopMoeForConditionalGeneration(Qwen2_5_VLForConditionalGeneration):
    """Qwen2.5-VL whose language model has experts beside its dense layers."""

    config_class = RoboLoopMoeConfig
    _can_compile_fullgraph = False

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        _put_experts(self.model)
        # Saving adds this class under its own name; the other is not saved and has to be named.
        known: dict[str, str] = getattr(config, "auto_map", None) or {}
        config.auto_map = {**known, "AutoModel": f"{FILE}.{RoboLoopMoeModel.__name__}"}


def _put_experts(model: Any) -> None:
    text = model.config.text_config
    for number, layer in enumerate(model.language_model.layers):
        if (number + 1) % text.decoder_sparse_step == 0:
            layer.mlp = MoeMlp(text)


def moe_layers(model: nn.Module) -> list[MoeMlp]:
    """The layers with experts, in the model's order."""
    return [module for module in model.modules() if isinstance(module, MoeMlp)]


def can_group(hidden: Tensor) -> bool:
    """Whether all experts can be computed in one grouped multiplication, and faster so.

    On a CPU torch goes through the groups one by one itself, so nothing would be won.
    """
    return hidden.is_cuda and hidden.dtype in GROUPED_TYPES and _grouped_mm() is not None


def _grouped_mm() -> Any:
    """Torch's grouped multiplication under its public name, or the one before; None without."""
    return getattr(functional, "grouped_mm", None) or getattr(torch, "_grouped_mm", None)


RoboLoopMoeConfig.register_for_auto_class()
RoboLoopMoeForConditionalGeneration.register_for_auto_class("AutoModelForImageTextToText")
