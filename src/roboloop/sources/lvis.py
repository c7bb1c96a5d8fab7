"""lvis: object boxes of 1,203 categories over COCO's pictures, versions 0.5 and 1.

LVIS is federated: in a picture only some categories were looked for. Which of them are drawn
completely, drawn in part, or not there is in the file, and decides what may be asked.
Format: Gupta et al. 2019 (arXiv 1908.03195) and lvisdataset.org.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_file, hash_value, seeded_generator
from roboloop.records.media import FilePicture
from roboloop.records.record import Record
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.data_set import DataSetSource
from roboloop.sources.file_lists import data_files, folder_print
from roboloop.sources.lvis_index import LvisIndex, LvisPicture
from roboloop.sources.measure import MediaMeter
from roboloop.sources.object_questions import OBJECT_TASKS, object_drafts
from roboloop.sources.record_drafts import first_file, measured_picture, records_of, split_named

ANNOTATION_LICENCE = "CC-BY-4.0"


class LvisSource(DataSetSource):
    """LVIS annotations: boxes, counts and presence of named objects."""

    kind: Literal["lvis"] = "lvis"  # pyright: ignore[reportIncompatibleVariableOverride]
    image_folder: Path | None = None
    """The folder of COCO's pictures, with `train2017`, `val2017` in it or the files themselves;
    the folder of `path` when left out."""
    tasks: tuple[str, ...] = OBJECT_TASKS
    """Which questions to ask."""
    max_questions: int = Field(3, ge=1)
    """Of one task about one picture; a seeded draw where there are more."""
    scenes: bool = False
    """Keep all that is known of each picture in `meta.scene`, for the composer `reason`."""

    @field_validator("tasks")
    @classmethod
    def _known_tasks(cls, tasks: tuple[str, ...]) -> tuple[str, ...]:
        for task in tasks:
            if task not in OBJECT_TASKS:
                raise ValueError(f"{task!r} is none of {', '.join(OBJECT_TASKS)}")
        return tasks

    def media_roots(self) -> Mapping[str, Path]:
        """The folder of the pictures under the source's name."""
        return {self.name: self.image_folder} if self.image_folder else super().media_roots()

    def parts(self, context: SourceContext) -> Iterator[LvisPicture | Rejected]:
        """Every picture of every file with its objects, and every annotation that fits none.

        Raises:
            RoboLoopError: E-DAT-001, E-DAT-002, and E-REC-001 or E-REC-014 for a broken file.
        """
        del context
        for file in data_files(self.path, suffixes=(".json",)):
            yield from LvisIndex(file, name=self.name).pictures()

    def read_part(
        self, part: LvisPicture | Rejected, context: SourceContext
    ) -> Iterator[Record | Rejected]:
        """The questions about one picture."""
        if isinstance(part, Rejected):
            yield part
            return
        file = Path(part.file)
        base = Record(
            id=f"{self.name}/{part.image_id}",
            task="detect_objects",
            source=self.name,
            split=split_named(file),
            licence=self.licence or part.licence,
            origin=f"{file.name}!{part.image_id}",
            meta={"annotation_licence": ANNOTATION_LICENCE, "image_id": part.image_id},
        )
        try:
            (folder,) = self.media_roots().values()
            path = first_file(folder, names=part.paths)
            medium = FilePicture(path=f"{self.name}:{path}", size=part.size)
            meter = MediaMeter(self.media_roots(), verify=self.verify_media)
            picture = measured_picture(medium, stated=part.size, meter=meter)
        except RoboLoopError as error:
            yield Rejected(error.located(Place(base.origin, record_id=base.id)), base.id)
            return
        scene = part.known.scene(is_exhaustive=True) if self.scenes else None
        for task in self.tasks:
            draw = seeded_generator(context.seed, self.kind, part.image_id, task)
            drafts = object_drafts(
                part.known, task=task, max_questions=self.max_questions, draw=draw
            )
            yield from records_of(drafts, base=replace(base, media=(picture,)), scene=scene)

    def fingerprint(self) -> str:
        """Hash of the options, the files and the names and sizes of the pictures."""
        files = [hash_file(file) for file in data_files(self.path, suffixes=(".json",))]
        (folder,) = self.media_roots().values()
        pictures = folder_print(folder) if folder.is_dir() else ""
        return hash_value([self.model_dump(mode="json"), files, pictures])
