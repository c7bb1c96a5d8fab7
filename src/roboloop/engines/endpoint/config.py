"""Recipe options of a server and of a judge behind one."""

from __future__ import annotations

import os
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator


class ServerConfig(BaseModel):
    """Where a model answers, and how patiently it is asked.

    The key is read from the environment when a request is sent; it stands in no recipe, file or
    message.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    """Up to and with the version, such as `http://localhost:8000/v1`."""
    model: str = Field(min_length=1)
    revision: str = ""
    """Anything that tells one state of the model from another; answers are kept by it."""
    api_key_env: str = Field("OPENAI_API_KEY", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Environment variable that holds the key; no key is sent when it is not set."""
    max_concurrency: int = Field(32, ge=1, le=1024)
    """Requests under way at a time."""
    timeout_seconds: float = Field(600.0, gt=0)
    """How long one request may take."""
    max_attempts: int = Field(10, ge=1)
    """How often one request is sent when the server is busy, broken or slow."""

    @field_validator("url")
    @classmethod
    def _is_plain_http(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not an http or https address")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("an address holds no names, keys or queries; see api_key_env")
        return url.rstrip("/")

    def api_key(self) -> str:
        """The key, or nothing."""
        return os.environ.get(self.api_key_env, "").strip()


class EndpointConfig(ServerConfig):
    """A judge: how fast it may be asked, how it answers, and what it may cost."""

    structured: Literal["json_schema", "json_object", "none"] = "json_schema"
    """How the endpoint is told to answer in JSON. Answers are checked in any case."""

    max_concurrency: int = Field(8, ge=1, le=1024)
    requests_per_minute: float = Field(120.0, gt=0)
    ramp_seconds: float = Field(20.0, ge=0)
    """The rate rises over this long: providers refuse sudden bursts."""
    timeout_seconds: float = Field(120.0, gt=0)
    max_attempts: int = Field(6, ge=1)
    max_repairs: int = Field(2, ge=0)
    """How often the model is shown what was wrong with its JSON."""

    max_new_tokens: int = Field(400, ge=1)
    temperature: float = Field(0.0, ge=0)
    max_picture_side: int = Field(768, ge=32)
    """Larger pictures are scaled down to this before they are sent."""

    price_in: float = Field(0.0, ge=0)
    """Per million tokens, in any currency."""
    price_out: float = Field(0.0, ge=0)
    max_cost: float | None = Field(None, ge=0)
    """In that currency, for all that is ever asked with this budget's store."""
    max_requests: int | None = Field(None, ge=0)
    dry_run: bool = False
    """Send nothing; only say what it would cost."""
