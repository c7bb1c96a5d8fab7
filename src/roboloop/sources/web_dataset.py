"""webdataset: tar shards whose members are grouped by their names.

Format: webdataset/webdataset, "The WebDataset Format": the members of one sample follow one
another and share the name up to the first dot of the file name; what follows says what it is
(`.jpg`, `.png`, `.json`, `.txt`, `.cls`). The pictures stay in the shards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_file, hash_value
from roboloop.records.containers import TarFolder
from roboloop.records.jsonl import parse_json
from roboloop.records.media import ArchivePicture
from roboloop.records.record import Record
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.conversation_records import EntryReader
from roboloop.sources.file_lists import data_files
from roboloop.sources.published_rows import RowForm, split_in_name
from roboloop.sources.row_source import RowSource

PICTURE_ENDINGS = ("jpg", "jpeg", "png", "webp", "bmp", "gif")
TEXT_ENDINGS = ("txt", "text", "cls", "caption", "question", "answer")
MAX_TEXT_BYTES = 1 << 26


class Sample(NamedTuple):
    """The members of one sample: its key, and ending -> member."""

    key: str
    members: Mapping[str, str]


class WebDatasetSource(RowSource):
    """WebDataset tar shards: pictures with JSON, a text or a class beside them."""

    suffixes = (".tar",)

    kind: Literal["webdataset"] = "webdataset"  # pyright: ignore[reportIncompatibleVariableOverride]
    path: Path
    """A `.tar` shard, or a folder of them."""

    def read_part(self, part: Path, context: SourceContext) -> Iterator[Record | Rejected]:
        """A record for each sample of a shard, or why it is none; one rejection for a cut shard."""
        del context
        try:
            shard = TarFolder(part)
        except RoboLoopError as error:
            yield Rejected(error.located(Place(part)))
            return
        readers = _Readers(self, shard=shard)
        try:
            for sample in samples(shard.members):
                yield readers.read(sample)
        finally:
            shard.close()

    def fingerprint(self) -> str:
        """Hash of the options and the shards."""
        files = [hash_file(file) for file in data_files(self.path, suffixes=self.suffixes)]
        return hash_value([self.model_dump(mode="json"), files])


class _Readers:
    """Reads the samples of one shard, each by the columns it has."""

    def __init__(self, source: WebDatasetSource, *, shard: TarFolder) -> None:
        self._source = source
        self._shard = shard
        self._split = split_in_name(shard.path.stem)
        self._made: dict[tuple[str, ...], tuple[RowForm, EntryReader]] = {}

    def read(self, sample: Sample) -> Record | Rejected:
        """The record of a sample, or why it is none."""
        file = self._shard.path
        key = f"{file.stem}/{sample.key}"
        try:
            row = _row(sample, shard=self._shard)
            form, reader = self._reader(tuple(row))
            entry = form.entry(row, key=key, pictures=self._pictures(sample))
        except RoboLoopError as error:
            return Rejected(error.located(Place(file)), key)
        return reader.read(entry, place=Place(file), origin=f"{file.name}!{sample.key}")

    def _pictures(self, sample: Sample) -> list[ArchivePicture]:
        archive = f"{self._source.name}:{self._shard.path.name}"
        return [
            ArchivePicture(archive=archive, member=member)
            for ending, member in sample.members.items()
            if _kind(ending) in PICTURE_ENDINGS
        ]

    def _reader(self, names: tuple[str, ...]) -> tuple[RowForm, EntryReader]:
        if names not in self._made:
            form = self._source.row_form(names)
            self._made[names] = form, self._source.row_reader(form, split=self._split)
        return self._made[names]


def samples(members: Sequence[str]) -> Iterator[Sample]:
    """Members that follow one another and share their key; those without a dot are none."""
    parted = [(_key_and_ending(member), member) for member in members]
    for key, group in groupby(parted, key=lambda pair: pair[0][0]):
        found = {ending: member for (_, ending), member in group if ending}
        if found and not key.rpartition("/")[2].startswith("__"):
            yield Sample(key, found)


def _key_and_ending(member: str) -> tuple[str, str]:
    """`folder/0001.left.png` -> `folder/0001`, `left.png`."""
    folder, slash, name = member.rpartition("/")
    stem, _, ending = name.partition(".")
    return folder + slash + stem, ending.lower() if stem else ""


def _kind(ending: str) -> str:
    """What an ending says a member is: its last part."""
    return ending.rpartition(".")[2]


def _row(sample: Sample, *, shard: TarFolder) -> dict[str, Any]:
    """What the JSON and the texts of a sample tell, by column."""
    row: dict[str, Any] = {}
    for ending, member in sample.members.items():
        if _kind(ending) == "json":
            told = parse_json(_text(shard, member=member))
            if not isinstance(told, dict):
                raise RoboLoopError("E-DAT-004", f"{member} is no JSON object")
            row.update(cast("dict[str, Any]", told))
    for ending, member in sample.members.items():
        if _kind(ending) in TEXT_ENDINGS:
            row[_kind(ending)] = _text(shard, member=member).strip()
    return row


def _text(shard: TarFolder, *, member: str) -> str:
    data = shard.read(member)
    if len(data) > MAX_TEXT_BYTES:
        raise RoboLoopError("E-DAT-004", f"{member} has {len(data):,} bytes of text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RoboLoopError("E-REC-001", f"{member} is not UTF-8: {error.reason}") from error
