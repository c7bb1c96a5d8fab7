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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import atomic_writer, path_below
from roboloop.records.split_files import archive_parts, open_zip

MAX_GROWTH = 100
"""Unpacked bytes for a packed one. Pictures hardly grow; a bomb grows a thousandfold."""
HARMLESS_BYTES = 2**30
"""An archive that unpacks to less may grow as it likes."""
CHUNK_BYTES = 1 << 20
ENCRYPTED = 0x1


class Unpacked(NamedTuple):
    """What became of an archive's files."""

    num_written: int
    num_kept: int


def plan_unpack(archive: Path) -> tuple[zipfile.ZipInfo, ...]:
    """The files in an archive, once it is found to be safe; of two with one name the later one.

    Args:
        archive: A zip archive or one of its parts.

    Raises:
        RoboLoopError: E-DAT-001 without the file, E-MED-008 when it cannot be read or is encrypted,
            E-MED-005 for a name that leads out of the folder, E-MED-009 for links and bombs.
    """
    place = Place(archive)
    try:
        with open_zip(archive) as opened:
            files = {info.filename: info for info in opened.infolist() if not info.is_dir()}
            packed_bytes = sum(part.stat().st_size for part in archive_parts(archive))
    except RoboLoopError as error:
        raise error.located(place) from error
    except FileNotFoundError:
        raise RoboLoopError("E-DAT-001", "there is no such archive", place=place) from None
    folders = {parent for name in files for parent in _parents(name)}
    for name, info in files.items():
        _check_member(info, place=place)
        if name.rstrip("/") in folders:
            raise RoboLoopError("E-MED-009", f"{name!r} is a file and a folder", place=place)
    unpacked_bytes = sum(info.file_size for info in files.values())
    if unpacked_bytes > max(HARMLESS_BYTES, MAX_GROWTH * packed_bytes):
        raise RoboLoopError(
            "E-MED-009",
            f"{packed_bytes:,} bytes would become {unpacked_bytes:,}: more than {MAX_GROWTH} times "
            "as many",
            place=place,
        )
    return tuple(files.values())


def unpack_archive(
    archive: Path,
    *,
    out: Path,
    files: Sequence[zipfile.ZipInfo],
    on_file: Callable[[], None] = lambda: None,
) -> Unpacked:
    """Write the files of an archive below `out`; those that are there and whole are kept.

    Args:
        archive: A zip archive or one of its parts.
        out: The folder.
        files: What `plan_unpack` gave.
        on_file: Called after each file.

    Raises:
        RoboLoopError: E-MED-003 for a damaged file (those before it are written), E-MED-005 when a
            link in `out` leads out of it, E-MED-009 when something is in the way of a file,
            E-ENV-002 when the disk is too full.
    """
    out.mkdir(parents=True, exist_ok=True)
    place = Place(archive)
    num_kept = 0
    with open_zip(archive) as opened:
        _check_space(files, out=out)
        for info in files:
            try:
                target = path_below(out, relative=info.filename)
                if _is_there(target, info=info):
                    num_kept += 1
                else:
                    _write(opened, info=info, target=target)
            except (zipfile.BadZipFile, zlib.error, EOFError) as error:
                detail = f"{info.filename!r} is damaged: {error}"
                raise RoboLoopError("E-MED-003", detail, place=place) from error
            except NotImplementedError as error:
                detail = f"{info.filename!r} cannot be unpacked: {error}"
                raise RoboLoopError("E-MED-008", detail, place=place) from error
            except RoboLoopError as error:
                raise error.located(place) from error
            except OSError as error:
                detail = f"{info.filename!r} cannot be written: {error.strerror}"
                raise RoboLoopError("E-MED-009", detail, place=place) from error
            on_file()
    return Unpacked(len(files) - num_kept, num_kept)


def _check_member(info: zipfile.ZipInfo, *, place: Place) -> None:
    name = info.filename
    pieces = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or {"", ".", ".."} & {*pieces} or pieces[0].endswith(":"):
        raise RoboLoopError("E-MED-005", f"{name!r} leads out of the folder", place=place)
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise RoboLoopError("E-MED-009", f"{name!r} is a link or device, not a file", place=place)
    if info.flag_bits & ENCRYPTED:
        raise RoboLoopError("E-MED-008", f"{name!r} is encrypted", place=place)


def _parents(name: str) -> list[str]:
    pieces = name.split("/")[:-1]
    return ["/".join(pieces[:count]) for count in range(1, len(pieces) + 1)]


def _check_space(files: Sequence[zipfile.ZipInfo], *, out: Path) -> None:
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


def _write(opened: zipfile.ZipFile, *, info: zipfile.ZipInfo, target: Path) -> None:
    """Write one file; a checksum that does not fit raises at its end, before it gets its name."""
    with opened.open(info) as packed, atomic_writer(target, durable=False) as stream:
        shutil.copyfileobj(packed, stream, CHUNK_BYTES)
