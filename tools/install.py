"""Set up `.venv` for this machine: CPU torch where there is no GPU, the pinned versions everywhere.

Called by the Makefile: `python3 tools/install.py [extras]`, for example `python3 tools/install.py
dev,media`. Needs nothing but the standard library. Running it again does nothing unless it is to
install more, or pyproject.toml or constraints.txt changed.

A Linux machine without an NVIDIA GPU would get gigabytes of CUDA libraries from the ordinary
`torch` wheel. So torch is installed first: by pip when pip already offers a CPU build, else by uv,
which knows where the CPU builds are.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
CONSTRAINTS = ROOT / "constraints.txt"
OLDEST = (3, 11)
TRL = VENV / "oracles" / "trl"
TRL_PARTS = (
    "trl==1.16.0", "datasets==5.2.0", "dill==0.4.1", "multiprocess==0.70.19", "xxhash==4.1.0",
    "pandas==3.1.1", "python-dateutil==4.0.0", "six==1.17.0", "aiohttp==3.14.5",
    "fsspec==2026.9.0", "requests==2.34.2", "httpx==0.28.1",
)  # fmt: skip


def pinned(package: str) -> str:
    """The pin of a package, such as `torch==2.13.0`."""
    for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{package}=="):
            return line.strip()
    raise SystemExit(f"constraints.txt does not pin {package}")


def wants_cpu_torch() -> bool:
    """Whether this machine needs the CPU build: Linux without an NVIDIA GPU, unless told."""
    choice = os.environ.get("ROBOLOOP_TORCH", "auto")
    if choice != "auto":
        return choice == "cpu"
    return platform.system() == "Linux" and shutil.which("nvidia-smi") is None


def pip(
    *arguments: str, capture: bool = False, settings: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run pip of the virtual environment, with these variables in its environment."""
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", *arguments]
    environment = os.environ | (settings or {})
    return subprocess.run(
        command, check=not capture, text=True, capture_output=capture, env=environment
    )


def pip_offers_cpu_torch() -> bool:
    """Whether pip, as configured here, would pick a CPU build of the pinned torch."""
    result = pip(
        "install", "--dry-run", "--no-deps", "--ignore-installed", "--quiet", "--report", "-",
        pinned("torch"), capture=True,
    )  # fmt: skip
    if result.returncode != 0:
        return False
    items = json.loads(result.stdout)["install"]
    return any("+cpu" in item["metadata"]["version"] for item in items)


def install_cpu_torch() -> None:
    """Install the CPU build of torch."""
    if pip_offers_cpu_torch():
        pip("install", "--quiet", pinned("torch"))
        return
    pip("install", "--quiet", "uv")
    command = [str(VENV / "bin" / "uv"), "pip", "install", "--python", str(PYTHON)]
    subprocess.run([*command, "--torch-backend=cpu", pinned("torch")], check=True)


def install_deepspeed() -> None:
    """Install DeepSpeed for its tests; they are skipped, and say why, where that fails.

    Its kernels are compiled when they are first asked for, which the tests never do.
    """
    print("setup: installing DeepSpeed", flush=True)
    command = ("install", "--quiet", "-c", str(CONSTRAINTS), pinned("deepspeed"))
    result = pip(*command, capture=True, settings={"DS_BUILD_OPS": "0"})
    if result.returncode != 0:
        lines = result.stderr.strip().splitlines() or ["pip said nothing"]
        print(f"setup: no DeepSpeed, its tests will be skipped: {lines[-1]}", flush=True)


def install_trl() -> None:
    """Install TRL, which DPO is tested against, in a folder of its own; without it the test skips.

    It wants packages that nothing else here needs, so it must not share the environment.
    """
    print("setup: installing TRL", flush=True)
    result = pip("install", "--quiet", "--no-deps", "--target", str(TRL), *TRL_PARTS, capture=True)
    if result.returncode != 0:
        lines = result.stderr.strip().splitlines() or ["pip said nothing"]
        print(f"setup: no TRL, its test will be skipped: {lines[-1]}", flush=True)


def stamp_path() -> Path:
    """The mark of a finished set-up; its name changes with the files it depends on.

    It holds the extras that are installed.
    """
    digest = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + CONSTRAINTS.read_bytes())
    return VENV / f".installed-{digest.hexdigest()[:16]}"


def main() -> None:
    """Make the virtual environment and install the project with the given extras."""
    if sys.version_info < OLDEST:
        raise SystemExit(
            f"RoboLoop needs Python 3.11 or newer; this is {platform.python_version()}"
        )
    extras = sys.argv[1] if len(sys.argv) > 1 else ""
    wanted = set(filter(None, extras.split(",")))
    stamp = stamp_path()
    installed = set(stamp.read_text(encoding="utf-8").split()) if stamp.exists() else set[str]()
    if stamp.exists() and wanted <= installed:
        return
    started = time.monotonic()
    if not PYTHON.exists():
        print("setup: making .venv", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    if wants_cpu_torch():
        print("setup: installing torch for CPU", flush=True)
        install_cpu_torch()
    target = f".[{extras}]" if extras else "."
    print(f"setup: installing roboloop{target[1:]}", flush=True)
    os.chdir(ROOT)
    pip("install", "--quiet", "-c", str(CONSTRAINTS), "-e", target)
    if "sim" in wanted:
        # The package carries the robot's meshes; its own dependencies are not needed for them.
        pip("install", "--quiet", "--no-deps", pinned("gym-hil"))
    if "dev" in wanted:
        install_deepspeed()
        install_trl()
    stamp.write_text("\n".join(sorted(wanted | installed)), encoding="utf-8")
    print(f"setup: done in {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
