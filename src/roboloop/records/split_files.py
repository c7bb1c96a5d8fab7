"""Large archives in parts, `a.zip.00`, `a.zip.01` ..., read in place as if they were one file.

The parts are the bytes of one archive cut anywhere, as `split` cuts them: `cat a.zip.*` gives the
archive again. An archive in parts is named by its first part.

Another thing are volumes that `zip -s` writes, `a.z01` ... `a.zip`: in them every position counts
from the start of its own volume. They are refused with the command that joins them.
"""

from __future__ import annotations

import bisect
import io
import os
import re
import struct
import zipfile
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from roboloop.base.errors import RoboLoopError

if TYPE_CHECKING:
    from typing_extensions import Buffer

PART_NAME = re.compile(r"(?P<stem>.+\.zip)\.(?P<number>\d{1,4})", re.IGNORECASE)


def is_zip_name(name: str) -> bool:
    """Whether a file of this name is a zip archive or a part of one."""
    return name.lower().endswith(".zip") or PART_NAME.fullmatch(name.rsplit("/", 1)[-1]) is not None


def first_part(path: Path) -> Path:
    """What names the archive that the file `path` belongs to: itself, or the first of its parts."""
    return archive_parts(path)[0]


def archive_parts(path: Path) -> tuple[Path, ...]:
    """The files that together are the archive of which `path` is one; `(path,)` for a whole one.

    Raises:
        RoboLoopError: E-MED-008 when a part is missing in between or at the start, or when the file
            is a volume of a `zip -s` archive.
    """
    match = PART_NAME.fullmatch(path.name)
    if match is None:
        _refuse_volumes(path)
        return (path,)
    found: dict[int, Path] = {}
    for neighbour in sorted(path.parent.iterdir()):
        other = PART_NAME.fullmatch(neighbour.name)
        if other is not None and other["stem"] == match["stem"]:
            found[int(other["number"])] = neighbour
    numbers = sorted(found)
    start = numbers[0]
    missing = set(range(min(start, 1), numbers[-1])) - found.keys()
    if start > 1 or missing:
        lacking = min(missing) if missing else 0
        raise RoboLoopError(
            "E-MED-008", f"part {lacking} of {match['stem']} is missing; there are {numbers}"
        )
    return tuple(found[number] for number in numbers)


def open_zip(path: Path) -> zipfile.ZipFile:
    """The archive that `path` is, or whose part it is, open for reading.

    Raises:
        RoboLoopError: E-MED-008 when it is no whole archive.
    """
    parts = archive_parts(path)
    try:
        if len(parts) == 1:
            return zipfile.ZipFile(parts[0])
        return _ZipInParts(parts)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise RoboLoopError("E-MED-008", f"not a whole zip archive: {error}") from error


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


class _ZipInParts(zipfile.ZipFile):
    """A zip archive that closes its parts when it is closed."""

    def __init__(self, parts: tuple[Path, ...]) -> None:
        self._parts = io.BufferedReader(JoinedFiles(parts))
        try:
            super().__init__(self._parts)
        except BaseException:
            self._parts.close()
            raise

    def close(self) -> None:
        super().close()
        self._parts.close()


def _refuse_volumes(path: Path) -> None:
    if any(volume.exists() for volume in (path.with_suffix(".z01"), path.with_suffix(".Z01"))):
        raise RoboLoopError(
            "E-MED-008",
            f"{path.name} is the last of several volumes (.z01 ...), which cannot be read in place",
            fix=f"Join them: zip -s 0 {path.name} --out whole-{path.name}",
        )
