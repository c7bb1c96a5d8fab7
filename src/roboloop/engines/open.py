"""`open_engine`: a model by a short text that says where it is.

local:PATH                       the folder, in this process
vllm:http://127.0.0.1:8000/v1    a vLLM server
openai:https://host/v1           any server that speaks OpenAI's chat completions
http://host/v1                   the same; that it is vLLM is taken from its own word
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast
from urllib.parse import urlsplit

from pydantic import ValidationError

from roboloop.base.errors import RoboLoopError
from roboloop.dialects.base import Dialect
from roboloop.engines.base import Engine
from roboloop.engines.endpoint.config import ServerConfig
from roboloop.engines.endpoint.engine import EndpointEngine
from roboloop.engines.endpoint.server import folder_of, served_models, the_served
from roboloop.engines.endpoint.sight import check_sight
from roboloop.engines.profile import Profile
from roboloop.engines.profiles import Chosen, choose_profile
from roboloop.models.folder_hash import folder_hash
from roboloop.models.parts import picture_budget, read_json

SpecKind = Literal["local", "vllm", "openai"]


class EngineSpec(NamedTuple):
    """A text taken apart.

    Attributes:
        kind: None for a plain address, whose server says what it is.
        target: Folder or address.
    """

    kind: SpecKind | None
    target: str


class OpenedEngine(NamedTuple):
    """An engine with what its answers have to be read with.

    Attributes:
        engine: Answers questions.
        profile: How the model is asked.
        dialect: How it writes places: the one given, or the profile's.
        model: Its name, for tables.
        because: One sentence for the user: which profile and dialect, and why.
    """

    engine: Engine
    profile: Profile
    dialect: Dialect
    model: str
    because: str


def read_spec(text: str) -> EngineSpec:
    """Take a text such as `vllm:http://127.0.0.1:8000/v1` apart.

    Raises:
        RoboLoopError: E-CFG-003 when it is none.
    """
    for kind in ("local", "vllm", "openai"):
        if text.startswith(f"{kind}:") and len(text) > len(kind) + 1:
            return EngineSpec(kind, text[len(kind) + 1 :])
    if text.startswith(("http://", "https://")):
        return EngineSpec(None, text)
    raise RoboLoopError(
        "E-CFG-003",
        f"{text!r} is no engine",
        fix="Write local:PATH, vllm:URL, openai:URL, or a plain URL.",
    )


def open_engine(
    spec: str,
    *,
    profile: str | None = None,
    dialect: Dialect | None = None,
    model: str | None = None,
    max_new_tokens: int | None = None,
    max_pictures: int | None = None,
    batch_size: int = 64,
    log_probability: bool = False,
    check_pictures: bool = False,
    **server: Any,
) -> OpenedEngine:
    """The engine that a text names.

    Args:
        spec: See the top of this file.
        profile: One of `roboloop list profiles`; found by the model's name or configuration when
            left out.
        dialect: The convention that the model was trained on; the profile's when left out.
        model: Name of the model on the server; its only one when left out.
        max_new_tokens: Longest answer; the profile's when left out.
        max_pictures: Most pictures in a question; the profile's when left out.
        batch_size: Of the local engine.
        log_probability: Ask a server for the probability of each answer.
        check_pictures: See that a server shows pictures at the dialect's size (`check_sight`); for
            any evaluation of places. It asks two short questions.
        server: Further fields of `ServerConfig`, such as `max_concurrency`.

    Raises:
        RoboLoopError: E-CFG-003 for a text that is none, E-ENG-013 when no profile is known,
            E-ENG-001 for a folder that cannot be loaded, E-ENG-010 or E-ENG-011 for a server that
            refuses or is not there, E-ENG-015 when it shows pictures at another size.
    """
    kind, target = read_spec(spec)
    if kind == "local":
        return _open_local(
            Path(target),
            profile=profile,
            dialect=dialect,
            max_new_tokens=max_new_tokens,
            batch_size=batch_size,
        )
    named = _named_profile(profile, model=model)
    server.setdefault("api_key_env", _key_variable(kind, profile=named))
    config = _server_config(target, model=model or "unknown", **server)
    served = the_served(served_models(config), wanted=model, url=config.url)
    folder = folder_of(served, host=urlsplit(config.url).hostname)
    chosen = choose_profile(
        name=profile,
        models=list(dict.fromkeys([served.name, served.root])),
        config=read_json(folder / "config.json") if folder else None,
    )
    used = chosen.profile
    if max_pictures is not None:
        used = replace(used, max_pictures=max_pictures)
    seen = dialect or _dialect_of(used, folder=folder)
    engine = EndpointEngine(
        config.model_copy(update={"model": served.name}),
        profile=used,
        dialect=seen,
        kind=kind or ("vllm" if served.is_vllm else "openai"),
        weights=folder_hash(folder) if folder else "",
        max_new_tokens=max_new_tokens,
        log_probability=log_probability,
    )
    because = _said(chosen, seen)
    if check_pictures:
        because += f"; {check_sight(engine)}"
    return OpenedEngine(engine, used, seen, served.name, because)


def _open_local(
    folder: Path,
    *,
    profile: str | None,
    dialect: Dialect | None,
    max_new_tokens: int | None,
    batch_size: int,
) -> OpenedEngine:
    from roboloop.engines.local import open_folder

    config = read_json(folder / "config.json")
    name = folder.resolve().name
    chosen = choose_profile(name=profile, models=[name], config=config)
    seen = dialect or _dialect_of(chosen.profile, folder=folder)
    engine = open_folder(
        folder,
        dialect=seen,
        system=chosen.profile.system,
        max_new_tokens=max_new_tokens or chosen.profile.max_new_tokens,
        batch_size=batch_size,
    )
    return OpenedEngine(engine, chosen.profile, seen, name, _said(chosen, seen))


def _named_profile(profile: str | None, *, model: str | None) -> Profile | None:
    """The profile, when it is known before the server is asked."""
    if profile is None and model is None:
        return None
    try:
        return choose_profile(name=profile, models=[model] if model else []).profile
    except RoboLoopError as error:
        if error.code != "E-ENG-013":
            raise
        return None  # the server may tell more


def _key_variable(kind: SpecKind | None, *, profile: Profile | None) -> str:
    """The variable with the key; vLLM has one of its own, so that no provider's key gets there."""
    if kind == "vllm":
        return "VLLM_API_KEY"
    return profile.api_key_env if profile else "OPENAI_API_KEY"


def _server_config(url: str, **fields: Any) -> ServerConfig:
    try:
        return ServerConfig.model_validate({"url": url, **fields})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise RoboLoopError("E-CFG-003", f"{place}: {first['msg']}") from error


def _dialect_of(profile: Profile, *, folder: Path | None) -> Dialect:
    """The profile's dialect, with the picture sizes of the model's folder where it has any."""
    plain = profile.load_dialect()
    if folder is None or not hasattr(plain, "factor"):
        return plain
    return profile.load_dialect(**picture_budget(folder))


def _said(chosen: Chosen, dialect: Dialect) -> str:
    options = ", ".join(f"{key}={value}" for key, value in asdict(cast("Any", dialect)).items())
    named = f"{dialect.kind} ({options})" if options else dialect.kind
    return (
        f"profile {chosen.profile.name}, because {chosen.because}; "
        f"places in its answers are read as {named}"
    )
