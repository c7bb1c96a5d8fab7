"""Large zip archives in several files, read in place as if they were one.

Parts, `a.zip.00`, `a.zip.01` ..., are the bytes of one archive cut anywhere, as `split` cuts them:
`cat a.zip.*` gives the archive again. It is named by its first part.

Volumes, `a.z01`, `a.z02` ... `a.zip`, are what `zip -s` writes; it is named by the last one.
"""

from __future__ import annotations

import bisect
import io
import os
import re
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from roboloop.base.errors import RoboLoopError

if TYPE_CHECKING:
    from typing_extensions import Buffer

VOLUME_NAME = re.compile(r"\.z\d+", re.IGNORECASE)
"""The suffix of a volume, but the last one's."""
PART_NAME = re.compile(r"(?P<stem>.+\.zip)\.(?P<number>\d{1,4})", re.IGNORECASE)


def is_zip_name(name: str) -> bool:
    """Whether a file of this name is a zip archive or a part of one."""
    return name.lower().endswith(".zip") or PART_NAME.fullmatch(name.rsplit("/", 1)[-1]) is not None


def archive_name(path: Path) -> Path:
    """The file that names the archive which the file `path` is, or is a part or volume of."""
    if VOLUME_NAME.fullmatch(path.suffix):
        return path.with_suffix(".zip")
    return archive_parts(path)[0] if PART_NAME.fullmatch(path.name) else path


def archive_parts(path: Path) -> tuple[Path, ...]:
    """The files that together are the archive of which `path` is one; `(path,)` for a whole one.

    Raises:
        RoboLoopError: E-MED-008 when one is missing in between or at the start.
    """
    match = PART_NAME.fullmatch(path.name)
    if match is not None:
        return _in_order(path, name=re.compile(rf"{re.escape(match['stem'])}\.(?P<number>\d+)"))
    last = archive_name(path)
    volumes = re.compile(rf"{re.escape(last.stem)}\.z(?P<number>\d+)", re.IGNORECASE)
    if last.with_suffix(".z01").exists() or last.with_suffix(".Z01").exists():
        return (*_in_order(path, name=volumes), last)
    return (last,)


def is_in_volumes(path: Path) -> bool:
    """Whether the archive that `path` is of is in volumes: positions count from the own volume."""
    return PART_NAME.fullmatch(path.name) is None and len(archive_parts(path)) > 1


class JoinedFiles(io.RawIOBase):
    """Several files, one after the other, as one that can be read at random.

    Args:
        paths: The files in order; none may grow or shrink while they are open.
    """

    def __init__(self, paths: tuple[Path, ...]) -> None:
        super().__init__()
        self._position = 0
        with ExitStack() as stack:
            self._files = [stack.enter_context(path.open("rb", buffering=0)) for path in paths]
            sizes = [os.fstat(file.fileno()).st_size for file in self._files]
            self._open = stack.pop_all()
        self._ends = list(accumulate(sizes))

    @property
    def starts(self) -> tuple[int, ...]:
        """Where each file starts."""
        return (0, *self._ends[:-1])

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """The position in all files together."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position, as any file does."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._ends[-1]}[whence]
        if start + offset < 0:
            raise OSError(22, "the position lies before the start")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill the buffer as far as the file at the position goes; 0 at the end of the last."""
        index = bisect.bisect_right(self._ends, self._position)
        if index == len(self._files):
            return 0
        wanted = memoryview(buffer)
        start = self._ends[index - 1] if index else 0
        room = min(len(wanted), self._ends[index] - self._position)
        data = os.pread(self._files[index].fileno(), room, self._position - start)
        wanted[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        """Close all files."""
        if not self.closed:
            self._open.close()
        super().close()


def _in_order(path: Path, *, name: re.Pattern[str]) -> tuple[Path, ...]:
    """The neighbours of this name by their numbers, which start at 0 or 1 and leave none out.

    Raises:
        RoboLoopError: E-MED-008 when they do not.
    """
    found: dict[int, Path] = {}
    for neighbour in sorted(path.parent.iterdir()):
        match = name.fullmatch(neighbour.name)
        if match is not None:
            found[int(match["number"])] = neighbour
    numbers = sorted(found)
    missing = sorted(set(range(1, numbers[-1])) - found.keys())
    if missing:
        raise RoboLoopError(
            "E-MED-008", f"part {missing[0]} of {path.name} is missing; there are {numbers}"
        )
    return tuple(found[number] for number in numbers)
