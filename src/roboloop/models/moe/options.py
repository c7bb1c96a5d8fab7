"""Recipe options of experts. Imports no torch."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class MoeOptions(BaseModel):
    """Routed experts beside the feed-forward layers of the language model.

    The defaults are RoboInter's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    num_experts: int = Field(16, ge=2, le=1024)
    """Experts of a layer."""
    num_experts_per_token: int = Field(4, ge=1)
    """How many of them a token goes through."""
    expert_width: int = Field(2048, gt=0)
    """Neurons of an expert. A small number makes them as cheap as adapters of that rank."""
    normalize: bool = True
    """Make the weights of the chosen experts sum to 1."""
    every_nth_layer: int = Field(1, ge=1)
    """2 puts experts beside every second layer."""
    init: Literal["random", "slices"] = "random"
    """First weights of the experts: drawn, or neurons of the dense layer with noise."""
    noise: Annotated[float, Field(ge=0)] = 0.01
    """Noise on slices, as a share of their standard deviation. Equal experts never part."""

    @model_validator(mode="after")
    def _enough_experts(self) -> Self:
        if self.num_experts_per_token > self.num_experts:
            raise ValueError(
                f"a token cannot go through {self.num_experts_per_token} of {self.num_experts}"
            )
        return self


class MoeLossOptions(BaseModel):
    """What is added to the loss so that experts are used alike."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    balance: Annotated[float, Field(ge=0)] = 0.01
    """Factor of the balance loss, the mean over the layers."""
    router_z: Annotated[float, Field(ge=0)] = 0.0
    """Factor of the square of the router's log-sum-exp, which keeps its logits small."""
