"""Record files -> one file of a published form."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import atomic_writer
from roboloop.dialects.base import Dialect
from roboloop.records.jsonl import Broken, write_json_line
from roboloop.records.media import Media
from roboloop.records.read import Found, scan_records
from roboloop.records.record import Record
from roboloop.records.shards import read_media_roots, write_media_roots
from roboloop.sources.export.entries import EntryForm, entry_of
from roboloop.sources.export.lerobot_columns import annotation_columns, frame_of
from roboloop.sources.export.pictures import PictureFiles
from roboloop.sources.file_lists import data_files
from roboloop.sources.record_files import SUFFIXES

PICTURES_SUFFIX = "_pictures"


class Exported(NamedTuple):
    """What was written.

    Attributes:
        num_entries: Entries, or frames of the LeRobot columns.
        left_out: Why records are not in it.
        image_folder: What the pictures' paths are relative to; None for columns.
    """

    num_entries: int
    left_out: tuple[RoboLoopError, ...]
    image_folder: Path | None


def export_entries(
    records: Path,
    *,
    form: EntryForm,
    out: Path,
    dialect: Dialect | None,
    keep: bool = False,
    copy: bool = False,
) -> Exported:
    """Write a JSON list (or lines, when `out` ends in .jsonl) of entries.

    Pictures that are in no file of their own are written to `<stem>_pictures` beside it.

    Args:
        records: A record file or a folder of them.
        form: Of the entries.
        out: The file.
        dialect: How coordinates are written.
        keep: Put the whole record into each entry, and the table of media roots beside the file.
        copy: Copy all pictures to that folder.

    Raises:
        RoboLoopError: E-DAT-001 without records; E-CFG-003 for coordinates without a dialect, or
            when other media roots stand beside the file.
    """
    roots = read_media_roots(records if records.is_dir() else records.parent)
    made = out.parent / f"{out.stem}{PICTURES_SUFFIX}"
    pictures = PictureFiles(_media(records), roots=roots, made=made, copy=copy)
    left_out: list[RoboLoopError] = []
    out.parent.mkdir(parents=True, exist_ok=True)
    if keep:
        _keep_roots(out.parent, roots=roots)
    with atomic_writer(out) as stream:
        writer = _EntryWriter(stream, lines=out.suffix.lower() in (".jsonl", ".ndjson"))
        for item in _scan(records):
            try:
                record = _record(item)
                paths = [pictures.path(media) for media in record.media]
                entry = entry_of(record, form=form, dialect=dialect, pictures=paths, keep=keep)
                writer.add(entry)
            except RoboLoopError as error:
                if error.code == "E-CFG-003":
                    raise
                where = Place() if isinstance(item, Broken) else item.place
                left_out.append(error.located(where))
        writer.close()
    return Exported(writer.num_entries, tuple(left_out), pictures.folder)


def export_columns(records: Path, *, out: Path) -> Exported:
    """Write the `annotation.*` columns of all episodes as Parquet: one row a frame.

    Columns: `episode_name`, `frame_index` and those of `lerobot_columns`. An episode ends with the
    last frame that a record speaks of.

    Raises:
        RoboLoopError: E-DAT-001 without records, E-DAT-004 when records contradict one another.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    episodes: dict[str, list[Record]] = defaultdict(list)
    left_out: list[RoboLoopError] = []
    for item in _scan(records):
        try:
            record = _record(item)
            episodes[frame_of(record).episode].append(record)
        except RoboLoopError as error:
            left_out.append(error)
    rows: dict[str, list[Any]] = defaultdict(list)
    for name, members in sorted(episodes.items()):
        num_frames = 1 + max(frame_of(record).frame for record in members)
        made = annotation_columns(members, num_frames=num_frames)
        rows["episode_name"] += [name] * num_frames
        rows["frame_index"] += range(num_frames)
        for column, texts in made.columns.items():
            rows[column] += texts
        left_out += [_no_column(record_id) for record_id in made.left_out]
    with atomic_writer(out) as stream:
        pq.write_table(pa.table(rows), stream)
    return Exported(len(rows["frame_index"]), tuple(left_out), None)


class _EntryWriter:
    """Entries as a JSON list or as lines, one after the other."""

    def __init__(self, stream: IO[bytes], *, lines: bool) -> None:
        self.num_entries = 0
        self._stream = stream
        self._lines = lines

    def add(self, entry: dict[str, Any]) -> None:
        line = write_json_line(entry).rstrip(b"\n")
        if not self._lines:
            self._stream.write(b",\n" if self.num_entries else b"[\n")
        self._stream.write(line + b"\n" if self._lines else line)
        self.num_entries += 1

    def close(self) -> None:
        if not self._lines:
            self._stream.write(b"\n]\n" if self.num_entries else b"[]\n")


def _keep_roots(folder: Path, *, roots: dict[str, Path]) -> None:
    """The table of media roots beside the entries; one that says otherwise is not overwritten."""
    there = read_media_roots(folder)
    if clash := sorted(name for name in there if there[name] != roots.get(name, there[name])):
        raise RoboLoopError(
            "E-CFG-003",
            f"media root {clash[0]!r} is another folder in the media_roots.json beside it",
            place=Place(folder),
            fix="Write to another folder.",
        )
    write_media_roots(folder, roots={**there, **roots})


def _scan(records: Path) -> Iterator[Found | Broken]:
    return scan_records(data_files(records, suffixes=SUFFIXES))


def _media(records: Path) -> Iterator[Media]:
    for item in _scan(records):
        if isinstance(item, Found):
            yield from item.record.media


def _record(item: Found | Broken) -> Record:
    if isinstance(item, Broken):
        raise item.error
    return item.record


def _no_column(record_id: str) -> RoboLoopError:
    return RoboLoopError(
        "E-DAT-004", f"record {record_id!r}: its task has no annotation column", fix=""
    )
