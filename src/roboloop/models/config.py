"""Recipe options for the model: which backbone, and which dialect it speaks. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from roboloop.base.errors import Place, RoboLoopError
from roboloop.dialects import Dialect, load_dialect


class DialectConfig(BaseModel):
    """The convention for places in a picture: its kind, and that kind's own options beside it."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str
    """One of `roboloop list dialects`."""

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        self.load()
        return self

    def load(self) -> Dialect:
        """The dialect itself.

        Raises:
            RoboLoopError: E-CFG-006 for an unknown kind, E-CFG-003 for an unknown option.
        """
        options: dict[str, Any] = self.model_extra or {}
        return load_dialect(self.kind, **options)


class TinyModel(BaseModel):
    """A real Qwen-VL of about a million random weights, made on the spot: for laptops and tests.

    The defaults are the shape that learns to localise within minutes on one CPU core.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["tiny"] = "tiny"
    dialect: DialectConfig
    family: Literal["qwen2_5_vl", "qwen3_vl"] = "qwen2_5_vl"
    """Whose class it is: Qwen2.5-VL's or Qwen3-VL's."""
    seed: int = Field(0, ge=0)
    """Names the random weights: the same seed and texts give the same files."""
    width: int = Field(128, gt=0, multiple_of=32)
    """Hidden size of the language model; attention heads are 32 wide."""
    depth: int = Field(4, gt=0)
    """Layers of the language model."""
    vision_width: int = Field(64, gt=0, multiple_of=32)
    """Hidden size of the vision tower; attention heads are 32 wide."""
    vision_depth: int = Field(2, gt=0)
    """Layers of the vision tower; each sees the whole picture."""
    patch_size: int = Field(8, gt=0)
    """Edge of a patch in pixels. Four patches make one token, so pictures are cut to
    multiples of twice this edge: the dialect has to agree."""
    max_vocabulary: int = Field(1024, ge=320)
    """Most tokens the tokenizer may learn, with the 256 bytes and the special tokens."""
    whole_numbers: int = Field(400, ge=0, le=1000)
    """Numbers below this are one token each, neighbours beside each other; 0 keeps digits apart,
    as Qwen does. Whole numbers learn places about three times faster from random weights."""

    def folder(self, out: Path, *, texts: Iterable[str]) -> Path:
        """Build the model in the folder `out`, its tokenizer learnt from `texts`; imports torch."""
        from roboloop.models.tiny import build_tiny

        options = self.model_dump(exclude={"kind", "dialect"})
        return build_tiny(out, texts=texts, **options)


class FolderModel(BaseModel):
    """A model folder as on the Hugging Face Hub, such as Qwen2.5-VL-3B or RoboBrain2.0-7B."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["folder"] = "folder"
    dialect: DialectConfig
    path: Path
    """The folder with `config.json`, `tokenizer.json` and the weights."""

    def folder(self, out: Path, *, texts: Iterable[str]) -> Path:
        """The folder itself; nothing is built.

        Raises:
            RoboLoopError: E-ENG-001 when there is no model in it.
        """
        del out, texts
        if not (self.path / "config.json").is_file():
            raise RoboLoopError("E-ENG-001", "there is no config.json", place=Place(self.path))
        return self.path


ModelConfig = Annotated[TinyModel | FolderModel, Field(discriminator="kind")]
"""The `model:` part of a recipe."""
