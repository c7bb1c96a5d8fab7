"""robointer_vqa: the whole of RoboInter-VQA, in the layout in which it is published."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple, Self

from pydantic import field_validator, model_validator

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_file, hash_value
from roboloop.records.jsonl import Broken
from roboloop.records.record import Record
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.data_set import DataSetSource
from roboloop.sources.file_lists import folder_print
from roboloop.sources.json_entries import Piece, entry_pieces, scan_piece
from roboloop.sources.robointer_vqa.entries import EntryReader, EntryRules
from roboloop.sources.robointer_vqa.mixture import Share, read_mixture
from roboloop.sources.robointer_vqa.questions import PLANNING_TASKS
from roboloop.sources.robointer_vqa.sets import (
    COORDINATES,
    PARTS,
    SET_OF_NAME,
    SETS,
    Coordinates,
    Part,
    PublishedSet,
    Split,
)

TASKS = tuple(
    dict.fromkeys((*(s.task for s in SETS if s.task is not None), *PLANNING_TASKS.values()))
)
"""The kinds of tasks that RoboInter-VQA has questions of."""


class SetPiece(NamedTuple):
    """A piece of a set's JSON file, and how much of the set is taken."""

    set_name: str
    rate: float
    piece: Piece


class RoboInterVqaSource(DataSetSource):
    """RoboInter-VQA: Generation, Understanding and Task_planning, as on the hub."""

    kind: Literal["robointer_vqa"] = "robointer_vqa"  # pyright: ignore[reportIncompatibleVariableOverride]
    mixture: str = ""
    """Sets and how much of each is taken, such as `rh20t_vla_current_box_train%65, manipvqa_train`;
    `all` for every training set that is there. Left out: everything that is there."""
    sections: tuple[Part, ...] = PARTS
    """Without a mixture: only these of the hub's folders."""
    splits: tuple[Split, ...] = ("train", "val")
    """Without a mixture: only these splits."""
    tasks: tuple[str, ...] = ()
    """Only questions of these tasks; all when left out."""
    coordinates: Coordinates = "origin"
    """Which of the published coordinate formats of Generation is read."""
    own_words: bool = False
    """Ask the questions of Generation and Understanding in the tasks' own words, where instruction
    and start point were found in the published question. Then points in a question are written in
    the model's dialect; published questions keep the numbers of the format they were published in.
    """
    allow_missing: bool = False
    """Pass over sets of the mixture whose JSON file is not there, such as the unpublished ones."""

    @field_validator("mixture")
    @classmethod
    def _mixture_is_sound(cls, mixture: str) -> str:
        if mixture:
            try:
                read_mixture(mixture)
            except RoboLoopError as error:
                raise ValueError(error.detail) from error
        return mixture

    @field_validator("tasks")
    @classmethod
    def _tasks_are_known(cls, tasks: tuple[str, ...]) -> tuple[str, ...]:
        for task in tasks:
            if task not in TASKS:
                near = difflib.get_close_matches(task, TASKS, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(TASKS)}"
                raise ValueError(f"RoboInter-VQA has no questions of task {task!r}; {hint}")
        return tasks

    @model_validator(mode="after")
    def _one_way_to_choose(self) -> Self:
        if self.mixture and self.model_fields_set & {"sections", "splits"}:
            raise ValueError("a mixture names its sets itself: leave out `sections` and `splits`")
        return self

    def parts(self, context: SourceContext) -> Iterator[SetPiece]:
        """Pieces of the JSON files of the sets chosen.

        Raises:
            RoboLoopError: E-DAT-001 when a file is missing, E-DAT-002 for another layout.
        """
        del context
        for share in self.shares():
            for piece in entry_pieces(self._json(share.published)):
                yield SetPiece(share.published.name, share.rate, piece)

    def read_part(self, part: SetPiece, context: SourceContext) -> Iterator[Record | Rejected]:
        """The records of a piece.

        Raises:
            RoboLoopError: E-REC-001 or E-REC-014 for a list whose syntax is broken.
        """
        share = Share(SET_OF_NAME[part.set_name], part.rate)
        reader = EntryReader(self._rules(share, seed=context.seed))
        for item in scan_piece(part.piece):
            if isinstance(item, Broken):
                yield Rejected(item.error, item.error.place.record_id)
            else:
                yield from reader.read(item.value, place=item.place)

    def fingerprint(self) -> str:
        """Hash of the options, the JSON files and the names and sizes of the pictures' files.

        Without `verify_media` only the names directly in the pictures' folders count.
        """
        chosen = [share.published for share in self.shares()]
        files = [hash_file(self._json(published)) for published in chosen]
        folders = dict.fromkeys(self.path / published.picture_folder for published in chosen)
        pictures = [self._pictures_print(folder) for folder in folders if folder.is_dir()]
        return hash_value([self.model_dump(mode="json"), files, pictures])

    def shares(self) -> tuple[Share, ...]:
        """The sets to read, in order, and how much of each.

        Raises:
            RoboLoopError: E-DAT-001 when a set that was asked for is not there, or none at all.
        """
        self._check_layout()
        if not self.mixture:
            given = tuple(
                Share(published, 1.0, is_named=False)
                for published in SETS
                if published.part in self.sections and published.split in self.splits
            )
        else:
            given = read_mixture(self.mixture)
        wanted = [share for share in given if self._may_have_task(share.published)]
        present = [share for share in wanted if self._is_there(share)]
        if not present:
            raise RoboLoopError(
                "E-DAT-001",
                f"none of the sets asked for is there, such as {wanted[0].published.name}"
                if wanted
                else "no set asked for has questions of these tasks",
                place=Place(self.path),
            )
        return tuple(present)

    def _may_have_task(self, published: PublishedSet) -> bool:
        """Whether a set can hold a question of the tasks asked for."""
        if not self.tasks:
            return True
        if published.part == "Task_planning":
            return bool({*PLANNING_TASKS.values()} & {*self.tasks})
        return published.task in self.tasks

    def _is_there(self, share: Share) -> bool:
        """Whether the set's file is there; an error when it was asked for by name."""
        published = share.published
        if self._json(published).is_file():
            return True
        others = [
            other for other in COORDINATES if (self.path / published.json_file(other)).is_file()
        ]
        if others:
            raise RoboLoopError(
                "E-DAT-001",
                f"{published.name} is not there in {self.coordinates}_format, only as "
                f"{' and '.join(others)}",
                place=Place(self._json(published)),
                fix=f"Write `coordinates: {others[0]}`, or fetch the other format.",
            )
        if not share.is_named or self.allow_missing:
            return False
        raise RoboLoopError(
            "E-DAT-001",
            f"there is no file of {published.name}"
            + ("" if published.is_published else ", which was never published"),
            place=Place(self._json(published)),
            fix="Fetch it, take it out of the mixture, or write `allow_missing: true`.",
        )

    def _check_layout(self) -> None:
        if not self.path.is_dir():
            raise RoboLoopError("E-DAT-001", "there is no such folder", place=Place(self.path))
        if not any((self.path / part / "meta").is_dir() for part in PARTS):
            raise RoboLoopError(
                "E-DAT-002",
                f"it has none of the folders {', '.join(f'{part}/meta' for part in PARTS)}",
                place=Place(self.path),
            )

    def _json(self, published: PublishedSet) -> Path:
        return self.path / published.json_file(self.coordinates)

    def _pictures_print(self, folder: Path) -> str:
        if self.verify_media:
            return folder_print(folder)
        return hash_value(sorted(entry.name for entry in folder.iterdir()))

    def _rules(self, share: Share, *, seed: int) -> EntryRules:
        return EntryRules(
            share=share,
            hub=self.path,
            root=self.name,
            licence=self.licence or _licence(share.published),
            coordinates=self.coordinates,
            tasks=self.tasks,
            own_words=self.own_words,
            verify_media=self.verify_media,
            seed=seed,
        )


def _licence(published: PublishedSet) -> str:
    """RoboInter-VQA refers to the licences of the data sets it was made from."""
    names = {"droid": "DROID", "rh20t": "RH20T", "": "DROID and RH20T"}
    return f"terms of {names[published.robot]}"
