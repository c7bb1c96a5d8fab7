"""What a model folder holds, as one hash. No torch."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_file, hash_value

SUFFIXES = (".json", ".txt", ".model", ".jinja", ".safetensors", ".bin")
"""Files of other kinds, such as a README, do not change what a model does."""


def folder_hash(folder: Path) -> str:
    """Content hash of configuration, tokenizer and weights, not of the path.

    Reads every weight once in a process, unless a file has changed.

    Raises:
        RoboLoopError: E-ENG-001 when there is no model in the folder.
    """
    if not (folder / "config.json").is_file():
        raise RoboLoopError("E-ENG-001", "there is no config.json", place=Place(folder))
    files = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    states = [(path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return _hash_of(folder, tuple(files), tuple(states))


@lru_cache(maxsize=16)
def _hash_of(folder: Path, files: tuple[Path, ...], states: tuple[tuple[int, int], ...]) -> str:
    del states  # only there so that a changed file is read again
    return hash_value([[str(path.relative_to(folder)), hash_file(path)] for path in files])
