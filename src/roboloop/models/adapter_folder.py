"""The folder of an adapter, as peft writes it, and the model it belongs to. No torch."""

from __future__ import annotations

from pathlib import Path

from roboloop.base.errors import Place, RoboLoopError

MODEL = "model"
ADAPTER = "adapter"
"""Folders that a training phase leaves: a whole model, or an adapter and the path of its model."""
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"


def is_adapter(folder: Path) -> bool:
    """Whether the folder holds an adapter in place of a whole model."""
    return (folder / ADAPTER_CONFIG).is_file() and not (folder / "config.json").is_file()


def trained_folder(out: Path) -> Path:
    """What a training phase left in its folder: the whole model if there is one."""
    return out / MODEL if (out / MODEL).exists() or not (out / ADAPTER).exists() else out / ADAPTER


def base_of(folder: Path) -> Path:
    """The model folder that an adapter was trained on.

    Raises:
        RoboLoopError: E-ENG-006 when it is not where the adapter says.
    """
    from roboloop.models.parts import read_json  # brings up tokenizers

    named = read_json(folder / ADAPTER_CONFIG).get("base_model_name_or_path")
    base = Path(str(named)) if named else None
    if base is None or not (base / "config.json").is_file():
        raise RoboLoopError(
            "E-ENG-006",
            f"its base model {str(named)!r} is no model folder on this machine",
            place=Place(folder / ADAPTER_CONFIG),
            fix="Write the model folder's path as base_model_name_or_path in that file.",
        )
    return base
