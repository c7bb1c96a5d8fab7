"""visual_genome: objects, relationships, region phrases and questions over 108k photographs.

Format: Krishna et al. 2017 (arXiv 1602.07332), versions 1.0 to 1.4. A picture's key is `image_id`
in some of its files and `id` in others; objects have `names`, the ends of a relationship a `name`;
boxes are x, y, w, h but in regions x, y, width, height.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from pydantic import Field

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.base.hashing import hash_file, hash_value, seeded_generator
from roboloop.records.jsonl import Broken
from roboloop.records.media import FilePicture
from roboloop.records.record import Record
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.data_set import DataSetSource
from roboloop.sources.fields import Entry
from roboloop.sources.file_lists import folder_print
from roboloop.sources.json_entries import Piece, entry_pieces, scan_entries, scan_piece
from roboloop.sources.measure import MediaMeter
from roboloop.sources.record_drafts import measured_picture, records_of
from roboloop.sources.visual_genome_entry import Asker
from roboloop.sources.visual_genome_questions import QUESTIONS

LICENCE = "CC-BY-4.0"
PICTURE_LIST = "image_data.json"

Kind = Literal["objects", "attributes", "relationships", "region_descriptions", "question_answers"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class _Picture(NamedTuple):
    path: str
    size: PictureSize


class VisualGenomePart(NamedTuple):
    """A part: a piece of one annotation file."""

    kind: Kind
    piece: Piece


class VisualGenomeSource(DataSetSource):
    """Visual Genome's annotation files, each read for the questions it can answer."""

    kind: Literal["visual_genome"] = "visual_genome"  # pyright: ignore[reportIncompatibleVariableOverride]
    image_folder: Path | None = None
    """The folder with `VG_100K` and `VG_100K_2`; `path` when left out."""
    files: tuple[Kind, ...] = KINDS
    """Which annotation files to read, of those that are there."""
    max_questions: int = Field(3, ge=1)
    """Of one task about one picture from one file; a seeded draw where there are more."""
    scenes: bool = False
    """Keep what the file tells of each picture in `meta.scene`, for the composer `reason`: its
    objects, with their attributes or relationships where it is the file that has them."""
    licence: str = LICENCE

    def media_roots(self) -> Mapping[str, Path]:
        """The folder of the pictures under the source's name."""
        return {self.name: self.image_folder or self.path}

    def parts(self, context: SourceContext) -> Iterator[VisualGenomePart]:
        """Pieces of the annotation files.

        Raises:
            RoboLoopError: E-DAT-001 without the folder, the list of pictures or any annotation.
        """
        del context
        found = self._annotation_files()
        if not found:
            raise RoboLoopError(
                "E-DAT-001", f"no {'.json, '.join(self.files)}.json in it", place=Place(self.path)
            )
        assert self._pictures is not None  # an unreadable list ends the reading before it starts
        for kind, file in found.items():
            for piece in entry_pieces(file):
                yield VisualGenomePart(kind, piece)

    def read_part(
        self, part: VisualGenomePart, context: SourceContext
    ) -> Iterator[Record | Rejected]:
        """The questions from a piece of an annotation file, picture by picture."""
        meter = MediaMeter(self.media_roots(), verify=self.verify_media)
        for item in scan_piece(part.piece):
            if isinstance(item, Broken):
                yield Rejected(item.error, item.error.place.record_id)
                continue
            base: Record | None = None
            try:
                entry = Entry(item.value, what="picture's entry")
                image_id = entry.whole("image_id", "id")
                base = self._base(image_id, part=part)
                picture = self._picture(image_id, meter=meter)
                asker = Asker(
                    entry=entry,
                    base=replace(base, media=(picture,)),
                    max_questions=self.max_questions,
                    draw=seeded_generator(context.seed, self.kind, part.kind, image_id),
                )
                yield from self._asked(asker, kind=part.kind)
            except RoboLoopError as error:
                record_id = None if base is None else base.id
                where = item.place if base is None else Place(base.origin)
                located = error.located(replace(where, record_id=record_id))
                yield Rejected(located, record_id)

    def fingerprint(self) -> str:
        """Hash of the options, the files and the names and sizes of the pictures."""
        names = [self.path / PICTURE_LIST, *self._annotation_files().values()]
        files = [hash_file(file) for file in names if file.is_file()]
        (folder,) = self.media_roots().values()
        pictures = folder_print(folder) if folder.is_dir() else ""
        return hash_value([self.model_dump(mode="json"), files, pictures])

    def _asked(self, asker: Asker, *, kind: Kind) -> Iterator[Record | Rejected]:
        drafts = list(QUESTIONS[kind](asker))
        yield from asker.rejected
        scene = asker.scene if self.scenes else None
        yield from records_of(drafts, base=asker.base, scene=scene)

    def _base(self, image_id: int, *, part: VisualGenomePart) -> Record:
        return Record(
            id=f"{self.name}/{image_id}/{part.kind}",
            task="vqa",
            source=self.name,
            licence=self.licence,
            origin=f"{part.piece.file.name}!{image_id}",
            meta={"image_id": image_id},
        )

    def _annotation_files(self) -> dict[Kind, Path]:
        """Of each kind the file without a version or with the highest one."""
        if not self.path.is_dir():
            raise RoboLoopError("E-DAT-001", "there is no such folder", place=Place(self.path))
        files: dict[Kind, Path] = {}
        for kind in self.files:
            if found := sorted(self.path.glob(f"{kind}*.json")):
                files[kind] = found[-1]
        return files

    def _picture(self, image_id: int, *, meter: MediaMeter) -> FilePicture:
        listed = self._pictures.get(image_id)
        if listed is None:
            raise RoboLoopError("E-DAT-004", f"{PICTURE_LIST} has no picture {image_id}")
        medium = FilePicture(path=f"{self.name}:{listed.path}", size=listed.size)
        picture = measured_picture(medium, stated=listed.size, meter=meter)
        assert isinstance(picture, FilePicture)
        return picture

    @cached_property
    def _pictures(self) -> Mapping[int, _Picture]:
        """Path and size of every picture of the list."""
        pictures: dict[int, _Picture] = {}
        for item in scan_entries(self.path / PICTURE_LIST):
            if isinstance(item, Broken):
                continue  # its questions end in the ledger: the list has no such picture
            given: Any = item.value
            try:
                entry = Entry(given, what="picture")
                size = PictureSize(entry.whole("width"), entry.whole("height"))
                path = "/".join(entry.text("url").split("/")[-2:])
                pictures[entry.whole("image_id", "id")] = _Picture(path, size)
            except RoboLoopError:
                continue  # likewise
        return pictures
