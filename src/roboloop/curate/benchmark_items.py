"""What training records must not repeat: benchmarks and other splits, read from many forms.

    a folder of records (with its mark), or a .jsonl / .parquet file of records
    a .json or .jsonl file of questions, in the usual keys, pictures relative to it
    a folder of pictures, with or without such files
    a folder with any of these in it

Each entry becomes a record, whatever its form; what cannot be read is told, never passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import canonical_json, hash_file, hash_value
from roboloop.records.jsonl import Broken, parse_json, scan_json_lines
from roboloop.records.media import FilePicture
from roboloop.records.media_open import with_root
from roboloop.records.read import Found, scan_records
from roboloop.records.record import Record, Turn
from roboloop.records.shards import FOLDER_MARK, RecordFolder, read_media_roots

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
QUESTION_FILES = (".json", ".jsonl", ".parquet")
MAX_JSON_BYTES = 512 << 20
OTHER_TASK = "benchmark_item"
"""Task of entries that are no records of ours."""

IDS = ("id", "question_id", "sample_id", "uid")
QUESTIONS = ("question", "query", "prompt", "instruction", "text")
ANSWERS = ("answer", "gt", "ground_truth", "label", "solution")
PICTURE_KEYS = ("image", "images", "image_path", "img_path", "img", "picture", "pictures")
RECORDINGS = ("episode", "video_id", "video_uid", "video")
FRAMES = ("frame", "frame_id", "frame_index", "current_observation_frame")
CONVERSATIONS = ("conversations", "messages")


class BenchmarkSet(NamedTuple):
    """One set that is held against the records.

    Attributes:
        path: Its folder or file.
        root: Prefix of its media roots, so that two sets never share one.
        splits: Only these splits of a folder of records; all when empty.
    """

    path: Path
    root: str
    splits: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """How it is called in reports."""
        if self.splits:
            return f"the {', '.join(self.splits)} split"
        return self.path.stem if self.path.is_file() else self.path.name

    @property
    def folder(self) -> Path:
        """The folder its pictures are named from."""
        return self.path.parent if self.path.is_file() else self.path

    @property
    def media_roots(self) -> dict[str, Path]:
        """Root name -> folder, with the names that its items use."""
        roots = {
            f"{self.root}.{name}": path for name, path in read_media_roots(self.folder).items()
        }
        return {self.root: self.folder.resolve(), **roots}

    def content_print(self) -> str:
        """A hash that changes with the content: of records and files exact, of pictures by date.

        Raises:
            RoboLoopError: E-DAT-001 when it does not exist.
        """
        if not self.path.exists():
            raise RoboLoopError(
                "E-DAT-001", "there is nothing to check against", place=Place(self.path)
            )
        if (self.path / FOLDER_MARK).exists():
            return hash_value([RecordFolder(self.path).content_hash(), list(self.splits)])
        if self.path.is_file():
            return hash_file(self.path)
        parts = [
            [path.relative_to(self.path).as_posix(), path.stat().st_size, path.stat().st_mtime_ns]
            for path in _files(self.path)
        ]
        return hash_value(parts)


def read_items(benchmark: BenchmarkSet) -> Iterator[Record | Broken]:
    """Every item as a record; of what cannot be read the reason.

    Raises:
        RoboLoopError: E-DAT-001 when there is nothing, E-DAT-002 when nothing in it is known.
    """
    path = benchmark.path
    if not path.exists():
        raise RoboLoopError("E-DAT-001", "there is nothing to check against", place=Place(path))
    if (path / FOLDER_MARK).exists():
        folder = RecordFolder(path)
        splits = benchmark.splits or folder.splits
        found = [shard for split in splits for shard in folder.shards(split)]
        yield from _records(found, root=benchmark.root)
        return
    files = [path] if path.is_file() else list(_files(path))
    if not files:
        raise RoboLoopError("E-DAT-002", "no picture and no question in it", place=Place(path))
    asked = [file for file in files if file.suffix.lower() in QUESTION_FILES]
    shown: set[str] = set()
    for file in asked:
        for item in _questions(file, benchmark=benchmark):
            if isinstance(item, Record):
                shown.update(
                    medium.path for medium in item.media if isinstance(medium, FilePicture)
                )
            yield item
    for file in files:
        name = f"{benchmark.root}:{file.relative_to(benchmark.folder).as_posix()}"
        if file.suffix.lower() in PICTURES and name not in shown:
            yield Record(
                id=name.partition(":")[2], task=OTHER_TASK, media=(FilePicture(path=name),)
            )


def sets_at(path: Path) -> list[Path]:
    """The path, and the folders of records somewhere below it, each of them a set of its own.

    A folder that holds nothing but folders of records is left out.
    """
    below = _record_folders(path)
    if not below or path in below:
        return [path]
    return [*([path] if any(True for _ in _files(path)) else []), *below]


def _record_folders(folder: Path) -> list[Path]:
    """Those at or below a folder that are not hidden, in the order of their names."""
    marks = folder.rglob(FOLDER_MARK)
    return sorted(mark.parent for mark in marks if not _is_hidden(mark, folder=folder))


def _files(folder: Path) -> Iterator[Path]:
    """Pictures and questions below a folder, in the order of their names; none of its records."""
    known = (*PICTURES, *QUESTION_FILES)
    records = set(_record_folders(folder))
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in known or _is_hidden(path, folder=folder):
            continue
        if records.isdisjoint(path.parents) and path.is_file():
            yield path


def _is_hidden(path: Path, *, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _questions(file: Path, *, benchmark: BenchmarkSet) -> Iterator[Record | Broken]:
    """The items of one file: records of ours, or entries in the usual keys."""
    if file.suffix == ".parquet" or _holds_records(file):
        yield from _records([file], root=benchmark.root)
        return
    near = file.parent.relative_to(benchmark.folder).as_posix()
    for place, entry in _entries(file):
        if isinstance(entry, RoboLoopError):
            yield Broken(entry)
            continue
        try:
            yield _as_record(entry, place=place, near=near, root=benchmark.root)
        except RoboLoopError as error:
            yield Broken(error.located(place))


def _records(files: Sequence[Path], *, root: str) -> Iterator[Record | Broken]:
    for item in scan_records(files):
        if not isinstance(item, Found):
            yield item
            continue
        record = item.record
        media = tuple(
            with_root(medium, rename=lambda name: f"{root}.{name}") for medium in record.media
        )
        yield _with_media(record, media)


def _with_media(record: Record, media: tuple[Any, ...]) -> Record:
    from dataclasses import replace

    return replace(record, media=media)


def _holds_records(file: Path) -> bool:
    """Whether the first line of a JSON Lines file is a record of ours."""
    if file.suffix != ".jsonl":
        return False
    first = next(iter(scan_json_lines(file)), None)
    value: Any = None if first is None or isinstance(first, Broken) else first.value
    return isinstance(value, dict) and "task" in value and ("inputs" in value or "turns" in value)


def _entries(file: Path) -> Iterator[tuple[Place, Any]]:
    """Every entry of a JSON list or of JSON Lines with its place, or the error in its stead."""
    if file.suffix == ".jsonl":
        for line in scan_json_lines(file):
            yield (
                (line.error.place, line.error)
                if isinstance(line, Broken)
                else (line.place, line.value)
            )
        return
    try:
        if file.stat().st_size > MAX_JSON_BYTES:
            raise RoboLoopError("E-DAT-002", "a JSON file of this size cannot be read; use .jsonl")
        value = parse_json(file.read_text(encoding="utf-8"))
    except (RoboLoopError, UnicodeDecodeError) as error:
        known = (
            error if isinstance(error, RoboLoopError) else RoboLoopError("E-REC-001", str(error))
        )
        yield Place(file), known.located(Place(file))
        return
    entries = _list_of_entries(value)
    if entries is None:
        yield Place(file), RoboLoopError("E-DAT-002", "no list of entries", place=Place(file))
        return
    for number, entry in enumerate(entries):
        yield Place(file, record_id=f"entry {number}"), entry


def _list_of_entries(value: Any) -> list[Any] | None:
    if isinstance(value, list):
        return cast("list[Any]", value)
    if isinstance(value, dict):
        lists = [each for each in cast("dict[str, Any]", value).values() if isinstance(each, list)]
        return cast("list[Any]", lists[0]) if len(lists) == 1 else None
    return None


def _as_record(entry: Any, *, place: Place, near: str, root: str) -> Record:
    """An entry in the usual keys as a record with its published turns.

    Raises:
        RoboLoopError: E-DAT-004 when it has neither words nor pictures nor a recording.
    """
    if not isinstance(entry, dict):
        raise RoboLoopError("E-DAT-004", f"an entry is an object, not {type(entry).__name__}")
    given = cast("dict[str, Any]", entry)
    turns = tuple(_turns(given))
    pictures = [f"{root}:{_below(near, name)}" for name in _pictures(given)]
    recording = _first(given, RECORDINGS)
    if not turns and not pictures and recording is None:
        raise RoboLoopError(
            "E-DAT-004", f"no question, picture or recording in {sorted(given)[:8]}"
        )
    frame = _first(given, FRAMES)
    meta: dict[str, Any] = {} if recording is None else {"episode": str(recording)}
    if recording is not None and isinstance(frame, int):
        meta["frame"] = frame
    return Record(
        id=str(_first(given, IDS) or place.record_id or f"line {place.line}"), task=OTHER_TASK,
        media=tuple(FilePicture(path=name) for name in pictures), turns=turns, meta=meta,
    )  # fmt: skip


def _turns(entry: Mapping[str, Any]) -> Iterator[Turn]:
    said: Any = _first(entry, CONVERSATIONS)
    if isinstance(said, list):
        for turn in cast("list[Any]", said):
            if not isinstance(turn, dict):
                continue
            fields = cast("dict[str, Any]", turn)
            role, text = (
                fields.get("from", fields.get("role")),
                fields.get("value", fields.get("content")),
            )
            if isinstance(text, str) and role in ("human", "user", "gpt", "assistant"):
                words = text.replace("<image>", "").strip()
                yield Turn("user" if role in ("human", "user") else "assistant", words)
        return
    question, answer = _first(entry, QUESTIONS), _first(entry, ANSWERS)
    if isinstance(question, str):
        yield Turn("user", question)
    if answer is not None:
        yield Turn("assistant", answer if isinstance(answer, str) else canonical_json(answer))


def _pictures(entry: Mapping[str, Any]) -> Iterable[str]:
    named: Any = _first(entry, PICTURE_KEYS)
    names = cast("list[Any]", named) if isinstance(named, list) else [named]
    return [name for name in names if isinstance(name, str) and "://" not in name]


def _below(near: str, name: str) -> str:
    return name if near == "." else f"{near}/{name}"


def _first(entry: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((entry[key] for key in keys if entry.get(key) not in (None, "")), None)
