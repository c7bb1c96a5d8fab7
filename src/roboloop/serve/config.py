"""Options of a server. Imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ServingEngine = Literal["vllm", "transformers"]


class ServeConfig(BaseModel):
    """How a model is served."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    engine: ServingEngine = "vllm"
    host: str = "127.0.0.1"
    """`0.0.0.0` lets other machines ask, too."""
    port: int = Field(8000, ge=0, le=65535)
    """0 takes a free one."""
    name: str | None = None
    """By which vLLM's clients ask for the model; the folder's name when left out."""
    max_pictures: int = Field(32, ge=1)
    """Most pictures in one question."""
    max_model_tokens: int | None = Field(None, ge=1)
    """Longest question and answer together; the model's own limit when left out."""
    tensor_parallel: int = Field(1, ge=1)
    """Devices that a layer is spread over."""
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    trust_remote_code: bool = False
    """Run code that lies in the model's folder. RoboLoop's own code of experts needs no leave."""
    start_seconds: float = Field(default=1800.0, gt=0)
    """How long it may take to load the model."""
    max_restarts: int = Field(5, ge=0)
    """How often it is started again after it died."""
    options: tuple[str, ...] = ()
    """Further words for its command line."""
