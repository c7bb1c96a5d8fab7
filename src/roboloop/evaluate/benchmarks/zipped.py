"""A listing in JSON and pictures beside it, unpacked or still in the zips of the hub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from roboloop.base.errors import Place, RoboLoopError
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder, read_json_list
from roboloop.records.media import ArchivePicture, Media
from roboloop.records.zip_reader import ZipReader


class ZippedFolder:
    """The files of a benchmark, on the disk or in archives.

    Args:
        folder: The benchmark's files.
        archives: Globs of the zips; the first that any file fits counts.
        listing: Name of the JSON file with the entries, on the disk or in one of the zips.
    """

    def __init__(self, folder: BenchmarkFolder, *, archives: tuple[str, ...], listing: str) -> None:
        self.folder = folder
        self.listing = listing
        self._archives = folder.find(*archives)
        self._members = _members(self._archives)

    def entries(self) -> Iterator[tuple[Place, dict[str, Any]]]:
        """The entries of the listing with their places.

        Raises:
            RoboLoopError: E-EVA-010 when there is no listing, E-EVA-011 when it is none.
        """
        if found := self.folder.find(self.listing, f"*/{self.listing}"):
            yield from read_json_list(found[0])
            return
        inside = next((name for name in self._members if name.endswith(self.listing)), None)
        if inside is None:
            self.folder.files(self.listing, what=self.listing)
            return
        archive, member = self._members[inside]
        reader = ZipReader(archive)
        try:
            info = reader.find(member)
            assert info is not None
            entries: Any = json.loads(reader.read(info))
        except ValueError as error:
            raise RoboLoopError("E-EVA-011", f"{member}: {error}", place=Place(archive)) from error
        finally:
            reader.close()
        if not isinstance(entries, list):
            raise RoboLoopError("E-EVA-011", f"{member} is no list", place=Place(archive))
        listed: list[Any] = entries
        for number, entry in enumerate(listed):
            place = Place(archive, record_id=f"{member} entry {number}")
            if not isinstance(entry, dict):
                raise RoboLoopError("E-EVA-012", "the entry is not an object", place=place)
            yield place, entry

    def picture(self, relative: str, *, place: Place) -> Media:
        """The picture of this name, in a folder or in a zip.

        Raises:
            RoboLoopError: E-EVA-012 when it is in neither.
        """
        for near in ("", *(f"{child}/" for child in self._folders())):
            if (self.folder.path / near / relative).is_file():
                return self.folder.picture(f"{near}{relative}", place=place)
        tail = PurePosixPath(relative)
        for name in (relative, tail.name):
            if found := self._member(name):
                archive, member = found
                return ArchivePicture(archive=self.folder.medium_path(archive), member=member)
        raise RoboLoopError("E-EVA-012", f"picture {relative!r} is not there", place=place)

    def _folders(self) -> list[str]:
        return sorted(path.name for path in self.folder.path.iterdir() if path.is_dir())

    def _member(self, relative: str) -> tuple[Path, str] | None:
        """The archive and the member whose name ends with `relative`."""
        if (found := self._members.get(relative)) is not None:
            return found
        return next(
            (place for name, place in self._members.items() if name.endswith(f"/{relative}")), None
        )


def _members(archives: list[Path]) -> dict[str, tuple[Path, str]]:
    """Name, with the archive's own in front where it holds bare files -> where it is."""
    members: dict[str, tuple[Path, str]] = {}
    for archive in archives:
        reader = ZipReader(archive)
        try:
            for info in reader.members():
                if not info.is_dir():
                    members[info.filename] = (archive, info.filename)
                    members.setdefault(f"{archive.stem}/{info.filename}", (archive, info.filename))
        finally:
            reader.close()
    return members
