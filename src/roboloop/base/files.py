"""Files that are either whole or not there."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from roboloop.base.errors import Place, RoboLoopError


@contextmanager
def atomic_writer(path: Path, *, mode: str = "wb", durable: bool = True) -> Generator[IO[Any]]:
    """Open a temporary neighbour of `path` and rename it to `path` when the block ends well.

    Args:
        path: The file to write.
        mode: As for `open`.
        durable: Wait until the disk has it, so that even a power cut leaves the file whole. Without
            that, writing many small files is far faster; a killed process harms neither way.

    Raises:
        RoboLoopError: E-ENV-002 when the disk is full; the old file is left as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    encoding = None if "b" in mode else "utf-8"
    try:
        with os.fdopen(descriptor, mode, encoding=encoding) as stream:
            yield stream
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RoboLoopError("E-ENV-002", "no space left to write", place=Place(path)) from error
        raise
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def atomic_write_bytes(path: Path, *, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all."""
    with atomic_writer(path) as stream:
        stream.write(data)


def atomic_write_text(path: Path, *, text: str) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all."""
    atomic_write_bytes(path, data=text.encode())


def atomic_write_json(path: Path, *, value: Any) -> None:
    """Write `value` as indented JSON with a final newline; NaN is refused."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    atomic_write_text(path, text=text + "\n")


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk for certain."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def path_below(root: Path, *, relative: str) -> Path:
    """`root / relative`, refused when it leads out of `root`.

    Raises:
        RoboLoopError: E-MED-005 for an absolute path outside, `..`, or a link that leads out.
    """
    base = root.resolve()
    target = (base / relative).resolve()
    if not target.is_relative_to(base):
        raise RoboLoopError("E-MED-005", f"{relative!r} leads out of {str(root)!r}")
    return target
