"""What a run ran on: versions, machine, commit. Read without importing any heavy package."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

import roboloop

PACKAGES = (
    "torch", "transformers", "accelerate", "tokenizers", "safetensors", "numpy", "pillow",
    "pyarrow", "pydantic",
)  # fmt: skip


def capture_environment() -> dict[str, Any]:
    """Versions and machine facts as plain JSON values; no paths and no host name."""
    return {
        "roboloop": roboloop.__version__,
        "commit": _git_commit(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "num_cpus": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpus": list_gpus(),
        "packages": {name: package_version(name) for name in PACKAGES},
        "command": ["roboloop", *sys.argv[1:]],
    }


def package_version(name: str) -> str | None:
    """Version of an installed distribution, None when it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def list_gpus() -> list[str]:
    """Names and memory of NVIDIA GPUs, by nvidia-smi; empty when there is none."""
    if shutil.which("nvidia-smi") is None:
        return []
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        result = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return result.stdout.strip().splitlines() if result.returncode == 0 else []


def _git_commit() -> str | None:
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return None
    query = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    try:
        result = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None
