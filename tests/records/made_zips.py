"""Zip archives for tests, whole and in parts."""

from __future__ import annotations

import zipfile
from contextlib import closing
from pathlib import Path

from roboloop.records.zip_reader import ZipReader


def split(path: Path, *, size: int, digits: int = 2, first: int = 0) -> list[Path]:
    """As `split -d` does; the whole file is gone afterwards."""
    data = path.read_bytes()
    path.unlink()
    parts: list[Path] = []
    for number, start in enumerate(range(0, len(data), size), start=first):
        parts.append(path.with_name(f"{path.name}.{number:0{digits}d}"))
        parts[-1].write_bytes(data[start : start + size])
    return parts


def make_zip(path: Path, *, num_members: int = 20, num_bytes: int = 1000) -> dict[str, bytes]:
    members = {f"in/{n}.bin": bytes([n]) * num_bytes for n in range(num_members)}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if num_members % 2 else 0) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return members


def all_of(path: Path) -> dict[str, bytes]:
    """Every member of an archive, the last of each name."""
    with closing(ZipReader(path)) as archive:
        return {info.filename: archive.read(info) for info in archive.members()}
