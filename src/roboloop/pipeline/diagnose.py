"""What this machine can do. Each gap comes with the command that mends it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil

from roboloop.runs.environment import list_gpus, package_version

MIN_FREE_BYTES = 2 * 2**30
GL_PROBE = "import mujoco; context = mujoco.GLContext(8, 8); context.make_current(); context.free()"


class Finding(NamedTuple):
    """One thing looked at.

    Attributes:
        what: Such as `torch`.
        good: Whether it is as wanted.
        found: What was found.
        mend: The command or act that mends a gap.
        needed: Whether training needs it; the rest is for extras.
    """

    what: str
    good: bool
    found: str
    mend: str = ""
    needed: bool = False


def diagnose() -> list[Finding]:
    """Look at everything; takes a few seconds and no network."""
    looks: tuple[Callable[[], Finding], ...] = (
        _python, _torch, _gpu, _memory, _disk, _video, _lmdb, _simulator, _gl, _browser,
    )  # fmt: skip
    return [look() for look in looks]


def _python() -> Finding:
    good = sys.version_info >= (3, 11)
    return Finding("Python", good, platform.python_version(), "install Python 3.11 or newer", True)


def _torch() -> Finding:
    version = package_version("torch")
    if version is None:
        return Finding("torch", False, "not installed", "pip install torch", True)
    probe = "import torch; print(torch.cuda.is_available(), torch.get_num_threads())"
    result = _python_says(probe)
    if result is None:
        mend = "pip install --force-reinstall torch"
        return Finding("torch", False, f"{version} cannot be imported", mend, True)
    cuda, threads = result.split()
    place = "GPU" if cuda == "True" else f"CPU, {threads} threads"
    transformers = package_version("transformers")
    return Finding("torch", True, f"{version} on {place}, transformers {transformers}", "", True)


def _gpu() -> Finding:
    gpus = list_gpus()
    if gpus:
        cuda = _python_says("import torch; print(torch.cuda.is_available())")
        if cuda == "True":
            return Finding("GPU", True, "; ".join(gpus))
        return Finding(
            "GPU", False, f"{'; '.join(gpus)}, but torch is a CPU build",
            "pip install --force-reinstall torch (a CUDA build for your driver)",
        )  # fmt: skip
    mend = "none needed for the tiny model; 3B and 7B models want an NVIDIA GPU"
    return Finding("GPU", False, "none", mend)


def _memory() -> Finding:
    memory = psutil.virtual_memory()
    found = f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB free"
    return Finding("memory", memory.available > 3 * 2**30, found, "close other programs", True)


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free
    mend = "free some space or run in another folder"
    found = f"{free / 2**30:.1f} GiB free here"
    return Finding("disk", free > MIN_FREE_BYTES, found, mend, True)


def _video() -> Finding:
    return _package("video files", "av", extra="media")


def _lmdb() -> Finding:
    return _package("LMDB stores", "lmdb", extra="media")


def _simulator() -> Finding:
    version = package_version("mujoco")
    robot = importlib.util.find_spec("gym_hil") is not None
    if version is not None and robot:
        return Finding("simulator", True, f"mujoco {version}, robot meshes found")
    mend = "pip install 'roboloop[sim]' && pip install --no-deps gym-hil==0.1.14"
    found = "robot meshes missing" if version is not None else "mujoco not installed"
    return Finding("simulator", False, found, mend)


def _gl() -> Finding:
    if package_version("mujoco") is None:
        return Finding("OpenGL", False, "not tried without mujoco", "pip install 'roboloop[sim]'")
    wanted = os.environ.get("MUJOCO_GL")
    for backend in (wanted,) if wanted else ("egl", "osmesa"):
        if _python_says(GL_PROBE, MUJOCO_GL=backend) is not None:
            return Finding("OpenGL", True, f"without a screen, by {backend}")
    mend = "apt-get install libegl1 libgl1-mesa-dri   (or libosmesa6, with MUJOCO_GL=osmesa)"
    return Finding("OpenGL", False, "none without a screen", mend)


def _browser() -> Finding:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome", "firefox")
    found = next((name for name in names if shutil.which(name)), None)
    mend = "any browser opens a report; for the tests: apt-get install chromium"
    return Finding("browser", found is not None, found or "none on PATH", mend)


def _package(what: str, package: str, *, extra: str) -> Finding:
    version = package_version(package)
    mend = f"pip install 'roboloop[{extra}]'"
    found = f"{package} {version}" if version else f"{package} not installed"
    return Finding(what, version is not None, found, mend)


def _python_says(code: str, **environment: str) -> str | None:
    """Output of a short Python program in a process of its own; None when it fails."""
    try:
        result = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True, text=True, timeout=120, check=False,
            env={**os.environ, **environment},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None
