"""`serve`: a model behind an address."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from roboloop.base.progress import console

if TYPE_CHECKING:
    from roboloop.serve.config import ServeConfig


def serve(
    model: Path,
    /,
    *options: Annotated[str, Parameter(allow_leading_hyphen=True)],
    engine: Literal["vllm", "transformers"] = "vllm",
    python: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    name: str | None = None,
    max_pictures: int = 32,
    max_model_tokens: int | None = None,
    tensor_parallel: int = 1,
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto",
    trust_remote_code: Annotated[bool, Parameter(negative="")] = False,
    log: Path = Path("serve.log"),
    max_restarts: int = 5,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Serve a model folder and keep it served until you press Ctrl-C.

    The server lives in an environment of its own, which --python names. The folder is checked
    first; a server that dies or hangs is started again; all it says is in the log.

    Args:
        model: A model folder, such as `roboloop export` writes.
        options: Further words for the server's own command line, after `--`.
        engine: Which server.
        python: Interpreter of the environment that the server is installed in; by default that of
            the variable ROBOLOOP_SERVE_PYTHON, or of the server found on PATH.
        host: Where to listen; 0.0.0.0 lets other machines ask.
        port: 0 takes a free one.
        name: By which the model is asked for; the folder's name when left out.
        max_pictures: Most pictures in one question.
        max_model_tokens: Longest question and answer together.
        tensor_parallel: Devices that each layer is spread over.
        dtype: Number format.
        trust_remote_code: Run code from the model's folder.
        log: File for all that the server says.
        max_restarts: How often it is started again.
        dry_run: Only print the command.
    """
    from roboloop.serve.config import ServeConfig

    config = ServeConfig(
        engine=engine,
        host=host,
        port=port,
        name=name,
        max_pictures=max_pictures,
        max_model_tokens=max_model_tokens,
        tensor_parallel=tensor_parallel,
        dtype=dtype,
        trust_remote_code=trust_remote_code,
        max_restarts=max_restarts,
        options=options,
    )
    return _serve(config, folder=model.resolve(), python=python, log=log, dry_run=dry_run)


def _serve(
    config: ServeConfig, *, folder: Path, python: Path | None, log: Path, dry_run: bool
) -> int:
    from roboloop.serve.command import serving_command
    from roboloop.serve.environment import find_environment
    from roboloop.serve.preflight import check_servable
    from roboloop.serve.server import Server, free_port

    environment = find_environment(config.engine, python=python)
    has_own_code = check_servable(folder, environment=environment)
    port = free_port(config.host, wanted=config.port)
    command = serving_command(
        config, folder=folder, environment=environment, port=port, has_own_code=has_own_code
    )
    if dry_run:
        variables = [f"{key}={value}" for key, value in command.variables.items()]
        print(shlex.join([*variables, *command.words]))  # noqa: T201
        return 0
    said = console()
    version = ".".join(map(str, environment.version))
    said.print(f"{config.engine} {version} starts; log: {log}", markup=False)
    with Server(
        command,
        host=config.host,
        port=port,
        log=log,
        start_seconds=config.start_seconds,
        say=lambda text: said.print(text, markup=False),
    ) as server:
        server.start()
        spec = engine_spec(config.engine, server.url)
        said.print(f"serving {command.name!r}; stop it with Ctrl-C. Ask it with:", markup=False)
        said.print(f"  roboloop infer {spec} --image a.jpg --ask ...", soft_wrap=True, markup=False)
        print(server.url, flush=True)  # noqa: T201 - the one line of data: where it is
        server.watch(max_restarts=config.max_restarts)
    return 0


def engine_spec(engine: str, url: str) -> str:
    """The address as other verbs take it."""
    return f"vllm:{url}" if engine == "vllm" else f"openai:{url}"
