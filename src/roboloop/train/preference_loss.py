"""The losses of direct preference optimization, and what is worth knowing beside them.

With h = log p(answer) - log p_ref(answer), summed over the answer's tokens, and the margin
m = h(chosen) - h(rejected), the loss of a pair is

    sigmoid   -(1 - e) log s(beta m) - e log s(-beta m)     Rafailov et al. 2023, eq. 7; e: label
                                                            smoothing (Mitchell 2023, cDPO)
    hinge     max(0, 1 - beta m)                            Zhao et al. 2023 (SLiC)
    ipo       (m' - 1 / (2 beta))^2                         Azar et al. 2023, eq. 17

where m' is the margin of the h per token: in sums, long answers would outweigh the others.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from roboloop.models.chat import IGNORED
from roboloop.models.lora import adapter_off
from roboloop.train.batches import LOSS
from roboloop.train.dpo_config import DpoConfig
from roboloop.train.last_layer import outputs_at, predicts
from roboloop.train.preference_batches import ANSWERS, REFERENCE

ACCURACY, CHOSEN_RATIO = "accuracy", "chosen_ratio_per_token"


class AnswerLogProbs(NamedTuple):
    """What a model gives the answers of a batch.

    Attributes:
        sums: Log-probability of each answer, [2 * num_pairs]: chosen, rejected, chosen ...
        num_tokens: Tokens of each answer with the one that ends it, in the type of `sums`.
    """

    sums: Tensor
    num_tokens: Tensor


def answer_log_probs(network: nn.Module, tensors: dict[str, Tensor]) -> AnswerLogProbs:
    """Log-probability of every answer of a batch that `collate_pairs` made.

    Logits are computed at targets only, in float32 at least. Each answer is summed up by itself, so
    that the same batch gives the same bits on any device.
    """
    model: Any = network
    own = ("labels", ANSWERS, REFERENCE)
    inputs = {name: tensor for name, tensor in tensors.items() if name not in own}
    hidden = outputs_at(model, inputs, read=predicts(tensors["labels"]))
    targets = tensors["labels"][:, 1:]
    is_target = targets != IGNORED
    logits: Tensor = model.lm_head(hidden)
    if logits.dtype in (torch.float16, torch.bfloat16):
        logits = logits.float()
    of_tokens = -functional.cross_entropy(logits, targets[is_target], reduction="none")
    numbers = tensors[ANSWERS][:, 1:][is_target]
    num_answers = int(tensors[ANSWERS].max()) + 1
    belongs = numbers[None, :] == torch.arange(num_answers, device=numbers.device)[:, None]
    sums = torch.where(belongs, of_tokens[None, :], torch.zeros_like(of_tokens[:1])).sum(1)
    return AnswerLogProbs(sums, belongs.sum(1).to(sums.dtype))


def pair_losses(ratios: Tensor, *, num_tokens: Tensor, config: DpoConfig) -> Tensor:
    """The loss of each pair, [num_pairs].

    Args:
        ratios: log p - log p_ref of each answer, [2 * num_pairs].
        num_tokens: Of each answer, [2 * num_pairs].
        config: The phase.
    """
    beta = config.beta
    margins = ratios[0::2] - ratios[1::2]
    match config.loss:
        case "sigmoid":
            smoothing = config.label_smoothing
            right = functional.logsigmoid(beta * margins)
            if not smoothing:
                return -right
            return -(1 - smoothing) * right - smoothing * functional.logsigmoid(-beta * margins)
        case "hinge":
            return functional.relu(1 - beta * margins)
        case "ipo":
            per_token = ratios / num_tokens
            return (per_token[0::2] - per_token[1::2] - 1 / (2 * beta)).square()


class PreferenceLoss(nn.Module):
    """Sum of the losses of all pairs of a batch, with the sums of what the log shows.

    Args:
        network: A model of Hugging Face with `.model` and `.lm_head`.
        config: The phase.
    """

    def __init__(self, network: nn.Module, *, config: DpoConfig) -> None:
        super().__init__()
        self.network = network
        self.config = config

    def forward(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The sums for a micro-batch that `PairBatches` made.

        What the reference gives the answers stands in `reference`, [2 * num_pairs]; without it, the
        network is asked with its adapter switched off.
        """
        reference = tensors.get(REFERENCE)
        if reference is None:
            with torch.no_grad(), adapter_off(self.network):
                reference = answer_log_probs(self.network, tensors).sums
        policy = answer_log_probs(self.network, tensors)
        reference = reference.to(policy.sums.dtype)
        ratios = policy.sums - reference
        losses = pair_losses(ratios, num_tokens=policy.num_tokens, config=self.config)
        told = self._told(policy, ratios.detach())
        if not self.config.sft_weight:
            return {LOSS: losses.sum(), **told}
        # The mean over an answer's tokens, as in Pang et al. 2024 (arXiv 2404.19733), eq. 1.
        sft = -(policy.sums[0::2] / policy.num_tokens[0::2])
        total = losses + self.config.sft_weight * sft
        told |= {"preference_loss": losses.detach().sum(), "sft_loss": sft.detach().sum()}
        return {LOSS: total.sum(), **told}

    def _told(self, policy: AnswerLogProbs, ratios: Tensor) -> dict[str, Tensor]:
        """Sums over the pairs; the log shows their means."""
        rewards = self.config.beta * ratios
        sums, per_token = policy.sums.detach(), ratios / policy.num_tokens
        # Schulman's k3 estimate of KL(model || reference), with the mean ratio of an answer's
        # tokens in place of each token's.
        kl = torch.expm1(-per_token) + per_token
        return {
            ACCURACY: (rewards[0::2] > rewards[1::2]).to(sums.dtype).sum(),
            "reward_chosen": rewards[0::2].sum(),
            "reward_rejected": rewards[1::2].sum(),
            "reward_margin": (rewards[0::2] - rewards[1::2]).sum(),
            "logp_chosen": sums[0::2].sum(),
            "logp_rejected": sums[1::2].sum(),
            CHOSEN_RATIO: per_token[0::2].sum(),
            "kl_estimate": kl.sum() / 2,
        }
