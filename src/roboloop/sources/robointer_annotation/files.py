"""The files of the data set: the annotation store, the episodes, the quality sheet, the ranges.

<path>/annotation_lmdb/                  episode -> pickled {frame: annotation}
<path>/<episode>/lmdb/, meta_info.pkl    the episode's pictures, and what it is
<path>/RoboInter_Data_Qsheet_v1.json     episode -> {range_nop, Q_<field>, ...}
<path>/range_nop.json                    episode -> [first frame, last frame, number of frames]
"""

from __future__ import annotations

import json
import os
import reprlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, cast

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import path_below
from roboloop.base.hashing import hash_file, hash_value
from roboloop.records.containers import LMDB_FILE, LmdbStore, opened
from roboloop.records.plain_pickles import unpickled
from roboloop.sources.robointer_annotation.raw_episode import frames_of_raw, is_raw

ANNOTATION_FOLDER = "annotation_lmdb"
SHEET_NAMES = ("RoboInter_Data_Qsheet_v1.json", "qsheet.json")
RANGES_NAME = "range_nop.json"
META_NAME = "meta_info.pkl"
MAX_PICKLE_BYTES = 256 * 2**20
PICKLE = ".pkl"
Quality = Literal["Primary", "Secondary"]
QUALITIES: tuple[Quality, ...] = ("Primary", "Secondary")
"""Best first."""


class SheetRow(NamedTuple):
    """What the quality sheet says of an episode.

    Attributes:
        kept: First and last frame that is not idle, both included.
        qualities: Fields of each quality, in the order of `QUALITIES`.
    """

    kept: tuple[int, int] | None
    qualities: tuple[frozenset[str], ...]

    def known_fields(self, lowest: Quality) -> frozenset[str]:
        """The fields of this quality or a better one."""
        good = self.qualities[: QUALITIES.index(lowest) + 1]
        return frozenset[str]().union(*good)


class Meta(NamedTuple):
    """What `meta_info.pkl` says of an episode, None where it does not."""

    camera_view: str | None = None
    instruction: str | None = None


def find_store(path: Path, *, name: str | None) -> Path:
    """The file of the annotation store, or the folder of pickles.

    Raises:
        RoboLoopError: E-DAT-001 when there is none, E-DAT-002 when it is not clear which.
    """
    if not path.is_dir():
        raise RoboLoopError("E-DAT-001", "there is no such folder", place=Place(path))
    if name is not None:
        found = [path_below(path, relative=name)]
    elif (path / ANNOTATION_FOLDER).is_dir():
        found = [path / ANNOTATION_FOLDER]
    else:
        found = sorted(file.parent for file in path.glob(f"*/{LMDB_FILE}"))
    if len(found) > 1:
        names = ", ".join(folder.name for folder in found)
        raise RoboLoopError(
            "E-DAT-002", f"several stores could be the annotation: {names}", place=Place(path),
            fix="Name one of them in `annotations`.",
        )  # fmt: skip
    if found and (found[0] / LMDB_FILE).is_file():
        return found[0] / LMDB_FILE
    if not found or next(found[0].glob(f"*{PICKLE}"), None) is None:
        raise RoboLoopError(
            "E-DAT-001", f"there is no annotation store (a folder with {LMDB_FILE} or pickles)",
            place=Place(path),
            fix=f"Name it {ANNOTATION_FOLDER}, or give its name in `annotations`.",
        )  # fmt: skip
    return found[0]


def episode_keys(store: Path) -> tuple[bytes, ...]:
    """The keys of all annotated episodes, in the order of the store; `__metadata__` is none.

    Raises:
        RoboLoopError: E-MED-003 or E-MED-008 when the store is damaged; E-ENV-001 without lmdb.
    """
    if store.is_dir():
        return tuple(os.fsencode(file.stem) for file in sorted(store.glob(f"*{PICKLE}")))
    try:
        with opened.use(LmdbStore, store) as annotations:
            return tuple(key for key in annotations.sorted_keys() if not key.startswith(b"__"))
    except RoboLoopError as error:
        raise error.located(Place(store)) from error


def read_annotation(store: Path, *, key: bytes) -> Any:
    """The annotation of an episode by frame, as plain data.

    Raises:
        RoboLoopError: E-DAT-004 when it is not plain data, E-MED-* when the store is damaged.
    """
    if store.is_dir():
        value = _unpickled_file(store / f"{key.decode()}{PICKLE}")
    else:
        with opened.use(LmdbStore, store) as annotations:
            stored = annotations.value(key)
        assert stored is not None, "keys come from the store itself"
        value = unpickled(stored)
    return frames_of_raw(value) if is_raw(value) else value


def entry_path(store: Path, *, episode: str) -> str:
    """Where an episode's annotation lies."""
    if store.name == LMDB_FILE:
        return f"{store}!{episode}"
    return f"{store}/{episode}{PICKLE}"


