"""`serve`: a model behind an address."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from roboloop.base.progress import console


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
    from roboloop.serve.command import serving_command
    from roboloop.serve.config import ServeConfig
    from roboloop.serve.environment import find_environment
    from roboloop.serve.preflight import check_servable
    from roboloop.serve.server import Server, free_port

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
    folder = model.resolve()
    environment = find_environment(engine, python=python)
    has_own_code = check_servable(folder, environment=environment)
    chosen = free_port(host, wanted=port)
    command = serving_command(
        config, folder=folder, environment=environment, port=chosen, has_own_code=has_own_code
    )
    if dry_run:
        variables = [f"{key}={value}" for key, value in command.variables.items()]
        print(shlex.join([*variables, *command.words]))  # noqa: T201
        return 0
    said = console()
    said.print(f"{engine} {'.'.join(map(str, environment.version))} starts; log: {log}")
    with Server(
        command,
        host=host,
        port=chosen,
        log=log,
        start_seconds=config.start_seconds,
        say=lambda text: said.print(text, markup=False),
    ) as server:
        server.start()
        said.print(f"serving {command.name!r}; stop it with Ctrl-C. Ask it with:", markup=False)
        said.print(
            f"  roboloop infer {engine_spec(engine, server.url)} --image a.jpg --ask ...",
            soft_wrap=True,
            markup=False,
        )
        print(server.url, flush=True)  # noqa: T201 - the one line of data: where it is
        server.watch(max_restarts=config.max_restarts)
    return 0


def engine_spec(engine: str, url: str) -> str:
    """The address as other verbs take it."""
    return f"vllm:{url}" if engine == "vllm" else f"openai:{url}"
