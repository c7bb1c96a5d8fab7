"""What JSON files hold, from their first entries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, cast

from roboloop.base.errors import RoboLoopError
from roboloop.records.jsonl import JsonLine
from roboloop.records.record import RECORD_KEYS
from roboloop.records.shards import FOLDER_MARK
from roboloop.sources.conversations import read_conversation
from roboloop.sources.json_entries import scan_entries
from roboloop.sources.json_source import SUFFIXES

NUM_ENTRIES_SEEN = 20
MEDIA_KEYS = ("image", "images", "video", "videos")


class JsonForm(NamedTuple):
    """The form of the entries of a file.

    Attributes:
        kind: The source that reads it.
        options: `image_folder`, where the pictures were found in another folder than the file's.
        mapping: What is told -> the key that tells it.
    """

    kind: str
    options: Mapping[str, Any]
    mapping: Mapping[str, str]


def find_json_form(path: Path) -> JsonForm | None:
    """The form of the first entries of a file, or of the first file of a folder."""
    file = _first_file(path)
    entries = list(_first_entries(file)) if file is not None else []
    kinds = {_kind_of(entry) for entry in entries}
    if file is None or not kinds or None in kinds:
        return None
    kind = cast("str", kinds.pop() if len(kinds) == 1 else "llava_json")
    folder = _image_folder(entries, file=file, default=path if path.is_dir() else file.parent)
    options = {} if folder is None else {"image_folder": str(folder)}
    return JsonForm(kind, options, _mapping(entries[0]))


def find_records(path: Path) -> bool:
    """Whether record files lie at a path: a complete folder, or lines that are records."""
    if path.is_dir() and (path / FOLDER_MARK).is_file():
        return True
    file = path if path.is_file() else next(iter(sorted(path.glob("*.jsonl"))), None)
    if file is None or file.suffix != ".jsonl":
        return False
    entries = list(_first_entries(file))
    return bool(entries) and all(
        {"id", "task"} <= set(entry) <= set(RECORD_KEYS) and "conversations" not in entry
        for entry in entries
    )


def _first_file(path: Path) -> Path | None:
    if path.is_file():
        return path if path.suffix.lower() in SUFFIXES else None
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
    return files[0] if files else None


def _first_entries(file: Path) -> Iterator[dict[str, Any]]:
    """The first entries that are objects; none of a file that is neither list nor lines."""
    try:
        for item in islice(scan_entries(file), NUM_ENTRIES_SEEN):
            if isinstance(item, JsonLine):
                yield item.value if isinstance(item.value, dict) else {}
    except RoboLoopError:
        return


def _kind_of(entry: Mapping[str, Any]) -> str | None:
    spoken = entry.get("conversations")
    match spoken if spoken is not None else entry.get("messages"):
        case [{"from": _, "value": _}, *_] if "conversations" in entry:
            is_llava = "image" in entry or "video" in entry or "task" in entry
            return "llava_json" if is_llava else "sharegpt"
        case [{"role": _, "content": _}, *_]:
            return "messages" if "messages" in entry else "llava_json"
        case _:
            return "alpaca" if {"instruction", "output"} <= set(entry) else None


def _mapping(entry: Mapping[str, Any]) -> dict[str, str]:
    told = {key: f"key {key}" for key in ("id", "task", "system") if key in entry}
    named = " or ".join(f"key {key}" for key in MEDIA_KEYS if entry.get(key))
    told["pictures"] = named or "parts of the messages, if any"
    spoken = next((key for key in ("conversations", "messages") if key in entry), None)
    if spoken is None:
        return {**told, "question": "keys instruction, input", "answer": "key output"}
    return {**told, "question": f"key {spoken}", "answer": f"the last turn of {spoken}"}


def _image_folder(entries: list[dict[str, Any]], *, file: Path, default: Path) -> Path | None:
    """The folder in which the first picture is there; None for the default, or when none is."""
    first = next(_picture_paths(entries), None)
    if first is None or (default / first).is_file():
        return None
    around = (file.parent, file.parent.parent)
    names = ("images", "image", "data", f"{file.stem}_pictures")
    places = (*around, *(base / name for base in around for name in names))
    return next((place for place in places if (place / first).is_file()), None)


def _picture_paths(entries: list[dict[str, Any]]) -> Iterator[str]:
    for entry in entries:
        try:
            found = read_conversation(entry)
        except RoboLoopError:
            continue
        yield from (*found.pictures, *found.videos)
