"""What a server tells of itself at `/models`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import seeded_generator
from roboloop.engines.endpoint.config import ServerConfig
from roboloop.engines.endpoint.connections import is_this_machine
from roboloop.engines.endpoint.pace import Pace
from roboloop.engines.endpoint.transport import Transport


class ServedModel(NamedTuple):
    """A model as a server lists it.

    Attributes:
        name: By which it is asked.
        root: Where its weights come from, as the server says; often the same as the name.
        is_vllm: Whether the server says that it is vLLM.
        max_model_tokens: Longest question and answer together; None when it does not tell.
    """

    name: str
    root: str
    is_vllm: bool
    max_model_tokens: int | None


def served_models(config: ServerConfig) -> list[ServedModel]:
    """The models of a server; none when it keeps no list.

    Raises:
        RoboLoopError: E-ENG-010 when it refuses the key, E-ENG-011 when nobody answers.
    """
    draw = seeded_generator("pauses", config.url)
    with Transport(config, pace=Pace(), draw=draw) as transport:
        listed = transport.get("/models").get("data")
    return [_served(row) for row in listed or [] if isinstance(row, dict) and row.get("id")]


def _served(row: dict[str, Any]) -> ServedModel:
    longest = row.get("max_model_len")
    return ServedModel(
        name=str(row["id"]),
        root=str(row.get("root") or row["id"]),
        is_vllm=row.get("owned_by") == "vllm",
        max_model_tokens=longest if type(longest) is int else None,
    )


def the_served(models: Sequence[ServedModel], *, wanted: str | None, url: str) -> ServedModel:
    """The model that is asked: the one named, or the only one there is.

    Raises:
        RoboLoopError: E-ENG-010 when the named one is not served, or none is named of several.
    """
    if wanted is None and len(models) == 1:
        return models[0]
    named = [model for model in models if model.name == wanted]
    if named:
        return named[0]
    names = ", ".join(model.name for model in models[:20])
    if wanted is None:
        told = f"it serves {names}" if models else "it does not say what it serves"
        raise RoboLoopError("E-ENG-010", f"{url}: no model is named; {told}", fix="Name a model.")
    if models:
        raise RoboLoopError("E-ENG-010", f"{url}: it does not serve {wanted!r} but {names}")
    return ServedModel(wanted, wanted, is_vllm=False, max_model_tokens=None)


def folder_of(model: ServedModel, *, host: str | None) -> Path | None:
    """The model's folder, when the server runs on this machine and serves one of its folders."""
    folder = Path(model.root)
    is_here = is_this_machine(host) and folder.is_absolute() and (folder / "config.json").is_file()
    return folder if is_here else None
