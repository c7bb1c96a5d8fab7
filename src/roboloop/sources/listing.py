"""What lies below a path, nearest first and not more than can be looked through at once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

MAX_DEPTH = 8
MAX_ENTRIES = 20_000
MAX_ENTRIES_OF_FOLDER = 1_000


class Listing(NamedTuple):
    """Names below a path.

    Attributes:
        path: The file or folder.
        folder: What the names are relative to: the folder itself, or the one of the file.
        names: Of files, and of folders with a slash at the end; nearest first, then by name.
    """

    path: Path
    folder: Path
    names: tuple[str, ...]

    @classmethod
    def of(cls, path: Path) -> Listing:
        """The listing of a path; of very large folders only the beginning."""
        if not path.is_dir():
            return cls(path, path.parent, (path.name,))
        return cls(path, path, tuple(islice(_names(path), MAX_ENTRIES)))

    def all(self, pattern: str) -> Iterator[Path]:
        """Files and folders whose whole names are described by a regular expression."""
        wanted = re.compile(pattern, re.IGNORECASE)
        return (self.folder / name for name in self.names if wanted.fullmatch(name))

    def first(self, pattern: str) -> Path | None:
        """The nearest of them, None when there is none."""
        return next(self.all(pattern), None)


def _names(folder: Path) -> Iterator[str]:
    """Names level by level. Folders that may not be opened are left out."""
    level = [""]
    for _ in range(MAX_DEPTH):
        below: list[str] = []
        for prefix in level:
            for name in _entries(folder / prefix):
                yield prefix + name
                if name.endswith("/"):
                    below.append(prefix + name)
        level = below


def _entries(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name + "/" * entry.is_dir() for entry in entries)
    except OSError:
        return []
    return names[:MAX_ENTRIES_OF_FOLDER]
