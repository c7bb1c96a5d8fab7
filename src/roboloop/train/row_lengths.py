"""How many tokens rows take, kept from run to run: to share rows out, nobody tokenizes them again.

Every process has to know the lengths of all rows of a step, but writes only its own. The lengths of
the others' rows come from here where one of the processes, or an earlier run, has written them.

    lengths/
        3f0a....npy      uint64 [3, n]: first and second half of the keys, and tokens; sorted

A key is the hash of all that a length follows from, so no entry is ever out of date and it does not
matter who made it. Files are mapped into memory, written whole and never changed: of two runs each
writes its own, and one that is killed loses what it had not saved. Many files are joined into one.
"""

from __future__ import annotations

import threading
import time
from functools import cache
from pathlib import Path
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

import roboloop
from roboloop.base.cache_folder import cache_folder
from roboloop.base.errors import RoboLoopError
from roboloop.base.files import atomic_writer
from roboloop.base.hashing import hash_bytes, hash_value
from roboloop.models.chat import Encoder
from roboloop.records.record import Record, record_to_json
from roboloop.train.config import SftConfig
from roboloop.train.examples import Visit

MOST_NEW, MOST_SECONDS = 4096, 60.0
"""Lengths that are not saved yet, and how long after the last time."""
MOST_FILES = 16
WORDING = ("tasks", "dialects", "models/chat.py", "train")
"""Of this package: what decides how a row is worded and fitted."""

Lengths = NDArray[np.uint64]


class RowLengths:
    """Lengths by key. Used by several threads.

    Args:
        folder: Where the files are; made when something is saved.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._saved = _mapped(folder)
        self._new: dict[str, int] = {}
        self._last = time.monotonic()

    def get(self, key: str) -> int | None:
        """The length, if it is known."""
        found = self._new.get(key)
        if found is not None:
            return found
        first, second = map(np.uint64, _halves(key))
        for saved in self._saved:
            place = int(np.searchsorted(saved[0], first))
            if place < saved.shape[1] and saved[0, place] == first and saved[1, place] == second:
                return int(saved[2, place])
        return None

    def add(self, key: str, *, length: int) -> None:
        """Keep a length; from time to time all new ones are saved."""
        self._new[key] = length
        if len(self._new) >= MOST_NEW or time.monotonic() - self._last >= MOST_SECONDS:
            self.save()

    def save(self) -> None:
        """Save what is not saved yet, and see what others have saved."""
        with self._lock:
            new, self._new, self._last = self._new, {}, time.monotonic()
            if new:
                columns = sorted((*_halves(key), length) for key, length in new.items())
                _write(self._folder, lengths=np.array(columns, dtype=np.uint64).T)
                self._saved = _mapped(self._folder)


class VisitKeys:
    """Names all that the length of a visit's row follows from.

    Args:
        encoder: Writes the rows.
        config: The phase.
        seed: Names every draw.
    """

    def __init__(self, encoder: Encoder, *, config: SftConfig, seed: int) -> None:
        self._is_drawn = config.reword or config.augment is not None
        self._common = hash_value(
            [
                encoder.parts.identity(),
                encoder.system,
                [encoder.dialect.kind, encoder.dialect.options()],
                [config.max_tokens, list(config.languages), config.reword],
                None if config.augment is None else config.augment.model_dump(mode="json"),
                seed if self._is_drawn else None,
                _wording(),
            ]
        )

    def key(self, record: Record, *, visit: Visit) -> str:
        """Of a record whose pictures' sizes are known."""
        epoch = visit.epoch if self._is_drawn else None
        return hash_value([self._common, record_to_json(record), epoch])


def kept_lengths() -> RowLengths:
    """Those of this user."""
    return RowLengths(cache_folder() / "lengths")


@cache
def _wording() -> str:
    home = Path(roboloop.__file__).parent
    files = [
        file
        for name in WORDING
        for file in ([home / name] if name.endswith(".py") else sorted((home / name).rglob("*.py")))
    ]
    return hash_bytes(b"".join(file.read_bytes() for file in files))


def _mapped(folder: Path) -> list[Lengths]:
    """All files, joined first where there are many."""
    files = sorted(folder.glob("*.npy")) if folder.is_dir() else []
    found = {file: lengths for file in files if (lengths := _read(file)) is not None}
    if len(found) <= MOST_FILES:
        return list(found.values())
    whole = np.concatenate(list(found.values()), axis=1)
    order = np.lexsort((whole[1], whole[0]))
    whole = whole[:, order]
    again = (whole[:2, 1:] == whole[:2, :-1]).all(axis=0)
    joined = whole[:, np.concatenate([[True], ~again])]
    if _write(folder, lengths=joined):
        for file in found:  # another run may have done so already
            file.unlink(missing_ok=True)
    return [joined]


def _read(file: Path) -> Lengths | None:
    """A file, mapped; None for one that another run has joined, or that a bad disk has cut."""
    try:
        lengths = np.load(file, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    return lengths if lengths.dtype == np.uint64 and lengths.ndim == 2 else None


def _write(folder: Path, *, lengths: Lengths) -> bool:
    """Under a name of its own. Without room nothing is saved, and training goes on."""
    lengths = np.ascontiguousarray(lengths)
    try:
        with atomic_writer(folder / f"{uuid4().hex}.npy", durable=False) as stream:
            np.save(stream, lengths)
    except (OSError, RoboLoopError):
        return False
    return True


def _halves(key: str) -> tuple[int, int]:
    return int(key[:16], 16), int(key[16:], 16)
