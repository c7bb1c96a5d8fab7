"""The light half of a model folder: tokenizer, special tokens and picture format. No torch.

Enough to turn conversations into numbers and to count tokens; the weights are `backbone.py`'s.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tokenizers import Tokenizer

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_value
from roboloop.models.pixels import PixelFormat

QWEN_SYSTEM = "You are a helpful assistant."
FAMILIES = {
    "qwen2_5_vl": QWEN_SYSTEM,
    "roboloop_moe_qwen2_5_vl": QWEN_SYSTEM,
    "qwen3_vl": "",
}
"""`model_type` of a `config.json` that this package writes chats for -> the system text that the
model's own chat template puts first, empty for none."""


@dataclass(frozen=True, slots=True)
class SpecialIds:
    """Ids of the tokens with a meaning of their own."""

    im_start: int
    im_end: int
    vision_start: int
    vision_end: int
    image_pad: int
    end_of_text: int

    @property
    def stops(self) -> tuple[int, int]:
        """Ids that end an answer."""
        return (self.im_end, self.end_of_text)


SPECIAL_TEXTS = {
    "im_start": "<|im_start|>",
    "im_end": "<|im_end|>",
    "vision_start": "<|vision_start|>",
    "vision_end": "<|vision_end|>",
    "image_pad": "<|image_pad|>",
    "end_of_text": "<|endoftext|>",
}


@dataclass(frozen=True, slots=True)
class Parts:
    """What a conversation needs to become numbers.

    Attributes:
        tokenizer: Reads special tokens inside a text as plain text, so no data can forge them.
        special: Ids of the special tokens.
        pixels: How pictures are cut.
        system: The system text that the model knows from its training; empty for none.
    """

    tokenizer: Tokenizer
    special: SpecialIds
    pixels: PixelFormat
    system: str = QWEN_SYSTEM

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another process; tokenizers forget there to read special tokens as text."""
        return _unpacked, (self.tokenizer.to_str(), self.special, self.pixels, self.system)

    @property
    def pad_id(self) -> int:
        """The id that fills short rows of a batch."""
        return self.special.end_of_text

    def identity(self) -> str:
        """Content hash of the tokenizer and the picture format."""
        pixels = self.pixels
        return hash_value(
            [
                self.tokenizer.to_str(),
                [pixels.patch_size, pixels.merge_size, pixels.temporal_patch_size],
                [*pixels.mean, *pixels.std, pixels.resize],
            ]
        )


def load_parts(folder: Path) -> Parts:
    """Read the tokenizer and the picture format of a model folder.

    Raises:
        RoboLoopError: E-ENG-001 when a file is missing or does not fit the others.
    """
    config = read_json(folder / "config.json")
    family = str(config.get("model_type"))
    if family not in FAMILIES:
        raise _unloadable(
            folder / "config.json", f"model_type is {family!r}; known: {', '.join(FAMILIES)}"
        )
    tokenizer = _read_tokenizer(folder / "tokenizer.json")
    special = _special_ids(tokenizer, folder=folder)
    if config.get("image_token_id", special.image_pad) != special.image_pad:
        raise _unloadable(
            folder, "config.json and tokenizer.json name different ids for <|image_pad|>"
        )
    pixels = _read_pixels(folder)
    vision = config.get("vision_config", {})
    wanted = (vision.get("patch_size", 14), vision.get("spatial_merge_size", 2))
    if (pixels.patch_size, pixels.merge_size) != wanted:
        raise _unloadable(
            folder,
            f"the model's patch and merge sizes are {wanted}, its preprocessor says "
            f"{(pixels.patch_size, pixels.merge_size)}",
        )
    return Parts(tokenizer, special, pixels, FAMILIES[family])


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a model folder.

    Raises:
        RoboLoopError: E-ENG-001 when the file is missing or is no JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise _unloadable(path, "the file does not exist") from error
    except (OSError, ValueError) as error:
        raise _unloadable(path, f"it cannot be read as JSON: {error}") from error
    if not isinstance(value, dict):
        raise _unloadable(path, "it is not a JSON object")
    return value


def _read_tokenizer(path: Path) -> Tokenizer:
    if not path.is_file():
        raise RoboLoopError(
            "E-ENG-001",
            "the file does not exist",
            place=Place(path),
            fix="Copy it from the model's page, or write it with transformers: "
            "AutoTokenizer.from_pretrained(folder).save_pretrained(folder).",
        )
    try:
        return _plain_reading(path.read_text(encoding="utf-8"))
    except Exception as error:  # the library raises plain Exception
        raise _unloadable(path, f"it is no tokenizer: {error}") from error


def _plain_reading(content: str) -> Tokenizer:
    """The tokenizer of a `tokenizer.json`, which takes every text whole and as plain text."""
    tokenizer = Tokenizer.from_str(content)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True
    return tokenizer


def _unpacked(content: str, special: SpecialIds, pixels: PixelFormat, system: str) -> Parts:
    return Parts(_plain_reading(content), special, pixels, system)


def _special_ids(tokenizer: Tokenizer, *, folder: Path) -> SpecialIds:
    ids: dict[str, int] = {}
    for name, text in SPECIAL_TEXTS.items():
        found = tokenizer.token_to_id(text)
        if found is None:
            raise _unloadable(folder / "tokenizer.json", f"it lacks {text}")
        ids[name] = found
    return SpecialIds(**ids)


def picture_budget(folder: Path) -> dict[str, int]:
    """Options of the Qwen dialects as a folder's picture processor has them; others' are empty.

    Raises:
        RoboLoopError: E-ENG-001 when it has no picture processor.
    """
    value = _picture_processor(folder).value
    size: dict[str, Any] = value.get("size") or {}
    found = {
        "min_pixels": value.get("min_pixels", size.get("shortest_edge")),
        "max_pixels": value.get("max_pixels", size.get("longest_edge")),
    }
    if "patch_size" in value and "merge_size" in value:
        found["factor"] = value["patch_size"] * value["merge_size"]
    return {name: number for name, number in found.items() if isinstance(number, int)}


class _PictureProcessor(NamedTuple):
    path: Path
    value: dict[str, Any]


def _picture_processor(folder: Path) -> _PictureProcessor:
    """From `preprocessor_config.json`, or the newer `processor_config.json` that nests it."""
    path = folder / "preprocessor_config.json"
    if not path.is_file() and (folder / "processor_config.json").is_file():
        path = folder / "processor_config.json"
        nested = read_json(path).get("image_processor")
        if isinstance(nested, dict):
            return _PictureProcessor(path, nested)
    return _PictureProcessor(path, read_json(path))


def _read_pixels(folder: Path) -> PixelFormat:
    path, value = _picture_processor(folder)
    try:
        return PixelFormat.from_json(value)
    except (KeyError, TypeError) as error:
        raise _unloadable(path, f"its picture format is incomplete: {error}") from error


def _unloadable(path: Path, detail: str) -> RoboLoopError:
    return RoboLoopError("E-ENG-001", detail, place=Place(path))
