"""What is added to the loss so that experts are used alike, and how they are used."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from roboloop.models.moe.modeling_roboloop_moe import MoeMlp, moe_layers
from roboloop.models.moe.options import MoeLossOptions
from roboloop.train.batches import LOSS, target_weight

BALANCE, ROUTER_Z, ENTROPY, MOST = "moe_balance", "moe_router_z", "moe_entropy", "moe_most_load"


class ExpertLoss(nn.Module):
    """Another objective's loss with those of the routers, weighed by target tokens as it is.

    Per layer over the tokens of a micro-batch, filling left out. Balance (Fedus et al., 2021,
    arXiv 2101.03961, equation 4, here for k experts a token): E * sum over experts of f_e * P_e,
    where f_e is the share of all choices that fell on e and P_e the mean of its probability; 1 when
    all are used alike. Router z (Zoph et al., 2022, arXiv 2202.08906, equation 5): the mean square
    of the log-sum-exp of the logits. Both are means over the layers.

    Args:
        objective: What the experts are for.
        network: Has layers with experts.
        options: The factors.
    """

    def __init__(
        self, objective: nn.Module, *, network: nn.Module, options: MoeLossOptions
    ) -> None:
        super().__init__()
        self.objective = objective
        self.options = options
        self._layers: list[MoeMlp] = moe_layers(network)
        assert self._layers, "the network has no experts"

    def forward(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """What the objective tells, and sums (means times target tokens) of

        `moe_balance`; `moe_router_z` where it is in the loss; `moe_entropy`, of the routers'
        choices over that of equal use, 0 to 1; `moe_most_load`, the share of the busiest expert of
        any layer over an equal share, 1 when all are used alike.
        """
        for layer in self._layers:
            layer.keep_routed = True
        told = dict(self.objective(tensors))
        is_real = real_tokens(tensors).flatten()
        balances: list[Tensor] = []
        squares: list[Tensor] = []
        entropies: list[Tensor] = []
        loads: list[Tensor] = []
        for layer in self._layers:
            assert layer.routed is not None, "the layer was not run"
            logits = layer.routed[is_real].float()
            layer.routed, layer.keep_routed = None, False
            load = _load(logits, top_k=layer.top_k)
            balances.append(len(load) * (load * logits.softmax(-1).mean(0)).sum())
            squares.append(logits.logsumexp(-1).square().mean())
            entropies.append(-(load * load.clamp_min(1e-12).log()).sum() / math.log(len(load)))
            loads.append(load.max() * len(load))
        weight = target_weight(tensors)
        balance, square = torch.stack(balances).mean(), torch.stack(squares).mean()
        extra = self.options.balance * balance
        told[BALANCE] = balance.detach() * weight
        if self.options.router_z:
            extra = extra + self.options.router_z * square
            told[ROUTER_Z] = square.detach() * weight
        told[ENTROPY] = torch.stack(entropies).mean() * weight
        told[MOST] = torch.stack(loads).max() * weight
        told[LOSS] = told[LOSS] + extra * weight
        return told


def real_tokens(tensors: dict[str, Tensor]) -> Tensor:
    """Which tokens [B, S] stand for something; the others only fill rows up."""
    ids, mask = tensors["input_ids"], tensors.get("attention_mask")
    if mask is None:
        return torch.ones_like(ids, dtype=torch.bool)
    if mask.ndim == 2:
        return mask.bool()
    # Bool [B, 1, S, S]: every token that is one sees the first of its row.
    return mask[:, 0, :, 0]


def _load(logits: Tensor, *, top_k: int) -> Tensor:
    """The share of all choices that fell on each expert, [num_experts]; no gradient."""
    chosen = logits.detach().topk(top_k, dim=-1).indices.flatten()
    counts = torch.bincount(chosen, minlength=logits.shape[-1]).to(logits.dtype)
    return counts / max(1, len(chosen))