def entry_name(store: Path, *, episode: str) -> str:
    """Where an episode's annotation lies, below the data set's folder."""
    num_parts = 2 if store.name == LMDB_FILE else 1
    return entry_path(Path(*store.parts[-num_parts:]), episode=episode)


def store_print(store: Path) -> str:
    """Hash of the annotations' content."""
    if store.is_dir():
        return hash_value([hash_file(file) for file in sorted(store.glob(f"*{PICKLE}"))])
    return hash_file(store)


def _unpickled_file(path: Path) -> Any:
    try:
        num_bytes = path.stat().st_size
        if num_bytes > MAX_PICKLE_BYTES:
            raise RoboLoopError("E-DAT-004", f"{num_bytes:,} bytes are too many")
        return unpickled(path.read_bytes())
    except OSError as error:
        raise RoboLoopError("E-DAT-001", f"{path.name} cannot be read: {error}") from error


def read_meta(folder: Path) -> Meta:
    """An episode's `meta_info.pkl`; an empty `Meta` when it has none.

    Raises:
        RoboLoopError: E-DAT-004 when it is no plain data or no such file, located at the file.
    """
    path = folder / META_NAME
    if not path.is_file():
        return Meta()
    try:
        value = _unpickled_file(path)
        if not isinstance(value, dict):
            raise RoboLoopError("E-DAT-004", f"it holds {type(value).__name__}, not a dict")
    except RoboLoopError as error:
        raise error.located(Place(path)) from error
    given = cast("dict[Any, Any]", value)
    view, told = given.get("camera_view"), given.get("language_instruction")
    return Meta(
        view if isinstance(view, str) else None,
        told if isinstance(told, str) and told.strip() else None,
    )


def find_file(path: Path, *, name: str | None, usual: Sequence[str]) -> Path | None:
    """The file of that name, or the first of the usual ones; None when there is none of them.

    Raises:
        RoboLoopError: E-DAT-001 when a named file does not exist.
    """
    if name is None:
        return next((path / each for each in usual if (path / each).is_file()), None)
    found = path_below(path, relative=name)
    if not found.is_file():
        raise RoboLoopError("E-DAT-001", "there is no such file", place=Place(found))
    return found


@lru_cache(maxsize=2)
def read_sheet(path: Path, mtime_ns: int) -> MappingProxyType[str, SheetRow]:
    """The quality sheet: episode -> row.

    Raises:
        RoboLoopError: E-DAT-002 when it is not one.
    """
    del mtime_ns
    table = _read_object(path, hook=_sheet_row)
    return MappingProxyType({k: row for k, row in table.items() if isinstance(row, SheetRow)})


@lru_cache(maxsize=2)
def read_ranges(path: Path, mtime_ns: int) -> MappingProxyType[str, tuple[int, int]]:
    """`range_nop.json`: episode -> first and last frame that is not idle.

    Raises:
        RoboLoopError: E-DAT-002 when it is not one.
    """
    del mtime_ns
    table = _read_object(path)
    try:
        ranges = {name: _range(value) for name, value in table.items()}
    except RoboLoopError as error:
        raise error.located(Place(path)) from error
    return MappingProxyType({name: kept for name, kept in ranges.items() if kept is not None})


def _read_object(path: Path, *, hook: Any = None) -> dict[str, Any]:
    try:
        with path.open(encoding="utf-8") as stream:
            value = json.load(stream, object_hook=hook)
    except RoboLoopError as error:
        raise error.located(Place(path)) from error
    except (ValueError, RecursionError) as error:
        raise RoboLoopError("E-DAT-002", f"not JSON: {error}", place=Place(path)) from error
    if not isinstance(value, dict):
        raise RoboLoopError("E-DAT-002", "not a JSON object of episodes", place=Place(path))
    return cast("dict[str, Any]", value)


def _sheet_row(value: dict[str, Any]) -> Any:
    """A row of the sheet made small while it is read; any other object stays as it is."""
    if not any(key.startswith("Q_") for key in value):
        return value
    qualities = tuple(
        _shared(frozenset(key[2:] for key in value if value[key] == quality and key[:2] == "Q_"))
        for quality in QUALITIES
    )
    return SheetRow(_range(value.get("range_nop")), qualities)


@lru_cache(maxsize=4096)
def _shared(fields: frozenset[str]) -> frozenset[str]:
    """The same set for all episodes that have it."""
    return fields


def _range(value: Any) -> tuple[int, int] | None:
    match value:
        case None:
            return None
        case [int() as first, int() as last, *_] if 0 <= first <= last:
            return (first, last)
        case _:
            raise RoboLoopError(
                "E-DAT-002", f"range_nop is {reprlib.repr(value)}, not [first, last, number]"
            )
