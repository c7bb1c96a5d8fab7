"""Recipe options of the optimizers. Imports no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class AdamWConfig(BaseModel):
    """AdamW on every tensor. Norms and biases have no weight decay."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["adamw"] = "adamw"
    weight_decay: NotNegative = 0.0
    betas: tuple[Share, Share] = (0.9, 0.98)
    eps: Positive = 1e-8


class MuonConfig(BaseModel):
    """Muon on the matrices of the layers, AdamW on the rest (embeddings, norms, biases, head).

    A model that starts from random weights learns several times faster with it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["muon"] = "muon"
    matrix_rate_factor: Positive = 10.0
    """Learning rate of the matrices over that of the rest."""
    momentum: Share = 0.95
    num_iterations: Annotated[int, Field(ge=1, le=12)] = 5
    """Newton-Schulz iterations for each step."""
    weight_decay: NotNegative = 0.0
    betas: tuple[Share, Share] = (0.9, 0.98)
    eps: Positive = 1e-8


OptimizerConfig = Annotated[AdamWConfig | MuonConfig, Field(discriminator="kind")]
