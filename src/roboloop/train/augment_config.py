"""Recipe options for changes of training pictures. Imports no torch."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from roboloop.train.optimizer_config import Positive, Share


class AugmentConfig(BaseModel):
    """Random changes of a training picture; the places in its questions and answers move along."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chance: Share = 1.0
    """Share of the pictures that are changed at all."""
    zoom: tuple[Positive, Positive] = (1.0, 1.3)
    """Bounds of the factor by which a picture is enlarged; a window of its own size is cut out.
    Below 1 it shrinks, and its mean colour fills the rest."""
    stretch: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """Most that width and height may be enlarged differently, as a share."""
    colour: Share = 0.0
    """Most change of brightness, contrast and saturation, as a share."""

    @model_validator(mode="after")
    def _zoom_in_order(self) -> Self:
        if self.zoom[0] > self.zoom[1]:
            raise ValueError(f"zoom is [low, high], not {list(self.zoom)}")
        return self
