"""Sentence embedders from folders in the layout of sentence-transformers, without that package.

modules.json            which modules follow one another: Transformer, Pooling, Normalize
config.json, weights    the transformer, as Hugging Face's AutoModel reads it
1_Pooling/config.json   which of the tokens' vectors become the text's
sentence_bert_config.json   max_seq_length
config_sentence_transformers.json   prompts, and which is put before every text
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

from roboloop.base.errors import Place, RoboLoopError
from roboloop.models.folders import no_progress_bars
from roboloop.models.parts import read_json

Pooling = Literal["cls", "mean"]
MODULES = ("Transformer", "Pooling", "Normalize")
POOLING_FLAGS: dict[str, Pooling] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
}
LONGEST = 512
"""Tokens, where the folder sets no limit."""
BATCHES_AHEAD = 16


@dataclass(frozen=True, slots=True)
class TextEmbedder:
    """A loaded model that turns texts into unit vectors.

    Attributes:
        model: Hugging Face's own class.
        tokenizer: The folder's.
        pooling: `cls` takes the first token's vector, `mean` the mean over all tokens.
        max_tokens: Longer texts are cut.
        batch_size: Texts embedded together.
        prompt: Put before every text.
    """

    model: Any
    tokenizer: Any
    pooling: Pooling
    max_tokens: int
    batch_size: int
    prompt: str

    def embed(self, texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Unit vectors, float32 [num_texts, num_dimensions]; zeros for texts of white space."""
        vectors = np.zeros((len(texts), self.model.config.hidden_size), dtype=np.float32)
        places = [place for place, text in enumerate(texts) if text.strip()]
        window = BATCHES_AHEAD * self.batch_size
        for start in range(0, len(places), window):
            self._embed_window(texts, places=places[start : start + window], out=vectors)
        return vectors

    def _embed_window(self, texts: Sequence[str], *, places: list[int], out: Any) -> None:
        tokens = self.tokenizer(
            [self.prompt + texts[place] for place in places],
            truncation=True, max_length=self.max_tokens, return_token_type_ids=False,
        )["input_ids"]  # fmt: skip
        order = sorted(range(len(places)), key=lambda index: len(tokens[index]))
        for start in range(0, len(order), self.batch_size):
            chosen = order[start : start + self.batch_size]
            found = self._embed_batch([tokens[index] for index in chosen])
            out[[places[index] for index in chosen]] = found

    @torch.inference_mode()
    def _embed_batch(self, tokens: list[list[int]]) -> Any:
        width = max(map(len, tokens))
        ids = np.full((len(tokens), width), self.tokenizer.pad_token_id, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, found in enumerate(tokens):
            ids[row, : len(found)], mask[row, : len(found)] = found, 1
        device = next(self.model.parameters()).device
        mask_there = torch.from_numpy(mask).to(device)
        states = self.model(
            input_ids=torch.from_numpy(ids).to(device), attention_mask=mask_there
        ).last_hidden_state.float()
        if self.pooling == "cls":
            vectors = states[:, 0]
        else:
            weight = mask_there.unsqueeze(-1).float()
            vectors = (states * weight).sum(1) / weight.sum(1)
        return torch.nn.functional.normalize(vectors, dim=-1).cpu().numpy()


def load_embedder(
    folder: Path,
    *,
    pooling: Pooling | None = None,
    max_tokens: int | None = None,
    batch_size: int = 64,
    device: str = "auto",
    dtype: str = "auto",
) -> TextEmbedder:
    """Load an embedder, in evaluation mode.

    Args:
        folder: As on the Hugging Face Hub.
        pooling: Needed where the folder does not say it; it must not contradict the folder.
        max_tokens: At most the folder's own limit, which holds when left out.
        batch_size: Texts embedded together.
        device: `auto` is the first GPU if there is one, else the CPU.
        dtype: `auto` is float32 on a CPU and bfloat16 on a GPU.

    Raises:
        RoboLoopError: E-ENG-001 when a file is missing, damaged or asks for what is not known here.
    """
    read_json(folder / "config.json")
    own = _pooling_of(folder)
    if (own or pooling) is None:
        raise RoboLoopError(
            "E-ENG-001", "the folder does not say how tokens become one vector",
            place=Place(folder), fix="Say it with `pooling: cls` or `pooling: mean`.",
        )  # fmt: skip
    if own and pooling and own != pooling:
        raise _unloadable(folder, f"its pooling is {own!r}, the recipe says {pooling!r}")
    limit = _optional(folder / "sentence_bert_config.json").get("max_seq_length") or LONGEST
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if dtype == "auto":
        dtype = "float32" if device == "cpu" else "bfloat16"
    try:
        with no_progress_bars():
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            loaded: Any = AutoModel.from_pretrained(
                folder, dtype=dtype, local_files_only=True, output_loading_info=True
            )
    except Exception as error:  # whatever the loader or a damaged file brings up
        raise _unloadable(folder, f"{error}") from error
    model, report = loaded
    missing = sorted(key for key in report["missing_keys"] if "pooler" not in key)
    if missing or report["mismatched_keys"]:
        raise _unloadable(folder, f"weights are missing or of another shape, such as {missing[:1]}")
    if tokenizer.pad_token_id is None:
        raise _unloadable(folder, "its tokenizer has no padding token")
    return TextEmbedder(
        model.to(device).eval(), tokenizer, own or pooling or "mean",
        min(max_tokens or limit, limit), batch_size, _prompt_of(folder),
    )  # fmt: skip


def _pooling_of(folder: Path) -> Pooling | None:
    """How the folder pools; None for a plain transformer folder without `modules.json`."""
    path = folder / "modules.json"
    if not path.is_file():
        return None
    modules = _modules(path)
    names = tuple(str(module.get("type", "")).rsplit(".", 1)[-1] for module in modules)
    if names[:2] != MODULES[:2] or len(names) > len(MODULES) or names != MODULES[: len(names)]:
        raise _unloadable(path, f"its modules are {list(names)}; known: {list(MODULES)}")
    config_path = folder / str(modules[1].get("path", "")) / "config.json"
    if not config_path.resolve().is_relative_to(folder.resolve()):
        raise _unloadable(path, "a module lies outside the folder")
    config = read_json(config_path)
    newer = config.get("pooling_mode")
    on = [key for key, value in config.items() if key.startswith("pooling_mode_") and value is True]
    if isinstance(newer, str):
        on = [f"pooling_mode_{newer}_token{'s' if newer == 'mean' else ''}"]
    if len(on) != 1 or on[0] not in POOLING_FLAGS:
        raise _unloadable(config_path, f"its pooling is {on}; known: {list(POOLING_FLAGS)}")
    return POOLING_FLAGS[on[0]]


def _modules(path: Path) -> list[dict[str, Any]]:

    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unloadable(path, f"it cannot be read as JSON: {error}") from error
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _unloadable(path, "it is not a list of modules")
    return value


def _prompt_of(folder: Path) -> str:
    config = _optional(folder / "config_sentence_transformers.json")
    name = config.get("default_prompt_name")
    return str(config.get("prompts", {}).get(name, "")) if name else ""


def _optional(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}


def _unloadable(path: Path, detail: str) -> RoboLoopError:
    return RoboLoopError("E-ENG-001", detail, place=Place(path))
