"""Unpack zip archives, whole or in parts, without trusting them.

An archive is looked through before anything is written: a name that leads out of the folder, a
link, or a size out of all proportion refuses the whole archive. Each file appears under its name
only when it is whole; files that are there with the right size and checksum are kept, so a call
that was stopped is simply repeated.
"""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import atomic_writer, path_below
from roboloop.records.zip_reader import ENCRYPTED, ZipReader

MAX_GROWTH = 100
"""Unpacked bytes for a packed one. Pictures hardly grow; a bomb grows a thousandfold."""
HARMLESS_BYTES = 2**30
"""An archive that unpacks to less may grow as it likes."""
CHUNK_BYTES = 1 << 20


class UnpackPlan(NamedTuple):
    """What an archive that was found to be safe holds."""

    archive: Path
    num_files: int
    num_bytes: int


class Unpacked(NamedTuple):
    """What became of an archive's files."""

    num_written: int
    num_kept: int


def plan_unpack(archive: Path) -> UnpackPlan:
    """Look an archive through.

    Args:
        archive: A zip archive, or one of its parts or volumes.

    Raises:
        RoboLoopError: E-DAT-001 without the file, E-MED-008 when it cannot be read or is encrypted,
            E-MED-005 for a name that leads out of the folder, E-MED-011 for links and bombs.
    """
    place = Place(archive)
    with _opened(archive) as reader:
        num_files, unpacked_bytes = 0, 0
        folders: set[str] = set()
        for info in _files(reader):
            _check_member(info, place=place)
            num_files += 1
            unpacked_bytes += info.file_size
            folders |= _folders_above(info.filename)
        for folder in folders:
            if reader.find(folder) is not None:
                raise RoboLoopError("E-MED-011", f"{folder!r} is a file and a folder", place=place)
        if unpacked_bytes > max(HARMLESS_BYTES, MAX_GROWTH * reader.num_bytes):
            raise RoboLoopError(
                "E-MED-011",
                f"{reader.num_bytes:,} bytes would become {unpacked_bytes:,}: more than "
                f"{MAX_GROWTH} times as many",
                place=place,
            )
    return UnpackPlan(archive, num_files, unpacked_bytes)


def unpack_archive(
    plan: UnpackPlan, *, out: Path, on_file: Callable[[], None] = lambda: None
) -> Unpacked:
    """Write the files of an archive below `out`; those that are there and whole are kept.

    Args:
        plan: What `plan_unpack` gave.
        out: The folder.
        on_file: Called after each file.

    Raises:
        RoboLoopError: E-MED-003 for a damaged file (those before it are written), E-MED-005 when a
            link in `out` leads out of it, E-MED-011 when something is in the way of a file,
            E-ENV-002 when the disk is too full.
    """
    out.mkdir(parents=True, exist_ok=True)
    num_written, num_kept = 0, 0
    with _opened(plan.archive) as reader:
        _check_space(_files(reader), out=out)
        for info in _files(reader):
            _check_member(info, place=Place(plan.archive))
            with _named(info.filename, archive=plan.archive):
                target = path_below(out, relative=info.filename)
                if _is_there(target, info=info):
                    num_kept += 1
                else:
                    _write(reader, info=info, target=target)
                    num_written += 1
            on_file()
    return Unpacked(num_written, num_kept)


@contextmanager
def _opened(archive: Path) -> Generator[ZipReader]:
    """The archive, open; whatever is wrong with it names it."""
    if not archive.is_file():
        raise RoboLoopError("E-DAT-001", "there is no such archive", place=Place(archive))
    try:
        reader = ZipReader(archive)
    except RoboLoopError as error:
        raise error.located(Place(archive)) from error
    with closing(reader):
        yield reader


@contextmanager
def _named(member: str, *, archive: Path) -> Generator[None]:
    """Name the member in every error, and give errors of the file system their code."""
    place = Place(archive)
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise RoboLoopError("E-MED-003", f"{member!r} is damaged: {error}", place=place) from error
    except RoboLoopError as error:
        if error.code == "E-ENV-002":
            raise
        raise RoboLoopError(error.code, f"{member!r}: {error.detail}", place=place) from error
    except OSError as error:
        detail = f"{member!r} cannot be written: {error.strerror}"
        raise RoboLoopError("E-MED-011", detail, place=place) from error


def _files(reader: ZipReader) -> Iterator[zipfile.ZipInfo]:
    """The files; of several with one name the last, as it is the one that would remain."""
    has_repeats = reader.has_repeats
    for info in reader.members():
        if info.is_dir():
            continue
        if has_repeats:
            last = reader.find(info.filename)
            if last is not None and last.header_offset != info.header_offset:
                continue
        yield info


def _check_member(info: zipfile.ZipInfo, *, place: Place) -> None:
    name = info.filename
    pieces = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or {"", ".", ".."} & {*pieces} or pieces[0].endswith(":"):
        raise RoboLoopError("E-MED-005", f"{name!r} leads out of the folder", place=place)
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise RoboLoopError("E-MED-011", f"{name!r} is a link or device, not a file", place=place)
    if info.flag_bits & ENCRYPTED:
        raise RoboLoopError("E-MED-008", f"{name!r} is encrypted", place=place)


def _folders_above(name: str) -> set[str]:
    pieces = name.split("/")[:-1]
    return {"/".join(pieces[:count]) for count in range(1, len(pieces) + 1)}


def _check_space(files: Iterable[zipfile.ZipInfo], *, out: Path) -> None:
    """Refuse early what cannot fit, counting only files that are not there with their size."""
    missing_bytes = 0
    for info in files:
        target = out / info.filename
        if not (target.is_file() and target.stat().st_size == info.file_size):
            missing_bytes += info.file_size
    free_bytes = shutil.disk_usage(out).free
    if missing_bytes > free_bytes:
        raise RoboLoopError(
            "E-ENV-002",
            f"{missing_bytes:,} bytes are to be written, {free_bytes:,} are free",
            place=Place(out),
        )


def _is_there(target: Path, *, info: zipfile.ZipInfo) -> bool:
    """Whether the file is there with the size and the checksum that the archive states."""
    if not target.is_file() or target.stat().st_size != info.file_size:
        return False
    checksum = 0
    with target.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            checksum = zlib.crc32(chunk, checksum)
    return checksum == info.CRC


def _write(reader: ZipReader, *, info: zipfile.ZipInfo, target: Path) -> None:
    """Write one file; a checksum that does not fit raises at its end, before it gets its name."""
    with reader.open(info) as packed, atomic_writer(target, durable=False) as stream:
        shutil.copyfileobj(packed, stream, CHUNK_BYTES)
