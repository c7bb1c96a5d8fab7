"""Which files a source reads, and a hash that changes when they do."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_value


def data_files(path: Path, *, suffixes: Sequence[str]) -> tuple[Path, ...]:
    """The file `path`, or the files with one of the suffixes directly in the folder `path`, sorted.

    Raises:
        RoboLoopError: E-DAT-001 when there is none.
    """
    if path.is_file():
        return (path,)
    if not path.is_dir():
        raise RoboLoopError("E-DAT-001", "there is no such file or folder", place=Place(path))
    found = sorted(file for file in path.iterdir() if file.suffix.lower() in suffixes)
    if not found:
        raise RoboLoopError(
            "E-DAT-001", f"the folder has no file that ends in {' or '.join(suffixes)}",
            place=Place(path),
        )  # fmt: skip
    return tuple(found)


def folder_print(folder: Path) -> str:
    """Hash of the names and sizes of all files below a folder: notices new and replaced pictures.

    No file is opened. A picture replaced by another of the same size in bytes goes unnoticed.
    """
    return hash_value(sorted(_names_and_sizes(folder, prefix="")))


def _names_and_sizes(folder: Path, *, prefix: str) -> Iterator[tuple[str, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _names_and_sizes(Path(entry.path), prefix=f"{name}/")
            else:
                yield name, entry.stat(follow_symlinks=False).st_size
