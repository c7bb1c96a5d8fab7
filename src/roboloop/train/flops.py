"""Arithmetic of a training step and what a device could do: the two halves of MFU.

Model FLOPs utilisation (Chowdhery et al., PaLM, 2022, appendix B) is the arithmetic a step has to
do, over what the devices could have done in that time. A product with a matrix of N weights takes
2N FLOPs a token forward, 2N for the gradient of its input and 2N for that of its weights: 6N.

What has to be done, and no more, is counted: filling, recomputed activations, and logits and the
last layer's outputs at tokens that are not trained on do not raise the figure. The products inside
attention are left out (for the 7B model at 760 tokens a record 1 % of the whole), so it is a little
low.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from roboloop.train.batches import TokenCounts

FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT = 2, 2, 2

PEAKS_BF16 = (
    ("GB200", 2500e12), ("B200", 2250e12), ("B100", 1750e12),
    ("GH200", 989e12), ("H200", 989e12), ("H100 PCIe", 756e12), ("H100 NVL", 835e12),
    ("H100", 989e12), ("H800", 989e12), ("H20", 148e12),
    ("A100", 312e12), ("A800", 312e12), ("A40", 149.7e12), ("A10", 125e12),
    ("L40S", 362e12), ("L40", 181e12), ("L4", 121e12),
    ("RTX 4090", 165.2e12), ("RTX 3090", 71e12), ("RTX A6000", 154.8e12),
    ("MI300X", 1307e12), ("MI250X", 383e12),
)  # fmt: skip
"""Dense bfloat16 FLOP/s of one device, from the makers' data sheets (no sparsity). The first name
that occurs in the device's own is the one."""


class TowerSizes(NamedTuple):
    """Weights that a token is multiplied with.

    Attributes:
        language: Of the layers of the language model, for each token.
        head: Of the output layer, and of all in the last layer but keys and values (see
            `last_layer`), for each token that is trained on.
        vision: Of the picture encoder, for each patch.
        projector: Of what joins both, for each picture token.
        patches_per_token: Patches that become one picture token.
        experts: Of the experts that a token is sent to and of their routers, for each token.
    """

    language: int
    head: int
    vision: int
    projector: int
    patches_per_token: int
    experts: int = 0


def tower_sizes(config: Any) -> TowerSizes | None:
    """From the configuration of a Qwen2.5-VL, also with experts, or of a Qwen3-VL; else None."""
    family = getattr(config, "model_type", None)
    if family not in ("qwen2_5_vl", "roboloop_moe_qwen2_5_vl", "qwen3_vl"):
        return None
    text, vision = config.text_config, config.vision_config
    width, heads = text.hidden_size, text.num_attention_heads
    head_width = getattr(text, "head_dim", None) or width // heads
    attention = 2 * width * head_width * (heads + text.num_key_value_heads)
    layer = attention + 3 * width * text.intermediate_size
    last = (
        0 if _ends_in_experts(text) else layer - 2 * width * head_width * text.num_key_value_heads
    )
    seen = vision.hidden_size
    # Qwen3-VL's vision tower has no gate, and joins what some of its layers saw, too.
    planes, num_joined = 3, 1
    if family == "qwen3_vl":
        planes, num_joined = 2, 1 + len(vision.deepstack_visual_indexes)
    block = 4 * seen**2 + planes * seen * vision.intermediate_size
    patch = vision.in_channels * vision.temporal_patch_size * vision.patch_size**2
    per_token = vision.spatial_merge_size**2
    joined = seen * per_token
    return TowerSizes(
        language=text.num_hidden_layers * layer - last,
        head=width * text.vocab_size + last,
        vision=vision.depth * block + patch * seen,
        projector=num_joined * (joined**2 + joined * vision.out_hidden_size),
        patches_per_token=per_token,
        experts=_experts_met(text),
    )


def _ends_in_experts(text: Any) -> bool:
    step = getattr(text, "decoder_sparse_step", 0) if getattr(text, "num_experts", 0) else 0
    return bool(step) and text.num_hidden_layers % step == 0


def _experts_met(text: Any) -> int:
    """Weights of experts and routers that a token meets; 0 for a dense model."""
    num_experts = getattr(text, "num_experts", 0)
    if not num_experts:
        return 0
    chosen = 3 * text.num_experts_per_tok * text.moe_intermediate_size
    layers = text.num_hidden_layers // text.decoder_sparse_step
    return layers * text.hidden_size * (chosen + num_experts)


class Workload(NamedTuple):
    """FLOPs for each token of a kind, forward and backward.

    Attributes:
        token: For every token.
        target: More for one that is trained on.
        image: More for one of a picture.
    """

    token: float
    target: float
    image: float

    def flops(self, counts: TokenCounts) -> float:
        """Of all tokens of a step."""
        return self.token * counts.real + self.target * counts.target + self.image * counts.image


def workload(sizes: TowerSizes, *, trained: Collection[str], adapted: Collection[str]) -> Workload:
    """What training costs.

    Args:
        sizes: Of the model.
        trained: Parts of which something is trained.
        adapted: Those of them of which only low-rank adapters are: their own weights have no
            gradient.
    """
    full = set(trained) - set(adapted)
    sees = "vision" in trained
    joins = "projector" in trained
    factors = {
        part: FORWARD
        + (INPUT_GRADIENT if needs_input else 0)
        + (WEIGHT_GRADIENT if part in full else 0)
        for part, needs_input in (
            ("language", True),
            ("moe", True),
            ("projector", sees or joins),
            ("vision", sees),
        )
    }
    seen = factors["vision"] * sizes.vision * sizes.patches_per_token
    return Workload(
        token=factors["language"] * sizes.language + factors["moe"] * sizes.experts,
        target=factors["language"] * sizes.head,
        image=seen + factors["projector"] * sizes.projector,
    )


def peak_flops(device_name: str) -> float | None:
    """Dense bfloat16 FLOP/s of a device by its name; None when it is not in the table."""
    return next((peak for name, peak in PEAKS_BF16 if name in device_name), None)
