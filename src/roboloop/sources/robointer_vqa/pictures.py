"""Find the pictures of a RoboInter-VQA set: loose, in zip archives, or in archives in parts.

The hub has an archive beside the other for each set, such as `Generation/image/train/droid/
contact_box.zip`; unpacked where they are, they become folders of the same name. An entry names its
picture relative to that folder, to the folder above, or to the hub. All of these are looked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.records.containers import ZipFolder, opened
from roboloop.records.media import ArchivePicture, FilePicture
from roboloop.records.split_files import PART_NAME, archive_name, is_zip_name
from roboloop.sources.robointer_vqa.sets import PublishedSet


class Place(NamedTuple):
    """A way to turn the path in an entry into a file or a member.

    Attributes:
        archive: Below the hub's folder; None for loose files.
        prefix: Put before the path: below the hub's folder, or inside the archive.
        drop: Taken off the path before.
    """

    archive: str | None
    prefix: str
    drop: str = ""

    def path(self, reference: str) -> str:
        """The path below the hub's folder, or inside the archive."""
        return self.prefix + reference.removeprefix(self.drop)


class PictureFinder:
    """Finds the pictures of one set.

    Args:
        hub: The folder of RoboInter-VQA.
        root: Name of its media root.
        published: The set.
        look: Look for every picture. Otherwise the place where the first one is found is taken for
            all, and where none is found, the place where unpacking would put them.
    """

    def __init__(self, hub: Path, *, root: str, published: PublishedSet, look: bool) -> None:
        self._hub = hub
        self._root = root
        self._folder = published.picture_folder
        self._above = f"{self._folder}/"
        self._names = published.picture_names
        self._look = look
        self._settled: Place | None = None
        name = f"{self._names[0]}/"
        self._unpacked = Place(None, f"{self._folder}/{name}", drop=name)
        self._places = tuple(self._all_places())

    def find(
        self, reference: str, *, size: PictureSize | None = None
    ) -> FilePicture | ArchivePicture:
        """A reference to the picture that an entry names, of this size.

        Raises:
            RoboLoopError: E-MED-001 when it is nowhere, E-MED-005 when its path leads out of the
                hub's folder, E-MED-008 when an archive it may be in cannot be read.
        """
        reference = reference.removeprefix("./").removeprefix(self._above)
        if reference.startswith("/") or ".." in reference.split("/"):
            raise RoboLoopError("E-MED-005", f"{reference!r} leads out of {str(self._hub)!r}")
        place = self._settled or self._where(reference)
        if not self._look:
            self._settled = place
            place = place or self._unpacked
        elif place is None:
            where = f"neither below {self._folder} nor in its archives"
            raise RoboLoopError("E-MED-001", f"{reference!r} is {where}")
        path = place.path(reference)
        if place.archive is None:
            return FilePicture(path=f"{self._root}:{path}", size=size)
        archive = f"{self._root}:{place.archive}"
        return ArchivePicture(archive=archive, member=path, size=size)

    def _where(self, reference: str) -> Place | None:
        """The first place that has the picture."""
        broken: RoboLoopError | None = None
        for place in self._places:
            try:
                if self._has(place, place.path(reference)):
                    return place
            except RoboLoopError as error:
                broken = broken or error
        if broken is not None:
            raise broken
        return None

    def _has(self, place: Place, path: str) -> bool:
        if place.archive is None:
            return os.path.isfile(f"{self._hub}/{path}")  # noqa: PTH113 (a third of Path's time)
        try:
            with opened.use(ZipFolder, self._hub / place.archive) as archive:
                return archive.has(path)
        except RoboLoopError as error:
            detail = f"{place.archive}: {error.detail}"
            raise RoboLoopError(error.code, detail, fix=error.fix) from error

    def _all_places(self) -> Iterator[Place]:
        """Loose files first: whoever has unpacked the archives wants the files to be read."""
        if not (self._hub / self._folder).is_dir():
            return
        yield Place(None, f"{self._folder}/")
        for name in self._names:
            if (self._hub / self._folder / name).is_dir():
                yield Place(None, f"{self._folder}/{name}/")
            yield Place(None, f"{self._folder}/", drop=f"{name}/")
        for archive in self._archives():
            stem = _stem(archive)
            inside = f"{self._folder}/{archive}"
            yield Place(inside, f"{stem}/")
            yield Place(inside, "")
            yield Place(inside, "", drop=f"{stem}/")
            yield Place(inside, f"{self._folder}/")
            yield Place(inside, f"{self._folder}/{stem}/")

    def _archives(self) -> list[str]:
        """The archives with one of the set's names; where there is none, all in the folder."""
        folder = self._hub / self._folder
        files = sorted(entry.name for entry in os.scandir(folder) if is_zip_name(entry.name))
        named = [file for file in files if _stem(file) in self._names]
        chosen = dict.fromkeys(_named_by(folder / file) for file in named or files)
        return list(chosen)


def _stem(file: str) -> str:
    """`task_planning` for `task_planning.zip` and `task_planning.zip.00`."""
    match = PART_NAME.fullmatch(file)
    return (match["stem"] if match else file)[: -len(".zip")]


def _named_by(file: Path) -> str:
    """The name by which an archive is referred to: its first part's, also where parts are lost."""
    try:
        return archive_name(file).name
    except RoboLoopError:
        return file.name
