"""Recipe options for what a step takes and how its rows are put together. Imports no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class BranchedBatching(BaseModel):
    """A step takes pictures, and the questions of a picture share its tokens in one row.

    How many is said by the phase's `pictures_per_step` and `questions_per_picture`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["branched"] = "branched"


class PackedBatching(BaseModel):
    """A step takes records; each is a conversation of its own, several stand in one flat row.

    The packs change how fast a step is, not what it computes: the loss and the gradient are those
    of the same records one by one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["packed"] = "packed"
    records_per_step: int = Field(64, gt=0)
    """Records of one optimizer step, over all processes."""
    tokens_per_pack: int = Field(8192, gt=0)
    """Most tokens of one forward pass. Not below `max_tokens`."""
    attention: Literal["segments", "stock"] = "segments"
    """`segments` attends to one conversation after the other; `stock` leaves it to transformers,
    whose `sdpa` makes a mask of tokens x tokens for each pack. The numbers are the same."""


class PaddedBatching(BaseModel):
    """A step takes records, in batches whose rows are filled up to the longest and masked.

    The usual way, for models that cannot take packs and as a yardstick.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["padded"] = "padded"
    records_per_step: int = Field(64, gt=0)
    """Records of one optimizer step, over all processes."""
    records_per_batch: int = Field(4, gt=0)
    """Records of one forward pass."""


RecordBatching = PackedBatching | PaddedBatching
Batching = Annotated[BranchedBatching | RecordBatching, Field(discriminator="kind")]
