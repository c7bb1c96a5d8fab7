"""Recipe options for what is trained: parts of a model, whole or by adapters. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from roboloop.train.optimizer_config import Positive

Part = Literal["vision", "projector", "language", "moe", "amplifier"]
PARTS: tuple[Part, ...] = ("vision", "projector", "language", "moe", "amplifier")
"""The parts of a vision-language model: picture encoder, what joins it on, the language model's
layers, the experts beside them, and the amplifier of high-risk features. `train.optim.part_of`
says which tensor belongs to which; most models have the first three."""


Rank = Annotated[int, Field(ge=1, le=4096)]
AdaptedPart = Literal["vision", "projector", "language"]
ADAPTED: tuple[AdaptedPart, ...] = ("vision", "projector", "language")
"""Parts whose linear layers can have an adapter; experts and amplifiers are trained in full."""


class LoraOptions(BaseModel):
    """Train low-rank adapters of the linear layers in place of the layers themselves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: Rank | Mapping[AdaptedPart, Rank] = 16
    """Rank of the adapters, or a rank for each part; a trained part without one is trained in
    full."""
    alpha: Positive | None = None
    """The adapters' output is scaled by alpha / rank. Left out: twice the rank, so by 2."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of an adapter's inputs that are zeroed while training."""
    targets: Literal["all"] | tuple[str, ...] = "all"
    """Last names of the layers, such as `[q_proj, v_proj]`; `all` is every linear layer but the
    head."""
    merge: bool = False
    """Also write the whole model with the adapter added to its weights. Done in any case when other
    parts are trained in full."""

    def rank_of(self, part: Part) -> int:
        """Rank of a part's adapters; 0 when it has none."""
        if part not in ADAPTED:
            return 0
        return self.rank if isinstance(self.rank, int) else self.rank.get(part, 0)

    def alpha_for(self, rank: int) -> float:
        """Alpha of adapters of that rank."""
        return 2.0 * rank if self.alpha is None else self.alpha
