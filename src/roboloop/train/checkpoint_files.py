"""Folders of checkpoints: whole or not there, with a checksum for every file.

checkpoints/
    step-000200/
        progress.json    steps done, what the state belongs to
        checksums.json   of every other file
        state.pt, ...    what the way of sharding writes
"""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import atomic_write_json, sync
from roboloop.base.hashing import DIGEST_BYTES
from roboloop.train.ranks import Ranks

CHECKSUMS = "checksums.json"
PROGRESS = "progress.json"
CHUNK_BYTES = 1 << 22
WRITE_FAILURES = ("inline_container", "iostream error", "write failed")


def checkpoint_folders(root: Path) -> list[Path]:
    """The checkpoints below `root`, oldest first."""
    return sorted(root.glob("step-*"))


def remove_unfinished(root: Path) -> None:
    """Remove what killed attempts at a checkpoint left below `root`."""
    for path in root.glob(".step-*"):
        shutil.rmtree(path)


def write_checkpoint(
    folder: Path, *, save: Callable[[Path], None], progress: dict[str, Any], ranks: Ranks
) -> None:
    """Make `folder`, whole or not at all; every process takes part.

    Args:
        folder: Takes the place of one that is there.
        save: Writes this process's files into the folder it is given.
        progress: For `progress.json`.
        ranks: The processes. Each writes its own files and sums up its share of all files.

    Raises:
        RoboLoopError: E-ENV-002 on every process when the disk of one is full; older checkpoints
            are as they were.
    """
    temporary = folder.with_name(f".{folder.name}.tmp")

    def prepare() -> None:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        atomic_write_json(temporary / PROGRESS, value=progress)

    def commit() -> None:
        atomic_write_json(temporary / CHECKSUMS, value=dict(sorted(sums.items())))
        sync(temporary)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
        sync(folder.parent)

    try:
        ranks.raise_any(_attempted(prepare, folder) if ranks.is_first else None)
        ranks.raise_any(_attempted(lambda: save(temporary), folder))
        sums: dict[str, str] = {}
        for part in ranks.gathered(_checksums(temporary, ranks=ranks)):
            sums.update(part)
        ranks.raise_any(_attempted(commit, folder) if ranks.is_first else None)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def find_damage(folder: Path, *, ranks: Ranks) -> str | None:
    """What is wrong with a checkpoint, the same on every process; None when it is whole."""
    try:
        sums: dict[str, str] = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8"))
        problem = None
    except (OSError, ValueError) as error:
        sums, problem = {}, f"{error}"
    for name in sorted(sums)[ranks.number :: ranks.count]:
        path = folder / name
        if problem is None and not path.is_file():
            problem = f"{name} is missing"
        elif problem is None and checksum(path) != sums[name]:
            problem = f"{name} has changed"
    return next((found for found in ranks.gathered(problem) if found is not None), None)


def remove_old(root: Path, *, num_kept: int, best: Path | None) -> None:
    """Keep the newest checkpoints and `best`."""
    for old in checkpoint_folders(root)[:-num_kept]:
        if old != best:
            # Renamed first: a kill amid the removal leaves nothing that looks whole.
            doomed = old.with_name(f".{old.name}.old")
            old.replace(doomed)
            shutil.rmtree(doomed)


def checksum(path: Path) -> str:
    """Of a file's bytes."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _checksums(folder: Path, *, ranks: Ranks) -> dict[str, str]:
    """Of this process's share of the files; they are on the disk afterwards."""
    files: Sequence[Path] = sorted(path for path in folder.rglob("*") if path.is_file())
    sums: dict[str, str] = {}
    for path in files[ranks.number :: ranks.count]:
        sync(path)
        sums[path.relative_to(folder).as_posix()] = checksum(path)
    return sums


def _attempted(write: Callable[[], None], folder: Path) -> RoboLoopError | None:
    """The error of a full disk as a value, so that all processes can be told of it."""
    try:
        write()
    except RoboLoopError as error:
        return error
    except (OSError, RuntimeError) as error:
        if not _is_full(error):
            raise
        return RoboLoopError(
            "E-ENV-002",
            "no space left to write a checkpoint; the one before it is whole",
            place=Place(folder),
        )
    return None


def _is_full(error: OSError | RuntimeError) -> bool:
    """A failed write of torch comes without its cause."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return any(words in str(error) for words in WRITE_FAILURES)
