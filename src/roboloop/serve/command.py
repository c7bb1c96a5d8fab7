"""The command line and the environment variables that start a server, by its version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from roboloop.serve.config import ServeConfig
from roboloop.serve.environment import ServingEnvironment, Version

JSON_LIMITS_SINCE = Version(0, 9)
"""Before it, vLLM read limits as `image=32`; later versions refuse that."""
CPU_CACHE_GIB = "4"
"""Of keys and values; vLLM on a CPU asks for it by a variable."""


class ServingCommand(NamedTuple):
    """What is started.

    Attributes:
        words: The command line.
        variables: Added to the environment.
        name: By which the model is asked for.
        health: Path of the address that answers when the server is ready.
    """

    words: tuple[str, ...]
    variables: Mapping[str, str]
    name: str
    health: str


def serving_command(
    config: ServeConfig,
    *,
    folder: Path,
    environment: ServingEnvironment,
    port: int,
    has_own_code: bool = False,
) -> ServingCommand:
    """How a model folder is served.

    Args:
        config: The options.
        folder: The model.
        environment: Where the server is installed.
        port: To listen at.
        has_own_code: The folder brings RoboLoop's experts, which vLLM runs as transformers does.
    """
    make = _vllm if environment.engine == "vllm" else _transformers
    return make(_Served(config, folder, environment, port, has_own_code))


def limit_of_pictures(number: int, *, version: Version) -> str:
    """The value of `--limit-mm-per-prompt` as a version of vLLM reads it."""
    if Version(0, 0) < version < JSON_LIMITS_SINCE:
        return f"image={number}"
    return json.dumps({"image": number}, separators=(",", ":"))


class _Served(NamedTuple):
    """The arguments of `serving_command`."""

    config: ServeConfig
    folder: Path
    environment: ServingEnvironment
    port: int
    has_own_code: bool

    @property
    def words(self) -> list[str]:
        """What both servers are told alike."""
        config = self.config
        words = [
            str(self.environment.executable), "serve", str(self.folder),
            "--host", config.host, "--port", str(self.port), "--dtype", config.dtype,
        ]  # fmt: skip
        if self.has_own_code or config.trust_remote_code:
            words.append("--trust-remote-code")
        return words


def _vllm(served: _Served) -> ServingCommand:
    config, folder, environment, *_ = served
    name = config.name or folder.name
    limit = limit_of_pictures(config.max_pictures, version=environment.version)
    words = [
        *served.words,
        "--served-model-name", name,
        "--limit-mm-per-prompt", limit,
        "--tensor-parallel-size", str(config.tensor_parallel),
    ]  # fmt: skip
    if config.max_model_tokens is not None:
        words += ["--max-model-len", str(config.max_model_tokens)]
    if served.has_own_code:
        words += ["--model-impl", "transformers"]
    variables = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    if environment.is_cpu:
        words.append("--enforce-eager")
        variables["VLLM_CPU_KVCACHE_SPACE"] = CPU_CACHE_GIB
    return ServingCommand((*words, *config.options), variables, name, "/health")


def _transformers(served: _Served) -> ServingCommand:
    words, variables = (*served.words, *served.config.options), {"HF_HUB_OFFLINE": "1"}
    return ServingCommand(words, variables, str(served.folder), "/health")
