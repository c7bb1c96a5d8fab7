"""What every loaded model has, whoever writes its chats."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel

from roboloop.base.hashing import DIGEST_BYTES

COMPANIONS = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
    "preprocessor_config.json",
    "processor_config.json",
    "video_preprocessor_config.json",
)
"""Files beside the weights that a saved folder takes over byte for byte."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model of Hugging Face with the files that belong to its folder.

    Attributes:
        model: Hugging Face's own class.
        companions: Name and content of the files that belong to the folder.
    """

    model: PreTrainedModel
    companions: Mapping[str, bytes]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device

    @property
    def num_parameters(self) -> int:
        """Weights, tied ones counted once."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def weights_hash(self) -> str:
        """Content hash of every weight with its name, type and shape; reads all of them."""
        digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            raw = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)
            digest.update(raw.numpy())
        return digest.hexdigest()

    def architecture(self) -> dict[str, Any]:
        """The configuration without where it was read from and by which version."""
        return _without_origin(self.model.config.to_dict())


def _without_origin(config: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_origin(value) if isinstance(value, dict) else value
        for key, value in config.items()
        if key not in ("_name_or_path", "transformers_version")
    }
